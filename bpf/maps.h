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

struct addr4_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__be32));
	__uint(value_size, sizeof(struct gate_identity));
};

struct addr6_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, 16);
	__uint(value_size, sizeof(struct gate_identity));
};

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

struct pairs_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct gate_pair));
	__uint(value_size, sizeof(struct gate_ports));
};

struct ranges_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct gate_range));
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

/* A generation is one slot of each of these. */
#define PER_GENERATION(NAME, INNER)                       \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); \
		__uint(max_entries, GATE_SLOTS);          \
		__type(key, __u32);                       \
		__array(values, struct INNER);            \
	} NAME SEC(".maps")

PER_GENERATION(addr4, addr4_inner);
PER_GENERATION(addr6, addr6_inner);
PER_GENERATION(prefix4, prefix4_inner);
PER_GENERATION(prefix6, prefix6_inner);
PER_GENERATION(pairs, pairs_inner);
PER_GENERATION(ranges, ranges_inner);
PER_GENERATION(slots, slots_inner);

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

/* for user space, so that the pins tell all about themselves */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_GUARDED_MAX);
	__type(key, __u32);
	__type(value, struct gate_interface);
} interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, GATE_FLOW_SHARDS);
	__type(key, __u32);
	__array(values, struct flows4_inner);
} flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, GATE_FLOW_SHARDS);
	__type(key, __u32);
	__array(values, struct flows6_inner);
} flows6 SEC(".maps");

struct collector {
	struct bpf_timer timer;
	__u32 shard; /* the next one to walk */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct collector);
} collector SEC(".maps");

/* index 0 counts packets of no known device */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GATE_DEVICES_MAX);
	__type(key, __u32);
	__type(value, struct gate_device_counters);
} device_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GATE_RULES_MAX);
	__type(key, __u32);
	__type(value, struct gate_rule_counters);
} rule_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gate_flow_counters);
} flow_counters SEC(".maps");

#endif
