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
#define LOAD_GUARDED   "guarded" /* interfaces, a name a line */

struct load_report {
	uint32_t generation;
	uint8_t sha256[32];
	enum backend backend; /* that enforces it: BACKEND_BPF, BACKEND_NFT */
};

/* Returns 0, or a negative errno and errors in checked->diag. */
int load_checked(const struct state *state, struct checked *checked, enum backend backend,
		 struct load_report *ret_report);

/* Detaches the programs and removes the copies. What was guarded is shut then, or @open. */
int load_undo(const struct state *state, bool open, struct diag *diag);

/*
 * Puts the guard in front of @interface, or with NULL of those of the policy that was loaded last,
 * or where there was none of wg0. Returns 0, or a negative errno and an error in @diag.
 */
int load_guard(const struct state *state, const char *interface, struct diag *diag);

/* Takes the guard away. Programs that are attached go on. */
int load_unguard(const struct state *state, struct diag *diag);

#endif
