// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "mem.h"
#include "nft_gate.h"
#include "registry.h"
#include "topology.h"

static const char *const enforcement_texts[] = {
	[ENFORCED] = "enforced",
	[ENFORCED_NOT_ABSENT] = "not enforced: the interface is gone, or is another one of that "
				"name; load again",
	[ENFORCED_NOT_DETACHED] =
		"not enforced: the programs were removed, or are those of another "
		"gate; load again",
	[ENFORCED_NOT_BEHIND] = "not enforced: another program runs before ours",
	[ENFORCED_NOT_INTACT] = "not enforced as it was loaded: somebody has changed the table in "
				"nftables; load again",
	[ENFORCED_NOT_ARMED] =
		"shut by the guard, which knows of nothing that judges there; load again",
	[ENFORCED_NOT_BYPASSED] = "not enforced: packets can go around the gate; unload, and load "
				  "again to see where",
};
_Static_assert(ARRAY_SIZE(enforcement_texts) == ENFORCEMENT_MAX, "a text for each");

const char *gate_enforcement_text(enum gate_enforcement enforcement)
{
	return enforcement_texts[enforcement];
}

static enum gate_enforcement enforcement_of(const struct state *state,
					    const struct gate_interface *interface)
{
	enum gate_enforcement worst = ENFORCED;
	_free_ char *obstacle = NULL;

	if (!registry_is_there(interface))
		return ENFORCED_NOT_ABSENT;
	for (enum direction direction = 0; direction < DIRECTION_MAX; direction++) {
		struct hook hook = registry_hook(state, interface->name, interface->ifindex,
						 direction);
		enum attached attached = hook_attached(&hook);

		if (attached == ATTACHED_NOT)
			return ENFORCED_NOT_DETACHED;
		if (attached == ATTACHED_BEHIND)
			worst = ENFORCED_NOT_BEHIND;
	}
	if (worst == ENFORCED && (topology_check(interface->name, true, &obstacle) || obstacle))
		worst = ENFORCED_NOT_BYPASSED;
	return worst;
}

static enum early early_of(const struct state *state, const struct gate_interface *interface)
{
	struct hook hook = registry_hook(state, interface->name, interface->ifindex,
					 DIRECTION_INGRESS);

	return hook_early(&hook);
}

static enum gate_enforcement with_guard(enum gate_enforcement enforcement,
					const struct gate_status *status,
					const struct gate_interface *interface)
{
	const struct guard_place *place = guard_find(&status->guard.guard, interface->name);

	if (enforcement != ENFORCED || !status->guard.stands)
		return enforcement;
	return place && place->armed == interface->ifindex ? ENFORCED : ENFORCED_NOT_ARMED;
}

/* What the guard must mean by a judged packet. */
static uint32_t mark_of(const struct registry *registry)
{
	for (uint32_t slot = 0; slot < GATE_GUARDED_MAX; slot++)
		if (registry->items[slot].name[0])
			return GATE_MARK_JUDGED_AT(registry->items[slot].mark_bit);
	return 0;
}

static int read_interfaces(const struct state *state, struct gate_status *status)
{
	struct registry registry;
	int error = registry_read(state, &registry);

	status->guard_error = guard_read(mark_of(&registry), &status->guard);
	for (uint32_t slot = 0; slot < GATE_GUARDED_MAX && !error; slot++) {
		if (!registry.items[slot].name[0])
			continue;
		status->interfaces[status->interfaces_count].interface = registry.items[slot];
		status->interfaces[status->interfaces_count].slot = slot;
		status->interfaces[status->interfaces_count].early =
			early_of(state, &registry.items[slot]);
		status->interfaces[status->interfaces_count++].enforcement =
			with_guard(enforcement_of(state, &registry.items[slot]), status,
				   &registry.items[slot]);
	}
	return error;
}

/* The policy goes by names: an interface that comes back is guarded at once. */
static void take_nft(const struct nft_gate *gate, struct gate_status *status)
{
	status->backend = BACKEND_NFT;
	status->generation = gate->generation;
	for (size_t i = 0; i < gate->interfaces_count; i++) {
		struct gate_interface *interface = &status->interfaces[i].interface;
		_free_ char *obstacle = NULL;

		memcpy(interface->name, gate->interfaces[i], sizeof(interface->name));
		interface->ifindex = if_nametoindex(interface->name);
		interface->mark_bit = GATE_MARK_BIT;
		if (!gate->stands)
			status->interfaces[i].enforcement = ENFORCED_NOT_INTACT;
		else if (guard_find(&status->guard.guard, interface->name))
			status->interfaces[i].enforcement = ENFORCED_NOT_ARMED;
		else if (!interface->ifindex)
			status->interfaces[i].enforcement = ENFORCED_NOT_ABSENT;
		else if (topology_check(interface->name, false, &obstacle) || obstacle)
			status->interfaces[i].enforcement = ENFORCED_NOT_BYPASSED;
	}
	status->interfaces_count = gate->interfaces_count;
}

static int status_nft(struct gate_status *ret_status)
{
	struct gate_status status = {};
	struct nft_gate gate;
	int error = nft_gate_read(&gate);

	if (error || !gate.interfaces_count)
		return -ENOENT;
	status.guard_error = guard_read(0, &status.guard);
	take_nft(&gate, &status);
	*ret_status = status;
	return 0;
}

static int status_bpf(const struct state *state, struct gate_status *ret_status)
{
	_close_ int active_map = kernel_map_open(state->pins, "active");
	_close_ int headers = kernel_map_open(state->pins, "generations");
	_close_ int totals = kernel_map_open(state->pins, "totals");
	struct gate_status status = { .backend = BACKEND_BPF };
	struct gate_active active;
	uint32_t zero = 0;
	int error;

	if (active_map >= 0 && hook_may_look())
		return -EPERM;
	if (active_map < 0 || headers < 0 || totals < 0)
		return active_map < 0 ? active_map : headers < 0 ? headers : totals;
	error = kernel_map_get(active_map, &zero, &active);
	if (!error)
		error = kernel_map_get(headers, &active.slot, &status.generation);
	if (!error)
		error = kernel_map_sum(totals, 0, (uint64_t *)&status.totals,
				       sizeof(status.totals) / sizeof(uint64_t));
	if (!error)
		error = read_interfaces(state, &status);
	if (!error)
		*ret_status = status;
	return error;
}

int gate_status(const struct state *state, struct gate_status *ret_status)
{
	int error = status_bpf(state, ret_status);
	struct gate_status nft;

	/* pins of a load that was killed on its way are no policy */
	if (error != -ENOENT && (error || ret_status->generation.number))
		return error;
	if (!status_nft(&nft))
		*ret_status = nft;
	else if (error)
		return error;
	return 0;
}

int gate_status_bpf(const struct state *state, struct gate_status *ret_status)
{
	int error = gate_status(state, ret_status);

	return !error && ret_status->backend != BACKEND_BPF ? -EOPNOTSUPP : error;
}

int gate_status_find(const struct gate_status *status, const char *name)
{
	for (size_t i = 0; i < status->interfaces_count; i++)
		if (!strcmp(status->interfaces[i].interface.name, name))
			return (int)i;
	return -ENODEV;
}

bool gate_status_enforced(const struct gate_status *status)
{
	if (!status->generation.number || !status->interfaces_count ||
	    status->generation.features & GATE_AUDIT ||
	    (status->backend == BACKEND_BPF && !status->guard_error && !status->guard.stands))
		return false;
	for (size_t i = 0; i < status->interfaces_count; i++)
		if (status->interfaces[i].enforcement != ENFORCED)
			return false;
	return true;
}
