// SPDX-License-Identifier: GPL-2.0-or-later
/* What the gate remembers of packets: flows, fragments, and in whose quota they are. */
#include "bench.h"

#include <bpf/bpf.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "mem.h"

#define SHARDS	   (3 * GATE_FLOW_SHARDS)
#define DEVICES	   128
#define SECOND	   UINT64_C(1000000000)
#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)

static const struct {
	enum kernel_table table;
	size_t key, value;
} kinds[] = {
	{ TABLE_FLOWS4, sizeof(struct gate_flow4_key), sizeof(struct gate_flow) },
	{ TABLE_FLOWS6, sizeof(struct gate_flow6_key), sizeof(struct gate_flow) },
	{ TABLE_FRAGMENTS, sizeof(struct gate_fragment_key), sizeof(struct gate_fragment) },
};
_Static_assert(ARRAY_SIZE(kinds) * GATE_FLOW_SHARDS == SHARDS, "the shards of every kind");

static struct {
	int shards[SHARDS];
	int devices; /* device_states */
	bool open;
} memory;

/* For what happens with every packet: an assertion of check writes to its parent each time. */
static void require(bool holds, const char *what)
{
	if (!holds)
		ck_abort_msg("%s: %s", what, strerror(errno));
}

static bool is_fragment(int shard)
{
	return kinds[shard / GATE_FLOW_SHARDS].table == TABLE_FRAGMENTS;
}

void bench_memory_open(const char *pins)
{
	if (memory.open)
		return;
	for (uint32_t i = 0; i < SHARDS; i++) {
		memory.shards[i] = kernel_table_open(pins, kinds[i / GATE_FLOW_SHARDS].table,
						     i % GATE_FLOW_SHARDS);
		ck_assert_int_ge(memory.shards[i], 0);
	}
	memory.devices = kernel_map_open(pins, "device_states");
	ck_assert_int_ge(memory.devices, 0);
	memory.open = true;
}

void bench_memory_close(void)
{
	if (!memory.open)
		return;
	for (size_t i = 0; i < SHARDS; i++)
		close(memory.shards[i]);
	close(memory.devices);
	memory.open = false;
}

typedef void visit_t(int shard, const void *key, void *context);

/* Calls @visit for every element, which it may delete. Returns how many there were. */
static size_t each_of(int first, int end, visit_t *visit, void *context)
{
	size_t count = 0;

	for (int i = first; memory.open && i < end; i++) {
		uint8_t keys[2][sizeof(((struct saved_element *)0)->key)];
		int more = bpf_map_get_next_key(memory.shards[i], NULL, keys[0]);

		for (; !more; count++) {
			more = bpf_map_get_next_key(memory.shards[i], keys[0], keys[1]);
			if (visit)
				visit(i, keys[0], context);
			memcpy(keys[0], keys[1], sizeof(keys[0]));
		}
	}
	return count;
}

static void each(visit_t *visit, void *context)
{
	each_of(0, SHARDS, visit, context);
}

size_t bench_flows(void)
{
	return each_of(0, 2 * GATE_FLOW_SHARDS, NULL, NULL);
}

size_t bench_fragments(void)
{
	return each_of(2 * GATE_FLOW_SHARDS, SHARDS, NULL, NULL);
}

static void erase(int shard, const void *key, void *context)
{
	(void)context;
	bpf_map_delete_elem(memory.shards[shard], key);
}

static struct gate_device_state state_get_of(uint32_t device)
{
	struct gate_device_state state;

	require(!bpf_map_lookup_elem(memory.devices, &device, &state), "the state of a device");
	return state;
}

static void state_put(uint32_t device, const struct gate_device_state *state)
{
	require(!bpf_map_update_elem(memory.devices, &device, state, BPF_EXIST),
		"the state of a device");
}

void bench_flows_clear(void)
{
	static const struct gate_device_state none;

	each(erase, NULL);
	for (uint32_t device = 0; memory.open && device < DEVICES; device++)
		state_put(device, &none);
}

static void save(int shard, const void *key, void *context)
{
	struct saved_flows *saved = context;
	struct saved_element *item = &saved->items[saved->count++];

	require(saved->count <= SAVED_MAX, "too much to save");
	item->shard = shard;
	memcpy(item->key, key, kinds[shard / GATE_FLOW_SHARDS].key);
	require(!bpf_map_lookup_elem(memory.shards[shard], key, item->value), "what to save");
}

void bench_flows_save(struct saved_flows *ret_saved)
{
	ret_saved->count = 0;
	each(save, ret_saved);
}

/* In whose quota an element is. */
static uint32_t owner_of(int shard, const uint8_t *value)
{
	const struct gate_fragment *fragment = (const void *)value;
	const struct gate_flow *flow = (const void *)value;

	return is_fragment(shard) ? fragment->owner : flow->owner;
}

void bench_flows_restore(const struct saved_flows *saved)
{
	bench_flows_clear();
	for (size_t i = 0; i < saved->count; i++) {
		const struct saved_element *item = &saved->items[i];
		uint32_t owner = owner_of(item->shard, item->value);
		struct gate_device_state state = state_get_of(owner);

		require(!bpf_map_update_elem(memory.shards[item->shard], item->key, item->value,
					     BPF_NOEXIST),
			"what to restore");
		*(is_fragment(item->shard) ? &state.fragments : &state.flows) += 1;
		state_put(owner, &state);
	}
}

/* A value that may be one or the other. */
union value {
	uint8_t bytes[sizeof(((struct saved_element *)0)->value)];
	struct gate_flow flow;
	struct gate_fragment fragment;
};

static void age(int shard, const void *key, void *context)
{
	uint64_t time = *(const unsigned int *)context * SECOND;
	union value value;

	if (bpf_map_lookup_elem(memory.shards[shard], key, &value))
		return; /* the collector was faster */
	if (is_fragment(shard))
		value.fragment.last -= time;
	else
		value.flow.last -= time;
	bpf_map_update_elem(memory.shards[shard], key, &value, BPF_EXIST);
}

void bench_flows_age(unsigned int seconds)
{
	if (seconds)
		each(age, &seconds);
}

uint32_t bench_quota(uint32_t device)
{
	return state_get_of(device).flows;
}

/* Of each device. */
struct counts {
	uint32_t flows[DEVICES];
	uint32_t fragments[DEVICES];
};

static void count_owner(int shard, const void *key, void *context)
{
	struct counts *counts = context;
	union value value;
	uint32_t owner;

	require(!bpf_map_lookup_elem(memory.shards[shard], key, &value), "what to count");
	owner = owner_of(shard, value.bytes);
	if (owner < DEVICES)
		(is_fragment(shard) ? counts->fragments : counts->flows)[owner]++;
}

bool bench_quotas_are_exact(void)
{
	struct counts counts = {};

	each(count_owner, &counts);
	for (uint32_t device = 0; memory.open && device < DEVICES; device++) {
		struct gate_device_state state = state_get_of(device);

		if (state.flows != counts.flows[device] ||
		    state.fragments != counts.fragments[device])
			return false;
	}
	return true;
}

static uint64_t digest(uint64_t hash, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * FNV_PRIME;
	return hash;
}

static void digest_element(int shard, const void *key, void *context)
{
	uint64_t *hash = context;
	union value value;

	require(!bpf_map_lookup_elem(memory.shards[shard], key, &value), "what to digest");
	*hash = digest(*hash, key, kinds[shard / GATE_FLOW_SHARDS].key);
	*hash = digest(*hash, &value, kinds[shard / GATE_FLOW_SHARDS].value);
}

uint64_t bench_memory_fingerprint(void)
{
	uint64_t hash = FNV_OFFSET;

	each(digest_element, &hash);
	for (uint32_t device = 0; memory.open && device < DEVICES; device++) {
		struct gate_device_state state = state_get_of(device);

		hash = digest(hash, &state, sizeof(state));
	}
	return hash;
}
