// SPDX-License-Identifier: GPL-2.0-or-later
#include "generation_tables.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hash.h"
#include "kernel.h"
#include "lines.h"
#include "mem.h"

/* The tables of a generation, from TABLE_HOSTS4 on. */
#define GENERATION_TABLES (TABLE_SLOTS + 1)

/* Many ranges are of one rule: what is true of a rule is found out once. */
struct rule_facts {
	uint64_t expires; /* as in struct gate_range */
	uint32_t id;
};

struct builder {
	const struct gate_policy *policy;
	const struct table *table;
	struct rule_facts *rules;
	const struct gate_keys *keys;
	uint32_t *ret_lines;
};

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

struct gate_identity generation_identity(const struct gate_policy *policy,
					 const struct gate_identity *identity)
{
	struct gate_identity moved = *identity;

	moved.speaks = with_slots(policy, identity->speaks);
	if (identity->device)
		moved.device = ids_get(policy->ids, IDS_DEVICE,
				       policy->table->devices[identity->device - 1]);
	return moved;
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

static struct rule_facts *find_facts(const struct gate_policy *policy)
{
	const struct table *table = policy->table;
	struct rule_facts *rules = mem_alloc(table->rules_count * sizeof(*rules));

	for (size_t i = 0; i < table->rules_count; i++)
		rules[i] = (struct rule_facts){
			.expires = to_boot_clock(table->rules[i].expires),
			.id = ids_get(policy->ids, IDS_RULE, table->rules[i].label),
		};
	return rules;
}

/* ---------------------------------------------------------------- arrays */

static struct gate_range range_at(const struct builder *builder, uint32_t number)
{
	const struct table_range *range = &builder->table->ranges[number];

	return (struct gate_range){
		.low = range->low,
		.high = range->high,
		.order = range->order,
		.rule = builder->rules[range->order].id,
		.expires = builder->rules[range->order].expires,
	};
}

static void write_ranges(void *elements, uint32_t first, uint32_t count, const void *context)
{
	struct gate_range *ranges = elements;

	for (uint32_t i = 0; i < count; i++)
		ranges[i] = range_at(context, first + i);
}

static int build_ranges(const struct builder *builder, int *ret_table)
{
	uint32_t count = (uint32_t)builder->table->ranges_count;

	*ret_table = kernel_table_create(TABLE_RANGES, count);
	return *ret_table < 0 ?
		       *ret_table :
		       kernel_table_write(TABLE_RANGES, *ret_table, count, write_ranges, builder);
}

struct entries;

typedef void write_entry(void *entry, const struct entries *entries, uint32_t number);

/* Entries of a table of lines, before and after it is known where they go. */
struct entries {
	const struct builder *builder;
	size_t size;	    /* of one of them */
	write_entry *write; /* fills in the one of that number */
	uint64_t *hashes;
	uint32_t *numbers; /* hosts: which of table->addresses */
	uint32_t count;
	struct lines lines;
};

static void write_lines(void *elements, uint32_t first, uint32_t count, const void *context)
{
	const struct entries *entries = context;
	const uint32_t *begin = &entries->lines.first[first];
	uint8_t *line = elements;

	for (uint32_t i = 0; i < count; i++, line += GATE_LINE)
		for (uint32_t place = begin[i]; place < begin[i + 1]; place++)
			entries->write(line + (place - begin[i]) * entries->size, entries,
				       entries->lines.entries[place]);
}

static int build_lines(enum kernel_table table, enum gate_lines which, struct entries *entries,
		       int *ret_table)
{
	int error = lines_place(entries->hashes, entries->count,
				(uint32_t)(GATE_LINE / entries->size), &entries->lines);

	if (error)
		return error;
	entries->builder->ret_lines[which] = entries->lines.named;
	*ret_table = kernel_table_create(table, entries->lines.count);
	error = *ret_table < 0 ? *ret_table :
				 kernel_table_write(table, *ret_table, entries->lines.count,
						    write_lines, entries);
	lines_free(&entries->lines);
	return error;
}

static const struct table_address *host_at(const struct entries *entries, uint32_t number)
{
	return &entries->builder->table->addresses[entries->numbers[number]];
}

static struct gate_address address_of(const struct table_address *item)
{
	struct gate_address addr = {};

	address_bytes(item->prefix.first, (uint8_t *)&addr);
	return addr;
}

/* By bytes: the programs have it so, whichever end comes first. */
static __be32 address4_of(const struct table_address *item)
{
	const struct gate_address addr = address_of(item);
	__be32 first;

	memcpy(&first, &addr, sizeof(first));
	return first;
}

static void write_host4(void *entry, const struct entries *entries, uint32_t number)
{
	const struct table_address *item = host_at(entries, number);
	struct gate_host4 *host = entry;

	host->addr = address4_of(item);
	host->identity = generation_identity(entries->builder->policy, &item->identity);
}

static void write_host6(void *entry, const struct entries *entries, uint32_t number)
{
	const struct table_address *item = host_at(entries, number);
	struct gate_host6 *host = entry;

	host->addr = address_of(item);
	host->identity = generation_identity(entries->builder->policy, &item->identity);
}

static uint64_t hash_host(const struct table_address *item, const struct gate_keys *keys)
{
	const struct gate_address addr = address_of(item);

	return address_is_ipv4(item->prefix.first) ? hash_host4(address4_of(item), keys) :
						     hash_host6(&addr, keys);
}

static int build_hosts(const struct builder *builder, bool ipv4, int *ret_table)
{
	const struct table *table = builder->table;
	_free_ uint64_t *hashes = mem_alloc_raw(table->addresses_count * sizeof(*hashes));
	_free_ uint32_t *numbers = mem_alloc_raw(table->addresses_count * sizeof(*numbers));
	struct entries entries = { .builder = builder,
				   .size = ipv4 ? sizeof(struct gate_host4) :
						  sizeof(struct gate_host6),
				   .write = ipv4 ? write_host4 : write_host6,
				   .hashes = hashes,
				   .numbers = numbers };

	for (uint32_t i = 0; i < table->addresses_count; i++) {
		if (address_is_ipv4(table->addresses[i].prefix.first) != ipv4)
			continue;
		hashes[entries.count] = hash_host(&table->addresses[i], builder->keys);
		numbers[entries.count++] = i;
	}
	return build_lines(ipv4 ? TABLE_HOSTS4 : TABLE_HOSTS6, ipv4 ? LINES_HOSTS4 : LINES_HOSTS6,
			   &entries, ret_table);
}

static struct gate_opening opening_of(const struct builder *builder, const struct table_pair *pair)
{
	struct gate_opening opening = { .classes = pair->classes, .ports = pair->ports, .low = 1 };
	struct gate_range range;

	if (pair->ports.count != 1)
		return opening;
	range = range_at(builder, pair->ports.first);
	if (range.expires != GATE_NEVER)
		return opening;
	opening.low = range.low;
	opening.high = range.high;
	opening.order = range.order;
	opening.rule = range.rule;
	return opening;
}

static void write_opening(void *entry, const struct entries *entries, uint32_t number)
{
	const struct builder *builder = entries->builder;

	*(struct gate_opening *)entry = opening_of(builder, &builder->table->pairs[number]);
}

static int build_pairs(const struct builder *builder, int *ret_table)
{
	const struct table *table = builder->table;
	_free_ uint64_t *hashes = mem_alloc_raw(table->pairs_count * sizeof(*hashes));
	struct entries entries = { .builder = builder,
				   .size = sizeof(struct gate_opening),
				   .write = write_opening,
				   .hashes = hashes,
				   .count = (uint32_t)table->pairs_count };

	for (size_t i = 0; i < table->pairs_count; i++)
		hashes[i] = hash_pair(&table->pairs[i].classes, builder->keys);
	return build_lines(TABLE_PAIRS, LINES_PAIRS, &entries, ret_table);
}

/* ---------------------------------------------------------------- the others */

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

static struct rows prefix_rows(const struct gate_policy *policy, bool ipv4)
{
	const struct table *table = policy->table;
	struct rows rows = rows_new(table->prefixes_count,
				    ipv4 ? sizeof(struct gate_prefix4) :
					   sizeof(struct gate_prefix6),
				    sizeof(struct gate_identity));

	for (size_t i = 0; i < table->prefixes_count; i++) {
		const struct table_address *item = &table->prefixes[i];
		struct gate_identity identity = generation_identity(policy, &item->identity);
		struct gate_prefix6 key = { .length = item->prefix.bits - (ipv4 ? 96 : 0) };

		if (address_is_ipv4(item->prefix.first) != ipv4)
			continue;
		address_bytes(item->prefix.first, key.addr);
		rows_add(&rows, &key, &identity);
	}
	return rows;
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

static int build_rows(struct rows rows, enum kernel_table table, int *ret_table)
{
	int error;

	*ret_table = kernel_table_create(table, rows.count);
	error = *ret_table < 0 ? *ret_table :
				 kernel_map_fill(*ret_table, rows.keys, rows.values, rows.count);
	rows_free(&rows);
	return error;
}

static int build(const struct builder *builder, enum kernel_table table, int *ret_table)
{
	switch (table) {
	case TABLE_HOSTS4:
	case TABLE_HOSTS6:
		return build_hosts(builder, table == TABLE_HOSTS4, ret_table);
	case TABLE_PAIRS:
		return build_pairs(builder, ret_table);
	case TABLE_RANGES:
		return build_ranges(builder, ret_table);
	case TABLE_PREFIX4:
	case TABLE_PREFIX6:
		return build_rows(prefix_rows(builder->policy, table == TABLE_PREFIX4), table,
				  ret_table);
	default:
		return build_rows(slot_rows(builder->policy), table, ret_table);
	}
}

/* A new table, and where it belongs. Both descriptors are in @put, or -1, whatever happens. */
static int build_put(const struct state *state, const struct builder *builder,
		     enum kernel_table table, struct kernel_put *put)
{
	put->map = kernel_map_open(state->pins, kernel_table_name(table));
	return put->map < 0 ? put->map : build(builder, table, &put->value);
}

int generation_tables(const struct state *state, const struct gate_policy *policy, uint32_t slot,
		      const struct gate_keys *keys, uint32_t ret_lines[LINES_MAX])
{
	_free_ struct rule_facts *rules = find_facts(policy);
	const struct builder builder = { policy, policy->table, rules, keys, ret_lines };
	struct kernel_put puts[GENERATION_TABLES];
	int error = 0;

	for (size_t i = 0; i < GENERATION_TABLES; i++)
		puts[i] = (struct kernel_put){ .map = -1, .key = slot, .value = -1 };
	for (enum kernel_table i = 0; i < GENERATION_TABLES && !error; i++)
		error = build_put(state, &builder, i, &puts[i]);
	if (!error)
		error = kernel_map_put_all(puts, GENERATION_TABLES);
	for (size_t i = 0; i < GENERATION_TABLES; i++) {
		mem_closep(&puts[i].map);
		mem_closep(&puts[i].value);
	}
	return error;
}
