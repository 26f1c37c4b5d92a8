/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who sent this packet? An address alone proves nothing: it must belong to a device that may speak
 * where the packet came from.
 */
#ifndef ACLGATE_SOURCE_H
#define ACLGATE_SOURCE_H

#include "flow.h"
#include "judge.h"
#include "packet.h"

/* What belongs to the attachment; everything else comes from the generation. */
const volatile __u32 own_slot; /* of the interface we are attached to */
const volatile __u32 mark_judged = GATE_MARK_JUDGED;
const volatile __u32 mark_reply = GATE_MARK_REPLY;
const volatile __u32 dry;      /* change nothing but what TRACE_… says */
const volatile __u32 dry_slot; /* the generation to judge by; 0: the live one */

/* All that is found out about one packet. */
struct judgement {
	struct packet packet;
	struct generation generation;
	struct flow_key key;
	struct gate_identity src;
	__u64 now;
	__u32 device; /* whom to count it for */
	__u32 payer;  /* E1: who sent it, whatever NAT made of the address since */
	__u32 rule;
	__u32 sides[2]; /* devices of a flow, counter ids */
	__u8 from;	/* GATE_FROM_… */
	__u8 fast;	/* enum fast_result: what is known of it already */
	bool first;	/* nobody of ours has judged this packet yet: it may open a flow */
	bool learn;	/* ... one of ours has, and NAT may have changed it since */
	bool reply;
	bool opened;
	bool credited; /* its rule has it already, where it came in */
	bool known;    /* part of a flow */
	bool rejudged; /* ... whose policy is newer than it: its sides must be bound anew */
	bool nat_as;   /* `src` is the device that NAT on this box stands for */
	bool link;     /* what an Ethernet link needs to live */
};

/* Of the flow; not by index, for the verifier knows no variable ones into the stack. */
static __always_inline __u32 device_of(const struct judgement *judgement, bool side)
{
	return side ? judgement->sides[1] : judgement->sides[0];
}

static __always_inline bool is_guarded(__u8 from)
{
	return from < GATE_GUARDED_MAX;
}

static __always_inline bool is_own(const struct gate_identity *identity)
{
	return identity->speaks & GATE_SPEAKS_SELF;
}

/*
 * What ingress tells the egress of another guarded interface. The mark says what we found only
 * between our own hooks, and never what somebody brought. @payer: whom E1 charges for what it learns.
 */
static __always_inline void mark_passed(struct __sk_buff *skb, bool reply, __u32 payer)
{
	skb->mark |= mark_judged | (reply ? mark_reply : 0);
	skb->tc_index = payer;
}

/*
 * 6. The source must belong to a device that may speak where the packet came from. Whoever may not
 * speak here at all cannot answer here either: this holds for replies as well.
 */
static __always_inline int bind_source(const struct gate_identity *src, __u8 from)
{
	__u32 places = 1u << (from & 31);

	if (from == GATE_FROM_SELF) {
		if (is_own(src))
			return REASON_NONE;
		places = GATE_SPEAKS_OUTSIDE; /* E4: not its own address, so as E3 */
	}
	if (is_own(src))
		return is_guarded(from) ? REASON_SPOOFED_SOURCE : REASON_NAT_UNIDENTIFIED;
	if (src->speaks & GATE_SPEAKS_REJECTED)
		return REASON_UNAPPROVED;
	if (from == GATE_FROM_LOST)
		return src->device ? REASON_NONE : REASON_UNKNOWN_SOURCE;
	if (!is_guarded(from))
		places |= GATE_SPEAKS_OUTSIDE;
	else if (!src->device)
		return REASON_UNKNOWN_SOURCE;
	return src->speaks & places ? REASON_NONE : REASON_SPOOFED_SOURCE;
}

/* Whom the policy means by this box's address on what leaves here, translated; nobody: as it was. */
static __always_inline bool nat_device(const struct generation *generation, __u32 slot,
				       __u8 version, struct gate_identity *identity)
{
	const struct gate_settings *settings = settings_get(generation->slot);

	if (!settings || slot >= GATE_GUARDED_MAX || !settings->nat_as[slot][version == 6].device)
		return false;
	*identity = settings->nat_as[slot][version == 6];
	return true;
}

static __always_inline int bind_packet(struct judgement *judgement)
{
	const struct packet *packet = &judgement->packet;
	int reason;

	if (same_address(&packet->src, &packet->dst))
		return REASON_SPOOFED_SOURCE;
	identity_get(&judgement->generation, packet->version, &packet->src, &judgement->src);
	reason = bind_source(&judgement->src, judgement->from);
	if (reason != REASON_NAT_UNIDENTIFIED)
		return reason;
	judgement->nat_as = nat_device(&judgement->generation, own_slot, packet->version,
				       &judgement->src);
	return judgement->nat_as ? REASON_NONE : reason;
}

/* The policy knows who it is: an address outside that nobody named answers, and opens nothing. */
static __always_inline bool source_may_open(const struct gate_identity *src)
{
	return (src->device || is_own(src)) && !(src->speaks & GATE_SPEAKS_REJECTED);
}

#endif
