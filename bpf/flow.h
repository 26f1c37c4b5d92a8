/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow table. A flow is one connection, whichever way its packets go. It is made only by a
 * packet that the policy allows, in the direction that the policy allows, and is never evicted
 * while it lives: a peer that floods cannot erase the flows of others.
 */
#ifndef ACLGATE_FLOW_H
#define ACLGATE_FLOW_H

#include "maps.h"
#include "packet.h"
#include "judge.h"

#define SECOND 1000000000ull

#define HANDSHAKE_TIMEOUT   (30 * SECOND)
#define ESTABLISHED_TIMEOUT (24 * 3600 * SECOND)
#define CLOSING_TIMEOUT	    (30 * SECOND)
#define DATAGRAM_TIMEOUT    (60 * SECOND)
#define ANSWERED_TIMEOUT    (180 * SECOND)
#define ECHO_TIMEOUT	    (30 * SECOND)

/* The key of a packet's flow, in the form of its IP version, and where the packet stands in it. */
struct flow_key {
	union {
		struct gate_flow4_key v4;
		struct gate_flow6_key v6;
	};
	void *shard;
	__u8 version;
	__u8 side; /* of the packet's source */
};

static __always_inline __u8 side_of_source(const struct packet *packet)
{
	if (packet->src.word[0] != packet->dst.word[0])
		return packet->src.word[0] > packet->dst.word[0];
	return packet->src.word[1] > packet->dst.word[1];
}

/* The finaliser of MurmurHash3; the seed is secret, so that nobody can aim at one shard. */
static __always_inline __u64 mix(__u64 hash, __u64 word)
{
	hash ^= word;
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdull;
	hash ^= hash >> 33;
	hash *= 0xc4ceb9fe1a85ec53ull;
	return hash ^ hash >> 33;
}

static __always_inline void *shard_get(const struct flow_key *key, __u32 seed)
{
	const __u64 *word = (const __u64 *)&key->v6;
	__u64 hash = mix(mix(seed, word[0]), word[1]);
	__u32 index;

	if (key->version == 6)
		hash = mix(mix(mix(hash, word[2]), word[3]), word[4]);
	index = hash % GATE_FLOW_SHARDS;
	return key->version == 6 ? bpf_map_lookup_elem(&flows6, &index) :
				   bpf_map_lookup_elem(&flows4, &index);
}

static __always_inline __u8 side_that_asks(const struct packet *packet, __u8 side)
{
	if (packet->kind == KIND_ECHO_REQUEST)
		return 1 + side;
	return packet->kind == KIND_ECHO_REPLY ? 2 - side : 0;
}

static __noinline void flow_key_get(const struct packet *packet, __u32 seed, struct flow_key *key)
{
	__u8 side = side_of_source(packet);
	const struct gate_address *low = side ? &packet->dst : &packet->src;
	const struct gate_address *high = side ? &packet->src : &packet->dst;
	__be16 low_port = side ? packet->dport : packet->sport;
	__be16 high_port = side ? packet->sport : packet->dport;

	__builtin_memset(key, 0, sizeof(*key));
	key->version = packet->version;
	key->side = side;
	if (packet->version == 4) {
		key->v4.addr[0] = (__be32)low->word[0];
		key->v4.addr[1] = (__be32)high->word[0];
		key->v4.port[0] = low_port;
		key->v4.port[1] = high_port;
		key->v4.protocol = packet->protocol;
		key->v4.asks = side_that_asks(packet, side);
	} else {
		key->v6.addr[0] = *low;
		key->v6.addr[1] = *high;
		key->v6.port[0] = low_port;
		key->v6.port[1] = high_port;
		key->v6.protocol = packet->protocol;
		key->v6.asks = side_that_asks(packet, side);
	}
	key->shard = shard_get(key, seed);
}

static __always_inline __u64 flow_timeout(const struct gate_flow *flow, __u8 protocol)
{
	if (protocol == IPPROTO_TCP) {
		if (flow->state == FLOW_CLOSING)
			return CLOSING_TIMEOUT;
		return flow->state == FLOW_ESTABLISHED ? ESTABLISHED_TIMEOUT : HANDSHAKE_TIMEOUT;
	}
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return ECHO_TIMEOUT;
	return flow->state == FLOW_OPENING ? DATAGRAM_TIMEOUT : ANSWERED_TIMEOUT;
}

/* @now may be read before another CPU wrote `last`. */
static __always_inline bool flow_expired(const struct gate_flow *flow, __u8 protocol, __u64 now)
{
	return (__s64)(now - flow->last) > (__s64)flow_timeout(flow, protocol);
}

static __always_inline struct gate_flow *flow_find(const struct flow_key *key, __u8 protocol,
						   __u64 now)
{
	struct gate_flow *flow = key->shard ? bpf_map_lookup_elem(key->shard, &key->v6) : NULL;

	return flow && !flow_expired(flow, protocol, now) ? flow : NULL;
}

static __always_inline void flow_count(bool created)
{
	__u32 zero = 0;
	struct gate_flow_counters *counters = bpf_map_lookup_elem(&flow_counters, &zero);

	if (!counters)
		return;
	if (created)
		counters->created++;
	else
		counters->deleted++;
}

static __always_inline void flow_delete(const struct flow_key *key)
{
	if (key->shard && !bpf_map_delete_elem(key->shard, &key->v6))
		flow_count(false);
}

/*
 * In place of what the key held: a flow that expired, or the connection before this SYN. A full
 * shard still has room for that.
 */
static __always_inline int flow_create(const struct flow_key *key, const struct gate_flow *flow)
{
	long error;

	if (!key->shard)
		return REASON_MAP_ERROR;
	error = bpf_map_update_elem(key->shard, &key->v6, flow, BPF_NOEXIST);
	if (!error)
		flow_count(true);
	if (error == -EEXIST)
		error = bpf_map_update_elem(key->shard, &key->v6, flow, BPF_EXIST);
	if (error == -E2BIG)
		return REASON_FLOW_TABLE_FULL;
	return error ? REASON_MAP_ERROR : REASON_NONE;
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
