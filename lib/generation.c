// SPDX-License-Identifier: GPL-2.0-or-later
#include "generation.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "mem.h"

#define GRACE_PERIOD 1000000 /* us, and far more than one takes */

/* The tables of a generation, from TABLE_ADDR4 on. */
#define GENERATION_TABLES (TABLE_SLOTS + 1)

/* Keys and values of one table, packed for the kernel. */
struct rows {
	uint8_t *keys;
	uint8_t *values;
	size_t key_size, value_size;
	uint32_t count;
};

static struct rows rows_new(size_t count, size_t key_size, size_t value_size)
{
	return (struct rows){ mem_alloc(count * key_size), mem_alloc(count * value_size), key_size,
			      value_size, 0 };
}

static void rows_add(struct rows *rows, const void *key, const void *value)
{
	memcpy(rows->keys + rows->count * rows->key_size, key, rows->key_size);
	memcpy(rows->values + rows->count * rows->value_size, value, rows->value_size);
	rows->count++;
}

static void rows_free(struct rows *rows)
{
	free(rows->keys);
	free(rows->values);
}

/* The bits of @speaks are slots of the table; the kernel may have others for its interfaces. */
static uint32_t with_slots(const struct gate_policy *policy, uint32_t speaks)
{
	const uint32_t guarded = (1u << GATE_GUARDED_MAX) - 1;
	uint32_t moved = speaks & ~guarded;

	for (size_t i = 0; i < policy->table->interfaces_count; i++)
		if (speaks & 1u << i)
			moved |= 1u << policy->slots[i];
	return moved;
}

static struct gate_identity in_kernel(const struct gate_policy *policy,
				      const struct gate_identity *identity)
{
	struct gate_identity moved = *identity;

	moved.speaks = with_slots(policy, identity->speaks);
	if (identity->device)
		moved.device = ids_get(policy->ids, IDS_DEVICE,
				       policy->table->devices[identity->device - 1]);
	return moved;
}

static struct rows address_rows(const struct gate_policy *policy, bool ipv4)
{
	const struct table *table = policy->table;
	struct rows rows = rows_new(table->addresses_count, ipv4 ? 4 : 16,
				    sizeof(struct gate_identity));

	for (size_t i = 0; i < table->addresses_count; i++) {
		const struct table_address *item = &table->addresses[i];
		struct gate_identity identity = in_kernel(policy, &item->identity);
		uint8_t bytes[16];

		if (address_is_ipv4(item->prefix.first) != ipv4)
			continue;
		address_bytes(item->prefix.first, bytes);
		rows_add(&rows, bytes, &identity);
	}
	return rows;
}

static struct rows prefix_rows(const struct gate_policy *policy, bool ipv4)
{
	const struct table *table = policy->table;
	struct rows rows = rows_new(table->prefixes_count,
				    ipv4 ? sizeof(struct gate_prefix4) :
					   sizeof(struct gate_prefix6),
				    sizeof(struct gate_identity));

	for (size_t i = 0; i < table->prefixes_count; i++) {
		const struct table_address *item = &table->prefixes[i];
		struct gate_identity identity = in_kernel(policy, &item->identity);
		struct gate_prefix6 key = { .length = item->prefix.bits - (ipv4 ? 96 : 0) };

		if (address_is_ipv4(item->prefix.first) != ipv4)
			continue;
		address_bytes(item->prefix.first, key.addr);
		rows_add(&rows, &key, &identity);
	}
	return rows;
}

/* A deadline in seconds since the epoch, on the clock that the programs have. */
static uint64_t to_boot_clock(int64_t expires)
{
	struct timespec wall, boot;
	int64_t left;

	if (expires == EXPIRES_NEVER)
		return GATE_NEVER;
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	left = expires - wall.tv_sec;
	if (left <= 0)
		return 1; /* long ago */
	if (left > INT64_MAX / 1000000000 - boot.tv_sec)
		return INT64_MAX; /* nobody of us will be there */
	return (uint64_t)(boot.tv_sec + left) * 1000000000u;
}

/* Many ranges are of one rule: what is true of a rule is found out once. */
struct rule_facts {
	uint64_t expires;
	uint32_t id;
};

struct range_facts {
	const struct gate_range *ranges;
	struct rule_facts *rules;
};

static void write_ranges(struct gate_range *ranges, uint32_t first, uint32_t count,
			 const void *context)
{
	const struct range_facts *facts = context;

	for (uint32_t i = 0; i < count; i++) {
		struct gate_range range = facts->ranges[first + i];

		range.expires = facts->rules[range.order].expires;
		range.rule = facts->rules[range.order].id;
		ranges[i] = range;
	}
}

static int fill_ranges(int map, const struct gate_policy *policy)
{
	const struct table *table = policy->table;
	_free_ struct rule_facts *rules = mem_alloc(table->rules_count * sizeof(*rules));
	struct range_facts facts = { table->ranges, rules };

	for (size_t i = 0; i < table->rules_count; i++)
		rules[i] = (struct rule_facts){
			.expires = to_boot_clock(table->rules[i].expires),
			.id = ids_get(policy->ids, IDS_RULE, table->rules[i].label),
		};
	return kernel_ranges_write(map, (uint32_t)table->ranges_count, write_ranges, &facts);
}

static void add_slot(struct rows *rows, const char *interface, uint32_t slot)
{
	uint32_t ifindex = if_nametoindex(interface);

	if (ifindex)
		rows_add(rows, &ifindex, &slot);
}

/* An interface that is not there has no slot: nothing passes from it, until the next load. */
static struct rows slot_rows(const struct gate_policy *policy)
{
	const struct table *table = policy->table;
	struct rows rows = rows_new(table->interfaces_count + table->outside_count,
				    sizeof(uint32_t), sizeof(uint32_t));

	for (uint32_t i = 0; i < table->interfaces_count; i++)
		add_slot(&rows, table->interfaces[i], policy->slots[i]);
	for (uint32_t i = 0; i < table->outside_count; i++)
		add_slot(&rows, table->outside[i], GATE_GUARDED_MAX + i);
	return rows;
}

static struct rows rows_of(const struct gate_policy *policy, enum kernel_table table)
{
	switch (table) {
	case TABLE_ADDR4:
	case TABLE_ADDR6:
		return address_rows(policy, table == TABLE_ADDR4);
	case TABLE_PREFIX4:
	case TABLE_PREFIX6:
		return prefix_rows(policy, table == TABLE_PREFIX4);
	default:
		return slot_rows(policy);
	}
}

static int build_ranges(const struct gate_policy *policy, int *ret_table)
{
	*ret_table = kernel_table_create(TABLE_RANGES, (uint32_t)policy->table->ranges_count);
	return *ret_table < 0 ? *ret_table : fill_ranges(*ret_table, policy);
}

static int build_rows(const struct gate_policy *policy, enum kernel_table table, int *ret_table)
{
	struct rows rows = rows_of(policy, table);
	int error;

	*ret_table = kernel_table_create(table, rows.count);
	error = *ret_table < 0 ? *ret_table :
				 kernel_map_fill(*ret_table, rows.keys, rows.values, rows.count);
	rows_free(&rows);
	return error;
}

/* Pairs that the kernel gets in one call: enough of them, and no second copy of all. */
#define PAIRS_AT_ONCE 4096

/* Some of the pairs of a table, and who brings them. */
struct share {
	const struct table_pair *pairs;
	size_t count;
	int map;
	int error;
	pthread_t thread;
};

static int fill_slice(int map, const struct table_pair *pairs, uint32_t count)
{
	struct gate_pair keys[PAIRS_AT_ONCE];
	struct gate_ports values[PAIRS_AT_ONCE];

	for (uint32_t i = 0; i < count; i++) {
		keys[i] = pairs[i].classes;
		values[i] = pairs[i].ports;
	}
	return kernel_map_fill(map, keys, values, count);
}

static void *fill_share(void *argument)
{
	struct share *share = argument;

	for (size_t i = 0; i < share->count && !share->error; i += PAIRS_AT_ONCE) {
		size_t rest = share->count - i;

		share->error = fill_slice(share->map, share->pairs + i,
					  rest < PAIRS_AT_ONCE ? (uint32_t)rest : PAIRS_AT_ONCE);
	}
	return NULL;
}

/* The kernel takes 400 ns for an element, so that with many of them a second thread pays. */
static int fill_pairs(int map, const struct table *table)
{
	size_t half = table->pairs_count > 4 * PAIRS_AT_ONCE ? table->pairs_count / 2 : 0;
	struct share first = { .pairs = table->pairs, .count = half, .map = map };
	struct share second = { .pairs = table->pairs + half,
				.count = table->pairs_count - half,
				.map = map };
	bool alone = !half || pthread_create(&first.thread, NULL, fill_share, &first);

	if (alone)
		fill_share(&first);
	fill_share(&second);
	if (!alone)
		pthread_join(first.thread, NULL);
	return first.error ? first.error : second.error;
}

static int build_pairs(const struct table *table, int *ret_table)
{
	*ret_table = kernel_table_create(TABLE_PAIRS, (uint32_t)table->pairs_count);
	return *ret_table < 0 ? *ret_table : fill_pairs(*ret_table, table);
}

/* A new table, and where it belongs. Both descriptors are in @put, or -1, whatever happens. */
static int build_table(const struct state *state, const struct gate_policy *policy,
		       enum kernel_table table, struct kernel_put *put)
{
	put->map = kernel_map_open(state->pins, kernel_table_name(table));
	if (put->map < 0)
		return put->map;
	if (table == TABLE_PAIRS)
		return build_pairs(policy->table, &put->value);
	if (table == TABLE_RANGES)
		return build_ranges(policy, &put->value);
	return build_rows(policy, table, &put->value);
}

/* All but the pairs, which take as long as these together: who builds them, and how it went. */
struct others {
	const struct state *state;
	const struct gate_policy *policy;
	struct kernel_put *puts;
	int error;
	pthread_t thread;
};

static void *build_others(void *argument)
{
	struct others *others = argument;

	for (enum kernel_table i = 0; i < GENERATION_TABLES && !others->error; i++)
		if (i != TABLE_PAIRS)
			others->error = build_table(others->state, others->policy, i,
						    &others->puts[i]);
	return NULL;
}

static int build_beside(const struct state *state, const struct gate_policy *policy,
			struct kernel_put *puts)
{
	struct others others = { .state = state, .policy = policy, .puts = puts };
	bool alone = pthread_create(&others.thread, NULL, build_others, &others);
	int error;

	if (alone)
		build_others(&others);
	error = build_table(state, policy, TABLE_PAIRS, &puts[TABLE_PAIRS]);
	if (!alone)
		pthread_join(others.thread, NULL);
	return others.error ? others.error : error;
}

static int build_tables(const struct state *state, const struct gate_policy *policy, uint32_t slot)
{
	struct kernel_put puts[GENERATION_TABLES];
	int error;

	for (size_t i = 0; i < GENERATION_TABLES; i++)
		puts[i] = (struct kernel_put){ .map = -1, .key = slot, .value = -1 };
	error = build_beside(state, policy, puts);
	if (!error)
		error = kernel_map_put_all(puts, GENERATION_TABLES);
	for (size_t i = 0; i < GENERATION_TABLES; i++) {
		mem_closep(&puts[i].map);
		mem_closep(&puts[i].value);
	}
	return error;
}

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
				in_kernel(policy, &table->settings.nat_as[i][version]);
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
	error = build_tables(state, policy, slot);
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
