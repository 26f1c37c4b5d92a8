/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 7. May this packet, which is part of no flow, open one? And the flow that it makes. */
#ifndef ACLGATE_OPEN_H
#define ACLGATE_OPEN_H

#include "flow.h"
#include "judge.h"
#include "source.h"

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
	if (is_later_fragment(packet))
		return false;
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

/* Asks the policy about a packet that is part of no flow, and whose source is bound. */
static __always_inline int judge_new(struct judgement *judgement, struct credit *credit,
				     struct gate_identity *dst)
{
	const struct packet *packet = &judgement->packet;
	__be16 port = packet->kind == KIND_ECHO_REQUEST ? 0 : packet->dport;
	int reason;

	judgement->device = judgement->src.device;
	if (!source_may_open(&judgement->src))
		return REASON_UNKNOWN_SOURCE;
	if (!may_open(packet))
		return REASON_NO_STATE;
	identity_get(&judgement->generation, packet->version, &packet->dst, dst);
	reason = policy_judge(&judgement->generation, &judgement->src, dst,
			      GATE_PORT_KEY(packet->protocol, bpf_ntohs(port)), credit);
	if (reason == REASON_ACL && packet->kind == KIND_TCP && !tcp_is_syn(packet))
		return REASON_NO_STATE; /* it asks for no connection: it is a stray part of one */
	judgement->rule = credit->rule;
	return reason;
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

#endif
