// SPDX-License-Identifier: GPL-2.0-or-later
#include "load.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "digest.h"
#include "mem.h"

static void remove_copy(const struct state *state, const char *name)
{
	_free_ char *path = state_path(state->dir, name);

	unlink(path);
}

/* By name: at boot the guard is there before the interfaces, and before anything reads a policy. */
static int store_guarded(const struct state *state, const struct table *table)
{
	char names[GATE_GUARDED_MAX * (IFNAMSIZ + 1)] = "";
	size_t size = 0;

	for (size_t i = 0; i < table->interfaces_count; i++)
		size += (size_t)snprintf(names + size, sizeof(names) - size, "%s\n",
					 table->interfaces[i]);
	return state_write(state, LOAD_GUARDED, names, size);
}

static int store(const struct state *state, const struct checked *checked)
{
	const struct sources *sources = &checked->sources;
	const struct source *policy = &sources->items[0];
	int error = store_guarded(state, &checked->table);

	if (!error)
		error = state_write(state, LOAD_POLICY, policy->text, policy->size);
	if (error)
		return error;
	if (sources->count == 1) {
		remove_copy(state, LOAD_INVENTORY);
		return 0;
	}
	return state_write(state, LOAD_INVENTORY, sources->items[1].text, sources->items[1].size);
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

static int load_numbered(const struct state *state, struct checked *checked, struct ids *ids,
			 struct load_report *report)
{
	struct gate_policy policy = { .table = &checked->table,
				      .ids = ids,
				      .loaded = (uint64_t)time(NULL) };
	struct diag *diag = &checked->diag;
	int error;

	memcpy(policy.sha256, report->sha256, sizeof(policy.sha256));
	error = report->backend == BACKEND_NFT ?
			gate_load_nft(state, &policy, diag, &report->generation) :
			gate_load(state, &policy, diag, &report->generation);
	if (error)
		return error;
	error = store(state, checked);
	if (error)
		diag_warning(diag, PLACE_NONE,
			     "the policy is enforced, but its copy in %s is not "
			     "written: %s",
			     state->dir, strerror(-error));
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

static int lock_or_tell(const struct state *state, struct diag *diag)
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

int load_checked(const struct state *state, struct checked *checked, enum backend backend,
		 struct load_report *ret_report)
{
	_close_ int lock = lock_or_tell(state, &checked->diag);
	struct hashing hashing = { .sources = &checked->sources };
	struct load_report report = {};
	struct ids ids = {};
	int error;

	if (lock < 0)
		return lock;
	hashing_start(&hashing);
	error = prepare_ids(state, checked, &ids);
	hashing_finish(&hashing);
	memcpy(report.sha256, hashing.sha256, sizeof(report.sha256));
	report.backend = choose(state, backend, &checked->diag);
	if (!error)
		error = load_numbered(state, checked, &ids, &report);
	ids_free(&ids);
	if (!error)
		*ret_report = report;
	return error;
}

int load_undo(const struct state *state, bool open, struct diag *diag)
{
	_close_ int lock = lock_or_tell(state, diag);
	int error;

	if (lock < 0)
		return lock;
	error = open ? gate_open(state, diag) : gate_unload(state, diag);
	if (error)
		return error;
	remove_copy(state, LOAD_POLICY);
	remove_copy(state, LOAD_INVENTORY);
	if (open)
		remove_copy(state, LOAD_GUARDED);
	remove_copy(state, "ids"); /* the counters went with the pins */
	return 0;
}

/* Without a policy ever loaded it is the one that policies guard if they say nothing. */
static int shut_stored(const struct state *state, struct diag *diag)
{
	_free_ char *path = state_path(state->dir, LOAD_GUARDED);
	const char *names[GATE_GUARDED_MAX] = { "wg0" };
	struct sources sources = {};
	size_t count = 0;
	int error = sources_read(&sources, path);

	if (error >= 0)
		for (char *name = strtok(sources.items[0].text, "\n");
		     name && count < GATE_GUARDED_MAX; name = strtok(NULL, "\n"))
			names[count++] = name;
	if (error >= 0 || error == -ENOENT)
		error = gate_shut(state, names, count ? count : 1, diag);
	else
		diag_error(diag, PLACE_NONE, "%s: %s", path, strerror(-error));
	sources_free(&sources);
	return error;
}

int load_guard(const struct state *state, const char *interface, struct diag *diag)
{
	_close_ int lock = lock_or_tell(state, diag);

	if (lock < 0)
		return lock;
	return interface ? gate_shut(state, &interface, 1, diag) : shut_stored(state, diag);
}

int load_unguard(const struct state *state, struct diag *diag)
{
	_close_ int lock = lock_or_tell(state, diag);
	int error;

	if (lock < 0)
		return lock;
	error = guard_remove();
	if (error)
		diag_error(diag, PLACE_NONE, "cannot remove the guard: %s", strerror(-error));
	return error;
}
