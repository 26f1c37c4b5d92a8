/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows of connections that were there before the gate. */
#ifndef ACLGATE_SEED_H
#define ACLGATE_SEED_H

#include "open.h"

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

#endif
