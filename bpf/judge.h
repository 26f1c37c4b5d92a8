/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May this source open a connection to this destination?
 *
 *   1. address → identity: a hash for hosts, longest prefix only where prefixes are named
 *   2. (class, class) → a run of port ranges: at most four probes, because an address has a class
 *      over narrow selectors and one over wide ones; rules only allow, so their order is free
 *   3. binary search of the run, where it is more than one range; of several hits the one that lasts
 *      longest gets the credit, then the first rule in the file
 *
 * The cost does not grow with devices or rules.
 */
#ifndef ACLGATE_JUDGE_H
#define ACLGATE_JUDGE_H

#include "maps.h"
#include "packet.h"
#include "tables.h"

/*
 * Keys of prefixes are copied to the stack: before 6.2 the verifier takes no key from memory that a
 * function without `static` was given.
 */
static __always_inline struct gate_identity *identity4(const struct generation *generation,
						       __be32 addr)
{
	__u32 slot = generation->slot;
	struct gate_identity *found = host4_find(generation, addr);
	struct gate_prefix4 key = { .length = 32 };
	void *table;

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
	struct gate_identity *found = host6_find(generation, addr);
	struct gate_prefix6 key = { .length = 128 };
	void *table;

	if (found || !(generation->features & GATE_HAS_PREFIX6))
		return found;
	table = bpf_map_lookup_elem(&prefix6, &slot);
	__builtin_memcpy(key.addr, addr, sizeof(key.addr));
	return table ? bpf_map_lookup_elem(table, &key) : NULL;
}

/*
 * An address that the policy does not name is in class 0, and may only speak outside. That class is
 * of IPv6 and of IPv4, not of what is mapped from one into the other: tables have no entry for it,
 * and no rule is about it.
 */
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
	else if (is_mapped(addr))
		*identity = (struct gate_identity){ .fine = GATE_NO_CLASS,
						    .coarse = GATE_NO_CLASS,
						    .speaks = GATE_SPEAKS_OUTSIDE };
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

static __always_inline bool is_better(const struct credit *credit, const struct credit *than)
{
	if (credit->expires != than->expires)
		return credit->expires > than->expires;
	return credit->order < than->order;
}

/* The range of an opening that the port is in. */
static __always_inline bool opening_search(const struct generation *generation,
					   const struct gate_opening *opening, __u32 key,
					   struct credit *ret_credit)
{
	__u32 slot = generation->slot;
	struct gate_range *range;
	void *table;

	if (opening->low <= opening->high) {
		*ret_credit = (struct credit){ opening->order, opening->rule, GATE_NEVER };
		return key >= opening->low && key <= opening->high;
	}
	table = bpf_map_lookup_elem(&ranges, &slot);
	range = table ? ports_search(table, &opening->ports, key) : NULL;
	if (!range)
		return false;
	*ret_credit = (struct credit){ range->order, range->rule, range->expires };
	return !has_passed(range->expires);
}

/* Not static: there are four calls, and a search of eleven steps behind each. */
__noinline int probe(const struct generation *generation, __u32 source, __u32 destination,
		     __u32 key, struct credit *credit)
{
	const struct gate_pair classes = { source, destination };
	struct gate_opening *opening;
	struct credit found;

	if (!generation || !credit)
		return REASON_MAP_ERROR;
	opening = opening_find(generation, &classes);
	if (opening && opening_search(generation, opening, key, &found) &&
	    is_better(&found, credit))
		*credit = found;
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
		probe(generation, src->fine, dst->fine, key, &credit);
	if (generation->features & GATE_HAS_FINE_COARSE)
		probe(generation, src->fine, dst->coarse, key, &credit);
	if (generation->features & GATE_HAS_COARSE_COARSE)
		probe(generation, src->coarse, dst->coarse, key, &credit);
	if (generation->features & GATE_HAS_COARSE_FINE)
		probe(generation, src->coarse, dst->fine, key, &credit);
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
