// SPDX-License-Identifier: GPL-2.0-or-later
#include "need.h"

#include <errno.h>
#include <string.h>

/* What only a load can mend, in words for the log. */
static const char *const faults[ENFORCEMENT_MAX] = {
	[ENFORCED_NOT_ABSENT] = "the interface is another one of that name",
	[ENFORCED_NOT_DETACHED] = "the programs were removed",
	[ENFORCED_NOT_BEHIND] = "somebody's program ran before ours",
	[ENFORCED_NOT_INTACT] = "somebody changed the table in nftables",
};

/* An interface that is gone lacks nothing until it is back. */
static void need_load(const struct gate_status *status, struct need *need)
{
	for (size_t i = 0; i < status->interfaces_count; i++) {
		const char *name = status->interfaces[i].interface.name;
		enum gate_enforcement enforcement = status->interfaces[i].enforcement;

		if (!faults[enforcement] ||
		    (enforcement == ENFORCED_NOT_ABSENT && !if_nametoindex(name)))
			continue;
		need->load = true;
		need->table |= enforcement == ENFORCED_NOT_INTACT;
		if (need->why)
			continue;
		strncpy(need->interface, name, IFNAMSIZ - 1);
		need->why = faults[enforcement];
	}
}

static bool judged_by_nft(const struct sight *sight, const char *name)
{
	const struct gate_status *status = &sight->status;
	int found;

	if (sight->error || status->backend != BACKEND_NFT)
		return false;
	found = gate_status_find(status, name);
	return found >= 0 && status->interfaces[found].enforcement != ENFORCED_NOT_INTACT;
}

/* An interface that is armed although programs are missing is open on the way out. */
static bool armed_wrongly(const struct sight *sight, const struct guard_place *place)
{
	const struct gate_status *status = &sight->status;

	if (!place->armed)
		return false;
	for (size_t i = 0; !sight->error && i < status->interfaces_count; i++) {
		const struct gate_interface *interface = &status->interfaces[i].interface;
		enum gate_enforcement enforcement = status->interfaces[i].enforcement;

		if (strcmp(interface->name, place->name))
			continue;
		return place->armed != interface->ifindex ||
		       (enforcement != ENFORCED && enforcement != ENFORCED_NOT_BYPASSED);
	}
	return true;
}

static void need_guard(const struct wanted *wanted, const struct sight *sight, struct need *need)
{
	const struct guard_status *guard = &sight->guard;

	for (size_t i = 0; i < wanted->guarded_count; i++) {
		const char *name = wanted->guarded[i];

		if (judged_by_nft(sight, name))
			continue;
		if (!guard->stands || !guard_find(&guard->guard, name))
			need->guard = true;
	}
	if (guard->strays)
		need->guard = true;
	for (size_t i = 0; i < guard->guard.count; i++)
		if (armed_wrongly(sight, &guard->guard.places[i]))
			need->guard = true;
	for (size_t i = 0; !sight->error && i < sight->status.interfaces_count; i++)
		if (sight->status.interfaces[i].enforcement == ENFORCED_NOT_ARMED)
			need->guard = true;
}

static bool runs(const struct sight *sight)
{
	return !sight->error && sight->status.generation.number;
}

struct need need_of(const struct wanted *wanted, const struct sight *sight)
{
	struct need need = {};

	if (wanted->opened || !wanted->guarded_count)
		return need;
	need_guard(wanted, sight, &need);
	if (!sight->stored)
		return need;
	if (runs(sight) && sight->status.interfaces_count) {
		need_load(&sight->status, &need);
	} else {
		need.load = true;
		need.table = wanted->backend == BACKEND_NFT;
	}
	return need;
}
