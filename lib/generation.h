/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A policy in the kernel: the tables of one slot. Nothing reads them until they are published, and
 * nothing changes them afterwards.
 */
#ifndef ACLGATE_GENERATION_H
#define ACLGATE_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "diag.h"
#include "ids.h"
#include "state.h"
#include "table.h"

struct gate_policy {
	const struct table *table;
	struct ids *ids; /* that have an id for every device and rule of the table */
	uint8_t sha256[32];
	uint64_t loaded; /* seconds since the epoch */
	bool awaits;	 /* interfaces that are not there: they are shut until they are */
	uint32_t after;	 /* number of the policy before, where that is no generation; 0: none */
	/* of table->interfaces, in the kernel: programs keep the slot that they were attached with */
	uint32_t slots[GATE_GUARDED_MAX];
};

struct generation {
	uint32_t slot;
	uint32_t number;
};

/* Gives every device and rule of the table an id. -E2BIG: there are no more, and an error in @diag. */
int generation_number(const struct table *table, struct ids *ids, struct diag *diag);

/*
 * Fills the slot that is neither live nor was live before: packets may still be on their way with
 * the latter. The caller holds the lock. Returns 0 or a negative errno.
 */
int generation_build(const struct state *state, const struct gate_policy *policy,
		     struct generation *ret_generation);

/* Makes it the live one; returns when no CPU runs with another. */
int generation_publish(const struct state *state, const struct generation *generation);

#endif
