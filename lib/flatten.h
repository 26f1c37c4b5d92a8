/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of a table as disjoint ranges, for who has no longest prefix: what lies in a prefix
 * and has an entry of its own is cut out of it.
 */
#ifndef ACLGATE_FLATTEN_H
#define ACLGATE_FLATTEN_H

#include "set.h"
#include "table.h"

struct segment {
	address_t first;
	address_t last;
	const struct gate_identity *identity;
};

/* All addresses there are, in their order; none is of both IP versions. */
struct segments {
	struct segment *items;
	size_t count, capacity;
};

/* The table must outlive the segments. */
void flatten(const struct table *table, struct segments *ret_segments);

void segments_free(struct segments *segments);

enum family {
	FAMILY_IP4,
	FAMILY_IP6,
	FAMILIES
};

/* Ranges of one IP version, sorted and disjoint. */
struct pieces {
	struct range *items;
	size_t count, capacity;
};

/* A range of so few addresses is that many single ones: those are found faster. */
#define PIECES_SINGLE_MAX 8

/*
 * The part of @set, normalised, that is of @family. IPv6 goes on behind the IPv4-mapped addresses,
 * which nobody has: Linux drops a packet that comes from one (ip6_rcv_core in net/ipv6/ip6_input.c).
 */
void pieces_of(const struct set *set, enum family family, struct pieces *ret_pieces);

void pieces_free(struct pieces *pieces);

#endif
