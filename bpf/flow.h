/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow table. A flow is one connection, whichever way its packets go. It is made only by a
 * packet that the policy allows, in the direction that the policy allows, and is never evicted
 * while it lives: a peer that floods cannot erase the flows of others, and may fill no more than
 * its quota.
 */
#ifndef ACLGATE_FLOW_H
#define ACLGATE_FLOW_H

#include "clock.h"
#include "hash.h"
#include "judge.h"
#include "lifetime.h"
#include "maps.h"
#include "packet.h"

/* The key of a packet's flow, in the form of its IP version, and where the packet stands in it. */
struct flow_key {
	union {
		struct gate_flow4_key v4;
		struct gate_flow6_key v6;
	};
	__u32 shard;
	__u16 tag; /* by which a flow's stamp knows its key */
	__u8 version;
	__u8 side; /* of the packet's source */
};

static __always_inline __u8 side_of_source(const struct packet *packet)
{
	if (packet->src.word[0] != packet->dst.word[0])
		return packet->src.word[0] > packet->dst.word[0];
	return packet->src.word[1] > packet->dst.word[1];
}

static __always_inline __u32 hash_shard(__u64 hash)
{
	return hash >> (64 - GATE_FLOW_SHARD_BITS);
}

static __always_inline __u16 hash_tag(__u64 hash)
{
	return hash >> 40;
}

static __always_inline const struct gate_keys *secret_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&secret, &zero);
}

static __always_inline __u64 hash4(const struct gate_flow4_key *key, const struct gate_keys *keys)
{
	const __u64 *word = (const __u64 *)key;

	return hash_end(hash_word(word[0], keys->word[0]) + hash_word(word[1], keys->word[1]));
}

static __always_inline __u64 hash6(const struct gate_flow6_key *key, const struct gate_keys *keys)
{
	const __u64 *word = (const __u64 *)key;
	__u64 sum = hash_word(word[0], keys->word[0]) + hash_word(word[1], keys->word[1]);

	return hash_end(sum + hash_word(word[2], keys->word[2]) +
			hash_word(word[3], keys->word[3]) + hash_word(word[4], keys->word[4]));
}

static __always_inline __u8 side_that_asks(const struct packet *packet, __u8 side)
{
	if (packet->kind == KIND_ECHO_REQUEST)
		return 1 + side;
	return packet->kind == KIND_ECHO_REPLY ? 2 - side : 0;
}

/* @side: of the packet's source. */
static __always_inline void flow_key4(const struct packet *packet, __u8 side,
				      struct gate_flow4_key *key)
{
	*key = (struct gate_flow4_key){
		.addr = { side ? packet->dst.word[0] : packet->src.word[0],
			  side ? packet->src.word[0] : packet->dst.word[0] },
		.port = { side ? packet->dport : packet->sport,
			  side ? packet->sport : packet->dport },
		.protocol = packet->protocol,
		.asks = side_that_asks(packet, side),
	};
}

/* Word by word: a choice between two structs would keep the packet on the stack. */
static __always_inline void flow_key6(const struct packet *packet, __u8 side,
				      struct gate_flow6_key *key)
{
	__u64 src[2] = { packet->src.word[0], packet->src.word[1] };
	__u64 dst[2] = { packet->dst.word[0], packet->dst.word[1] };

	*key = (struct gate_flow6_key){
		.addr = { { { side ? dst[0] : src[0], side ? dst[1] : src[1] } },
			  { { side ? src[0] : dst[0], side ? src[1] : dst[1] } } },
		.port = { side ? packet->dport : packet->sport,
			  side ? packet->sport : packet->dport },
		.protocol = packet->protocol,
		.asks = side_that_asks(packet, side),
	};
}

/* In which shard the flow of that key is, if there is one, and the tag that its stamp then has. */
static __always_inline __u32 flow_place4(const struct gate_flow4_key *key,
					 const struct gate_keys *keys, __u16 *ret_tag)
{
	__u64 hash = hash4(key, keys);

	*ret_tag = hash_tag(hash);
	return hash_shard(hash);
}

static __always_inline __u32 flow_place6(const struct gate_flow6_key *key,
					 const struct gate_keys *keys, __u16 *ret_tag)
{
	__u64 hash = hash6(key, keys);

	*ret_tag = hash_tag(hash);
	return hash_shard(hash);
}

__noinline int flow_key_get(const struct packet *packet, struct flow_key *key)
{
	const struct gate_keys *keys = secret_get();

	if (!packet || !key || !keys)
		return REASON_MAP_ERROR;
	__builtin_memset(key, 0, sizeof(*key));
	key->version = packet->version;
	key->side = side_of_source(packet);
	if (packet->version == 4) {
		flow_key4(packet, key->side, &key->v4);
		key->shard = flow_place4(&key->v4, keys, &key->tag);
	} else {
		flow_key6(packet, key->side, &key->v6);
		key->shard = flow_place6(&key->v6, keys, &key->tag);
	}
	return REASON_NONE;
}

/*
 * The map of its shard. Here and below: @key is on the stack, see identity4(). The kernel inlines a
 * look-up only where it knows the kind of the map: the compiler must not make one of these two.
 */
static __always_inline void *flow_shard(const struct flow_key *key)
{
	void *shard;

	if (key->version != 4)
		return bpf_map_lookup_elem(&flows6, &key->shard);
	shard = bpf_map_lookup_elem(&flows4, &key->shard);
	/* an instruction, because the kernel refuses the number of a line that has none */
	asm volatile("%0 = %0" : "+r"(shard));
	return shard;
}

static __always_inline struct gate_flow *flow_lookup(void *shard, const struct flow_key *key)
{
	return shard ? bpf_map_lookup_elem(shard, &key->v6) : NULL;
}

/* @now may be read before another CPU wrote @last. */
static __always_inline bool has_timed_out(__u64 lifetime, __u64 last, __u64 now)
{
	return (__s64)(now - last) > (__s64)lifetime;
}

static __always_inline bool flow_has_timed_out(const struct gate_settings *settings,
					       const struct gate_flow *flow, __u8 protocol,
					       __u64 now)
{
	return has_timed_out(flow_lifetime(flow, protocol, settings), flow->last, now);
}

/* An element with another tag was recycled under our hands, and is another flow. */
static __always_inline struct gate_flow *flow_find(const struct flow_key *key, __u8 protocol,
						   __u32 generation, __u64 now)
{
	const struct gate_settings *settings = settings_get(generation);
	struct gate_flow *flow = flow_lookup(flow_shard(key), key);

	if (!settings || !flow || GATE_STAMP_TAG(*(volatile __u64 *)&flow->stamp) != key->tag)
		return NULL;
	return flow_has_timed_out(settings, flow, protocol, now) ? NULL : flow;
}

static __always_inline void flow_count(bool created)
{
	__u32 zero = 0;
	struct gate_totals *counters = bpf_map_lookup_elem(&totals, &zero);

	if (!counters)
		return;
	if (created)
		counters->flows_created++;
	else
		counters->flows_deleted++;
}

static __always_inline struct gate_device_state *device_state(__u32 device)
{
	return bpf_map_lookup_elem(&device_states, &device);
}

/*
 * Signed: two CPUs that replace the flow of one key at the same time may book its end for the wrong
 * owner, and nobody is locked out for that.
 */
static __always_inline bool quota_take(__u32 *used, __u32 limit)
{
	if ((__s32)__sync_fetch_and_add(used, 1) < (__s32)limit)
		return true;
	__sync_fetch_and_add(used, -1);
	return false;
}

static __always_inline void flow_deleted(__u32 owner)
{
	struct gate_device_state *state = device_state(owner);

	flow_count(false);
	if (state)
		__sync_fetch_and_add(&state->flows, -1);
}

static __always_inline bool flow_delete(void *shard, const struct flow_key *key)
{
	struct gate_flow *flow = flow_lookup(shard, key);
	__u32 owner;

	if (!flow)
		return false;
	owner = flow->owner;
	if (bpf_map_delete_elem(shard, &key->v6))
		return false;
	flow_deleted(owner);
	return true;
}

/* In place of what the key held: a flow that expired, or the connection before this SYN. */
static __always_inline long flow_insert(void *shard, const struct flow_key *key,
					const struct gate_flow *flow)
{
	long error = bpf_map_update_elem(shard, &key->v6, flow, BPF_NOEXIST);

	if (error == -EEXIST) {
		flow_delete(shard, key);
		error = bpf_map_update_elem(shard, &key->v6, flow, BPF_NOEXIST);
	}
	if (!error)
		flow_count(true);
	return error;
}

static __always_inline bool owns_flow(void *shard, const struct flow_key *key, __u32 device)
{
	struct gate_flow *flow = flow_lookup(shard, key);

	return flow && flow->owner == device;
}

/* A connection of the same device that this one replaces leaves its place in the quota, too. */
static __always_inline bool flow_quota_take(void *shard, const struct flow_key *key, __u32 owner,
					    __u32 *used, __u32 limit)
{
	if (quota_take(used, limit))
		return true;
	return owns_flow(shard, key, owner) && flow_delete(shard, key) && quota_take(used, limit);
}

static __always_inline int flow_create(const struct flow_key *key, const struct gate_flow *flow,
				       const struct gate_settings *settings)
{
	struct gate_device_state *state = device_state(flow->owner);
	void *shard = flow_shard(key);
	long error;

	if (!state || !settings || !shard)
		return REASON_MAP_ERROR;
	if (!flow_quota_take(shard, key, flow->owner, &state->flows, settings->flows_per_device))
		return REASON_FLOW_QUOTA;
	error = flow_insert(shard, key, flow);
	if (error)
		__sync_fetch_and_add(&state->flows, -1);
	if (error == -E2BIG)
		return REASON_FLOW_TABLE_FULL;
	/* EEXIST: another CPU was faster with the same connection */
	return error && error != -EEXIST ? REASON_MAP_ERROR : REASON_NONE;
}

/* What flow_create() would say of the quota. */
static __always_inline int flow_quota_check(const struct flow_key *key, __u32 owner,
					    const struct gate_settings *settings)
{
	struct gate_device_state *state = device_state(owner);
	void *shard = flow_shard(key);

	if (!state || !settings || !shard)
		return REASON_MAP_ERROR;
	if ((__s32)state->flows < (__s32)settings->flows_per_device || owns_flow(shard, key, owner))
		return REASON_NONE;
	return REASON_FLOW_QUOTA;
}

/*
 * RST and FIN shorten the life of a flow, and never end it: they may be forged or stale. An opener
 * that has not closed takes it back to ESTABLISHED, if the other side ever answered.
 */
static __always_inline void flow_track_tcp(struct gate_flow *flow, __u8 flags, bool original,
					   __u64 now)
{
	const __u8 both = FLOW_SEEN_OPENER_FIN | FLOW_SEEN_REPLY_FIN;

	if (flags & TCP_FIN)
		flow->seen |= original ? FLOW_SEEN_OPENER_FIN : FLOW_SEEN_REPLY_FIN;
	if ((original && flags & TCP_RST) || (flow->seen & both) == both)
		flow->seen |= FLOW_SEEN_OVER;
	if (flags & (TCP_RST | TCP_FIN)) {
		if (flow->state != FLOW_CLOSING)
			flow->last = now; /* there is time to close, however long it was idle */
		flow->state = FLOW_CLOSING;
	} else if (original && flags & TCP_ACK &&
		   (flow->seen & (FLOW_SEEN_REPLY | FLOW_SEEN_OPENER_FIN | FLOW_SEEN_OVER)) ==
			   FLOW_SEEN_REPLY) {
		flow->state = FLOW_ESTABLISHED;
	}
}

/*
 * Only the opener's packets keep a flow alive, and none once it is over: else a peer could hold a
 * pinhole open by itself, with what the opener's kernel answers to it.
 */
static __always_inline void flow_track(struct gate_flow *flow, const struct packet *packet,
				       bool original, __u64 now)
{
	if (!original)
		flow->seen |= FLOW_SEEN_REPLY;
	else if (!(flow->seen & FLOW_SEEN_OVER))
		flow->last = now;
	if (packet->kind == KIND_TCP)
		flow_track_tcp(flow, packet->tcp_flags, original, now);
	else if (!original)
		flow->state = FLOW_ESTABLISHED;
}

#endif
