/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The early drop: XDP, before the kernel makes anything of a packet, where the policy says "xdp". It
 * drops plain packets that are part of no flow and may open none, as gate_ingress would for the same
 * reason, and counts only those. All others it leaves to gate_ingress, which alone lets pass.
 */
#ifndef ACLGATE_EARLY_H
#define ACLGATE_EARLY_H

#include "flow.h"
#include "judge.h"
#include "open.h"
#include "plain.h"
#include "source.h"

/* Whatever its state: gate_ingress knows what to make of it. */
static __always_inline bool has_flow(struct judgement *judgement)
{
	struct flow_key *key = &judgement->key;
	void *shard;

	flow_key_get(&judgement->packet, key);
	shard = flow_shard(key);
	return !shard || flow_lookup(shard, key);
}

/* A reason to drop the packet, or REASON_NONE. */
static __always_inline int judge_early(struct judgement *judgement)
{
	struct gate_identity dst = {};
	struct credit credit = {};
	int reason;

	if (has_flow(judgement))
		return REASON_NONE;
	reason = bind_packet(judgement);
	if (!reason)
		reason = judge_new(judgement, &credit, &dst);
	return softens(&judgement->generation, reason) ? REASON_NONE : reason;
}

#endif
