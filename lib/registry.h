/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which interfaces are guarded: the pinned map `interfaces`, by slot. An interface keeps its slot for
 * as long as it is guarded: its programs, and flows, know it by that.
 */
#ifndef ACLGATE_REGISTRY_H
#define ACLGATE_REGISTRY_H

#include "guard.h"
#include "hook.h"
#include "state.h"

/* An empty name: nothing is registered there. Where there are no pins, nothing is anywhere. */
struct registry {
	struct gate_interface items[GATE_GUARDED_MAX];
};

/* Returns 0 or a negative errno. */
int registry_read(const struct state *state, struct registry *ret_registry);

/* GATE_GUARDED_MAX: not registered. The name "" finds a free slot. */
uint32_t registry_find(const struct registry *registry, const char *name);

int registry_write(const struct state *state, uint32_t slot,
		   const struct gate_interface *interface);

/* The interface is there, and the one that was guarded, not another one of that name. */
bool registry_is_there(const struct gate_interface *interface);

struct hook registry_hook(const struct state *state, const char *name, uint32_t ifindex,
			  enum direction direction);

/*
 * The guard has what is registered as well, and the mark that is set there; armed is what the kernel shows our programs on, both
 * ways and in front of all others. Nothing is disarmed. Returns 0, or a negative errno.
 */
int registry_guard(const struct state *state, struct guard *guard);

#endif
