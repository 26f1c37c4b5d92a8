/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows and fragments that are over are collected by a timer in the kernel, a shard a tick: with no
 * process of ours, and no tick so long that packets would wait.
 */
#ifndef ACLGATE_COLLECT_H
#define ACLGATE_COLLECT_H

#include "flow.h"
#include "fragment.h"
#include "lifetime.h"
#include "maps.h"

#define COLLECT_INTERVAL (SECOND / 10) /* one shard a tick: the whole table in 6.4 s */

/* What a tick goes by. */
struct sweep {
	__u64 now;
	__u32 slot; /* of the generation that is live */
};

/*
 * The element that a callback is given may be recycled while it looks at it: what counts is what the
 * key holds now.
 */
static __always_inline long collect_flow(void *map, const void *key, __u8 protocol,
					 const struct gate_flow *element, const struct sweep *sweep)
{
	const struct gate_settings *settings = settings_get(sweep->slot);
	struct gate_flow *flow;
	__u32 owner;

	if (!settings || !flow_has_timed_out(settings, element, protocol, sweep->now))
		return 0;
	flow = bpf_map_lookup_elem(map, key);
	if (!flow || !flow_has_timed_out(settings, flow, protocol, sweep->now))
		return 0;
	owner = flow->owner;
	if (!bpf_map_delete_elem(map, key))
		flow_deleted(owner);
	return 0;
}

static long collect4(void *map, struct gate_flow4_key *element, struct gate_flow *flow,
		     struct sweep *sweep)
{
	struct gate_flow4_key key = *element;

	return collect_flow(map, &key, key.protocol, flow, sweep);
}

static long collect6(void *map, struct gate_flow6_key *element, struct gate_flow *flow,
		     struct sweep *sweep)
{
	struct gate_flow6_key key = *element;

	return collect_flow(map, &key, key.protocol, flow, sweep);
}

static long collect_fragment(void *map, struct gate_fragment_key *element,
			     struct gate_fragment *first, struct sweep *sweep)
{
	const struct gate_settings *settings = settings_get(sweep->slot);
	struct gate_fragment_key key = *element;
	__u32 owner;

	if (!settings || !has_timed_out(fragment_lifetime(settings), first->last, sweep->now))
		return 0;
	first = bpf_map_lookup_elem(map, &key);
	if (!first || !has_timed_out(fragment_lifetime(settings), first->last, sweep->now))
		return 0;
	owner = first->owner;
	if (!bpf_map_delete_elem(map, &key))
		fragment_deleted(owner);
	return 0;
}

static __always_inline void collect_shard(__u32 shard)
{
	__u32 zero = 0;
	struct gate_active *live = bpf_map_lookup_elem(&active, &zero);
	struct sweep sweep = { .now = clock_now() };
	void *elements;

	/* slot 0 has no timeouts: what a first load seeds lives until there is a policy */
	if (!live || !live->slot)
		return;
	sweep.slot = live->slot;
	elements = bpf_map_lookup_elem(&flows4, &shard);
	if (elements)
		bpf_for_each_map_elem(elements, collect4, &sweep, 0);
	elements = bpf_map_lookup_elem(&flows6, &shard);
	if (elements)
		bpf_for_each_map_elem(elements, collect6, &sweep, 0);
	elements = bpf_map_lookup_elem(&fragments, &shard);
	if (elements)
		bpf_for_each_map_elem(elements, collect_fragment, &sweep, 0);
}

static int collect(void *map, __u32 *key, struct collector *state)
{
	__u64 began = bpf_ktime_get_ns(), took;

	collect_shard(state->shard % GATE_FLOW_SHARDS);
	state->shard++;
	took = bpf_ktime_get_ns() - began;
	if (took > state->longest)
		state->longest = took;
	bpf_timer_start(&state->timer, COLLECT_INTERVAL, 0);
	return 0;
}

#endif
