// SPDX-License-Identifier: GPL-2.0-or-later
#include "registry.h"

#include <errno.h>
#include <string.h>

#include "kernel.h"
#include "mem.h"

int registry_read(const struct state *state, struct registry *ret_registry)
{
	_close_ int map = kernel_map_open(state->pins, "interfaces");
	int error = map < 0 ? map : 0;

	*ret_registry = (struct registry){};
	for (uint32_t slot = 0; slot < GATE_GUARDED_MAX && !error; slot++)
		error = kernel_map_get(map, &slot, &ret_registry->items[slot]);
	return error == -ENOENT ? 0 : error;
}

uint32_t registry_find(const struct registry *registry, const char *name)
{
	uint32_t slot = 0;

	while (slot < GATE_GUARDED_MAX && strcmp(registry->items[slot].name, name))
		slot++;
	return slot;
}

int registry_write(const struct state *state, uint32_t slot, const struct gate_interface *interface)
{
	_close_ int map = kernel_map_open(state->pins, "interfaces");

	return map < 0 ? map : kernel_map_put(map, &slot, interface);
}

struct hook registry_hook(const struct state *state, const char *name, uint32_t ifindex,
			  enum direction direction)
{
	return (struct hook){ state->pins, name, ifindex, direction };
}

bool registry_is_there(const struct gate_interface *interface)
{
	return interface->ifindex && if_nametoindex(interface->name) == interface->ifindex;
}

/* Its ifindex, if packets meet our programs both ways. */
static uint32_t armed(const struct state *state, const struct gate_interface *interface)
{
	if (!registry_is_there(interface))
		return 0;
	for (enum direction direction = 0; direction < DIRECTION_MAX; direction++) {
		struct hook hook = registry_hook(state, interface->name, interface->ifindex,
						 direction);

		if (hook_attached(&hook) != ATTACHED)
			return 0;
	}
	return interface->ifindex;
}

int registry_guard(const struct state *state, struct guard *guard)
{
	struct registry registry;
	int error = registry_read(state, &registry);

	guard->mark = GATE_MARK_JUDGED;
	for (uint32_t slot = 0; slot < GATE_GUARDED_MAX && !error; slot++) {
		const struct gate_interface *interface = &registry.items[slot];

		if (!interface->name[0])
			continue;
		guard->mark = GATE_MARK_JUDGED_AT(interface->mark_bit);
		error = guard_add(guard, interface->name, armed(state, interface));
	}
	return error;
}
