// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "beside.h"
#include "counters.h"
#include "digest.h"
#include "gate_interfaces.h"
#include "kernel.h"
#include "mem.h"
#include "older.h"
#include "registry.h"
#include "seed.h"

#define BPF_FS_MAGIC 0xcafe4a11 /* linux/magic.h */

void gate_build(uint8_t ret_build[11])
{
	uint8_t sha256[32];
	size_t size;
	const void *object = kernel_object(&size);

	digest_bytes(object, size, sha256);
	memcpy(ret_build, sha256, 11);
}

/* Of the directory itself or, where it is not there yet, of the closest one above it. */
static bool is_bpf_fs(const char *directory)
{
	_free_ char *path = mem_strdup(directory);
	struct statfs fs;
	char *slash;

	while (statfs(path, &fs)) {
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || slash == path)
			return false;
		*slash = '\0';
	}
	return (unsigned int)fs.f_type == BPF_FS_MAGIC;
}

static int prepare_pins(const struct state *state, struct diag *diag)
{
	int error;

	if (!is_bpf_fs(state->pins) && !geteuid()) {
		diag_error(diag, PLACE_NONE,
			   "%s is not on a BPF file system: mount -t bpf bpf /sys/fs/bpf",
			   state->pins);
		return -ENOTSUP;
	}
	error = state_mkdir(state->pins, 0700);
	return error ? gate_fail(diag, error, state->pins) : 0;
}

/* In one batch, for the kernel waits for a grace period after each update of such a map. */
static int fill_shards(const struct state *state, enum kernel_table table, uint32_t entries)
{
	_close_ int outer = kernel_map_open(state->pins, kernel_table_name(table));
	uint32_t shards[GATE_FLOW_SHARDS], last = GATE_FLOW_SHARDS - 1, id, count = 0;
	int inner[GATE_FLOW_SHARDS], error = 0;

	if (outer < 0)
		return outer;
	if (!kernel_map_get(outer, &last, &id))
		return 0; /* filled by an earlier load */
	for (; count < GATE_FLOW_SHARDS; count++) {
		shards[count] = count;
		inner[count] = kernel_table_create(table, entries);
		if (inner[count] < 0) {
			error = inner[count];
			break;
		}
	}
	if (!error)
		error = kernel_map_fill(outer, shards, inner, count);
	while (count)
		close(inner[--count]);
	return error;
}

/* Once for the life of the pins: what spreads flows over shards. */
static int prepare_secret(const struct state *state)
{
	static const struct gate_keys none;
	_close_ int map = kernel_map_open(state->pins, "secret");
	struct gate_keys keys;
	uint32_t zero = 0;
	int error = map < 0 ? map : kernel_map_get(map, &zero, &keys);

	if (error || memcmp(&keys, &none, sizeof(keys)))
		return error;
	if (getrandom(&keys, sizeof(keys), 0) != sizeof(keys))
		return -errno;
	return kernel_map_put(map, &zero, &keys);
}

/* Once as well. */
static int prepare_flows(const struct state *state)
{
	int error = fill_shards(state, TABLE_FLOWS4, GATE_FLOWS_PER_SHARD);

	if (!error)
		error = fill_shards(state, TABLE_FLOWS6, GATE_FLOWS_PER_SHARD);
	return error ? error : fill_shards(state, TABLE_FRAGMENTS, GATE_FRAGMENTS_PER_SHARD);
}

/*
 * From here on nothing passes where our programs are not. What was shut stays so, also what this
 * policy does not name: somebody wanted that.
 */
static int shut(const struct state *state, struct guarded *guarded, struct diag *diag)
{
	struct guard guard = guarded->before.guard;
	int error = 0;

	for (size_t i = 0; i < guarded->count && !error; i++)
		error = guard_add(&guard, guarded->items[i].name, 0);
	guarded->shut = true;
	return error ? gate_fail(diag, error, "too much is guarded") :
		       gate_fit_guard(state, &guard, guarded->items[0].mark_bit, diag);
}

static int arm(const struct state *state, const struct guarded *guarded, struct diag *diag)
{
	struct guard guard = guarded->before.guard;

	return gate_fit_guard(state, &guard, guarded->items[0].mark_bit, diag);
}

/* @ours: it is not the registry of an older layout, and has slots to free. */
static int release_from(const struct state *state, const struct registry *registry, bool ours,
			const struct table *table, struct guard *guard, struct diag *diag)
{
	int error = 0;

	for (uint32_t slot = 0; slot < GATE_GUARDED_MAX && !error; slot++) {
		const struct gate_interface *interface = &registry->items[slot];

		if (!interface->name[0] || gate_names(table, interface->name))
			continue;
		error = ours ? gate_release(state, slot) : gate_detach(state, interface);
		guard_drop(guard, interface->name);
		gate_tell_opened(interface->name, diag);
	}
	return error;
}

/*
 * What the policy no longer guards is not judged any more: it is one of the others now. After an upgrade
 * only the registry of the older layout may know it.
 */
static int release_others(const struct state *state, const struct guarded *guarded,
			  const struct table *table, struct diag *diag)
{
	struct guard guard = guarded->before.guard;
	struct registry registry, older;
	int error = registry_read(state, &registry);

	older_registry(state, &older);
	if (!error)
		error = release_from(state, &registry, true, table, &guard, diag);
	if (!error)
		error = release_from(state, &older, false, table, &guard, diag);
	return error ? error : gate_fit_guard(state, &guard, 0, diag);
}

static bool is_published(const struct state *state)
{
	_close_ int map = kernel_map_open(state->pins, "active");
	struct gate_active active = {};
	uint32_t zero = 0;

	if (map < 0)
		return map != -ENOENT; /* what cannot be read may be there */
	return kernel_map_get(map, &zero, &active) || active.slot;
}

/* What outlives generations. */
struct provision {
	const struct state *state;
	uint32_t device, rule; /* the last ids */
};

static int provide(void *context)
{
	const struct provision *provision = context;
	int error = prepare_flows(provision->state);

	return error ? error :
		       counters_provide(provision->state, provision->device, provision->rule);
}

static int build(const struct state *state, const struct gate_policy *policy, struct diag *diag,
		 struct generation *ret_generation)
{
	struct provision provision = { .state = state,
				       .device = ids_last(policy->ids, IDS_DEVICE),
				       .rule = ids_last(policy->ids, IDS_RULE) };
	struct beside beside;
	int error = prepare_secret(state), provided;

	if (error)
		return gate_fail(diag, error, "cannot fill the kernel's tables");
	beside_start(&beside, provide, &provision);
	error = generation_build(state, policy, ret_generation);
	provided = beside_finish(&beside);
	error = error ? error : provided;
	return error ? gate_fail(diag, error, "cannot fill the kernel's tables") : 0;
}

/* Once: flows outlive later loads. */
static int seed(const struct state *state, const struct guarded *guarded,
		const struct generation *generation, struct diag *diag)
{
	if (is_published(state))
		return 0;
	for (size_t i = 0; i < guarded->count; i++)
		if (guarded->items[i].loaded)
			return seed_flows(&guarded->items[i].programs, generation, diag);
	return 0;
}

/* Up to the one store that makes the policy the live one. */
static int enforce(const struct state *state, const struct gate_policy *policy,
		   struct guarded *guarded, struct diag *diag, uint32_t *ret_number)
{
	struct generation generation = {};
	int error = gate_programs_begin(state, guarded, diag), taken;

	if (!error)
		error = build(state, policy, diag, &generation);
	taken = gate_programs_take(guarded, diag);
	error = error ? error : taken;
	if (!error)
		error = seed(state, guarded, &generation, diag);
	if (!error)
		error = shut(state, guarded, diag);
	if (!error)
		error = gate_attach_all(state, guarded, diag);
	if (!error)
		error = arm(state, guarded, diag);
	if (error)
		return error;
	error = generation_publish(state, &generation);
	if (error)
		return gate_fail(diag, error, "cannot publish the policy");
	*ret_number = generation.number;
	return 0;
}

/* As it was before the load, also what was armed then; put up where somebody had taken it away. */
static void restore_guard(const struct state *state, const struct guard_status *before,
			  struct diag *diag)
{
	struct guard guard = before->guard, fitting = before->guard;
	int error = registry_guard(state, &fitting);

	if (error || !before->stands) {
		gate_fit_guard(state, &guard, 0, diag);
		return;
	}
	guard.mark = fitting.mark;
	error = guard_put(&guard);
	if (error)
		gate_fail(diag, error, "cannot set the guard as it was");
}

/*
 * A load that fails leaves the policy that was live as it was. Where there was none, the gate stays
 * shut: somebody wanted one.
 */
static void undo(const struct state *state, const struct guarded *guarded, bool published,
		 struct diag *diag)
{
	struct guard guard = guarded->before.guard;

	if (published) {
		gate_attach_undo(state, guarded);
		if (guarded->shut)
			restore_guard(state, &guarded->before, diag);
	} else if (guarded->nft.stands) {
		gate_detach_all(state);
		if (guard.count)
			gate_fit_guard(state, &guard, 0, diag);
		else if (guarded->shut)
			guard_remove();
	} else if (!guarded->shut) {
		kernel_unpin(state->pins); /* programs whose pins are gone judge on */
	} else {
		gate_unload(state, diag);
		diag_note(diag, PLACE_NONE,
			  "the gate is shut: load again, or open it with \"aclctl guard off\"");
	}
}

static int load_guarded(const struct state *state, struct gate_policy *policy,
			struct guarded *guarded, struct diag *diag, uint32_t *ret_number)
{
	bool published = is_published(state);
	int error;

	for (size_t i = 0; i < guarded->count; i++)
		policy->slots[i] = guarded->items[i].slot;
	error = enforce(state, policy, guarded, diag, ret_number);
	for (size_t i = 0; i < guarded->count; i++)
		if (guarded->items[i].loaded)
			kernel_programs_close(&guarded->items[i].programs);
	if (error) {
		undo(state, guarded, published, diag);
		return error;
	}
	error = release_others(state, guarded, policy->table, diag);
	if (error)
		diag_warning(
			diag, PLACE_NONE,
			"the policy is enforced, but an interface that it does not guard still "
			"has our programs: %s",
			strerror(-error));
	return 0;
}

/* What nftables has of ours before the load. */
static int read_nft(struct guarded *guarded, struct diag *diag)
{
	int error = guard_read(0, &guarded->before);

	if (!error)
		error = nft_gate_read(&guarded->nft);
	if (error == -EOPNOTSUPP)
		diag_error(diag, PLACE_NONE,
			   "this kernel has no nftables, which must keep the gate shut when the "
			   "programs are not there: load the module nf_tables");
	else if (error)
		gate_fail(diag, error, "cannot read what is in nftables");
	return error;
}

/* The programs know only what they guard: nftables may have guarded more. */
static void tell_opened(const struct guarded *guarded, const struct table *table, struct diag *diag)
{
	for (size_t i = 0; i < guarded->nft.interfaces_count; i++)
		if (!gate_names(table, guarded->nft.interfaces[i]))
			gate_tell_opened(guarded->nft.interfaces[i], diag);
}

int gate_load(const struct state *state, struct gate_policy *policy, struct diag *diag,
	      uint32_t *ret_number)
{
	struct guarded guarded = {};
	int error = gate_may_look(state, diag);

	if (!error)
		error = gate_find_interfaces(policy, diag, &guarded);
	if (!error)
		error = read_nft(&guarded, diag);
	if (!error)
		error = prepare_pins(state, diag);
	if (!error)
		error = gate_assign_slots(state, &guarded, diag);
	policy->after = guarded.nft.generation.number;
	if (!error)
		error = load_guarded(state, policy, &guarded, diag, ret_number);
	if (error)
		return error;
	older_unpin(state);
	tell_opened(&guarded, policy->table, diag);
	error = nft_gate_remove();
	if (error)
		diag_warning(diag, PLACE_NONE,
			     "the policy is enforced, and the one before by nftables as well: %s",
			     strerror(-error));
	return 0;
}

int gate_probe(const struct state *state)
{
	if (!is_bpf_fs(state->pins))
		return -ENODEV;
	return kernel_probe();
}
