// SPDX-License-Identifier: GPL-2.0-or-later
#include "counters.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel.h"
#include "mem.h"
#include "nft_gate.h"

#define CHUNKS_MAX (GATE_DEVICE_CHUNKS > GATE_RULE_CHUNKS ? GATE_DEVICE_CHUNKS : GATE_RULE_CHUNKS)

static int open_chunk(const struct state *state, enum kernel_table table, uint32_t chunk,
		      int (*open_map)(const char *pins, const char *name))
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%u", kernel_table_name(table), chunk);
	return open_map(state->pins, name);
}

static int create_chunk(const struct state *state, enum kernel_table table, uint32_t chunk)
{
	_close_ int fd = kernel_table_create(table, GATE_CHUNK);
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
	uint32_t chunks[CHUNKS_MAX];
	int fds[CHUNKS_MAX];
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

int counters_device(const struct counters *counters, uint32_t id,
		    struct gate_device_counters *ret_sum)
{
	if (id < counters->counted.devices_count) {
		*ret_sum = counters->counted.devices[id];
		return 0;
	}
	if (id / GATE_CHUNK >= counters->device_chunks)
		return -ENOENT;
	return kernel_map_sum(counters->devices[id / GATE_CHUNK], id % GATE_CHUNK,
			      (uint64_t *)ret_sum, sizeof(*ret_sum) / sizeof(uint64_t));
}

int counters_rule(const struct counters *counters, uint32_t id, struct gate_rule_counters *ret_sum)
{
	if (id < counters->counted.rules_count) {
		*ret_sum = counters->counted.rules[id];
		return 0;
	}
	if (id / GATE_CHUNK >= counters->rule_chunks)
		return -ENOENT;
	return kernel_map_sum(counters->rules[id / GATE_CHUNK], id % GATE_CHUNK,
			      (uint64_t *)ret_sum, sizeof(*ret_sum) / sizeof(uint64_t));
}

static int read_chunks(const int *chunks, uint32_t count, uint64_t *ret_sums, uint32_t ids,
		       size_t words)
{
	int error = 0;

	for (uint32_t i = 0; i < count && i * GATE_CHUNK < ids && !error; i++) {
		uint32_t left = ids - i * GATE_CHUNK;

		error = kernel_map_sum_all(chunks[i], left < GATE_CHUNK ? left : GATE_CHUNK,
					   ret_sums + i * GATE_CHUNK * words, words);
	}
	return error;
}

int counters_read(const struct counters *counters, struct gate_device_counters *ret_devices,
		  uint32_t devices, struct gate_rule_counters *ret_rules, uint32_t rules)
{
	int error = read_chunks(counters->devices, counters->device_chunks, (uint64_t *)ret_devices,
				devices, sizeof(*ret_devices) / sizeof(uint64_t));

	if (!error)
		error = read_chunks(counters->rules, counters->rule_chunks, (uint64_t *)ret_rules,
				    rules, sizeof(*ret_rules) / sizeof(uint64_t));
	return error;
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
