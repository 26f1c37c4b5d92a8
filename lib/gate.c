// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "beside.h"
#include "box.h"
#include "counters.h"
#include "digest.h"
#include "gate_parts.h"
#include "hook.h"
#include "kernel.h"
#include "mem.h"
#include "nft_gate.h"
#include "registry.h"
#include "seed.h"

#define BPF_FS_MAGIC 0xcafe4a11 /* linux/magic.h */

#define ETHERNET_HEADER 14

/* One to guard. */
struct interface {
	const char *name;
	uint32_t ifindex; /* 0: it is not there, and awaited */
	uint32_t link_header;
	uint32_t slot;
	struct kernel_loading *loading; /* ... `programs`, since prepare() */
	struct kernel_programs programs;
	bool running; /* ... programs of this build are attached already */
	bool loaded;  /* `programs` are there */
	bool known;   /* it was guarded before this load */
	bool early;   /* its policy wants the early drop */
	uint8_t mark_bit;
	uint8_t old_mark_bit; /* that the programs set which run until these are attached */
};

/* What a load works on. */
struct guarded {
	struct interface items[GATE_GUARDED_MAX];
	size_t count;
	uint8_t build[11];	    /* of our programs, as in struct gate_interface */
	struct guard_status before; /* the guard that the load found */
	struct nft_gate nft;	    /* ... and the policy of the nft backend */
	bool shut;		    /* it has changed it */
};

void gate_build(uint8_t ret_build[11])
{
	uint8_t sha256[32];
	size_t size;
	const void *object = kernel_object(&size);

	digest_bytes(object, size, sha256);
	memcpy(ret_build, sha256, 11);
}

static int find_interface(const char *name, struct diag *diag, struct interface *interface)
{
	enum box_link link;
	int ifindex = box_interface(name, &link);

	if (ifindex < 0) {
		diag_error(diag, PLACE_NONE,
			   "there is no interface \"%s\": bring it up first, or "
			   "name another one under \"interfaces\"",
			   name);
		return -ENODEV;
	}
	if (link == LINK_OTHER) {
		diag_error(diag, PLACE_NONE,
			   "\"%s\" is neither a WireGuard, TUN nor Ethernet interface", name);
		return -EOPNOTSUPP;
	}
	*interface = (struct interface){
		.name = name,
		.ifindex = (uint32_t)ifindex,
		.link_header = link == LINK_ETHERNET ? ETHERNET_HEADER : 0,
	};
	return gate_check_topology(name, true, diag);
}

/* Checks before anything is touched. */
static int find_interfaces(const struct gate_policy *policy, struct diag *diag,
			   struct guarded *guarded)
{
	const struct table *table = policy->table;
	size_t found = 0;
	int error = 0;

	gate_build(guarded->build);
	for (size_t i = 0; i < table->interfaces_count && !error; i++) {
		struct interface *interface = &guarded->items[i];

		interface->name = table->interfaces[i];
		if (policy->awaits && !if_nametoindex(interface->name)) {
			diag_warning(diag, PLACE_NONE,
				     "\"%s\" is not there: it is shut until it is",
				     interface->name);
			continue;
		}
		found++;
		error = find_interface(interface->name, diag, interface);
	}
	for (size_t i = 0; i < table->interfaces_count; i++) {
		guarded->items[i].early = table->early & 1u << i;
		guarded->items[i].mark_bit = table->mark_bit;
	}
	guarded->count = table->interfaces_count;
	return error || found ? error : -ENODEV;
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

/* Its programs are known by the old name, and would be taken off with it. */
static int check_renamed(const struct registry *registry, const struct interface *interface,
			 struct diag *diag)
{
	for (uint32_t slot = 0; slot < GATE_GUARDED_MAX && interface->ifindex; slot++) {
		const struct gate_interface *known = &registry->items[slot];

		if (!known->name[0] || known->ifindex != interface->ifindex ||
		    !strcmp(known->name, interface->name))
			continue;
		diag_error(diag, PLACE_NONE,
			   "\"%s\" is guarded as \"%s\", which it was called before: unload, then "
			   "load again",
			   interface->name, known->name);
		return -EBUSY;
	}
	return 0;
}

static int assign_slots(const struct state *state, struct guarded *guarded, struct diag *diag)
{
	struct registry registry;
	int error = registry_read(state, &registry);

	if (error)
		return gate_fail(diag, error, "cannot read what is guarded now");
	for (size_t i = 0; i < guarded->count && !error; i++) {
		struct interface *interface = &guarded->items[i];

		interface->slot = registry_find(&registry, interface->name);
		interface->known = interface->slot < GATE_GUARDED_MAX;
		interface->old_mark_bit = interface->known ?
						  registry.items[interface->slot].mark_bit :
						  interface->mark_bit;
		error = check_renamed(&registry, interface, diag);
	}
	if (error)
		return error;
	for (size_t i = 0; i < guarded->count; i++) {
		struct interface *interface = &guarded->items[i];

		if (!interface->known)
			interface->slot = registry_find(&registry, "");
		if (interface->slot == GATE_GUARDED_MAX) {
			diag_error(diag, PLACE_NONE,
				   "more than %d interfaces are guarded, those of the running "
				   "policy included: unload first",
				   GATE_GUARDED_MAX);
			return -E2BIG;
		}
		strncpy(registry.items[interface->slot].name, interface->name, IFNAMSIZ - 1);
	}
	return 0;
}

static int not_taken(int error, const char *log, struct diag *diag)
{
	diag_error(diag, PLACE_NONE, "the kernel did not take the programs: %s\n%s",
		   strerror(-error), log ? log : "");
	/* EACCES is the verifier's word, and not about who we are */
	return error == -EACCES ? -ENOTSUP : error;
}

static int begin_programs(const struct state *state, struct interface *interface, struct diag *diag)
{
	struct kernel_attachment attachment = { .slot = interface->slot,
						.link_header = interface->link_header,
						.mark_bit = interface->mark_bit,
						.early = interface->early };
	_free_ char *log = NULL;
	int error = kernel_programs_begin(state->pins, &attachment, &interface->loading, &log);

	return error ? not_taken(error, log, diag) : 0;
}

static int finish_programs(struct interface *interface, struct diag *diag)
{
	_free_ char *log = NULL;
	int error = kernel_programs_finish(interface->loading, &interface->programs, &log);

	interface->loading = NULL;
	interface->loaded = !error;
	return error ? not_taken(error, log, diag) : 0;
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

/* What is written of the build is what is_running() will believe: NULL, before it runs. */
static int register_interface(const struct state *state, const struct interface *interface,
			      const uint8_t build[11])
{
	struct gate_interface entry = { .ifindex = interface->ifindex,
					.mark_bit = build ? interface->mark_bit :
							    interface->old_mark_bit };

	strncpy(entry.name, interface->name, sizeof(entry.name) - 1);
	if (build)
		memcpy(entry.build, build, sizeof(entry.build));
	return registry_write(state, interface->slot, &entry);
}

static int attach_one(const struct state *state, const struct interface *interface,
		      enum direction direction, int program)
{
	struct hook hook = registry_hook(state, interface->name, interface->ifindex, direction);
	int error = hook_attach(&hook, program);

	if (error)
		return error;
	return hook_attached(&hook) == ATTACHED ? 0 : -EEXIST;
}

/* Egress first: nothing leaves unjudged while packets already come in judged. */
static int attach_both(const struct state *state, const struct interface *interface,
		       const uint8_t build[11])
{
	int error = register_interface(state, interface, NULL);

	if (!error)
		error = attach_one(state, interface, DIRECTION_EGRESS, interface->programs.egress);
	if (!error)
		error = attach_one(state, interface, DIRECTION_INGRESS,
				   interface->programs.ingress);
	return error ? error : register_interface(state, interface, build);
}

/* It only saves work: without it the policy is enforced all the same. */
static void provide_early(const struct state *state, const struct interface *interface,
			  struct diag *diag)
{
	struct hook hook = registry_hook(state, interface->name, interface->ifindex,
					 DIRECTION_INGRESS);
	int error = interface->early ? hook_attach_early(&hook, interface->programs.early) :
				       hook_detach_early(&hook);

	if (error == -EBUSY)
		diag_warning(diag, PLACE_NONE,
			     "no early drop on \"%s\": it has another XDP program; the policy is "
			     "enforced all the same",
			     interface->name);
	else if (error)
		diag_warning(diag, PLACE_NONE,
			     "no early drop on \"%s\": %s; the policy is enforced all the same",
			     interface->name, strerror(-error));
}

static int attach(const struct state *state, const struct interface *interface,
		  const uint8_t build[11], struct diag *diag)
{
	int error = attach_both(state, interface, build);

	if (error == -EEXIST)
		diag_error(
			diag, PLACE_NONE,
			"somebody else's program runs before ours on \"%s\", and may let packets "
			"pass: remove it",
			interface->name);
	else if (error)
		gate_fail(diag, error, "cannot attach to the interface");
	else
		provide_early(state, interface, diag);
	return error;
}

/* Our programs of this very build are there: there is nothing to verify and attach again. */
static bool is_running(const struct state *state, const struct interface *interface,
		       const uint8_t build[11])
{
	_close_ int names = kernel_map_open(state->pins, "interfaces");
	struct gate_interface entry;

	if (!interface->ifindex || names < 0 || kernel_map_get(names, &interface->slot, &entry) ||
	    entry.ifindex != interface->ifindex || entry.mark_bit != interface->mark_bit ||
	    memcmp(entry.build, build, sizeof(entry.build)))
		return false;
	for (enum direction direction = 0; direction < DIRECTION_MAX; direction++) {
		struct hook hook = registry_hook(state, interface->name, interface->ifindex,
						 direction);

		if (hook_attached(&hook) != ATTACHED)
			return false;
		if ((hook_early(&hook) != EARLY_NOT) != interface->early)
			return false;
	}
	return true;
}

/* Begins to load the programs of every interface where they do not run yet. */
static int prepare(const struct state *state, struct guarded *guarded, struct diag *diag)
{
	int error = 0;

	for (size_t i = 0; i < guarded->count && !error; i++) {
		struct interface *interface = &guarded->items[i];

		interface->running = is_running(state, interface, guarded->build);
		if (interface->running || !interface->ifindex)
			continue;
		error = begin_programs(state, interface, diag);
	}
	return error;
}

/* Waits for what prepare() began, whatever became of the load since. */
static int take_programs(struct guarded *guarded, struct diag *diag)
{
	const struct kernel_programs *any = NULL;
	int error = 0;

	for (size_t i = 0; i < guarded->count; i++) {
		struct interface *interface = &guarded->items[i];
		int failed = interface->loading ? finish_programs(interface, diag) : 0;

		error = error ? error : failed;
		if (interface->loaded)
			any = &interface->programs;
	}
	if (error || !any)
		return error;
	error = kernel_collector_start(any);
	return error ? gate_fail(diag, error, "cannot prepare the kernel's tables") : 0;
}

/* A load that fails leaves those interfaces alone that were not guarded before. */
static void attach_undo(const struct state *state, const struct guarded *guarded)
{
	for (size_t i = 0; i < guarded->count; i++)
		if (!guarded->items[i].known)
			gate_release(state, guarded->items[i].slot);
}

static int attach_all(const struct state *state, const struct guarded *guarded, struct diag *diag)
{
	int error = 0;

	for (size_t i = 0; i < guarded->count && !error; i++) {
		const struct interface *interface = &guarded->items[i];

		if (!interface->ifindex)
			error = register_interface(state, interface, NULL);
		else if (!interface->running)
			error = attach(state, interface, guarded->build, diag);
	}
	return error;
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

/* What the policy no longer guards is not judged any more: it is one of the others now. */
static int release_others(const struct state *state, const struct guarded *guarded,
			  struct diag *diag)
{
	struct guard guard = guarded->before.guard;
	struct registry registry;
	uint32_t kept = 0;
	int error = registry_read(state, &registry);

	for (size_t i = 0; i < guarded->count; i++)
		kept |= 1u << guarded->items[i].slot;
	for (uint32_t slot = 0; slot < GATE_GUARDED_MAX && !error; slot++) {
		if (kept & 1u << slot || !registry.items[slot].name[0])
			continue;
		error = gate_release(state, slot);
		guard_drop(&guard, registry.items[slot].name);
		gate_tell_opened(registry.items[slot].name, diag);
	}
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
	int error = prepare(state, guarded, diag), taken;

	if (!error)
		error = build(state, policy, diag, &generation);
	taken = take_programs(guarded, diag);
	error = error ? error : taken;
	if (!error)
		error = seed(state, guarded, &generation, diag);
	if (!error)
		error = shut(state, guarded, diag);
	if (!error)
		error = attach_all(state, guarded, diag);
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
		attach_undo(state, guarded);
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
	error = release_others(state, guarded, diag);
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
		error = find_interfaces(policy, diag, &guarded);
	if (!error)
		error = read_nft(&guarded, diag);
	if (!error)
		error = prepare_pins(state, diag);
	if (!error)
		error = assign_slots(state, &guarded, diag);
	policy->after = guarded.nft.generation.number;
	if (!error)
		error = load_guarded(state, policy, &guarded, diag, ret_number);
	if (error)
		return error;
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
