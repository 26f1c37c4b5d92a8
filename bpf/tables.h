/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The generation that a packet is judged by, and what is found in its lines: hosts and openings. */
#ifndef ACLGATE_TABLES_H
#define ACLGATE_TABLES_H

#include "hash.h"
#include "maps.h"
#include "packet.h"

struct generation {
	__u32 slot;
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

	if (!live)
		return REASON_MAP_ERROR;
	return generation_read(generation, slot ? slot : *(volatile __u32 *)&live->slot);
}

static __always_inline const struct gate_settings *settings_get(__u32 slot)
{
	struct gate_generation *header = bpf_map_lookup_elem(&generations, &slot);

	return header ? &header->settings : NULL;
}

/* The entry with that key, or NULL; and whether the search ends with this line. */
typedef void *in_line(void *line, const void *key, bool *ret_over);

static __always_inline void *in_line4(void *line, const void *key, bool *ret_over)
{
	struct gate_line4 *here = line;

	for (int i = 0; i < GATE_HOSTS4_A_LINE; i++) {
		*ret_over = !here->hosts[i].identity.coarse;
		if (*ret_over)
			return NULL;
		if (here->hosts[i].addr == *(const __be32 *)key)
			return &here->hosts[i].identity;
	}
	return NULL;
}

static __always_inline void *in_line6(void *line, const void *key, bool *ret_over)
{
	const struct gate_address *addr = key;
	struct gate_line6 *here = line;

	for (int i = 0; i < GATE_HOSTS6_A_LINE; i++) {
		*ret_over = !here->hosts[i].identity.coarse;
		if (*ret_over)
			return NULL;
		if (here->hosts[i].addr.word[0] == addr->word[0] &&
		    here->hosts[i].addr.word[1] == addr->word[1])
			return &here->hosts[i].identity;
	}
	return NULL;
}

static __always_inline void *in_pair_line(void *line, const void *key, bool *ret_over)
{
	const struct gate_pair *classes = key;
	struct gate_pair_line *here = line;

	for (int i = 0; i < GATE_OPENINGS_A_LINE; i++) {
		*ret_over = !here->openings[i].ports.count;
		if (*ret_over)
			return NULL;
		if (here->openings[i].classes.source == classes->source &&
		    here->openings[i].classes.destination == classes->destination)
			return &here->openings[i];
	}
	return NULL;
}

/* @table: an array of lines, of which a hash can name so many. */
static __always_inline void *lines_search(void *table, __u64 hash, __u32 lines, const void *key,
					  in_line *in_line)
{
	__u32 number = hash_line(hash, lines);
	void *found = NULL;
	bool over = !table;

	for (int i = 0; i < GATE_LINES_ASKED && !found && !over; i++, number++) {
		void *line = bpf_map_lookup_elem(table, &number);

		if (!line)
			return NULL;
		found = in_line(line, key, &over);
	}
	return found;
}

static __always_inline struct gate_identity *host4_find(const struct generation *generation,
							__be32 addr)
{
	__u32 slot = generation->slot;
	struct gate_generation *header = bpf_map_lookup_elem(&generations, &slot);

	return header ? lines_search(bpf_map_lookup_elem(&hosts4, &slot),
				     hash_host4(addr, &header->keys), header->lines[LINES_HOSTS4],
				     &addr, in_line4) :
			NULL;
}

static __always_inline struct gate_identity *host6_find(const struct generation *generation,
							const struct gate_address *addr)
{
	__u32 slot = generation->slot;
	struct gate_generation *header = bpf_map_lookup_elem(&generations, &slot);

	return header ? lines_search(bpf_map_lookup_elem(&hosts6, &slot),
				     hash_host6(addr, &header->keys), header->lines[LINES_HOSTS6],
				     addr, in_line6) :
			NULL;
}

static __always_inline struct gate_opening *opening_find(const struct generation *generation,
							 const struct gate_pair *classes)
{
	__u32 slot = generation->slot;
	struct gate_generation *header = bpf_map_lookup_elem(&generations, &slot);

	return header ? lines_search(bpf_map_lookup_elem(&pairs, &slot),
				     hash_pair(classes, &header->keys), header->lines[LINES_PAIRS],
				     classes, in_pair_line) :
			NULL;
}

#endif
