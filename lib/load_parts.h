/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of loading have in common: load.c, load_again.c, load_guard.c. */
#ifndef ACLGATE_LOAD_PARTS_H
#define ACLGATE_LOAD_PARTS_H

#include "load.h"

/* One load: what is wanted, and what comes of it. */
struct loading {
	const struct state *state;
	struct checked *checked;
	struct wanted wanted;
	bool again; /* the policy that was loaded last */
	struct load_report report;
};

/* Loads a policy that has a table. The caller holds the lock. */
int load_run(struct loading *loading);

/* As state_lock(); an error is in @diag. */
int load_lock(const struct state *state, struct diag *diag);

/* Puts the guard in front of what somebody wants guarded. */
int load_shut(const struct state *state, const struct wanted *wanted, struct diag *diag);

#endif
