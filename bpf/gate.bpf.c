// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way of a packet through the gate. Two programs on every guarded interface, one for each
 * direction, and one that collects flows that are over. The numbered steps are those of
 * ARCHITECTURE.md; whatever a step cannot decide is dropped.
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

/* What belongs to the attachment; everything else comes from the generation. */
const volatile __u32 link_header; /* bytes in front of the IP header: 14 on Ethernet, else 0 */
const volatile __u32 own_slot;	  /* of the interface we are attached to */

#define PASS TC_ACT_UNSPEC /* TCX_NEXT: others may still look at it */
#define DROP TC_ACT_SHOT

/* All that is found out about one packet. */
struct judgement {
	struct packet packet;
	struct generation generation;
	struct flow_key key;
	struct gate_identity src;
	struct gate_address quoted_dst; /* of the packet that an ICMP error quotes */
	__u64 now;
	__u32 device; /* whom to count it for */
	__u32 rule;
	__u8 quoted_protocol;
	__u8 from;  /* GATE_FROM_… */
	bool first; /* nobody of ours has judged this packet yet: it may open a flow */
	bool reply;
};

static __always_inline bool is_guarded(__u8 from)
{
	return from < GATE_GUARDED_MAX;
}

/*
 * 6. The source must belong to a device that may speak where the packet came from. Whoever may not
 * speak here at all cannot answer here either: this holds for replies as well.
 */
static __always_inline int bind_source(const struct gate_identity *src, __u8 from)
{
	__u32 places = 1u << (from & 31);

	if (from == GATE_FROM_SELF) {
		if (src->speaks & GATE_SPEAKS_SELF)
			return REASON_NONE;
		places = GATE_SPEAKS_OUTSIDE; /* E4: not its own address, so as E3 */
	}
	if (src->speaks & GATE_SPEAKS_SELF)
		return is_guarded(from) ? REASON_SPOOFED_SOURCE : REASON_NAT_UNIDENTIFIED;
	if (src->speaks & GATE_SPEAKS_REJECTED)
		return REASON_UNAPPROVED;
	if (!is_guarded(from))
		places |= GATE_SPEAKS_OUTSIDE;
	else if (!src->device)
		return REASON_UNKNOWN_SOURCE;
	return src->speaks & places ? REASON_NONE : REASON_SPOOFED_SOURCE;
}

static __always_inline bool same_address(const struct gate_address *one,
					 const struct gate_address *other)
{
	return one->word[0] == other->word[0] && one->word[1] == other->word[1];
}

static __always_inline int bind_packet(struct judgement *judgement)
{
	const struct packet *packet = &judgement->packet;

	if (same_address(&packet->src, &packet->dst))
		return REASON_SPOOFED_SOURCE;
	identity_get(&judgement->generation, packet->version, &packet->src, &judgement->src);
	return bind_source(&judgement->src, judgement->from);
}

/* The policy knows who it is: an address outside that nobody named answers, and opens nothing. */
static __always_inline bool source_may_open(const struct gate_identity *src)
{
	return (src->device || src->speaks & GATE_SPEAKS_SELF) &&
	       !(src->speaks & GATE_SPEAKS_REJECTED);
}

static __always_inline bool stamp_replace(struct gate_flow *flow, __u64 old, __u64 new)
{
	return __sync_val_compare_and_swap(&flow->stamp, old, new) == old;
}

static __always_inline void identity_of_side(const struct generation *generation,
					     const struct flow_key *key, __u8 side,
					     struct gate_identity *identity)
{
	struct gate_address addr = {};

	if (key->version == 4)
		addr.word[0] = key->v4.addr[side & 1];
	else
		addr = key->v6.addr[side & 1];
	identity_get(generation, key->version, &addr, identity);
}

struct outcome {
	struct credit credit;
	__u32 device[2];
};

/* Asks the policy about the original direction of the flow that @key names. */
static __noinline int rejudge(const struct generation *generation, const struct flow_key *key,
			      __u8 opener, struct outcome *ret_outcome)
{
	struct gate_identity src, dst;
	__be16 port = key->version == 4 ? key->v4.port[!opener] : key->v6.port[!opener];
	__u8 protocol = key->version == 4 ? key->v4.protocol : key->v6.protocol;

	identity_of_side(generation, key, opener, &src);
	identity_of_side(generation, key, !opener, &dst);
	if (!source_may_open(&src))
		return REASON_REVOKED;
	if (policy_judge(generation, &src, &dst, GATE_PORT_KEY(protocol, bpf_ntohs(port)),
			 &ret_outcome->credit))
		return REASON_REVOKED;
	ret_outcome->device[0] = opener ? dst.device : src.device;
	ret_outcome->device[1] = opener ? src.device : dst.device;
	return REASON_NONE;
}

/*
 * 8. A flow of an older generation, or whose rule has expired, is judged again. A newer one counts as current: this packet read
 * the generation before a load and meets a flow that was stamped after it. Who speaks where may
 * have changed as well, so both sides are bound anew.
 */
static __always_inline int revalidate(struct judgement *judgement, struct gate_flow *flow)
{
	__u64 stamp = *(volatile __u64 *)&flow->stamp;
	struct outcome outcome = {};
	int reason;

	if ((__s32)(GATE_STAMP_GENERATION(stamp) - judgement->generation.number) >= 0 &&
	    !has_passed(flow->expires))
		return REASON_NONE;
	reason = rejudge(&judgement->generation, &judgement->key, flow->opener & 1, &outcome);
	if (reason) {
		flow_delete(&judgement->key);
		return reason;
	}
	if (stamp_replace(flow, stamp,
			  GATE_STAMP(judgement->generation.number, stamp >> 16, GATE_FROM_UNKNOWN,
				     GATE_FROM_UNKNOWN))) {
		flow->rule = outcome.credit.rule;
		flow->expires = outcome.credit.expires;
		flow->device[0] = outcome.device[0];
		flow->device[1] = outcome.device[1];
	}
	return REASON_NONE;
}

/*
 * 5. A flow remembers where the packets of each side come from, so that an established packet costs
 * no look-up of its address. From elsewhere, or for the first time: 6.
 */
static __always_inline int bind_side(struct judgement *judgement, struct gate_flow *flow)
{
	__u64 stamp = *(volatile __u64 *)&flow->stamp;
	__u8 side = judgement->key.side & 1;
	__u8 other = GATE_STAMP_FROM(stamp, !side);
	int reason;

	if (GATE_STAMP_FROM(stamp, side) == judgement->from)
		return REASON_NONE;
	reason = bind_packet(judgement);
	/* what was found out under an older generation is not kept under a newer one */
	if (reason || GATE_STAMP_GENERATION(stamp) != judgement->generation.number)
		return reason;
	stamp_replace(flow, stamp,
		      GATE_STAMP(GATE_STAMP_GENERATION(stamp), stamp >> 16,
				 side ? other : judgement->from, side ? judgement->from : other));
	return REASON_NONE;
}

static __always_inline bool tcp_is_syn(const struct packet *packet)
{
	return packet->kind == KIND_TCP && (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* A SYN, or the bare ACK of a connection that we did not see begin. */
static __always_inline bool tcp_may_open(__u8 flags)
{
	flags &= TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN;
	return flags == TCP_SYN || flags == TCP_ACK;
}

static __always_inline bool may_open(const struct packet *packet)
{
	switch (packet->kind) {
	case KIND_TCP:
		return tcp_may_open(packet->tcp_flags);
	case KIND_ECHO_REPLY:
	case KIND_ICMP_ERROR:
	case KIND_ICMP_OTHER:
		return false;
	}
	return true;
}

/* 7. A new flow. */
static __noinline int open_flow(struct judgement *judgement)
{
	const struct packet *packet = &judgement->packet;
	const struct flow_key *key = &judgement->key;
	struct gate_identity dst;
	struct gate_flow flow = {};
	struct credit credit = {};
	__be16 port = packet->kind == KIND_ECHO_REQUEST ? 0 : packet->dport;
	__u8 side = key->side & 1;
	int reason = bind_packet(judgement);

	if (reason)
		return reason;
	judgement->device = judgement->src.device;
	if (!source_may_open(&judgement->src))
		return REASON_UNKNOWN_SOURCE;
	if (!may_open(packet))
		return REASON_NO_STATE;
	identity_get(&judgement->generation, packet->version, &packet->dst, &dst);
	reason = policy_judge(&judgement->generation, &judgement->src, &dst,
			      GATE_PORT_KEY(packet->protocol, bpf_ntohs(port)), &credit);
	if (reason == REASON_ACL && packet->kind == KIND_TCP && !tcp_is_syn(packet))
		return REASON_NO_STATE; /* it asks for no connection: it is a stray part of one */
	if (reason)
		return reason;
	judgement->rule = credit.rule;
	flow.stamp = GATE_STAMP(judgement->generation.number, bpf_get_prandom_u32(),
				side ? GATE_FROM_UNKNOWN : judgement->from,
				side ? judgement->from : GATE_FROM_UNKNOWN);
	flow.last = judgement->now;
	flow.rule = credit.rule;
	flow.expires = credit.expires;
	flow.device[0] = side ? dst.device : judgement->src.device;
	flow.device[1] = side ? judgement->src.device : dst.device;
	flow.opener = side;
	return flow_create(key, &flow);
}

/* 5, 8. A packet of a flow that we know. */
static __always_inline int admit_known(struct judgement *judgement, struct gate_flow *flow)
{
	const struct packet *packet = &judgement->packet;
	bool original = judgement->key.side == flow->opener;
	__u8 side = judgement->key.side & 1;
	int reason;

	if (GATE_STAMP_FROM(flow->stamp, side) == judgement->from)
		judgement->device = flow->device[side];
	reason = revalidate(judgement, flow);
	if (!reason)
		reason = bind_side(judgement, flow);
	if (reason)
		return reason;
	judgement->device = flow->device[side];
	judgement->reply = !original;
	if (!original && tcp_is_syn(packet))
		return REASON_NO_STATE;
	judgement->rule = flow->rule;
	flow_track(flow, packet, original, judgement->now);
	return REASON_NONE;
}

static __always_inline int admit(struct judgement *judgement)
{
	const struct packet *packet = &judgement->packet;
	struct gate_flow *flow;

	flow_key_get(packet, judgement->generation.seed, &judgement->key);
	/* ICMP that neither asks nor answers nor is an error is part of no flow */
	flow = packet->kind == KIND_ICMP_OTHER ?
		       NULL :
		       flow_find(&judgement->key, packet->protocol, judgement->now);
	/* a SYN of the opener is a new connection on old ports: judged as new, even as a resend */
	if (flow && tcp_is_syn(packet) && judgement->key.side == flow->opener && judgement->first)
		flow = NULL;
	if (flow)
		return admit_known(judgement, flow);
	return judgement->first ? open_flow(judgement) : REASON_NAT_UNIDENTIFIED;
}

/* The key of the flow that an ICMP error quotes. Not inlined: its frame is gone before we judge. */
static __noinline int quoted_key(struct __sk_buff *skb, struct judgement *judgement)
{
	struct packet quoted = {};
	int reason = packet_quoted(skb, &judgement->packet, &quoted);

	if (reason)
		return reason;
	if (!same_address(&judgement->packet.dst, &quoted.src))
		return REASON_NO_STATE;
	flow_key_get(&quoted, judgement->generation.seed, &judgement->key);
	judgement->quoted_protocol = quoted.protocol;
	judgement->quoted_dst = quoted.dst;
	return REASON_NONE;
}

/* Who belongs to no device is known by its address alone. */
static __always_inline bool may_tell(const struct judgement *judgement,
				     const struct gate_flow *flow)
{
	const struct gate_identity *src = &judgement->src;

	if (src->speaks & GATE_SPEAKS_SELF)
		return true;
	if (!src->device)
		return same_address(&judgement->packet.src, &judgement->quoted_dst);
	return src->device == flow->device[!(judgement->key.side & 1)];
}

/*
 * 8. An ICMP error passes when it quotes a packet of a known flow, is addressed to the quoted
 * source, and comes from the device of the quoted destination or from this box: nobody injects
 * errors into the flows of others.
 */
static __always_inline int admit_error(struct __sk_buff *skb, struct judgement *judgement)
{
	struct gate_flow *flow;
	int reason = bind_packet(judgement);

	if (reason)
		return reason;
	judgement->device = judgement->src.device;
	reason = quoted_key(skb, judgement);
	if (reason)
		return reason;
	flow = flow_find(&judgement->key, judgement->quoted_protocol, judgement->now);
	if (!flow)
		return REASON_NO_STATE;
	reason = revalidate(judgement, flow);
	if (reason)
		return reason;
	if (!may_tell(judgement, flow))
		return REASON_NO_STATE;
	judgement->rule = flow->rule;
	judgement->reply = judgement->key.side == flow->opener;
	return REASON_NONE;
}

/*
 * Where does a packet come from that leaves through us? The kernel knows the interface.
 * E1 guarded and judged there: its flow must exist and still be allowed.
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
	judgement->first = !is_guarded(judgement->from) || !(skb->mark & GATE_MARK_JUDGED);
}

static __always_inline int judge(struct __sk_buff *skb, struct judgement *judgement, int direction)
{
	int reason = generation_get(&judgement->generation);

	if (!reason && direction == DIRECTION_EGRESS)
		origin(skb, judgement);
	skb->mark &= ~GATE_MARK_MASK; /* 1 */
	if (!reason)
		reason = packet_parse(skb, link_header, &judgement->packet);
	if (reason)
		return reason;
	judgement->now = bpf_ktime_get_coarse_ns();
	if (judgement->packet.kind == KIND_ICMP_ERROR)
		return admit_error(skb, judgement);
	return admit(judgement);
}

/* Whom to count a dropped packet for: nobody whose address somebody else took. */
static __always_inline void identify(struct judgement *judgement, int reason)
{
	if (reason == REASON_SPOOFED_SOURCE || reason == REASON_NAT_UNIDENTIFIED) {
		judgement->device = 0;
		return;
	}
	if (judgement->device || !judgement->packet.version)
		return;
	identity_get(&judgement->generation, judgement->packet.version, &judgement->packet.src,
		     &judgement->src);
	judgement->src.speaks &= ~GATE_SPEAKS_REJECTED;
	if (!bind_source(&judgement->src, judgement->from))
		judgement->device = judgement->src.device;
}

static __always_inline void count(struct __sk_buff *skb, struct judgement *judgement, int direction,
				  int reason)
{
	struct gate_device_counters *device = bpf_map_lookup_elem(&device_counters,
								  &judgement->device);
	struct gate_rule_counters *rule;
	__u64 packets = skb->gso_segs ? skb->gso_segs : 1;
	__u64 bytes = skb->len - link_header;
	__u32 index = reason;

	if (!device || index >= REASON_MAX)
		return;
	if (index) {
		device->dropped_packets[direction][index] += packets;
		device->dropped_bytes[direction] += bytes;
		return;
	}
	device->passed_packets[direction] += packets;
	device->passed_bytes[direction] += bytes;
	rule = judgement->first ? bpf_map_lookup_elem(&rule_counters, &judgement->rule) : NULL;
	if (rule) {
		rule->packets += packets;
		rule->bytes += bytes;
	}
}

/* 9. */
static __always_inline int finish(struct __sk_buff *skb, struct judgement *judgement, int direction,
				  int reason)
{
	if (reason)
		identify(judgement, reason);
	count(skb, judgement, direction, reason);
	return reason ? DROP : PASS;
}

/* The mark says what we found only between our own hooks, and never what somebody brought. */
SEC("tc")
int gate_ingress(struct __sk_buff *skb)
{
	struct judgement judgement = { .from = own_slot, .first = true };
	int reason = judge(skb, &judgement, DIRECTION_INGRESS);

	if (!reason)
		skb->mark |= GATE_MARK_JUDGED | (judgement.reply ? GATE_MARK_REPLY : 0);
	return finish(skb, &judgement, DIRECTION_INGRESS, reason);
}

SEC("tc")
int gate_egress(struct __sk_buff *skb)
{
	struct judgement judgement = {};
	int reason = judge(skb, &judgement, DIRECTION_EGRESS);

	return finish(skb, &judgement, DIRECTION_EGRESS, reason);
}

#define COLLECT_INTERVAL (SECOND / 10) /* one shard a tick: the whole table in 6.4 s */

static long collect4(void *map, struct gate_flow4_key *key, struct gate_flow *flow, __u64 *now)
{
	if (flow_expired(flow, key->protocol, *now) && !bpf_map_delete_elem(map, key))
		flow_count(false);
	return 0;
}

static long collect6(void *map, struct gate_flow6_key *key, struct gate_flow *flow, __u64 *now)
{
	if (flow_expired(flow, key->protocol, *now) && !bpf_map_delete_elem(map, key))
		flow_count(false);
	return 0;
}

static int collect(void *map, __u32 *key, struct collector *state)
{
	__u32 shard = state->shard % GATE_FLOW_SHARDS;
	__u64 now = bpf_ktime_get_coarse_ns();
	void *flows = bpf_map_lookup_elem(&flows4, &shard);

	if (flows)
		bpf_for_each_map_elem(flows, collect4, &now, 0);
	flows = bpf_map_lookup_elem(&flows6, &shard);
	if (flows)
		bpf_for_each_map_elem(flows, collect6, &now, 0);
	state->shard = shard + 1;
	bpf_timer_start(&state->timer, COLLECT_INTERVAL, 0);
	return 0;
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
