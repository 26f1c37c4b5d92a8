/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fragments. Only the first one of a datagram has ports. Once it passed, the later ones get what it
 * said from this table and are judged like any packet of that flow: whatever ends the flow ends
 * them. A later fragment that comes before the first one is lost.
 */
#ifndef ACLGATE_FRAGMENT_H
#define ACLGATE_FRAGMENT_H

#include "flow.h"
#include "maps.h"
#include "packet.h"

static __always_inline void *fragment_shard(const struct packet *packet)
{
	const struct gate_keys *keys = secret_get();
	__u64 sum;
	__u32 index;

	if (!keys)
		return NULL;
	sum = hash_word(packet->src.word[0], keys->word[0]) +
	      hash_word(packet->src.word[1], keys->word[1]);
	index = hash_shard(hash_end(sum + hash_word(packet->fragment_id, keys->word[2])));
	return bpf_map_lookup_elem(&fragments, &index);
}

static __always_inline void fragment_key_get(const struct packet *packet,
					     struct gate_fragment_key *key)
{
	*key = (struct gate_fragment_key){
		.src = packet->src,
		.dst = packet->dst,
		.id = packet->fragment_id,
		.version = packet->version,
		.protocol = packet->version == 4 ? packet->protocol : 0,
	};
}

/*
 * Gives a later fragment the ports of its first one. @from: where the first one must have come
 * from; GATE_FROM_UNKNOWN: wherever. One that lies over the first is dropped (RFC 3128, RFC 5722):
 * it could replace the ports that were judged.
 */
__noinline int fragment_complete(struct packet *packet, const struct generation *generation,
				 __u8 from)
{
	const struct gate_settings *settings;
	struct gate_fragment_key key;
	struct gate_fragment *first;
	void *shard;

	if (!packet || !generation)
		return REASON_MAP_ERROR;
	settings = settings_get(generation->slot);
	shard = fragment_shard(packet);
	fragment_key_get(packet, &key);
	first = shard ? bpf_map_lookup_elem(shard, &key) : NULL;
	if (!first || !settings ||
	    has_timed_out(fragment_lifetime(settings), first->last, clock_now()))
		return REASON_FRAGMENT;
	if (from != GATE_FROM_UNKNOWN && (first->from != from || packet->fragment_at < first->end))
		return REASON_FRAGMENT;
	packet->sport = first->sport;
	packet->dport = first->dport;
	packet->protocol = first->protocol;
	packet->kind = first->kind;
	return REASON_NONE;
}

static __always_inline void fragment_deleted(__u32 owner)
{
	struct gate_device_state *state = device_state(owner);

	if (state)
		__sync_fetch_and_add(&state->fragments, -1);
}

/* What was known of a datagram with the same identifier. */
static __always_inline void fragment_delete(void *shard, const struct gate_fragment_key *key)
{
	struct gate_fragment *first = bpf_map_lookup_elem(shard, key);
	__u32 owner;

	if (!first)
		return;
	owner = first->owner;
	if (!bpf_map_delete_elem(shard, key))
		fragment_deleted(owner);
}

static __always_inline int fragment_insert(void *shard, const struct gate_fragment_key *key,
					   const struct gate_fragment *first)
{
	struct gate_device_state *state = device_state(first->owner);
	long error;

	if (!state)
		return REASON_MAP_ERROR;
	fragment_delete(shard, key);
	if (!quota_take(&state->fragments, GATE_FRAGMENTS_PER_DEVICE))
		return REASON_FLOW_QUOTA;
	error = bpf_map_update_elem(shard, key, first, BPF_NOEXIST);
	if (error)
		__sync_fetch_and_add(&state->fragments, -1);
	/* EEXIST: another CPU had the same fragment */
	if (error == -E2BIG)
		return REASON_FLOW_TABLE_FULL;
	return error && error != -EEXIST ? REASON_MAP_ERROR : REASON_NONE;
}

/* A first fragment passes: remembers what it says, in the quota of the device it is from. */
static __noinline int fragment_remember(const struct packet *packet,
					const struct generation *generation, __u8 from,
					__u32 device)
{
	void *shard = fragment_shard(packet);
	struct gate_fragment first = {
		.last = clock_now(),
		.owner = device,
		.end = packet->fragment_at,
		.sport = packet->sport,
		.dport = packet->dport,
		.protocol = packet->protocol,
		.kind = packet->kind,
		.from = from,
	};
	struct gate_fragment_key key;

	if (!shard)
		return REASON_MAP_ERROR;
	fragment_key_get(packet, &key);
	return fragment_insert(shard, &key, &first);
}

#endif
