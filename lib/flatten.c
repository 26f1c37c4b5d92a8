// SPDX-License-Identifier: GPL-2.0-or-later
#include "flatten.h"

#include <stdlib.h>

#include "mem.h"

struct cursor {
	const struct table *table;
	size_t address; /* the next one */
	size_t prefix;	/* the one that is not over */
};

static address_t min(address_t one, address_t other)
{
	return one < other ? one : other;
}

/* Where the IP version changes. */
static address_t border(address_t at)
{
	if (at < ADDRESS_IPV4)
		return ADDRESS_IPV4 - 1;
	return at <= ADDRESS_IPV4_LAST ? ADDRESS_IPV4_LAST : ADDRESS_MAX;
}

static struct segment segment_at(struct cursor *cursor, address_t at)
{
	const struct table *table = cursor->table;
	const struct table_address *address = NULL, *prefix = NULL;
	struct segment segment = { at, border(at), &table_unnamed };

	if (cursor->address < table->addresses_count)
		address = &table->addresses[cursor->address];
	if (address && address->prefix.first == at) {
		cursor->address++;
		return (struct segment){ at, at, &address->identity };
	}
	if (address)
		segment.last = min(segment.last, address->prefix.first - 1);
	while (cursor->prefix < table->prefixes_count &&
	       prefix_last(&table->prefixes[cursor->prefix].prefix) < at)
		cursor->prefix++;
	if (cursor->prefix == table->prefixes_count)
		return segment;
	prefix = &table->prefixes[cursor->prefix];
	if (prefix->prefix.first > at) {
		segment.last = min(segment.last, prefix->prefix.first - 1);
	} else {
		segment.last = min(segment.last, prefix_last(&prefix->prefix));
		segment.identity = &prefix->identity;
	}
	return segment;
}

void flatten(const struct table *table, struct segments *ret_segments)
{
	struct cursor cursor = { .table = table };
	struct segments segments = {};
	address_t at = 0;

	for (;;) {
		struct segment segment = segment_at(&cursor, at);

		segments.items = mem_grow(segments.items, segments.count, &segments.capacity,
					  sizeof(*segments.items));
		segments.items[segments.count++] = segment;
		if (segment.last == ADDRESS_MAX)
			break;
		at = segment.last + 1;
	}
	*ret_segments = segments;
}

void segments_free(struct segments *segments)
{
	free(segments->items);
	*segments = (struct segments){};
}

static void push(struct pieces *pieces, address_t first, address_t last)
{
	pieces->items = mem_grow(pieces->items, pieces->count, &pieces->capacity,
				 sizeof(*pieces->items));
	pieces->items[pieces->count++] = (struct range){ first, last };
}

static void push_split(struct pieces *pieces, address_t first, address_t last)
{
	if (last - first >= PIECES_SINGLE_MAX) {
		push(pieces, first, last);
		return;
	}
	for (address_t at = first; at != last; at++)
		push(pieces, at, at);
	push(pieces, last, last);
}

static void pieces_ipv4(const struct set *set, struct pieces *pieces)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct range *range = &set->ranges[i];

		if (range->first <= ADDRESS_IPV4_LAST && range->last >= ADDRESS_IPV4)
			push_split(pieces,
				   range->first < ADDRESS_IPV4 ? ADDRESS_IPV4 : range->first,
				   min(range->last, ADDRESS_IPV4_LAST));
	}
}

static void pieces_ipv6(const struct set *set, struct pieces *pieces)
{
	bool joins = false; /* the last piece ends where the IPv4-mapped addresses begin */

	for (size_t i = 0; i < set->count; i++) {
		struct range range = set->ranges[i];

		if (range.first < ADDRESS_IPV4) {
			joins = range.last >= ADDRESS_IPV4 - 1;
			if (range.last > ADDRESS_IPV4_LAST)
				push(pieces, range.first, range.last);
			else
				push_split(pieces, range.first, min(range.last, ADDRESS_IPV4 - 1));
			continue;
		}
		if (range.last <= ADDRESS_IPV4_LAST)
			continue;
		if (range.first <= ADDRESS_IPV4_LAST)
			range.first = ADDRESS_IPV4_LAST + 1;
		if (joins && range.first == ADDRESS_IPV4_LAST + 1)
			pieces->items[pieces->count - 1].last = range.last;
		else
			push_split(pieces, range.first, range.last);
	}
}

void pieces_of(const struct set *set, enum family family, struct pieces *ret_pieces)
{
	struct pieces pieces = {};

	if (family == FAMILY_IP4)
		pieces_ipv4(set, &pieces);
	else
		pieces_ipv6(set, &pieces);
	*ret_pieces = pieces;
}

void pieces_free(struct pieces *pieces)
{
	free(pieces->items);
	*pieces = (struct pieces){};
}
