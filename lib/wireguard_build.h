/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a reading of WireGuard comes about: interface by interface, from answers. */
#ifndef ACLGATE_WIREGUARD_BUILD_H
#define ACLGATE_WIREGUARD_BUILD_H

#include <stdbool.h>

#include "wireguard.h"

struct nlattr;

/* Appends an interface, whose peers are added next. */
void wireguard_begin(struct wireguard *wireguard, const char *name);

struct wireguard_peer *wireguard_add_peer(struct wireguard *wireguard,
					  const uint8_t key[KEY_BYTES]);

/*
 * To the peer that was added last. Host bits are cleared, as WireGuard does; what is mapped IPv4,
 * and on no wire, is left out. -EBADMSG: there is no such length.
 */
int wireguard_add_allowed(struct wireguard *wireguard, address_t address, unsigned int bits);

/* Forgets the peers of the interface that was begun last, which were not known to the end. */
void wireguard_forget(struct wireguard *wireguard);
void wireguard_fail(struct wireguard *wireguard, int error);

/* Sorts. Of an interface that has a key twice nothing is believed: -EBADMSG. */
void wireguard_finish(struct wireguard *wireguard);

/*
 * An answer to WG_CMD_GET_DEVICE (include/uapi/linux/wireguard.h), its attributes by type. A peer
 * with many allowed IPs goes on in the next message. Returns 0 or -EBADMSG.
 */
int wireguard_take_message(struct wireguard *wireguard, const struct nlattr *const *attributes);

/* How far the answer to `get=1` was read (wireguard.com/xplatform). */
struct wireguard_text {
	struct wireguard *wireguard;
	bool peer;    /* a peer was begun */
	bool success; /* errno=0 was read */
	bool ended;   /* and the empty line that ends the answer */
};

/*
 * Takes the whole lines of @bytes, which it cuts up, and says how many bytes they are. Returns 0,
 * -EBADMSG for what is no such answer, -EIO where it says that it failed.
 */
int wireguard_take_text(struct wireguard_text *text, char *bytes, size_t size, size_t *ret_used);

#endif
