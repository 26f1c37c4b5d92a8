/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a flow lives without a packet of its opener. Both worlds include it, as abi.h: aclctl
 * flows tells what the programs do.
 */
#ifndef ACLGATE_LIFETIME_H
#define ACLGATE_LIFETIME_H

#include <linux/stddef.h>
#ifdef __bpf__
#include <linux/in.h>
#include <linux/in6.h>
#else
#include <netinet/in.h>
#endif

#include "abi.h"

#define SECOND 1000000000ull

/*
 * UDP through NAT: conntrack forgets it after 30 s without a packet of the opener, and from then on
 * an answer is for this box itself.
 */
#define TRANSLATED_LIFETIME (29 * SECOND)

static __always_inline enum timeout flow_timeout(const struct gate_flow *flow, __u8 protocol)
{
	if (protocol == IPPROTO_TCP) {
		if (flow->state == FLOW_CLOSING)
			return TIMEOUT_CLOSING;
		return flow->state == FLOW_ESTABLISHED ? TIMEOUT_ESTABLISHED : TIMEOUT_HANDSHAKE;
	}
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return TIMEOUT_ECHO;
	return flow->state == FLOW_OPENING ? TIMEOUT_UDP : TIMEOUT_ANSWERED;
}

/* In ns. */
static __always_inline __u64 flow_lifetime(const struct gate_flow *flow, __u8 protocol,
					   const struct gate_settings *settings)
{
	__u64 lifetime = settings->timeout[flow_timeout(flow, protocol)] * SECOND;

	if (flow->kind == FLOW_JUDGED || protocol == IPPROTO_TCP || lifetime < TRANSLATED_LIFETIME)
		return lifetime;
	return TRANSLATED_LIFETIME;
}

static __always_inline __u64 fragment_lifetime(const struct gate_settings *settings)
{
	return settings->timeout[TIMEOUT_FRAGMENT] * SECOND;
}

#endif
