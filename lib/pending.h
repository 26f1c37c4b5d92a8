/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Peers that wait for approval, and since when: the file `pending` in the state directory, with a
 * line "KEY INTERFACE SINCE NAME" for each, where SINCE is in seconds since the epoch, and NAME
 * that of a device that is not approved, or "-".
 */
#ifndef ACLGATE_PENDING_H
#define ACLGATE_PENDING_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include "inventory.h"
#include "state.h"

#define PENDING_FILE "pending"

struct pending_peer {
	uint8_t key[KEY_BYTES];
	char interface[IFNAMSIZ];
	int64_t since;
	char *name; /* NULL: no device has the key */
};

struct pending {
	struct pending_peer *peers; /* sorted by key, then interface */
	size_t count, capacity;
};

/* No file is nobody. Returns 0, -EBADMSG for a file that we did not write, or -errno. */
int pending_read(const struct state *state, struct pending *ret_pending);

/*
 * Who is pending by an inventory that knows its peers. Whoever was so @before keeps its time, and
 * its place where an interface could not be read now.
 */
void pending_find(const struct inventory *inventory, const struct pending *before, int64_t now,
		  struct pending *ret_pending);

/* Brings the file up to date, if there is anything new. Returns 0 or -errno. */
int pending_store(const struct state *state, const struct inventory *inventory, int64_t now);

/* NULL: it is not pending there. */
const struct pending_peer *pending_get(const struct pending *pending, const uint8_t key[KEY_BYTES],
				       const char *interface);

void pending_free(struct pending *pending);

#endif
