/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading a checked policy: the gate first, for that is what counts, then the copies in the state
 * directory. They are those of the running policy unless we die in between, which `aclctl status`
 * tells by their hash.
 */
#ifndef ACLGATE_LOAD_H
#define ACLGATE_LOAD_H

#include "check.h"
#include "gate.h"
#include "state.h"

#define LOAD_POLICY    "policy.json"
#define LOAD_INVENTORY "inventory.json"

struct load_report {
	uint32_t generation;
	uint8_t sha256[32];
};

/* Returns 0, or a negative errno and errors in checked->diag. */
int load_checked(const struct state *state, struct checked *checked,
		 struct load_report *ret_report);

/* Detaches the programs and removes the copies. */
int load_undo(const struct state *state, struct diag *diag);

#endif
