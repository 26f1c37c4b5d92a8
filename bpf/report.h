/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people learn of a packet: counters, events, and the answer of a dry run. */
#ifndef ACLGATE_REPORT_H
#define ACLGATE_REPORT_H

#include "maps.h"
#include "source.h"

/* Whom to count a dropped packet for: nobody whose address somebody else took. */
static __always_inline void identify(struct judgement *judgement, int reason)
{
	if (reason == REASON_SPOOFED_SOURCE || reason == REASON_NAT_UNIDENTIFIED) {
		judgement->device = 0;
		return;
	}
	if (judgement->device || !judgement->packet.version || reason == REASON_UNKNOWN_SOURCE)
		return;
	identity_get(&judgement->generation, judgement->packet.version, &judgement->packet.src,
		     &judgement->src);
	judgement->src.speaks &= ~GATE_SPEAKS_REJECTED;
	if (!bind_source(&judgement->src, judgement->from))
		judgement->device = judgement->src.device;
}

static __always_inline struct gate_device_counters *device_counter(__u32 id)
{
	__u32 number = id / GATE_CHUNK, place = id % GATE_CHUNK / GATE_DEVICES_A_BLOCK;
	void *chunk = bpf_map_lookup_elem(&device_counters, &number);
	struct gate_device_block *block = chunk ? bpf_map_lookup_elem(chunk, &place) : NULL;

	return block ? &block->counters[id % GATE_DEVICES_A_BLOCK] : NULL;
}

static __always_inline struct gate_rule_counters *rule_counter(__u32 id)
{
	__u32 number = id / GATE_CHUNK, place = id % GATE_CHUNK / GATE_RULES_A_BLOCK;
	void *chunk = bpf_map_lookup_elem(&rule_counters, &number);
	struct gate_rule_block *block = chunk ? bpf_map_lookup_elem(chunk, &place) : NULL;

	return block ? &block->counters[id % GATE_RULES_A_BLOCK] : NULL;
}

struct amount {
	__u64 packets; /* GRO puts several together */
	__u64 bytes;
};

static __always_inline struct amount amount_of(struct __sk_buff *skb)
{
	return (struct amount){ skb->gso_segs ? skb->gso_segs : 1, skb->len - link_header };
}

static __always_inline void count_rule(__u32 id, struct amount amount)
{
	struct gate_rule_counters *rule = rule_counter(id);

	if (!rule)
		return;
	rule->packets += amount.packets;
	rule->bytes += amount.bytes;
}

static __always_inline void count_passed(__u32 id, int direction, struct amount amount)
{
	struct gate_device_counters *device = device_counter(id);

	if (!device)
		return;
	device->passed_packets[direction] += amount.packets;
	device->passed_bytes[direction] += amount.bytes;
}

static __always_inline void count_audited(__u32 id, int direction, struct amount amount)
{
	struct gate_device_counters *device = device_counter(id);

	if (!device)
		return;
	device->audited_packets[direction] += amount.packets;
	device->audited_bytes[direction] += amount.bytes;
}

static __always_inline void count_dropped(__u32 id, int direction, __u32 reason,
					  struct amount amount)
{
	struct gate_device_counters *device = device_counter(id);

	if (!device || reason >= REASON_MAX)
		return;
	device->dropped_packets[direction][reason] += amount.packets;
	device->dropped_bytes[direction] += amount.bytes;
}

/* @audited: what it would have been dropped for, had the policy been enforced. */
static __always_inline void count(struct __sk_buff *skb, const struct judgement *judgement,
				  int direction, int reason, int audited)
{
	struct amount amount = amount_of(skb);

	if (reason) {
		count_dropped(judgement->device, direction, reason, amount);
	} else if (audited) {
		count_audited(judgement->device, direction, amount);
	} else {
		count_passed(judgement->device, direction, amount);
		if (!judgement->credited && (judgement->rule || judgement->link))
			count_rule(judgement->rule, amount);
	}
}

/*
 * A token bucket in one word: when it will be full again. Whoever is noisy loses his own events
 * only.
 */
static __always_inline bool may_tell_event(__u32 device, __u64 now)
{
	const __u64 room = GATE_EVENTS_BURST * GATE_EVENTS_INTERVAL;
	struct gate_device_state *state = device_state(device);
	__u64 full, next;

	if (!state)
		return false;
	full = *(volatile __u64 *)&state->events;
	next = (full > now ? full : now) + GATE_EVENTS_INTERVAL;
	if (next - now > room)
		return false;
	return __sync_val_compare_and_swap(&state->events, full, next) == full;
}

static __always_inline void lose_event(void)
{
	__u32 zero = 0;
	struct gate_totals *counters = bpf_map_lookup_elem(&totals, &zero);

	if (counters)
		counters->events_lost++;
}

/* @length: of the packet from its IP header on. */
__noinline int tell(__u32 length, const struct judgement *judgement, enum direction direction,
		    enum event_kind kind, int reason)
{
	const struct packet *packet;
	struct gate_event *event = NULL;

	if (!judgement)
		return 0;
	packet = &judgement->packet;
	if (may_tell_event(judgement->device, clock_now()))
		event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		lose_event();
		return 0;
	}
	*event = (struct gate_event){
		.time = bpf_ktime_get_boot_ns(),
		.src = packet->src,
		.dst = packet->dst,
		.device = judgement->device,
		.rule = kind == EVENT_OPENED ? judgement->rule : 0,
		.length = length,
		.sport = packet->sport,
		.dport = packet->dport,
		.version = packet->version,
		.protocol = packet->protocol,
		.kind = kind,
		.reason = reason,
		.direction = direction,
		.slot = own_slot,
		.tcp_flags = packet->kind == KIND_TCP ? packet->tcp_flags : 0,
		.icmp_type = packet->kind == KIND_TCP ? 0 : packet->icmp_type,
	};
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* For aclctl trace: the packet is nobody's, so its control block is free. */
static __always_inline void answer(struct __sk_buff *skb, const struct judgement *judgement,
				   int reason, int audited)
{
	skb->cb[TRACE_REASON] = audited ? audited : reason;
	skb->cb[TRACE_RULE] = judgement->rule;
	skb->cb[TRACE_DEVICE] = judgement->device;
	skb->cb[TRACE_FLAGS] = (judgement->known ? TRACED_FLOW : 0) |
			       (judgement->reply ? TRACED_REPLY : 0) |
			       (judgement->link ? TRACED_LINK : 0) | (audited ? TRACED_AUDITED : 0);
}

static __always_inline void report(struct __sk_buff *skb, const struct judgement *judgement,
				   int direction, int reason, int audited)
{
	__u32 length = skb->len - link_header;

	if (dry) {
		answer(skb, judgement, reason, audited);
		return;
	}
	count(skb, judgement, direction, reason, audited);
	if (reason)
		tell(length, judgement, direction, EVENT_DROPPED, reason);
	else if (audited)
		tell(length, judgement, direction, EVENT_AUDITED, audited);
	else if (judgement->opened)
		tell(length, judgement, direction, EVENT_OPENED, REASON_NONE);
}

#endif
