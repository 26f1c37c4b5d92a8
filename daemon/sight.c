// SPDX-License-Identifier: GPL-2.0-or-later
#include "sight.h"

#include <errno.h>
#include <unistd.h>

#include "load.h"
#include "mem.h"

static int look(const struct state *state, struct sight *ret_sight)
{
	_free_ char *policy = state_path(state->dir, LOAD_POLICY);
	struct sight sight = { .stored = !access(policy, F_OK) };
	int error = 0;

	sight.error = gate_status(state, &sight.status);
	if (sight.error && sight.error != -ENOENT)
		return sight.error;
	if (!sight.error && sight.status.backend == BACKEND_BPF) {
		sight.guard = sight.status.guard;
		error = sight.status.guard_error;
	} else {
		error = guard_read(0, &sight.guard);
	}
	*ret_sight = sight;
	return error;
}

int sight_take(const struct state *state, struct wanted *ret_wanted, struct sight *ret_sight)
{
	_close_ int lock = state_try_lock(state);
	int error = lock < 0 ? lock : wanted_read(state, ret_wanted);

	return error ? error : look(state, ret_sight);
}
