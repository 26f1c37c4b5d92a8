/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the WireGuard interfaces of this network namespace say of their peers. Never a private or a
 * preshared key.
 */
#ifndef ACLGATE_WIREGUARD_H
#define ACLGATE_WIREGUARD_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "key.h"

struct wireguard_interface {
	char name[IFNAMSIZ];
	int error; /* 0, or why its peers are not known; it has none here then */
};

/* One for each interface that has the key. */
struct wireguard_peer {
	uint8_t key[KEY_BYTES];
	uint32_t interface;	 /* index into interfaces */
	uint32_t first, count;	 /* its allowed IPs: a run of `allowed`, sorted */
	int64_t handshake;	 /* the last one, seconds since the epoch; 0: never */
	uint64_t received, sent; /* bytes */
};

struct wireguard {
	struct wireguard_interface *interfaces;
	size_t interfaces_count, interfaces_capacity;
	struct wireguard_peer *peers; /* sorted by key, then interface */
	size_t peers_count, peers_capacity;
	struct prefix *allowed;
	size_t allowed_count, allowed_capacity;
};

/*
 * The kernel's interfaces, and those of implementations in user space that answer on
 * /var/run/wireguard/NAME.sock. That one of them cannot be read is told in the interface, such as
 * -EPERM without CAP_NET_ADMIN, -ETIMEDOUT where nobody answers. Returns 0, or a negative errno
 * where not even the interfaces can be listed.
 */
int wireguard_read(struct wireguard *ret_wireguard);

/* The same, but those of these names are not asked: what is told of them is -ETIMEDOUT. */
int wireguard_read_but(const char *const *names, size_t count, struct wireguard *ret_wireguard);

/*
 * Of an interface: equal for two readings exactly if its peers, keys and allowed IPs are, and whether
 * they could be read; whatever the traffic.
 */
void wireguard_digest(const struct wireguard *wireguard, uint32_t interface,
		      uint8_t ret_sha256[32]);

/* The first peer with this key, or NULL; the others with it follow. */
const struct wireguard_peer *wireguard_find(const struct wireguard *wireguard,
					    const uint8_t key[KEY_BYTES]);

void wireguard_free(struct wireguard *wireguard);

#endif
