// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way of a packet through the gate. Two programs on every guarded interface, one for each
 * direction; where the policy says so, one in front of them; and one that collects flows that are
 * over. The numbered steps are those of ARCHITECTURE.md; whatever a step cannot decide is dropped.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/time.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "maps.h"
#include "packet.h"
#include "judge.h"
#include "flow.h"
#include "fragment.h"
#include "source.h"
#include "link.h"
#include "report.h"
#include "open.h"
#include "known.h"
#include "error.h"
#include "early.h"
#include "fast.h"
#include "seed.h"
#include "collect.h"

#define PASS TC_ACT_UNSPEC /* TCX_NEXT: others may still look at it */
#define DROP TC_ACT_SHOT

/*
 * A SYN is a new connection on old ports, judged as new even as a resend: from the opener always,
 * from the other side once the flow is closing. What is behind NAT is learned anew.
 */
static __always_inline bool begins_anew(const struct judgement *judgement,
					const struct gate_flow *flow)
{
	bool original = judgement->key.side == flow->opener;

	if (!tcp_is_syn(&judgement->packet))
		return false;
	if (!judgement->first)
		return original && judgement->learn && flow->kind == FLOW_LEARNED;
	return original || flow->state == FLOW_CLOSING;
}

/*
 * A learned flow stands for what NAT made of a judged one: forward it is met only behind the NAT, at
 * E1; its answers only in front of it, where they come in.
 */
static __always_inline bool admits_here(const struct judgement *judgement,
					const struct gate_flow *flow)
{
	if (flow->kind != FLOW_LEARNED)
		return true;
	if (judgement->key.side == flow->opener)
		return judgement->learn;
	return judgement->first && is_guarded(judgement->from);
}

static __always_inline int admit(struct judgement *judgement)
{
	const struct packet *packet = &judgement->packet;
	struct gate_flow *flow;

	flow_key_get(packet, &judgement->key);
	/* ICMP that neither asks nor answers nor is an error is part of no flow */
	flow = judgement->fast == FAST_NO_FLOW || packet->kind == KIND_ICMP_OTHER ?
		       NULL :
		       flow_find(&judgement->key, packet->protocol, judgement->generation.slot,
				 judgement->now);
	if (flow && !begins_anew(judgement, flow) && admits_here(judgement, flow))
		return admit_known(judgement, flow);
	return judgement->first ? open_flow(judgement) : learn_flow(judgement);
}

/*
 * Where does a packet come from that leaves through us? The kernel knows the interface.
 * E1 guarded and judged there: its flow must exist and still be allowed, or is what NAT made of it.
 * E2 guarded, and somebody removed our mark: judged as if it just came in there.
 * E3 another interface: judged; no source that is bound to a guarded one.
 * E4 this box: judged as its own; a source that is not its own as E3.
 */
static __always_inline void origin(struct __sk_buff *skb, struct judgement *judgement)
{
	__u32 ifindex = skb->ingress_ifindex;
	void *table = bpf_map_lookup_elem(&slots, &judgement->generation.slot);
	__u32 *slot = ifindex && table ? bpf_map_lookup_elem(table, &ifindex) : NULL;

	judgement->first = true;
	judgement->from = ifindex ? GATE_FROM_UNGUARDED : GATE_FROM_SELF;
	if (!slot)
		return;
	judgement->from = *slot;
	if (!is_guarded(judgement->from) || !(skb->mark & mark_judged))
		return;
	judgement->first = false;
	judgement->credited = true;
	judgement->learn = !(skb->mark & mark_reply);
	judgement->payer = skb->tc_index;
}

/* A process on this box; what is forwarded has no socket, and that of a test run has no type. */
static __always_inline bool has_sender(struct __sk_buff *skb)
{
	struct bpf_sock *socket = skb->sk;

	socket = socket ? bpf_sk_fullsock(socket) : NULL;
	return socket && socket->type;
}

/*
 * E4. Where the kernel fragments an IPv6 packet again that it had put together, it loses the
 * interface and keeps the mark (ip6_copy_metadata in net/ipv6/ip6_output.c). So a fragment is this
 * box's only if a process sent it; a small datagram leaves as an atomic one. One that we judged must
 * be part of a flow; all others come from an interface that we do not know: as E3.
 */
static __always_inline void origin_of_fragment(struct __sk_buff *skb, struct judgement *judgement,
					       __u32 mark)
{
	if (judgement->from != GATE_FROM_SELF || judgement->packet.version != 6 ||
	    judgement->packet.fragment == FRAGMENT_NOT || has_sender(skb))
		return;
	judgement->from = GATE_FROM_UNGUARDED;
	if (!(mark & mark_judged) || is_own_address(judgement, &judgement->packet.src))
		return;
	judgement->from = GATE_FROM_LOST;
	judgement->first = false;
	judgement->credited = true;
}

/* 4, 5 … 8. */
static __always_inline int admit_ip(struct __sk_buff *skb, struct judgement *judgement)
{
	struct packet *packet = &judgement->packet;
	int reason = REASON_NONE;

	judgement->now = clock_now();
	if (is_later_fragment(packet))
		reason = fragment_complete(packet, &judgement->generation, judgement->from);
	if (reason)
		return reason;
	if (packet->kind == KIND_ICMP_ERROR)
		return admit_error(skb, judgement);
	return admit(judgement);
}

/* 2, 3. A plain packet is read in place, and is nothing that an Ethernet link needs. */
static __always_inline int read_packet(struct __sk_buff *skb, struct judgement *judgement)
{
	if (judgement->fast >= FAST_PLAIN && plain_read(skb, &judgement->packet))
		return REASON_NONE;
	return packet_parse(skb, &judgement->packet);
}

static __always_inline int judge(struct __sk_buff *skb, struct judgement *judgement, int direction)
{
	int reason = generation_get(&judgement->generation, dry ? dry_slot : 0);
	__u32 mark = skb->mark;

	if (!reason && direction == DIRECTION_EGRESS)
		origin(skb, judgement);
	skb->mark = mark & ~(mark_judged | mark_reply); /* 1 */
	if (!reason)
		reason = read_packet(skb, judgement);
	if (reason)
		return reason;
	if (direction == DIRECTION_EGRESS)
		origin_of_fragment(skb, judgement, mark);
	judgement->link = link_header && judgement->fast < FAST_PLAIN &&
			  is_link(judgement, direction);
	return judgement->link ? REASON_NONE : admit_ip(skb, judgement);
}

/* Who belongs to no device answers at the cost of the one that asked. */
static __always_inline __u32 payer_of(const struct judgement *judgement)
{
	if (judgement->payer)
		return judgement->payer;
	if (judgement->device || !judgement->known)
		return judgement->device;
	return device_of(judgement, !judgement->key.side);
}

/* 9. */
static __always_inline int finish(struct __sk_buff *skb, struct judgement *judgement, int direction,
				  int reason)
{
	int audited = REASON_NONE;

	if (softens(&judgement->generation, reason)) {
		audited = reason;
		reason = REASON_NONE;
	}
	if (reason || audited)
		identify(judgement, reason ? reason : audited);
	if (!reason && !dry && judgement->packet.fragment == FRAGMENT_FIRST)
		reason = fragment_remember(&judgement->packet, &judgement->generation,
					   judgement->from, payer_of(judgement));
	report(skb, judgement, direction, reason, audited);
	if (reason)
		return DROP;
	/* what audit let pass founds no flow */
	if (direction == DIRECTION_INGRESS)
		mark_passed(skb, judgement->reply || audited, payer_of(judgement));
	return PASS;
}

/*
 * Not static: the verifier looks at them once, and not for every way that a packet can have come.
 */
__noinline int finish_in(struct __sk_buff *skb, struct judgement *judgement, int reason)
{
	return judgement ? finish(skb, judgement, DIRECTION_INGRESS, reason) : DROP;
}

__noinline int finish_out(struct __sk_buff *skb, struct judgement *judgement, int reason)
{
	return judgement ? finish(skb, judgement, DIRECTION_EGRESS, reason) : DROP;
}

static __always_inline int long_way_in(struct __sk_buff *skb, enum fast_result fast)
{
	struct judgement judgement = { .from = own_slot, .first = true, .fast = fast };
	int reason = judge(skb, &judgement, DIRECTION_INGRESS);

	return finish_in(skb, &judgement, reason);
}

SEC("tc")
int gate_ingress(struct __sk_buff *skb)
{
	enum fast_result fast = fast_ingress(skb);

	return fast == FAST_PASSED ? PASS : long_way_in(skb, fast);
}

SEC("xdp")
int gate_early(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct judgement judgement = { .from = own_slot, .first = true };
	__u32 length = end - data;
	int reason;

	if (generation_get(&judgement.generation, 0) ||
	    !plain_parse(data, end, length, &judgement.packet))
		return XDP_PASS;
	reason = judge_early(&judgement);
	if (!reason)
		return XDP_PASS;
	length -= link_header;
	identify(&judgement, reason);
	count_dropped(judgement.device, DIRECTION_INGRESS, reason, (struct amount){ 1, length });
	tell(length, &judgement, DIRECTION_INGRESS, EVENT_DROPPED, reason);
	return XDP_DROP;
}

static __always_inline int long_way_out(struct __sk_buff *skb, enum fast_result fast)
{
	struct judgement judgement = { .fast = fast };
	int reason = judge(skb, &judgement, DIRECTION_EGRESS);

	return finish_out(skb, &judgement, reason);
}

SEC("tc")
int gate_egress(struct __sk_buff *skb)
{
	enum fast_result fast = fast_egress(skb);

	return fast == FAST_PASSED ? PASS : long_way_out(skb, fast);
}

/*
 * A load runs it for each connection that was there before the gate: its opener may be silent for
 * hours, and what the other side sends opens nothing. Where its packets come from is not known yet.
 */
SEC("tc")
int gate_seed(struct __sk_buff *skb)
{
	struct judgement judgement = { .from = GATE_FROM_UNKNOWN, .first = true };
	struct gate_seed seed;
	int reason;

	if (load(skb, 0, &seed, sizeof(seed)))
		return REASON_MALFORMED;
	reason = generation_get(&judgement.generation, seed.slot);
	if (reason)
		return reason;
	seed_packet(&seed, &judgement.packet);
	judgement.now = clock_now();
	return seed_flow(&judgement, &seed);
}

/*
 * Run once by every load. The timer lives in a pinned map and needs no process of ours; a later
 * load gives it the callback of its own programs.
 */
SEC("tc")
int gate_collect(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct collector *state = bpf_map_lookup_elem(&collector, &zero);

	if (!state)
		return 1;
	bpf_timer_init(&state->timer, &collector, CLOCK_MONOTONIC);
	if (bpf_timer_set_callback(&state->timer, collect))
		return 1;
	return bpf_timer_start(&state->timer, COLLECT_INTERVAL, 0) ? 1 : 0;
}

char _license[] SEC("license") = "GPL";
