/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are found: flows in their shards, hosts and pairs in their lines. Both worlds include
 * it, as abi.h: the loader puts an entry where the programs look for it.
 *
 * What is hashed is chosen by others: addresses by whoever may change WireGuard's peers, ports by
 * every peer. So what falls together depends on secret keys alone: NH (RFC 4418, 5.2) over halves of
 * words, of which any two that differ have the same sum under one key in 2^32; and then two
 * multiplications by that of the golden ratio, so that the high bits depend on all of the sum.
 */
#ifndef ACLGATE_HASH_H
#define ACLGATE_HASH_H

#include <linux/stddef.h>

#include "abi.h"

static __always_inline __u64 hash_word(__u64 word, __u64 key)
{
	__u32 low = (__u32)word + (__u32)key, high = (__u32)(word >> 32) + (__u32)(key >> 32);

	return (__u64)low * high;
}

static __always_inline __u64 hash_end(__u64 sum)
{
	sum = (sum ^ sum >> 32) * 0x9e3779b97f4a7c15ull;
	return (sum ^ sum >> 32) * 0x9e3779b97f4a7c15ull;
}

/* One of @lines, by the high bits. */
static __always_inline __u32 hash_line(__u64 hash, __u32 lines)
{
	return (hash >> 32) * lines >> 32;
}

static __always_inline __u64 hash_host4(__be32 addr, const struct gate_keys *keys)
{
	return hash_end(hash_word(addr, keys->word[0]));
}

static __always_inline __u64 hash_host6(const struct gate_address *addr,
					const struct gate_keys *keys)
{
	return hash_end(hash_word(addr->word[0], keys->word[0]) +
			hash_word(addr->word[1], keys->word[1]));
}

static __always_inline __u64 hash_pair(const struct gate_pair *classes,
				       const struct gate_keys *keys)
{
	return hash_end(
		hash_word((__u64)classes->source << 32 | classes->destination, keys->word[0]));
}

#endif
