/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 5, 8. A packet of a flow that we know: may it still, and does it come from where it should? */
#ifndef ACLGATE_KNOWN_H
#define ACLGATE_KNOWN_H

#include "flow.h"
#include "judge.h"
#include "source.h"

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

/* Where that side comes from. What this box has sent is kept: see answers_through_nat(). */
static __always_inline __u8 from_kept(__u64 stamp, bool side, const struct gate_identity *identity)
{
	bool is_self = GATE_STAMP_FROM(stamp, side) == GATE_FROM_SELF;

	return is_self && is_own(identity) ? GATE_FROM_SELF : GATE_FROM_UNKNOWN;
}

/* Who speaks where may have changed as well, so both sides are bound anew. */
static __always_inline bool restamp(const struct generation *generation, struct gate_flow *flow,
				    __u64 stamp, const struct gate_identity *one,
				    const struct gate_identity *other)
{
	return stamp_replace(flow, stamp,
			     GATE_STAMP(generation->number, GATE_STAMP_TAG(stamp),
					from_kept(stamp, 0, one), from_kept(stamp, 1, other)));
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
	if (!restamp(generation, flow, stamp, opener ? &dst : &src, opener ? &src : &dst))
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
	return flow->kind == FLOW_JUDGED && side != flow->opener &&
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

#endif
