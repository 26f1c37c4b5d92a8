/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What somebody wants of the gate, and what the kernel shows of it. */
#ifndef ACLGATE_SIGHT_H
#define ACLGATE_SIGHT_H

#include <stdbool.h>

#include "gate.h"
#include "wanted.h"

struct sight {
	int error; /* of gate_status(): -ENOENT: nothing is loaded */
	struct gate_status status;
	struct guard_status guard; /* also where nothing is loaded */
	bool stored;		   /* there is a policy that could be loaded */
};

/* While nobody changes it: -EAGAIN, somebody does. Returns 0 or a negative errno. */
int sight_take(const struct state *state, struct wanted *ret_wanted, struct sight *ret_sight);

#endif
