// SPDX-License-Identifier: GPL-2.0-or-later
/* The policy that was loaded last, once more: at boot, and whenever the machine changes. */
#include "load.h"

#include <errno.h>
#include <string.h>

#include "digest.h"
#include "load_parts.h"
#include "mem.h"

int load_read_copies(const struct state *state, struct sources *sources)
{
	_free_ char *policy = state_path(state->dir, LOAD_POLICY);
	_free_ char *inventory = state_path(state->dir, LOAD_INVENTORY);
	int error = sources_read(sources, policy);

	if (error == -ENOENT)
		return -ENODATA;
	if (error >= 0)
		error = sources_read(sources, inventory);
	return error < 0 && error != -ENOENT ? error : 0;
}

/*
 * A load that was killed before all its copies stood in place is not undone by an older policy, nor
 * by half of one.
 */
static int check_copies(const struct state *state, const struct load_again *again)
{
	struct gate_status status;
	char text[DIGEST_TEXT];
	uint8_t sha256[32];

	digest_sources(&again->checked.sources, sha256);
	if (strcmp(digest_format(sha256, text), again->wanted.sha256))
		return -EBADMSG;
	if (gate_status(state, &status) || !status.generation.number)
		return 0;
	return memcmp(sha256, status.generation.sha256, sizeof(sha256)) ? -ESTALE : 0;
}

/* Tests may need what is not there yet: one that fails must not leave a machine without a policy. */
static int check_stored(const struct state *state, struct load_again *again)
{
	struct checked *checked = &again->checked;
	int error = wanted_read(state, &again->wanted);

	if (!error && again->wanted.opened)
		return -ENODATA;
	if (!error)
		error = load_read_copies(state, &checked->sources);
	if (!error)
		error = check_copies(state, again);
	if (!error)
		error = box_read(&again->box);
	if (error)
		return error;
	checked->now = wallclock_now(state);
	checked->interface = again->wanted.interface[0] ? again->wanted.interface : NULL;
	error = check_sources(checked, &again->box);
	if (!error)
		check_tests(checked, SEVERITY_WARNING);
	return error;
}

static int tell_again(const struct state *state, int error, struct load_again *again)
{
	struct diag *diag = &again->checked.diag;

	if (error == -ENODATA && again->wanted.opened)
		diag_error(
			diag, PLACE_NONE,
			"the gate was opened by hand and stays so: \"aclctl guard on\" comes first");
	else if (error == -ENODATA)
		diag_error(diag, PLACE_NONE,
			   "there is no policy to load again: load one with \"aclctl load\"");
	else if (error == -ESTALE)
		diag_error(diag, PLACE_NONE,
			   "the running policy is not the one in %s: load it once more",
			   state->dir);
	else if (error == -EBADMSG)
		diag_error(diag, PLACE_NONE,
			   "what is in %s is not what was loaded: load a policy once more",
			   state->dir);
	else if (error && !diag->errors)
		diag_error(diag, PLACE_NONE, "cannot read what is in %s: %s", state->dir,
			   strerror(-error));
	return error;
}

int load_again(const struct state *state, struct load_again *again)
{
	struct diag *diag = &again->checked.diag;
	_close_ int lock = load_lock(state, diag);
	struct loading loading = { .state = state, .checked = &again->checked, .again = true };
	int error;

	if (lock < 0)
		return lock;
	error = check_stored(state, again);
	if (error)
		return tell_again(state, error, again);
	loading.wanted = again->wanted;
	error = load_run(&loading);
	again->report = loading.report;
	if (error == -ENODEV && !diag->errors)
		return load_shut(state, &again->wanted, diag) ?: -ENODEV;
	return error;
}

void load_again_free(struct load_again *again)
{
	checked_free(&again->checked);
	box_free(&again->box);
}
