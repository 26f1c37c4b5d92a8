// SPDX-License-Identifier: GPL-2.0-or-later
#include "generation.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "generation_tables.h"
#include "kernel.h"
#include "mem.h"

#define GRACE_PERIOD 1000000 /* us, and far more than one takes */
#define ATTEMPTS     8	     /* with other keys; the first does but for bad luck */

static struct gate_settings settings_of(const struct gate_policy *policy)
{
	const struct table *table = policy->table;
	struct gate_settings settings = table->settings;

	settings.dhcp = 0;
	memset(settings.nat_as, 0, sizeof(settings.nat_as));
	for (size_t i = 0; i < table->interfaces_count; i++) {
		uint32_t slot = policy->slots[i];

		if (table->settings.dhcp & 1u << i)
			settings.dhcp |= 1u << slot;
		for (int version = 0; version < 2; version++)
			settings.nat_as[slot][version] =
				generation_identity(policy, &table->settings.nat_as[i][version]);
	}
	return settings;
}

/*
 * A number that no slot has: flows that a load seeded before it was killed bear its number, and must
 * not pass for ours. 0 is no policy.
 */
static int next_number(int headers, uint32_t live, uint32_t *ret_number)
{
	uint32_t number = live + 1;

	for (uint32_t slot = 1; slot < GATE_SLOTS; slot++) {
		struct gate_generation header;
		int error = kernel_map_get(headers, &slot, &header);

		if (error)
			return error;
		if (header.number && (int32_t)(header.number - number) >= 0)
			number = header.number + 1;
	}
	*ret_number = number ? number : 1;
	return 0;
}

static int live_generation(const struct state *state, struct gate_active *active,
			   struct gate_generation *header)
{
	_close_ int active_map = kernel_map_open(state->pins, "active");
	_close_ int headers = kernel_map_open(state->pins, "generations");
	uint32_t zero = 0;
	int error;

	if (active_map < 0 || headers < 0)
		return active_map < 0 ? active_map : headers;
	error = kernel_map_get(active_map, &zero, active);
	return error ? error : kernel_map_get(headers, &active->slot, header);
}

static uint32_t ifindex_of(const char *interface)
{
	uint32_t ifindex = if_nametoindex(interface);

	return ifindex ? ifindex : GATE_NOWHERE;
}

static void set_ifindexes(const struct gate_policy *policy, uint32_t *ret_ifindexes)
{
	const struct table *table = policy->table;

	for (size_t i = 0; i < GATE_PLACES; i++)
		ret_ifindexes[i] = GATE_NOWHERE;
	for (size_t i = 0; i < table->interfaces_count; i++)
		ret_ifindexes[policy->slots[i]] = ifindex_of(table->interfaces[i]);
	for (size_t i = 0; i < table->outside_count; i++)
		ret_ifindexes[GATE_GUARDED_MAX + i] = ifindex_of(table->outside[i]);
	ret_ifindexes[GATE_FROM_SELF] = 0;
}

int generation_number(const struct table *table, struct ids *ids, struct diag *diag)
{
	for (size_t i = 0; i < table->devices_count; i++) {
		if (!ids_get(ids, IDS_DEVICE, table->devices[i])) {
			diag_error(diag, PLACE_NONE,
				   "there are counters for %d devices, and this "
				   "policy and those before it name more",
				   GATE_DEVICES_MAX - 1);
			return -E2BIG;
		}
	}
	for (size_t i = 0; i < table->rules_count; i++) {
		if (!ids_get(ids, IDS_RULE, table->rules[i].label)) {
			diag_error(diag, PLACE_NONE,
				   "there are counters for %d rules, and this "
				   "policy has %zu",
				   GATE_RULES_MAX - 1, table->rules_count);
			return -E2BIG;
		}
	}
	return 0;
}

/* Whoever chose the addresses did not choose the keys. */
static int build_tables(const struct state *state, const struct gate_policy *policy, uint32_t slot,
			struct gate_generation *header)
{
	int error = -ENOSPC;

	for (int i = 0; i < ATTEMPTS && error == -ENOSPC; i++) {
		if (getrandom(&header->keys, sizeof(header->keys), 0) != sizeof(header->keys))
			return -errno;
		error = generation_tables(state, policy, slot, &header->keys, header->lines);
	}
	return error;
}

int generation_build(const struct state *state, const struct gate_policy *policy,
		     struct generation *ret_generation)
{
	_close_ int headers = kernel_map_open(state->pins, "generations");
	struct gate_generation live = {}, header = { .features = policy->table->features,
						     .loaded = policy->loaded,
						     .settings = settings_of(policy) };
	struct gate_active active = {};
	uint32_t slot;
	int error = headers < 0 ? headers : live_generation(state, &active, &live);

	if (error)
		return error;
	slot = active.slot % (GATE_SLOTS - 1) + 1;
	error = build_tables(state, policy, slot, &header);
	if (error)
		return error;
	error = next_number(headers, live.number ? live.number : policy->after, &header.number);
	if (error)
		return error;
	memcpy(header.sha256, policy->sha256, sizeof(header.sha256));
	set_ifindexes(policy, header.ifindexes);
	error = kernel_map_put(headers, &slot, &header);
	if (!error)
		*ret_generation = (struct generation){ slot, header.number };
	return error;
}

/*
 * One store, and the policy is another. Then one outer element is written again, for only that
 * waits until no CPU runs a program that read the old slot.
 */
int generation_publish(const struct state *state, const struct generation *generation)
{
	_close_ int map = kernel_map_open(state->pins, "active");
	_close_ int outer = kernel_map_open(state->pins, kernel_table_name(TABLE_PAIRS));
	_close_ int empty = kernel_table_create(TABLE_PAIRS, 1);
	struct gate_active active;
	uint32_t zero = 0;
	int error;

	if (map < 0 || outer < 0 || empty < 0)
		return map < 0 ? map : outer < 0 ? outer : empty;
	error = kernel_map_get(map, &zero, &active);
	if (error)
		return error;
	active.slot = generation->slot;
	error = kernel_map_put(map, &zero, &active);
	if (error)
		return error;
	/* slot 0 is nobody's; where even that fails, time does what the kernel would have waited for */
	if (kernel_map_put(outer, &zero, &empty))
		usleep(GRACE_PERIOD);
	return 0;
}
