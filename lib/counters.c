// SPDX-License-Identifier: GPL-2.0-or-later
#include "counters.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "mem.h"
#include "nft_gate.h"

uint32_t counters_blocks(enum kernel_table table)
{
	return GATE_CHUNK / (table == TABLE_DEVICES ? GATE_DEVICES_A_BLOCK : GATE_RULES_A_BLOCK);
}

static int open_chunk(const struct state *state, enum kernel_table table, uint32_t chunk,
		      int (*open_map)(const char *pins, const char *name))
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%u", kernel_table_name(table), chunk);
	return open_map(state->pins, name);
}

static int create_chunk(const struct state *state, enum kernel_table table, uint32_t chunk)
{
	_close_ int fd = kernel_table_create(table, counters_blocks(table));
	char name[32];
	int error;

	if (fd < 0)
		return fd;
	snprintf(name, sizeof(name), "%s_%u", kernel_table_name(table), chunk);
	error = kernel_map_pin(fd, state->pins, name);
	return error ? error : TAKE_FD(fd);
}

/* Chunks that are pinned, but not where programs find them. */
struct missing {
	uint32_t chunks[GATE_CHUNKS_MAX];
	int fds[GATE_CHUNKS_MAX];
	uint32_t count;
};

static int provide_chunk(const struct state *state, enum kernel_table table, int outer,
			 uint32_t chunk, struct missing *missing)
{
	uint32_t id;
	int fd = open_chunk(state, table, chunk, kernel_map_open);

	if (fd == -ENOENT)
		fd = create_chunk(state, table, chunk);
	if (fd < 0)
		return fd;
	if (!kernel_map_get(outer, &chunk, &id)) {
		close(fd);
		return 0;
	}
	missing->chunks[missing->count] = chunk;
	missing->fds[missing->count++] = fd;
	return 0;
}

/*
 * Pinned first, then put where programs find it: a load that was killed in between is made good. In
 * one batch, for the kernel waits for a grace period after each update of such a map.
 */
static int provide(const struct state *state, enum kernel_table table, uint32_t id)
{
	_close_ int outer = kernel_map_open(state->pins, kernel_table_name(table));
	struct missing missing = { .count = 0 };
	int error = outer < 0 ? outer : 0;

	for (uint32_t chunk = 0; chunk <= id / GATE_CHUNK && !error; chunk++)
		error = provide_chunk(state, table, outer, chunk, &missing);
	if (!error)
		error = kernel_map_fill(outer, missing.chunks, missing.fds, missing.count);
	while (missing.count)
		close(missing.fds[--missing.count]);
	return error;
}

int counters_provide(const struct state *state, uint32_t device, uint32_t rule)
{
	int error = provide(state, TABLE_DEVICES, device);

	return error ? error : provide(state, TABLE_RULES, rule);
}

/* Returns how many there are, or why there is none. */
static int open_chunks(const struct state *state, enum kernel_table table, uint32_t limit,
		       int *ret_chunks)
{
	uint32_t count = 0;

	for (; count < limit; count++) {
		int fd = open_chunk(state, table, count, kernel_map_open_read);

		if (fd == -ENOENT && count)
			break;
		if (fd < 0) {
			while (count)
				close(ret_chunks[--count]);
			return fd;
		}
		ret_chunks[count] = fd;
	}
	return (int)count;
}

/* Where there are no maps, nftables may enforce. */
static int open_counted(const struct state *state, struct counters *counters)
{
	struct nft_gate gate;
	int error = nft_gate_read(&gate);

	if (error || !gate.interfaces_count)
		return error ? error : -ENOENT;
	return nft_gate_count(state, &counters->counted);
}

int counters_open(const struct state *state, struct counters *ret_counters)
{
	int devices = open_chunks(state, TABLE_DEVICES, GATE_DEVICE_CHUNKS, ret_counters->devices);
	int rules;

	ret_counters->device_chunks = 0;
	ret_counters->rule_chunks = 0;
	ret_counters->counted = (struct counted){};
	if (devices < 0)
		return devices == -ENOENT ? open_counted(state, ret_counters) : devices;
	ret_counters->device_chunks = (uint32_t)devices;
	rules = open_chunks(state, TABLE_RULES, GATE_RULE_CHUNKS, ret_counters->rules);
	if (rules < 0) {
		counters_close(ret_counters);
		return rules;
	}
	ret_counters->rule_chunks = (uint32_t)rules;
	return 0;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* There are maps or what was counted, and none of the other. */
uint32_t counters_ids(const struct counters *counters, enum kernel_table table)
{
	if (table == TABLE_DEVICES)
		return counters->device_chunks * GATE_CHUNK +
		       (uint32_t)counters->counted.devices_count;
	return counters->rule_chunks * GATE_CHUNK + (uint32_t)counters->counted.rules_count;
}

/* The counters of one kind, whatever they count. */
struct kind {
	const int *chunks;
	uint32_t ids_a_block;
	const void *counted; /* NULL: they are maps */
	uint32_t ids;	     /* that have some */
	size_t size;	     /* of an id's */
};

static int read_blocks(const struct kind *kind, uint8_t *ret_sums, uint32_t ids)
{
	const size_t size = kind->ids_a_block * kind->size;
	_free_ uint64_t *block = mem_alloc_raw(size);
	int error = 0;

	for (uint32_t id = 0; id < ids && !error; id += kind->ids_a_block) {
		error = kernel_map_sum(kind->chunks[id / GATE_CHUNK],
				       id % GATE_CHUNK / kind->ids_a_block, block,
				       size / sizeof(*block));
		if (!error)
			memcpy(ret_sums + id * kind->size, block,
			       lesser(ids - id, kind->ids_a_block) * kind->size);
	}
	return error;
}

static int read_kind(const struct kind *kind, void *ret_sums, uint32_t ids)
{
	ids = lesser(ids, kind->ids);
	if (!kind->counted)
		return read_blocks(kind, ret_sums, ids);
	memcpy(ret_sums, kind->counted, ids * kind->size);
	return 0;
}

int counters_devices(const struct counters *counters, struct gate_device_counters *ret_sums,
		     uint32_t ids)
{
	const struct kind kind = { counters->devices, GATE_DEVICES_A_BLOCK,
				   counters->counted.devices, counters_ids(counters, TABLE_DEVICES),
				   sizeof(*ret_sums) };

	return read_kind(&kind, ret_sums, ids);
}

int counters_rules(const struct counters *counters, struct gate_rule_counters *ret_sums,
		   uint32_t ids)
{
	const struct kind kind = { counters->rules, GATE_RULES_A_BLOCK, counters->counted.rules,
				   counters_ids(counters, TABLE_RULES), sizeof(*ret_sums) };

	return read_kind(&kind, ret_sums, ids);
}

void counters_close(struct counters *counters)
{
	free(TAKE_PTR(counters->counted.devices));
	free(TAKE_PTR(counters->counted.rules));
	while (counters->device_chunks)
		close(counters->devices[--counters->device_chunks]);
	while (counters->rule_chunks)
		close(counters->rules[--counters->rule_chunks]);
}

int counters_of_devices(const struct state *state, const struct ids *ids,
			struct gate_device_counters **ret_sums, uint32_t *ret_count)
{
	struct counters counters;
	int error = counters_open(state, &counters);

	if (error)
		return error;
	*ret_count = ids_last(ids, IDS_DEVICE) + 1;
	*ret_sums = mem_alloc(*ret_count * sizeof(**ret_sums));
	error = counters_devices(&counters, *ret_sums, *ret_count);
	counters_close(&counters);
	return error;
}
