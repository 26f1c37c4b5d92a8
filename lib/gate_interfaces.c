// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate_interfaces.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "box.h"
#include "gate.h"
#include "hook.h"
#include "mem.h"
#include "older.h"
#include "registry.h"

#define ETHERNET_HEADER 14

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
int gate_find_interfaces(const struct gate_policy *policy, struct diag *diag,
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

int gate_assign_slots(const struct state *state, struct guarded *guarded, struct diag *diag)
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

int gate_programs_begin(const struct state *state, struct guarded *guarded, struct diag *diag)
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

int gate_programs_take(struct guarded *guarded, struct diag *diag)
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
static int attach_both(const struct state *state, const struct interface *interface)
{
	int error = register_interface(state, interface, NULL);

	if (!error)
		error = attach_one(state, interface, DIRECTION_EGRESS, interface->programs.egress);
	return error ? error :
		       attach_one(state, interface, DIRECTION_INGRESS, interface->programs.ingress);
}

/* It only saves work: without it the policy is enforced all the same. */
static void provide_early(const struct state *state, const struct interface *interface,
			  struct diag *diag)
{
	struct hook hook = registry_hook(state, interface->name, interface->ifindex,
					 DIRECTION_INGRESS);
	int error;

	older_detach_early(&hook);
	error = interface->early ? hook_attach_early(&hook, interface->programs.early) :
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
	int error = attach_both(state, interface);

	if (!error) {
		provide_early(state, interface, diag);
		error = register_interface(state, interface, build); /* nothing is missing now */
	}
	if (error == -EEXIST)
		diag_error(
			diag, PLACE_NONE,
			"somebody else's program runs before ours on \"%s\", and may let packets "
			"pass: remove it",
			interface->name);
	else if (error)
		gate_fail(diag, error, "cannot attach to the interface");
	return error;
}

int gate_attach_all(const struct state *state, const struct guarded *guarded, struct diag *diag)
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

void gate_attach_undo(const struct state *state, const struct guarded *guarded)
{
	for (size_t i = 0; i < guarded->count; i++)
		if (!guarded->items[i].known)
			gate_release(state, guarded->items[i].slot);
}
