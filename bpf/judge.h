/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May this source open a connection to this destination?
 *
 *   1. address → identity: exact hash for hosts, longest prefix only where prefixes are named
 *   2. (class, class) → a run of port ranges: at most four probes, because an address has a class
 *      over narrow selectors and one over wide ones; rules only allow, so their order is free
 *   3. binary search of the run; of several hits the one that lasts longest gets the credit, then
 *      the first rule in the file
 *
 * The cost does not grow with devices or rules.
 */
#ifndef ACLGATE_JUDGE_H
#define ACLGATE_JUDGE_H

#include "maps.h"
#include "packet.h"

struct generation {
	__u32 slot;
	__u32 seed;
	__u32 number;
	__u32 features;
};

static __always_inline int generation_read(struct generation *generation, __u32 slot)
{
	struct gate_generation *header = bpf_map_lookup_elem(&generations, &slot);

	if (!header || !header->number)
		return REASON_NO_POLICY;
	generation->slot = slot;
	generation->number = header->number;
	generation->features = header->features;
	return REASON_NONE;
}

/*
 * Read once a packet: all that it meets is of one generation. @slot: which one; 0: the one that is
 * live.
 */
static __always_inline int generation_get(struct generation *generation, __u32 slot)
{
	__u32 zero = 0;
	struct gate_active *live = bpf_map_lookup_elem(&active, &zero);
	__u64 word;

	if (!live)
		return REASON_MAP_ERROR;
	word = *(volatile __u64 *)live;
	generation->seed = (__u32)(word >> 32);
	return generation_read(generation, slot ? slot : (__u32)word);
}

static __always_inline const struct gate_settings *settings_get(__u32 slot)
{
	struct gate_generation *header = bpf_map_lookup_elem(&generations, &slot);

	return header ? &header->settings : NULL;
}

/*
 * Keys are copied to the stack: before 6.2 the verifier takes no key from memory that a function
 * without `static` was given.
 */
static __always_inline struct gate_identity *identity4(const struct generation *generation,
						       __be32 addr)
{
	__u32 slot = generation->slot;
	void *table = bpf_map_lookup_elem(&addr4, &slot);
	struct gate_identity *found = table ? bpf_map_lookup_elem(table, &addr) : NULL;
	struct gate_prefix4 key = { .length = 32 };

	if (found || !(generation->features & GATE_HAS_PREFIX4))
		return found;
	table = bpf_map_lookup_elem(&prefix4, &slot);
	__builtin_memcpy(key.addr, &addr, sizeof(key.addr));
	return table ? bpf_map_lookup_elem(table, &key) : NULL;
}

static __always_inline struct gate_identity *identity6(const struct generation *generation,
						       const struct gate_address *addr)
{
	__u32 slot = generation->slot;
	void *table = bpf_map_lookup_elem(&addr6, &slot);
	struct gate_prefix6 key = { .length = 128 };
	struct gate_identity *found;

	__builtin_memcpy(key.addr, addr, sizeof(key.addr));
	found = table ? bpf_map_lookup_elem(table, key.addr) : NULL;
	if (found || !(generation->features & GATE_HAS_PREFIX6))
		return found;
	table = bpf_map_lookup_elem(&prefix6, &slot);
	return table ? bpf_map_lookup_elem(table, &key) : NULL;
}

/* An address that the policy does not name is in class 0, and may only speak outside. */
__noinline int identity_get(const struct generation *generation, __u8 version,
			    const struct gate_address *addr, struct gate_identity *identity)
{
	struct gate_identity *found;

	if (!generation || !addr || !identity)
		return REASON_MAP_ERROR;
	if (version == 4)
		found = identity4(generation, (__be32)addr->word[0]);
	else
		found = identity6(generation, addr);
	if (found)
		*identity = *found;
	else
		*identity = (struct gate_identity){ .coarse = GATE_COARSE,
						    .speaks = GATE_SPEAKS_OUTSIDE };
	return REASON_NONE;
}

static __always_inline struct gate_range *ports_search(void *table, const struct gate_ports *ports,
						       __u32 key)
{
	__u32 first = ports->first, count = ports->count;

	for (int i = 0; i < 11 && count; i++) { /* 2^10 = GATE_RANGES_PER_PAIR */
		__u32 half = count / 2, middle = first + half;
		struct gate_range *range = bpf_map_lookup_elem(table, &middle);

		if (!range)
			return NULL;
		if (key < range->low) {
			count = half;
		} else if (key > range->high) {
			first = middle + 1;
			count -= half + 1;
		} else {
			return range;
		}
	}
	return NULL;
}

/* The rule that allows a connection. */
struct credit {
	__u32 order;
	__u32 rule;
	__u64 expires; /* 0: no rule yet */
};

static __always_inline bool has_passed(__u64 expires)
{
	return expires != GATE_NEVER && bpf_ktime_get_boot_ns() >= expires;
}

static __always_inline bool is_better(const struct gate_range *range, const struct credit *credit)
{
	if (range->expires != credit->expires)
		return range->expires > credit->expires;
	return range->order < credit->order;
}

/* Not static: there are four calls, and a search of eleven steps behind each. */
__noinline int probe(__u32 slot, __u32 source, __u32 destination, __u32 key, struct credit *credit)
{
	struct gate_pair pair = { source, destination };
	void *table = bpf_map_lookup_elem(&pairs, &slot);
	struct gate_ports *ports = table ? bpf_map_lookup_elem(table, &pair) : NULL;
	struct gate_range *range;

	if (!credit)
		return REASON_MAP_ERROR;
	table = ports ? bpf_map_lookup_elem(&ranges, &slot) : NULL;
	range = table ? ports_search(table, ports, key) : NULL;
	if (range && is_better(range, credit) && !has_passed(range->expires)) {
		credit->order = range->order;
		credit->rule = range->rule;
		credit->expires = range->expires;
	}
	return REASON_NONE;
}

/* Returns REASON_NONE and who gets the credit, or REASON_ACL. */
__noinline int policy_judge(const struct generation *generation, const struct gate_identity *src,
			    const struct gate_identity *dst, __u32 key, struct credit *ret_credit)
{
	struct credit credit = {};

	if (!generation || !src || !dst || !ret_credit)
		return REASON_MAP_ERROR;
	if (generation->features & GATE_HAS_FINE_FINE)
		probe(generation->slot, src->fine, dst->fine, key, &credit);
	if (generation->features & GATE_HAS_FINE_COARSE)
		probe(generation->slot, src->fine, dst->coarse, key, &credit);
	if (generation->features & GATE_HAS_COARSE_COARSE)
		probe(generation->slot, src->coarse, dst->coarse, key, &credit);
	if (generation->features & GATE_HAS_COARSE_FINE)
		probe(generation->slot, src->coarse, dst->fine, key, &credit);
	if (!credit.expires)
		return REASON_ACL;
	*ret_credit = credit;
	return REASON_NONE;
}

/* In audit, what only the policy refuses is told, and passes. */
static __always_inline bool softens(const struct generation *generation, int reason)
{
	if (!(generation->features & GATE_AUDIT))
		return false;
	return reason == REASON_ACL || reason == REASON_NO_STATE || reason == REASON_REVOKED;
}

#endif
