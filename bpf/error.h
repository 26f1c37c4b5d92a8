/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ICMP error: part of the flow of whose packets it quotes one. */
#ifndef ACLGATE_ERROR_H
#define ACLGATE_ERROR_H

#include "fragment.h"
#include "known.h"
#include "packet.h"

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

#endif
