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

/* What an entry of a line is to a key. */
enum match {
	MATCH_OTHER,
	MATCH_SAME,
	MATCH_EMPTY, /* there is no entry: the search is over */
};

typedef enum match match(const void *entry, const void *key);

static __always_inline enum match match_host4(const void *entry, const void *key)
{
	const struct gate_host4 *host = entry;

	if (!host->identity.coarse)
		return MATCH_EMPTY;
	return host->addr == *(const __be32 *)key ? MATCH_SAME : MATCH_OTHER;
}

static __always_inline enum match match_host6(const void *entry, const void *key)
{
	const struct gate_host6 *host = entry;

	if (!host->identity.coarse)
		return MATCH_EMPTY;
	return same_address(&host->addr, key) ? MATCH_SAME : MATCH_OTHER;
}

static __always_inline enum match match_opening(const void *entry, const void *key)
{
	const struct gate_opening *opening = entry;
	const struct gate_pair *classes = key;

	if (!opening->ports.count)
		return MATCH_EMPTY;
	if (opening->classes.source != classes->source ||
	    opening->classes.destination != classes->destination)
		return MATCH_OTHER;
	return MATCH_SAME;
}

/* The entry with that key. @table: an array of lines, of which a hash can name so many. */
static __always_inline void *lines_search(void *table, __u64 hash, __u32 lines, const void *key,
					  __u32 size, match *match)
{
	__u32 number = hash_line(hash, lines);

	for (int i = 0; i < GATE_LINES_ASKED && table; i++, number++) {
		void *line = bpf_map_lookup_elem(table, &number);

		if (!line)
			return NULL;
		for (__u32 at = 0; at + size <= GATE_LINE; at += size) {
			enum match found = match(line + at, key);

			if (found != MATCH_OTHER)
				return found == MATCH_SAME ? line + at : NULL;
		}
	}
	return NULL;
}

static __always_inline struct gate_identity *host4_find(const struct generation *generation,
							__be32 addr)
{
	__u32 slot = generation->slot;
	struct gate_generation *header = bpf_map_lookup_elem(&generations, &slot);
	struct gate_host4 *host;

	if (!header)
		return NULL;
	host = lines_search(bpf_map_lookup_elem(&hosts4, &slot), hash_host4(addr, &header->keys),
			    header->lines[LINES_HOSTS4], &addr, sizeof(*host), match_host4);
	return host ? &host->identity : NULL;
}

static __always_inline struct gate_identity *host6_find(const struct generation *generation,
							const struct gate_address *addr)
{
	__u32 slot = generation->slot;
	struct gate_generation *header = bpf_map_lookup_elem(&generations, &slot);
	struct gate_host6 *host;

	if (!header)
		return NULL;
	host = lines_search(bpf_map_lookup_elem(&hosts6, &slot), hash_host6(addr, &header->keys),
			    header->lines[LINES_HOSTS6], addr, sizeof(*host), match_host6);
	return host ? &host->identity : NULL;
}

static __always_inline struct gate_opening *opening_find(const struct generation *generation,
							 const struct gate_pair *classes)
{
	__u32 slot = generation->slot;
	struct gate_generation *header = bpf_map_lookup_elem(&generations, &slot);

	if (!header)
		return NULL;
	return lines_search(bpf_map_lookup_elem(&pairs, &slot), hash_pair(classes, &header->keys),
			    header->lines[LINES_PAIRS], classes, sizeof(struct gate_opening),
			    match_opening);
}

#endif
