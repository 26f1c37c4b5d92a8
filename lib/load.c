// SPDX-License-Identifier: GPL-2.0-or-later
#include "load.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "digest.h"
#include "load_parts.h"
#include "mem.h"
#include "older.h"
#include "pending.h"

static const char *const copies[] = { LOAD_INVENTORY, LOAD_POLICY, WANTED_OPTIONS, WANTED_GUARDED };

/* What is guarded from now on: what the policy says, and what no policy did: it was shut by hand. */
static void want_guarded(const struct state *state, const struct table *table,
			 struct wanted *wanted)
{
	struct gate_status before = {};
	struct guard_status guard;
	struct registry older;

	wanted->guarded_count = 0;
	for (size_t i = 0; i < table->interfaces_count; i++)
		wanted_guard(wanted, table->interfaces[i]);
	if (guard_read(0, &guard))
		return;
	gate_status(state, &before); /* or nothing is loaded */
	older_registry(state, &older);
	for (size_t i = 0; i < guard.guard.count; i++) {
		const char *name = guard.guard.places[i].name;

		if (gate_status_find(&before, name) < 0 &&
		    registry_find(&older, name) == GATE_GUARDED_MAX)
			wanted_guard(wanted, name);
	}
}

static int prepare_text(const struct state *state, const char *name, char *text)
{
	_free_ char *freed = text;

	return state_prepare(state, name, text, strlen(text));
}

/* Names that are too long for an interface were errors of the policy. */
static void want_outside(const struct table *table, struct wanted *wanted)
{
	wanted->outside_count = table->outside_count;
	for (size_t i = 0; i < table->outside_count; i++)
		strncpy(wanted->outside[i], table->outside[i], IFNAMSIZ - 1);
}

static int write_guarded(const struct state *state, const struct wanted *wanted)
{
	_free_ char *text = wanted_guarded_text(wanted);

	return state_write(state, WANTED_GUARDED, text, strlen(text));
}

/*
 * A load may die before its copies are in their places: until then a boot is to shut what was guarded
 * before and what is from now on. *ret_before: what was.
 */
static int guard_both(const struct state *state, const struct wanted *wanted,
		      struct wanted *ret_before)
{
	int error = wanted_read_guarded(state, ret_before);
	struct wanted both;

	both = *ret_before;
	for (size_t i = 0; i < wanted->guarded_count; i++)
		wanted_guard(&both, wanted->guarded[i]);
	if (error)
		*ret_before = both; /* what was there before could not be read */
	return write_guarded(state, &both);
}

/* A load that failed leaves no trace. */
static void forget_copies(const struct state *state, const struct wanted *before)
{
	for (size_t i = 0; i < ARRAY_SIZE(copies); i++)
		state_discard(state, copies[i]);
	if (before->guarded_count)
		write_guarded(state, before);
	else
		state_remove(state, WANTED_GUARDED);
}

static int prepare_copies(const struct state *state, const struct checked *checked,
			  struct wanted *wanted)
{
	const struct sources *sources = &checked->sources;
	int error = 0;

	for (size_t i = 0; i < sources->count && !error; i++)
		error = state_prepare(state, i ? LOAD_INVENTORY : LOAD_POLICY,
				      sources->items[i].text, sources->items[i].size);
	if (!error)
		error = prepare_text(state, WANTED_OPTIONS, wanted_options_text(wanted));
	return error ? error : prepare_text(state, WANTED_GUARDED, wanted_guarded_text(wanted));
}

static int commit_copies(const struct state *state, const struct checked *checked)
{
	int error = 0;

	if (checked->sources.count == 1)
		error = state_remove(state, LOAD_INVENTORY);
	for (size_t i = checked->sources.count == 1; i < ARRAY_SIZE(copies) && !error; i++)
		error = state_commit(state, copies[i]);
	return error ? error : state_sync(state);
}

static void warn_absent(const struct table *table, struct diag *diag)
{
	for (size_t i = 0; i < table->outside_count; i++)
		if (!if_nametoindex(table->outside[i]))
			diag_warning(
				diag, PLACE_NONE,
				"there is no interface \"%s\": devices that are bound to it can "
				"open nothing until it is there and the policy is loaded again",
				table->outside[i]);
}

static bool has_new_names(const struct ids *ids, const uint32_t known[IDS_KINDS])
{
	for (enum ids_kind kind = 0; kind < IDS_KINDS; kind++)
		if (ids_last(ids, kind) != known[kind])
			return true;
	return false;
}

/* What is in the file stays as it is unless there are names to add. */
static int number_and_write(const struct state *state, struct checked *checked, struct ids *ids)
{
	const uint32_t known[] = {
		[IDS_DEVICE] = ids_last(ids, IDS_DEVICE), [IDS_RULE] = ids_last(ids, IDS_RULE)
	};
	int error = generation_number(&checked->table, ids, &checked->diag);

	if (error || !has_new_names(ids, known))
		return error;
	error = ids_write(state, ids);
	if (error)
		diag_error(&checked->diag, PLACE_NONE, "%s: %s", state->dir, strerror(-error));
	return error;
}

static int prepare_ids(const struct state *state, struct checked *checked, struct ids *ret_ids)
{
	struct ids ids = {};
	int error = ids_read(state, &ids);

	if (error) {
		diag_error(&checked->diag, PLACE_NONE, "%s/ids: %s", state->dir, strerror(-error));
		return error;
	}
	warn_absent(&checked->table, &checked->diag);
	error = number_and_write(state, checked, &ids);
	if (error)
		ids_free(&ids);
	else
		*ret_ids = ids;
	return error;
}

/* When somebody loaded the policy that is loaded again. */
static uint64_t stored_at(const struct state *state)
{
	_free_ char *path = state_path(state->dir, LOAD_POLICY);
	struct stat file;

	return (uint64_t)(stat(path, &file) ? time(NULL) : file.st_mtime);
}

static int enforce(struct loading *loading, struct ids *ids)
{
	struct gate_policy policy = { .table = &loading->checked->table,
				      .ids = ids,
				      .loaded = loading->again ? stored_at(loading->state) :
								 (uint64_t)time(NULL),
				      .awaits = loading->again };
	struct diag *diag = &loading->checked->diag;
	struct load_report *report = &loading->report;

	memcpy(policy.sha256, report->sha256, sizeof(policy.sha256));
	return report->backend == BACKEND_NFT ?
		       gate_load_nft(loading->state, &policy, diag, &report->generation) :
		       gate_load(loading->state, &policy, diag, &report->generation);
}

/* What a boot, or whoever watches over the gate, is to bring back. */
static int keep(const struct loading *loading)
{
	int closed = wanted_write_opened(loading->state, false);
	int error = commit_copies(loading->state, loading->checked);

	if (!error)
		error = wallclock_remember(loading->state);
	return error ? error : closed;
}

/* Whoever watches over the gate loads it again once they tell. */
static int note_unread(const struct state *state, const struct box *box)
{
	bool unread = false;

	for (size_t i = 0; box && i < box->wireguard.interfaces_count; i++)
		unread |= box->wireguard.interfaces[i].error != 0;
	return unread ? state_write(state, WANTED_UNREAD, "", 0) :
			state_remove(state, WANTED_UNREAD);
}

static int enforce_or_undo(struct loading *loading, struct ids *ids)
{
	const struct state *state = loading->state;
	struct wanted *wanted = &loading->wanted, before = {};
	int error;

	digest_format(loading->report.sha256, wanted->sha256);
	want_guarded(state, &loading->checked->table, wanted);
	want_outside(&loading->checked->table, wanted);
	error = guard_both(state, wanted, &before);
	if (!error)
		error = prepare_copies(state, loading->checked, wanted);
	if (error)
		diag_error(&loading->checked->diag, PLACE_NONE, "cannot write to %s: %s",
			   state->dir, strerror(-error));
	else
		error = enforce(loading, ids);
	if (error)
		forget_copies(state, &before);
	return error;
}

static int enforce_and_keep(struct loading *loading, struct ids *ids)
{
	const struct state *state = loading->state;
	int error = loading->again ? enforce(loading, ids) : enforce_or_undo(loading, ids);

	if (error)
		return error;
	error = loading->again ? 0 : keep(loading);
	if (!error)
		error = note_unread(state, loading->checked->inventory.box);
	if (!error)
		error = pending_store(state, &loading->checked->inventory, time(NULL));
	if (error)
		diag_warning(&loading->checked->diag, PLACE_NONE,
			     "the policy is enforced, but not all of %s is written: %s", state->dir,
			     strerror(-error));
	return 0;
}

/* Twelve megabytes take 35 ms, in which something else can be done. */
struct hashing {
	const struct sources *sources;
	uint8_t sha256[32];
	pthread_t thread;
	bool beside; /* it runs in the thread */
};

static void *hash(void *argument)
{
	struct hashing *hashing = argument;

	digest_sources(hashing->sources, hashing->sha256);
	return NULL;
}

static void hashing_start(struct hashing *hashing)
{
	hashing->beside = !pthread_create(&hashing->thread, NULL, hash, hashing);
	if (!hashing->beside)
		hash(hashing);
}

static void hashing_finish(struct hashing *hashing)
{
	if (hashing->beside)
		pthread_join(hashing->thread, NULL);
}

int load_lock(const struct state *state, struct diag *diag)
{
	int lock = state_lock(state);

	if (lock < 0)
		diag_error(diag, PLACE_NONE, "%s: %s", state->run, strerror(-lock));
	return lock;
}

/* Falls back only where the kernel takes no program at all; what else goes wrong is to be mended. */
static enum backend choose(const struct state *state, enum backend wanted, struct diag *diag)
{
	int error = wanted == BACKEND_AUTO ? gate_probe(state) : 0;

	if (wanted != BACKEND_AUTO)
		return wanted;
	if (!error)
		return BACKEND_BPF;
	if (error == -ENODEV)
		diag_warning(
			diag, PLACE_NONE,
			"%s is not on a BPF file system (mount -t bpf bpf /sys/fs/bpf): nftables "
			"enforces the policy",
			state->pins);
	else
		diag_warning(diag, PLACE_NONE,
			     "the kernel takes no BPF programs (%s): nftables enforces the policy",
			     strerror(-error));
	return BACKEND_NFT;
}

int load_run(struct loading *loading)
{
	struct hashing hashing = { .sources = &loading->checked->sources };
	struct ids ids = {};
	int error;

	if (loading->checked->now == WALLCLOCK_UNKNOWN)
		diag_warning(&loading->checked->diag, PLACE_NONE,
			     "the clock of this machine is behind what it was before: until it is "
			     "right, rules that expire some day count as expired");
	hashing_start(&hashing);
	error = prepare_ids(loading->state, loading->checked, &ids);
	hashing_finish(&hashing);
	memcpy(loading->report.sha256, hashing.sha256, sizeof(hashing.sha256));
	loading->report.backend = choose(loading->state, loading->wanted.backend,
					 &loading->checked->diag);
	if (!error)
		error = enforce_and_keep(loading, &ids);
	ids_free(&ids);
	return error;
}

int load_locked(const struct state *state, struct checked *checked, const struct wanted *wanted,
		struct load_report *ret_report)
{
	struct loading loading = { .state = state, .checked = checked, .wanted = *wanted };
	int error = load_run(&loading);

	if (!error)
		*ret_report = loading.report;
	return error;
}

int load_checked(const struct state *state, struct checked *checked, enum backend backend,
		 struct load_report *ret_report)
{
	_close_ int lock = load_lock(state, &checked->diag);
	struct wanted wanted = { .backend = backend };

	if (lock < 0)
		return lock;
	if (checked->interface)
		strncpy(wanted.interface, checked->interface, IFNAMSIZ - 1);
	return load_locked(state, checked, &wanted, ret_report);
}

int load_undo(const struct state *state, bool open, struct diag *diag)
{
	_close_ int lock = load_lock(state, diag);
	int error;

	if (lock < 0)
		return lock;
	error = open ? gate_open(state, diag) : gate_unload(state, diag);
	if (error)
		return error;
	for (size_t i = 0; i < ARRAY_SIZE(copies); i++)
		if (open || strcmp(copies[i], WANTED_GUARDED))
			state_remove(state, copies[i]);
	state_remove(state, PENDING_FILE);
	state_remove(state, WANTED_UNREAD);
	state_remove(state, WALLCLOCK_FILE); /* the way out where a clock was once ahead */
	state_remove(state, "ids");	     /* the counters went with the pins */
	return wanted_write_opened(state, false);
}
