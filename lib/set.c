// SPDX-License-Identifier: GPL-2.0-or-later
#include "set.h"

#include <stdlib.h>

#include "mem.h"

void set_append(struct set *set, address_t first, address_t last)
{
	set->ranges = mem_grow(set->ranges, set->count, &set->capacity, sizeof(*set->ranges));
	set->ranges[set->count++] = (struct range){ first, last };
}

/* IPv6's ::/0 and its like do not contain IPv4, although its mapped form lies inside. */
void set_append_prefix(struct set *set, const struct prefix *prefix)
{
	address_t last = prefix_last(prefix);

	if (prefix->first >= ADDRESS_IPV4 || last < ADDRESS_IPV4) {
		set_append(set, prefix->first, last);
		return;
	}
	set_append(set, prefix->first, ADDRESS_IPV4 - 1);
	if (last > ADDRESS_IPV4_LAST)
		set_append(set, ADDRESS_IPV4_LAST + 1, last);
}

void set_append_set(struct set *set, const struct set *other)
{
	for (size_t i = 0; i < other->count; i++)
		set_append(set, other->ranges[i].first, other->ranges[i].last);
}

static int by_first(const void *one, const void *other)
{
	const struct range *a = one, *b = other;

	return a->first < b->first ? -1 : a->first > b->first;
}

void set_normalise(struct set *set)
{
	size_t kept = 0;

	if (set->count < 2)
		return;
	qsort(set->ranges, set->count, sizeof(*set->ranges), by_first);
	for (size_t i = 1; i < set->count; i++) {
		struct range *last = &set->ranges[kept], *next = &set->ranges[i];

		if (last->last == ADDRESS_MAX || next->first <= last->last + 1) {
			if (next->last > last->last)
				last->last = next->last;
		} else {
			set->ranges[++kept] = *next;
		}
	}
	set->count = kept + 1;
}

address_t set_size(const struct set *set)
{
	address_t size = 0;

	for (size_t i = 0; i < set->count; i++) {
		address_t more = set->ranges[i].last - set->ranges[i].first;

		if (more >= ADDRESS_MAX - size)
			return ADDRESS_MAX;
		size += more + 1;
	}
	return size;
}

bool set_contains(const struct set *set, address_t address)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (address > set->ranges[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && address >= set->ranges[low].first;
}

struct set set_intersect(const struct set *one, const struct set *other)
{
	struct set both = {};
	size_t i = 0, j = 0;

	while (i < one->count && j < other->count) {
		const struct range *a = &one->ranges[i], *b = &other->ranges[j];
		address_t first = a->first > b->first ? a->first : b->first;
		address_t last = a->last < b->last ? a->last : b->last;

		if (first <= last)
			set_append(&both, first, last);
		if (a->last < b->last)
			i++;
		else
			j++;
	}
	return both;
}

struct set set_subtract(const struct set *from, const struct set *what)
{
	struct set rest = {};
	size_t j = 0;

	for (size_t i = 0; i < from->count; i++) {
		address_t first = from->ranges[i].first, last = from->ranges[i].last;
		bool gone = false;

		while (j < what->count && what->ranges[j].last < first)
			j++;
		for (size_t k = j; k < what->count && what->ranges[k].first <= last && !gone; k++) {
			if (what->ranges[k].first > first)
				set_append(&rest, first, what->ranges[k].first - 1);
			gone = what->ranges[k].last >= last;
			first = what->ranges[k].last + 1;
		}
		if (!gone)
			set_append(&rest, first, last);
	}
	return rest;
}

void set_free(struct set *set)
{
	free(set->ranges);
	*set = (struct set){};
}

void set_freep(struct set *set)
{
	set_free(set);
}
