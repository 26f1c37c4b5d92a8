/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are found: flows in their shards, hosts and pairs in their lines. Both worlds include
 * it, as abi.h: the loader puts an entry where the programs look for it. The seed is secret, so that
 * nobody can aim at one place. The multipliers are those of MurmurHash3 and of the golden ratio.
 */
#ifndef ACLGATE_HASH_H
#define ACLGATE_HASH_H

#include <linux/stddef.h>

#include "abi.h"

static __always_inline __u64 hash_begin(__u32 seed)
{
	return seed * 0x9e3779b97f4a7c15ull;
}

static __always_inline __u64 hash_mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdull;
	return hash ^ hash >> 32;
}

/* The high bits of it depend on all that was mixed in. */
static __always_inline __u64 hash_end(__u64 hash)
{
	return hash * 0xc4ceb9fe1a85ec53ull;
}

/* One of @lines. */
static __always_inline __u32 hash_line(__u64 hash, __u32 lines)
{
	return (hash >> 32) * lines >> 32;
}

static __always_inline __u64 hash_host4(__be32 addr, __u32 seed)
{
	return hash_end(hash_mix(hash_begin(seed), addr));
}

static __always_inline __u64 hash_host6(const struct gate_address *addr, __u32 seed)
{
	return hash_end(hash_mix(hash_mix(hash_begin(seed), addr->word[0]), addr->word[1]));
}

static __always_inline __u64 hash_pair(const struct gate_pair *classes, __u32 seed)
{
	return hash_end(
		hash_mix(hash_begin(seed), (__u64)classes->source << 32 | classes->destination));
}

#endif
