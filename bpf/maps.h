/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps. lib/gate.c creates the inner ones, as large as the policy needs, and pins them all; the
 * sizes of inner maps here are only those of the template that the verifier sees.
 */
#ifndef ACLGATE_MAPS_H
#define ACLGATE_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"

#define ARRAY_INNER(NAME, VALUE)                                     \
	struct NAME {                                                \
		__uint(type, BPF_MAP_TYPE_ARRAY);                    \
		__uint(map_flags, BPF_F_INNER_MAP | BPF_F_MMAPABLE); \
		__uint(max_entries, 1);                              \
		__uint(key_size, sizeof(__u32));                     \
		__uint(value_size, sizeof(VALUE));                   \
	}

ARRAY_INNER(hosts4_inner, struct gate_line4);
ARRAY_INNER(hosts6_inner, struct gate_line6);
ARRAY_INNER(pairs_inner, struct gate_pair_line);
ARRAY_INNER(ranges_inner, struct gate_range);

struct prefix4_inner {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct gate_prefix4));
	__uint(value_size, sizeof(struct gate_identity));
};

struct prefix6_inner {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct gate_prefix6));
	__uint(value_size, sizeof(struct gate_identity));
};

/* ifindex → slot */
struct slots_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
};

struct flows4_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_FLOWS_PER_SHARD);
	__uint(key_size, sizeof(struct gate_flow4_key));
	__uint(value_size, sizeof(struct gate_flow));
};

struct flows6_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_FLOWS_PER_SHARD);
	__uint(key_size, sizeof(struct gate_flow6_key));
	__uint(value_size, sizeof(struct gate_flow));
};

struct fragments_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_FRAGMENTS_PER_SHARD);
	__uint(key_size, sizeof(struct gate_fragment_key));
	__uint(value_size, sizeof(struct gate_fragment));
};

struct device_chunk {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GATE_CHUNK / GATE_DEVICES_A_BLOCK);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct gate_device_block));
};

struct rule_chunk {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GATE_CHUNK / GATE_RULES_A_BLOCK);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct gate_rule_block));
};

#define ARRAY_OF(COUNT, INNER, NAME)                      \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); \
		__uint(max_entries, COUNT);               \
		__type(key, __u32);                       \
		__array(values, struct INNER);            \
	} NAME SEC(".maps")

/* A generation is one slot of each of these. */
ARRAY_OF(GATE_SLOTS, hosts4_inner, hosts4);
ARRAY_OF(GATE_SLOTS, hosts6_inner, hosts6);
ARRAY_OF(GATE_SLOTS, prefix4_inner, prefix4);
ARRAY_OF(GATE_SLOTS, prefix6_inner, prefix6);
ARRAY_OF(GATE_SLOTS, pairs_inner, pairs);
ARRAY_OF(GATE_SLOTS, ranges_inner, ranges);
ARRAY_OF(GATE_SLOTS, slots_inner, slots);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_SLOTS);
	__type(key, __u32);
	__type(value, struct gate_generation);
} generations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gate_active);
} active SEC(".maps");

/* of the hashes of flows and fragments; it never changes */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gate_keys);
} secret SEC(".maps");

/* for user space, so that the pins tell all about themselves */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_GUARDED_MAX);
	__type(key, __u32);
	__type(value, struct gate_interface);
} interfaces SEC(".maps");

ARRAY_OF(GATE_FLOW_SHARDS, flows4_inner, flows4);
ARRAY_OF(GATE_FLOW_SHARDS, flows6_inner, flows6);
ARRAY_OF(GATE_FLOW_SHARDS, fragments_inner, fragments);

/* The coarse clock at the tick that jiffies name. */
struct clock {
	__u64 jiffies;
	__u64 now; /* ns */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct clock);
} clocks SEC(".maps");

struct collector {
	struct bpf_timer timer;
	__u64 longest; /* ns that a tick kept a CPU, at worst */
	__u32 shard;   /* the next one to walk */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct collector);
} collector SEC(".maps");

/* by counter id; 0 is nobody */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_DEVICES_MAX);
	__type(key, __u32);
	__type(value, struct gate_device_state);
} device_states SEC(".maps");

ARRAY_OF(GATE_DEVICE_CHUNKS, device_chunk, device_counters);
ARRAY_OF(GATE_RULE_CHUNKS, rule_chunk, rule_counters);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gate_totals);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, GATE_EVENTS_BYTES);
} events SEC(".maps");

#endif
