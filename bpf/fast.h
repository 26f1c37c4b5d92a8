/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast path. Most packets are plain, and belong to a flow that is current and bound to where they
 * come from: these pass after one look-up. Nothing is dropped here, and nothing passes that the way
 * through gate.bpf.c would not let pass: whatever is not exactly so goes that way. A dry run always
 * does, which is how the tests hold the two against each other.
 */
#ifndef ACLGATE_FAST_H
#define ACLGATE_FAST_H

#include "flow.h"
#include "open.h"
#include "plain.h"
#include "report.h"
#include "source.h"

/* What the way through gate.bpf.c need not find out again. */
enum fast_result {
	FAST_UNREAD,
	FAST_PLAIN,   /* the packet is plain */
	FAST_NO_FLOW, /* ... and has no flow */
	FAST_PASSED,
};

struct fast {
	struct packet packet; /* no more of it than is needed here */
	const struct gate_generation *header;
	struct gate_flow *flow;
	const struct gate_keys *keys;
	__u64 now;
	__u32 slot; /* of the generation */
	__u16 tag;
	__u8 side; /* of the packet's source */
	__u8 from; /* where the flow says that packets of this side come from */
};

static __always_inline bool fast_policy(struct fast *fast)
{
	__u32 zero = 0;
	struct gate_active *live = bpf_map_lookup_elem(&active, &zero);
	__u32 slot;

	if (!live)
		return false;
	slot = *(volatile __u32 *)&live->slot;
	fast->slot = slot;
	fast->keys = secret_get();
	fast->header = bpf_map_lookup_elem(&generations, &slot);
	return fast->keys && fast->header && fast->header->number;
}

static __always_inline void fast_find4(struct fast *fast)
{
	struct gate_flow4_key key;
	__u32 index;
	void *shard;

	flow_key4(&fast->packet, fast->side, &key);
	index = flow_place4(&key, fast->keys, &fast->tag);
	shard = bpf_map_lookup_elem(&flows4, &index);
	fast->flow = shard ? bpf_map_lookup_elem(shard, &key) : NULL;
}

static __always_inline void fast_find6(struct fast *fast)
{
	struct gate_flow6_key key;
	__u32 index;
	void *shard;

	flow_key6(&fast->packet, fast->side, &key);
	index = flow_place6(&key, fast->keys, &fast->tag);
	shard = bpf_map_lookup_elem(&flows6, &index);
	fast->flow = shard ? bpf_map_lookup_elem(shard, &key) : NULL;
}

/* Two look-ups for the compiler as well: see flow_shard(). */
static __always_inline void fast_find(struct fast *fast)
{
	fast->side = side_of_source(&fast->packet);
	if (fast->packet.version == 4) {
		fast_find4(fast);
		asm volatile("/* IPv4 */");
	} else {
		fast_find6(fast);
		asm volatile("/* IPv6 */");
	}
}

static __always_inline bool is_unguarded(__u32 slot, __u32 ifindex)
{
	void *table = bpf_map_lookup_elem(&slots, &slot);

	return ifindex && table && !bpf_map_lookup_elem(table, &ifindex);
}

/* Without a look-up for most. */
static __always_inline bool fast_is_bound(struct __sk_buff *skb, const struct fast *fast,
					  int direction)
{
	__u8 from = fast->from;

	if (direction == DIRECTION_INGRESS)
		return from == own_slot;
	if (from == GATE_FROM_UNGUARDED)
		return is_unguarded(fast->slot, skb->ingress_ifindex);
	if (fast->header->ifindexes[from & (GATE_PLACES - 1)] != skb->ingress_ifindex)
		return false;
	return !is_guarded(from) || skb->mark & mark_judged;
}

static __always_inline bool fast_admits(struct __sk_buff *skb, struct fast *fast, int direction)
{
	const struct gate_flow *flow = fast->flow;
	__u64 stamp = *(volatile __u64 *)&flow->stamp;

	fast->from = GATE_STAMP_FROM(stamp, fast->side);
	return !tcp_is_syn(&fast->packet) && GATE_STAMP_TAG(stamp) == fast->tag &&
	       (__s32)(GATE_STAMP_GENERATION(stamp) - fast->header->number) >= 0 &&
	       flow->expires == GATE_NEVER && flow->kind == FLOW_JUDGED &&
	       fast_is_bound(skb, fast, direction) &&
	       !flow_has_timed_out(&fast->header->settings, flow, fast->packet.protocol, fast->now);
}

/* The rule has a packet already that another of our interfaces let in (E1). */
static __always_inline void fast_count(struct __sk_buff *skb, const struct fast *fast, __u32 device,
				       int direction)
{
	struct amount amount = amount_of(skb);

	count_passed(device, direction, amount);
	if (direction == DIRECTION_INGRESS || !is_guarded(fast->from))
		count_rule(fast->flow->rule, amount);
}

static __always_inline enum fast_result fast_pass(struct __sk_buff *skb, int direction)
{
	struct fast fast = {};
	struct gate_flow *flow;
	bool original;
	__u32 device;

	if (dry || !fast_policy(&fast) || !plain_read(skb, &fast.packet))
		return FAST_UNREAD;
	fast_find(&fast);
	if (!fast.flow)
		return FAST_NO_FLOW;
	fast.now = clock_now();
	if (!fast_admits(skb, &fast, direction))
		return FAST_PLAIN;
	flow = fast.flow;
	original = fast.side == flow->opener;
	device = flow->device[fast.side & 1];
	flow_track(flow, &fast.packet, original, fast.now);
	fast_count(skb, &fast, device, direction);
	skb->mark &= ~(mark_judged | mark_reply);
	if (direction == DIRECTION_INGRESS)
		mark_passed(skb, !original, device ? device : flow->device[!fast.side]);
	return FAST_PASSED;
}

/*
 * Not inlined: its frame is gone before we judge. Not static: the verifier looks at it once, and not
 * along every way that follows.
 */
__noinline int fast_ingress(struct __sk_buff *skb)
{
	return fast_pass(skb, DIRECTION_INGRESS);
}

__noinline int fast_egress(struct __sk_buff *skb)
{
	return fast_pass(skb, DIRECTION_EGRESS);
}

#endif
