/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy is loaded on, and has to be loaded again for where it changes. */
#ifndef ACLGATE_PLACE_H
#define ACLGATE_PLACE_H

#include <stdint.h>

#include "wanted.h"

#define PLACE_TUNNELS 16 /* of more it is not remembered what they told before they hung */

struct place {
	/*
	 * Over the addresses of this machine, its WireGuard peers with their allowed IPs, and which
	 * interfaces those are that are guarded or that devices are bound to. An interface whose
	 * peers cannot be read counts as it did before.
	 */
	uint8_t sha256[32];
	bool unread; /* there is such an interface */
	struct {
		char name[IFNAMSIZ];
		uint8_t sha256[32];
		uint64_t hung; /* not asked before this, in us of the monotonic clock */
	} tunnels[PLACE_TUNNELS];
	size_t tunnels_count;
};

/* Brings a place up to date. Returns 0, or a negative errno and it is as it was. */
int place_read(const struct wanted *wanted, struct place *place);

#endif
