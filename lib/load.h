/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading a checked policy: copies are written to the state directory, the gate is loaded, for that
 * is what counts, and the copies take the place of the old ones. They are those of the running policy
 * unless we die in between, which `aclctl status` tells by their hash.
 */
#ifndef ACLGATE_LOAD_H
#define ACLGATE_LOAD_H

#include "box.h"
#include "check.h"
#include "gate.h"
#include "state.h"
#include "wanted.h"

#define LOAD_POLICY    "policy.json"
#define LOAD_INVENTORY "inventory.json"

struct load_report {
	uint32_t generation;
	uint8_t sha256[32];
	enum backend backend; /* that enforces it: BACKEND_BPF, BACKEND_NFT */
};

/* Returns 0, or a negative errno and errors in checked->diag. */
int load_checked(const struct state *state, struct checked *checked, enum backend backend,
		 struct load_report *ret_report);

/*
 * The same for a caller who holds the lock of state_lock(), and wants it loaded so: backend and
 * interface; the interface is that of @checked as well.
 */
int load_locked(const struct state *state, struct checked *checked, const struct wanted *wanted,
		struct load_report *ret_report);

/*
 * Reads what is stored: the policy and, if there is one, its inventory. Returns 0, -ENODATA where no
 * policy is, or another negative errno.
 */
int load_read_copies(const struct state *state, struct sources *sources);

/* A policy that was loaded before, and all that belongs to its being loaded once more. */
struct load_again {
	struct checked checked;
	struct wanted wanted;
	struct box box;
	struct load_report report;
};

/*
 * Loads what was loaded last once more, as this machine is now: its interfaces, its addresses. What
 * is guarded and not there is shut. Tests of the policy that fail are warnings. Returns 0, or a
 * negative errno and an error in again->checked.diag: -ENODATA where there is no policy, or somebody
 * opened the gate by hand; -ESTALE where another policy runs than the stored one. -ENODEV is no
 * failure: none of the interfaces is there, and all are shut. In any case the caller frees it.
 */
int load_again(const struct state *state, struct load_again *again);
void load_again_free(struct load_again *again);

/* Detaches the programs and removes the copies. What was guarded is shut then, or @open. */
int load_undo(const struct state *state, bool open, struct diag *diag);

/*
 * Puts the guard in front of what was guarded last, or where nothing was of wg0; or, where it is not
 * NULL, of @interface as well. Returns 0, or a negative errno and an error in @diag.
 */
int load_guard(const struct state *state, const char *interface, struct diag *diag);

/*
 * The same for whoever watches over the gate, and only as long as somebody wants it. Waits for
 * nobody: -EAGAIN while another writer is at work.
 */
int load_keep_guard(const struct state *state, struct diag *diag);

/*
 * For the same, while somebody has the lock and does not come to an end: where there is no guard at
 * all it puts one up, which is one transaction.
 */
int load_put_missing_guard(const struct state *state, struct diag *diag);

/* Takes the guard away until the next load, or `guard on`, or boot. Programs that are attached go on. */
int load_unguard(const struct state *state, struct diag *diag);

#endif
