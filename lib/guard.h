/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a table of nftables that keeps the gate shut where our programs are not. What comes in
 * through a guarded interface without the mark of the ingress program is dropped, before anything
 * can touch the mark; so is what comes in or leaves through one that is not armed, which it is by its
 * ifindex, after both our programs were seen on it. A new interface of that name is another
 * one, and shut.
 */
#ifndef ACLGATE_GUARD_H
#define ACLGATE_GUARD_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

#define GUARD_TABLE "aclgate_guard"

struct guard_place {
	char name[IFNAMSIZ];
	uint32_t armed; /* its ifindex, or 0 */
};

/* More than are guarded: a load guards those of the old policy and of the new one for a moment. */
#define GUARD_PLACES_MAX (2 * GATE_GUARDED_MAX)

struct guard {
	struct guard_place places[GUARD_PLACES_MAX];
	size_t count;
	uint32_t mark; /* of packets that the ingress program let pass */
};

/* Adds a place, or arms the one of that name. -E2BIG: there are too many. */
int guard_add(struct guard *guard, const char *name, uint32_t armed);

void guard_drop(struct guard *guard, const char *name);

const struct guard_place *guard_find(const struct guard *guard, const char *name);

/*
 * Makes the kernel's guard this one, in one transaction; where it is this one already, nothing
 * happens. Returns 0 or a negative errno: -EOPNOTSUPP where the kernel has no nftables.
 */
int guard_put(const struct guard *guard);

/* Opens: returns 0, also where there was none. */
int guard_remove(void);

struct guard_status {
	bool stands;	    /* its chains are in their places, and have their rules */
	bool strays;	    /* an ifindex is armed that belongs to none of them */
	struct guard guard; /* what it guards; `mark` is not read */
	uint64_t unjudged;  /* packets that it dropped: they came in without a verdict ... */
	uint64_t unarmed;   /* ... or would have left through an interface that is not armed */
};

/*
 * @mark: which it must mean to stand; 0: whichever. -EPERM without CAP_NET_ADMIN. Where there is no guard
 * nothing stands, and it returns 0; of one that somebody has changed it tells what it still guards.
 */
int guard_read(uint32_t mark, struct guard_status *ret_status);

#endif
