// SPDX-License-Identifier: GPL-2.0-or-later
/* The guard, as somebody wants it: put up, kept, taken away. */
#include "load.h"

#include <errno.h>
#include <string.h>

#include "load_parts.h"
#include "mem.h"

/* Without a policy ever loaded it is the one that policies guard if they say nothing. */
#define GUARDED_FIRST "wg0"

/* A file that is damaged shuts what can be read of it, and what is guarded most often. */
static int read_wanted(const struct state *state, struct wanted *wanted, struct diag *diag)
{
	int error = wanted_read_guarded(state, wanted);

	if (error == -EBADMSG) {
		diag_warning(diag, PLACE_NONE, "%s/" WANTED_GUARDED " is damaged: load a policy",
			     state->dir);
		error = wanted_guard(wanted, GUARDED_FIRST);
	}
	if (error)
		diag_error(diag, PLACE_NONE, "cannot read what is guarded in %s: %s", state->dir,
			   strerror(-error));
	return error;
}

int load_shut(const struct state *state, const struct wanted *wanted, struct diag *diag)
{
	const char *names[GUARD_PLACES_MAX];

	for (size_t i = 0; i < wanted->guarded_count; i++)
		names[i] = wanted->guarded[i];
	return gate_shut(state, names, wanted->guarded_count, diag);
}

/* It is to be back at the next boot as well. */
static int want_guard(const struct state *state, const struct wanted *wanted, struct diag *diag)
{
	_free_ char *text = wanted_guarded_text(wanted);
	int error = state_write(state, WANTED_GUARDED, text, strlen(text));

	if (!error)
		error = wanted_write_opened(state, false);
	if (error)
		diag_error(diag, PLACE_NONE, "cannot write to %s: %s", state->dir,
			   strerror(-error));
	return error;
}

int load_guard(const struct state *state, const char *interface, struct diag *diag)
{
	_close_ int lock = load_lock(state, diag);
	struct wanted wanted = {};
	int error;

	if (lock < 0)
		return lock;
	error = read_wanted(state, &wanted, diag);
	if (!error && (interface || !wanted.guarded_count))
		error = wanted_guard(&wanted, interface ? interface : GUARDED_FIRST);
	if (error)
		return error;
	error = load_shut(state, &wanted, diag);
	return error ? error : want_guard(state, &wanted, diag);
}

int load_keep_guard(const struct state *state, struct diag *diag)
{
	_close_ int lock = state_try_lock(state);
	struct wanted wanted = {};
	int error;

	if (lock < 0)
		return lock;
	error = read_wanted(state, &wanted, diag);
	return error || wanted.opened || !wanted.guarded_count ? error :
								 load_shut(state, &wanted, diag);
}

int load_put_missing_guard(const struct state *state, struct diag *diag)
{
	struct wanted wanted = {};
	struct guard_status status;
	int error = guard_read(0, &status);

	if (!error && !status.guard.count)
		error = read_wanted(state, &wanted, diag);
	return error || wanted.opened || !wanted.guarded_count ? error :
								 load_shut(state, &wanted, diag);
}

int load_unguard(const struct state *state, struct diag *diag)
{
	_close_ int lock = load_lock(state, diag);
	int error;

	if (lock < 0)
		return lock;
	error = wanted_write_opened(state, true);
	if (!error)
		error = guard_remove();
	if (error)
		diag_error(diag, PLACE_NONE, "cannot remove the guard: %s", strerror(-error));
	return error;
}
