/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 7. May this packet, which is part of no flow, open one? */
#ifndef ACLGATE_OPEN_H
#define ACLGATE_OPEN_H

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

#endif
