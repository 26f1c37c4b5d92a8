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
#include "early.h"
#include "fast.h"
#include "collect.h"

#define PASS TC_ACT_UNSPEC /* TCX_NEXT: others may still look at it */
#define DROP TC_ACT_SHOT

static __always_inline bool stamp_replace(struct gate_flow *flow, __u64 old, __u64 new)
{
	return !dry && __sync_val_compare_and_swap(&flow->stamp, old, new) == old;
}

static __always_inline void address_of_side(const struct flow_key *key, __u8 side,
					    struct gate_address *addr)
{
	if (key->version == 4)
		addr->word[0] = key->v4.addr[side & 1];
	else
		*addr = key->v6.addr[side & 1];
}

static __always_inline __u8 flow_protocol(const struct flow_key *key)
{
	return key->version == 4 ? key->v4.protocol : key->v6.protocol;
}

static __always_inline void identity_of_side(const struct generation *generation,
					     const struct flow_key *key, __u8 side,
					     struct gate_identity *identity)
{
	struct gate_address addr = {};

	address_of_side(key, side, &addr);
	identity_get(generation, key->version, &addr, identity);
}

/* Who speaks where may have changed as well, so both sides are bound anew. */
static __always_inline bool restamp(const struct generation *generation, struct gate_flow *flow,
				    __u64 stamp)
{
	return stamp_replace(flow, stamp,
			     GATE_STAMP(generation->number, GATE_STAMP_TAG(stamp),
					GATE_FROM_UNKNOWN, GATE_FROM_UNKNOWN));
}

/* Not inlined: its key is on the stack no longer than that. */
static __noinline int flow_revoke(const struct flow_key *revoked)
{
	struct flow_key key = *revoked;

	flow_delete(flow_shard(&key), &key);
	return 0;
}

/*
 * Asks the policy about the original direction of the flow, and stamps it anew or deletes it. A
 * learned flow is not judged: its packets meet the judged one, under their real addresses.
 */
__noinline int rejudge(struct judgement *judgement, struct gate_flow *flow, __u64 stamp)
{
	const struct generation *generation;
	const struct flow_key *key;
	struct gate_identity src, dst;
	struct credit credit = {};
	__u8 opener, protocol;
	__be16 port;

	if (!judgement || !flow)
		return REASON_MAP_ERROR;
	generation = &judgement->generation;
	key = &judgement->key;
	opener = flow->opener & 1;
	port = key->version == 4 ? key->v4.port[!opener] : key->v6.port[!opener];
	protocol = flow_protocol(key);
	identity_of_side(generation, key, opener, &src);
	identity_of_side(generation, key, !opener, &dst);
	if (flow->kind == FLOW_LEARNED)
		credit.expires = GATE_NEVER;
	else if ((flow->kind == FLOW_NAT_AS &&
		  !nat_device(generation, flow->slot, key->version, &src)) ||
		 !source_may_open(&src) ||
		 policy_judge(generation, &src, &dst, GATE_PORT_KEY(protocol, bpf_ntohs(port)),
			      &credit)) {
		if (!dry)
			flow_revoke(key);
		return REASON_REVOKED;
	}
	judgement->rule = credit.rule;
	judgement->sides[0] = opener ? dst.device : src.device;
	judgement->sides[1] = opener ? src.device : dst.device;
	if (!restamp(generation, flow, stamp))
		return REASON_NONE;
	flow->rule = credit.rule;
	flow->device[0] = judgement->sides[0];
	flow->device[1] = judgement->sides[1];
	flow->expires = credit.expires;
	/* a CPU with a newer policy was here meanwhile: whose deadline it is now, nobody knows */
	if (GATE_STAMP_GENERATION(*(volatile __u64 *)&flow->stamp) != generation->number)
		flow->expires = 1;
	return REASON_NONE;
}

/*
 * 8. A flow of an older generation, or whose rule has expired, is judged again. A newer one counts
 * as current: this packet read the generation before a load and meets a flow that was stamped after
 * it.
 */
static __always_inline int revalidate(struct judgement *judgement, struct gate_flow *flow)
{
	const struct generation *generation = &judgement->generation;
	__u64 stamp = *(volatile __u64 *)&flow->stamp;

	judgement->rule = flow->rule;
	judgement->sides[0] = flow->device[0];
	judgement->sides[1] = flow->device[1];
	if ((__s32)(GATE_STAMP_GENERATION(stamp) - generation->number) >= 0 &&
	    !has_passed(flow->expires))
		return REASON_NONE;
	judgement->rejudged = true;
	return rejudge(judgement, flow, stamp);
}

/*
 * This box, and what NAT hides behind its address, are two: neither goes on with what the other
 * opened. Both may answer what is addressed to this box.
 */
static __always_inline bool is_same_speaker(const struct judgement *judgement,
					    const struct gate_flow *flow)
{
	if (judgement->key.side != flow->opener)
		return true;
	return judgement->nat_as == (flow->kind == FLOW_NAT_AS);
}

/*
 * What was opened to this box may be answered through it: a port that it publishes, of a container
 * behind an interface that is not guarded, whose answers NAT gives our address. What this box has
 * answered itself, nobody else answers.
 */
static __always_inline bool answers_through_nat(const struct judgement *judgement,
						const struct gate_flow *flow, __u8 side)
{
	if (flow->kind != FLOW_JUDGED || side == flow->opener)
		return false;
	return judgement->rejudged ||
	       GATE_STAMP_FROM(*(volatile __u64 *)&flow->stamp, side) != GATE_FROM_SELF;
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

	if (GATE_STAMP_FROM(stamp, side) == judgement->from && !judgement->rejudged)
		return REASON_NONE;
	reason = bind_packet(judgement);
	if (reason == REASON_NAT_UNIDENTIFIED && answers_through_nat(judgement, flow, side))
		reason = REASON_NONE;
	if (!reason && !is_same_speaker(judgement, flow)) {
		judgement->device = judgement->src.device;
		return REASON_NO_STATE;
	}
	/* what was found out under an older generation is not kept under a newer one, nor whom `natAs`
	 * means, which depends on where the packet leaves */
	if (reason || judgement->from == GATE_FROM_LOST || judgement->nat_as ||
	    GATE_STAMP_GENERATION(stamp) != judgement->generation.number)
		return reason;
	stamp_replace(flow, stamp,
		      GATE_STAMP(GATE_STAMP_GENERATION(stamp), GATE_STAMP_TAG(stamp),
				 side ? other : judgement->from, side ? judgement->from : other));
	return REASON_NONE;
}

/* The flow that this packet makes, and who is on its other side. */
__noinline int found_flow(const struct judgement *judgement, const struct credit *credit,
			  enum flow_kind kind, __u32 destination)
{
	struct gate_flow flow;
	struct flow_key key;
	__u8 side, from;

	if (!judgement || !credit)
		return REASON_MAP_ERROR;
	key = judgement->key;
	side = key.side & 1;
	from = judgement->nat_as ? GATE_FROM_UNKNOWN : judgement->from; /* as in bind_side() */
	flow = (struct gate_flow){
		.stamp = GATE_STAMP(judgement->generation.number, key.tag,
				    side ? GATE_FROM_UNKNOWN : from,
				    side ? from : GATE_FROM_UNKNOWN),
		.last = judgement->now,
		.expires = credit->expires,
		.rule = credit->rule,
		.device = { side ? destination : judgement->src.device,
			    side ? judgement->src.device : destination },
		.owner = kind == FLOW_LEARNED ? judgement->payer : judgement->src.device,
		.opener = side,
		.kind = kind,
		.slot = own_slot,
	};

	return flow_create(&key, &flow, settings_get(judgement->generation.slot));
}

/* 7. A new flow. */
static __noinline int open_flow(struct judgement *judgement)
{
	struct gate_identity dst = {};
	struct credit credit = {};
	int reason = bind_packet(judgement);

	if (!reason)
		reason = judge_new(judgement, &credit, &dst);
	if (reason)
		return reason;
	judgement->opened = true;
	if (dry)
		return flow_quota_check(&judgement->key, judgement->src.device,
					settings_get(judgement->generation.slot));
	return found_flow(judgement, &credit, judgement->nat_as ? FLOW_NAT_AS : FLOW_JUDGED,
			  dst.device);
}

/*
 * E1. One of ours let this packet in, and no flow has its addresses: they were translated since.
 * The answers will have them too.
 */
static __noinline int learn_flow(struct judgement *judgement)
{
	const struct packet *packet = &judgement->packet;
	struct credit credit = { .expires = GATE_NEVER };
	struct gate_identity dst = {};

	if (!judgement->learn || is_later_fragment(packet) || packet->kind == KIND_ECHO_REPLY ||
	    packet->kind == KIND_ICMP_OTHER)
		return REASON_NO_STATE;
	identity_get(&judgement->generation, packet->version, &packet->src, &judgement->src);
	identity_get(&judgement->generation, packet->version, &packet->dst, &dst);
	judgement->device = judgement->src.device;
	if (dry)
		return REASON_NONE;
	return found_flow(judgement, &credit, FLOW_LEARNED, dst.device);
}

/*
 * E1. The source was bound where the packet came in. It may have another address since: an answer
 * through DNAT is from this box.
 */
static __always_inline bool is_bound(const struct judgement *judgement)
{
	return !judgement->first && judgement->from != GATE_FROM_LOST;
}

/* 5, 8. A packet of a flow that we know. */
static __always_inline int admit_known(struct judgement *judgement, struct gate_flow *flow)
{
	const struct packet *packet = &judgement->packet;
	bool original = judgement->key.side == flow->opener;
	__u8 side = judgement->key.side & 1;
	int reason;

	if (GATE_STAMP_FROM(flow->stamp, side) == judgement->from ||
	    (flow->kind == FLOW_NAT_AS && !is_guarded(judgement->from)))
		judgement->device = flow->device[side];
	reason = revalidate(judgement, flow);
	if (!reason && !is_bound(judgement))
		reason = bind_side(judgement, flow);
	if (reason)
		return reason;
	judgement->device = device_of(judgement, side);
	judgement->reply = !original;
	judgement->known = true;
	/* an answer that NAT changed came in on a learned flow, which knows no rule */
	if (is_bound(judgement) && !judgement->learn &&
	    GATE_STAMP_FROM(flow->stamp, side) == GATE_FROM_UNKNOWN)
		judgement->credited = false;
	if (!original && tcp_is_syn(packet))
		return REASON_NO_STATE;
	if (!dry)
		flow_track(flow, packet, original, judgement->now);
	return REASON_NONE;
}

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

/* The key of the flow of whose packets an ICMP error quotes one. Not inlined: as packet_parse(). */
__noinline int read_quotation(struct __sk_buff *skb, struct judgement *judgement)
{
	struct packet quoted = {};
	int reason;

	if (!judgement)
		return REASON_MAP_ERROR;
	reason = packet_quoted(skb, &judgement->packet, &quoted);
	if (!reason && is_later_fragment(&quoted))
		reason = fragment_complete(&quoted, &judgement->generation, GATE_FROM_UNKNOWN);
	if (reason)
		return reason;
	if (!same_address(&judgement->packet.dst, &quoted.src))
		return REASON_NO_STATE;
	flow_key_get(&quoted, &judgement->key);
	return REASON_NONE;
}

/* The very address that the quoted packet was for. */
static __always_inline bool is_addressee(const struct judgement *judgement)
{
	struct gate_address quoted = {};

	address_of_side(&judgement->key, !judgement->key.side, &quoted);
	return same_address(&judgement->packet.src, &quoted);
}

/* Who belongs to no device is known by its address alone. */
static __always_inline bool may_tell(const struct judgement *judgement)
{
	const struct gate_identity *src = &judgement->src;

	if (is_own(src))
		return true;
	if (!src->device)
		return is_addressee(judgement);
	return src->device == device_of(judgement, !judgement->key.side);
}

static __always_inline int bind_teller(struct judgement *judgement)
{
	const struct packet *packet = &judgement->packet;

	if (!is_bound(judgement))
		return bind_packet(judgement);
	return identity_get(&judgement->generation, packet->version, &packet->src, &judgement->src);
}

/*
 * 8. An ICMP error passes when it quotes a packet of a known flow, is addressed to the quoted
 * source, and comes from the device of the quoted destination or from this box: nobody injects
 * errors into the flows of others.
 */
static __always_inline int admit_error(struct __sk_buff *skb, struct judgement *judgement)
{
	struct gate_flow *flow;
	int teller = bind_teller(judgement), reason;

	if (teller && teller != REASON_NAT_UNIDENTIFIED)
		return teller;
	judgement->device = judgement->src.device;
	if (judgement->packet.fragment >= FRAGMENT_FIRST)
		return REASON_FRAGMENT; /* RFC 1122, RFC 4443: it is too short to need any */
	reason = read_quotation(skb, judgement);
	if (reason)
		return reason;
	flow = flow_find(&judgement->key, flow_protocol(&judgement->key),
			 judgement->generation.slot, judgement->now);
	if (!flow)
		return teller ? teller : REASON_NO_STATE;
	reason = revalidate(judgement, flow);
	if (reason)
		return reason;
	if (teller && !(is_addressee(judgement) &&
			answers_through_nat(judgement, flow, !judgement->key.side)))
		return teller;
	if (!may_tell(judgement))
		return REASON_NO_STATE;
	judgement->known = true;
	judgement->reply = judgement->key.side == flow->opener;
	return REASON_NONE;
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
 * interface and keeps the mark (ip6_copy_metadata). Such a packet must be part of a judged flow.
 */
static __always_inline void origin_of_fragment(struct __sk_buff *skb, struct judgement *judgement,
					       __u32 mark)
{
	if (has_sender(skb) || judgement->from != GATE_FROM_SELF || !(mark & mark_judged) ||
	    judgement->packet.version != 6 || judgement->packet.fragment < FRAGMENT_FIRST ||
	    is_own_address(judgement, &judgement->packet.src))
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

/* The packet that would open the connection which @seed names. */
static __always_inline void seed_packet(const struct gate_seed *seed, struct packet *packet)
{
	packet->src = seed->src;
	packet->dst = seed->dst;
	packet->sport = seed->sport;
	packet->dport = seed->dport;
	packet->version = seed->version;
	packet->protocol = seed->protocol;
	packet->kind = KIND_PORTLESS;
	if (seed->protocol == IPPROTO_ICMP || seed->protocol == IPPROTO_ICMPV6)
		packet->kind = KIND_ECHO_REQUEST;
}

static __always_inline int seed_flow(struct judgement *judgement, const struct gate_seed *seed)
{
	const struct packet *packet = &judgement->packet;
	struct credit credit = { .expires = GATE_NEVER };
	struct gate_identity dst = {};
	struct gate_flow *flow;
	int reason = REASON_NONE;

	identity_get(&judgement->generation, packet->version, &packet->src, &judgement->src);
	if (seed->kind == FLOW_JUDGED)
		reason = judge_new(judgement, &credit, &dst);
	if (reason)
		return reason;
	flow_key_get(packet, &judgement->key);
	reason = found_flow(judgement, &credit, seed->kind, dst.device);
	flow = flow_find(&judgement->key, packet->protocol, judgement->generation.slot,
			 judgement->now);
	if (reason || !flow)
		return reason;
	flow->state = seed->state;
	flow->seen = seed->state == FLOW_OPENING ? 0 : FLOW_SEEN_REPLY;
	return REASON_NONE;
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
