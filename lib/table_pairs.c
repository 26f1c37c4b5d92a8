// SPDX-License-Identifier: GPL-2.0-or-later
#include "table_pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* The runs of port ranges that pairs have, by what is in them: equal ones are stored once. */
struct runs {
	struct gate_ports *buckets; /* count 0: free */
	uint32_t buckets_count;
	uint32_t count;
};

struct pairing {
	const struct ruleset *ruleset;
	const struct numbers *classes;
	struct diag *diag;
	struct table *table;
	struct runs runs;
	struct gate_ports *alone; /* the run of a clause by itself, count 0: not built yet */
	bool expiring;		  /* some rule does not last for ever */
};

/* A clause for one pair of classes, in the bucket of one of them. */
struct entry {
	uint32_t other; /* class */
	uint32_t clause;
};

/* Entries by class; those of the n-th class end at ends[n]. */
struct buckets {
	struct entry *entries;
	size_t *ends;
	size_t count;
};

/* Of one pair, the rule that lasts longest comes first, then the first in the file. */
static int by_expiry(const void *one, const void *other, void *context)
{
	const struct entry *a = one, *b = other;
	const struct ruleset *ruleset = context;
	const struct rule *rule_a = &ruleset->rules[ruleset->clauses[a->clause].rule];
	const struct rule *rule_b = &ruleset->rules[ruleset->clauses[b->clause].rule];

	if (rule_a->expires != rule_b->expires)
		return rule_a->expires > rule_b->expires ? -1 : 1;
	return a->clause < b->clause ? -1 : a->clause > b->clause;
}

static uint32_t level_of(const struct gate_pair *classes)
{
	if (classes->source & GATE_COARSE)
		return classes->destination & GATE_COARSE ? GATE_HAS_COARSE_COARSE :
							    GATE_HAS_COARSE_FINE;
	return classes->destination & GATE_COARSE ? GATE_HAS_FINE_COARSE : GATE_HAS_FINE_FINE;
}

static size_t rank(const struct table *table, uint32_t class)
{
	return class & GATE_COARSE ? table->fine + (class & ~GATE_COARSE) : class;
}

static uint32_t class_at(const struct table *table, size_t rank)
{
	return rank < table->fine ? (uint32_t)rank : GATE_COARSE | (uint32_t)(rank - table->fine);
}

/* Room for the entries of every clause, by destination or by source. */
static struct buckets buckets_new(const struct pairing *pairing, bool by_source)
{
	const struct table *table = pairing->table;
	struct buckets buckets = { .count = (size_t)table->fine + table->coarse };
	size_t end = 0;

	buckets.ends = mem_alloc(buckets.count * sizeof(*buckets.ends));
	for (size_t i = 0; i < pairing->ruleset->clauses_count; i++) {
		const struct clause *clause = &pairing->ruleset->clauses[i];
		const struct numbers *src = &pairing->classes[clause->src];
		const struct numbers *dst = &pairing->classes[clause->dst];
		const struct numbers *own = by_source ? src : dst, *other = by_source ? dst : src;

		for (size_t j = 0; j < own->count; j++)
			buckets.ends[rank(table, own->items[j])] += other->count;
	}
	for (size_t i = 0; i < buckets.count; i++) {
		size_t begin = end;

		end += buckets.ends[i];
		buckets.ends[i] = begin; /* and each entry that is added moves it */
	}
	buckets.entries = mem_alloc_raw(end * sizeof(*buckets.entries));
	return buckets;
}

static void buckets_add(struct buckets *buckets, size_t rank, struct entry entry)
{
	buckets->entries[buckets->ends[rank]++] = entry;
}

static size_t buckets_entries(const struct buckets *buckets)
{
	return buckets->count ? buckets->ends[buckets->count - 1] : 0;
}

static void buckets_free(struct buckets *buckets)
{
	free(buckets->entries);
	free(buckets->ends);
}

static void expand_clause(struct pairing *pairing, uint32_t number, struct buckets *buckets)
{
	const struct clause *clause = &pairing->ruleset->clauses[number];
	const struct numbers *src = &pairing->classes[clause->src];
	const struct numbers *dst = &pairing->classes[clause->dst];

	for (size_t s = 0; s < src->count; s++) {
		for (size_t d = 0; d < dst->count; d++) {
			struct gate_pair classes = { src->items[s], dst->items[d] };

			pairing->table->features |= level_of(&classes);
			buckets_add(buckets, rank(pairing->table, classes.destination),
				    (struct entry){ classes.source, number });
		}
	}
}

/* By source, there by destination, there in the order of the file: a radix sort of two digits. */
static struct buckets expand(struct pairing *pairing)
{
	const struct table *table = pairing->table;
	_cleanup_(buckets_free) struct buckets by_destination = buckets_new(pairing, false);
	struct buckets by_source = buckets_new(pairing, true);
	size_t next = 0;

	for (size_t i = 0; i < pairing->ruleset->clauses_count; i++)
		expand_clause(pairing, (uint32_t)i, &by_destination);
	for (size_t i = 0; i < by_destination.count; i++)
		for (; next < by_destination.ends[i]; next++) {
			const struct entry *entry = &by_destination.entries[next];

			buckets_add(&by_source, rank(table, entry->other),
				    (struct entry){ class_at(table, i), entry->clause });
		}
	return by_source;
}

/* Told before anything is multiplied out. */
static int check_entries(const struct pairing *pairing)
{
	const struct ruleset *ruleset = pairing->ruleset;
	uint64_t total = 0, most = 0;
	uint32_t rule = 0;

	for (size_t i = 0; i < ruleset->clauses_count; i++) {
		const struct clause *clause = &ruleset->clauses[i];
		uint64_t pairs = (uint64_t)pairing->classes[clause->src].count *
				 pairing->classes[clause->dst].count;

		total += pairs;
		if (pairs > most) {
			most = pairs;
			rule = clause->rule;
		}
	}
	if (total <= TABLE_ENTRIES_MAX)
		return 0;
	diag_error(pairing->diag, ruleset->rules[rule].place,
		   "the rules name %llu pairs of classes of devices, and %d are the limit; this "
		   "rule names %llu of them",
		   (unsigned long long)total, TABLE_ENTRIES_MAX, (unsigned long long)most);
	return -E2BIG;
}

static struct table_range *append_range(struct table *table, uint32_t low, uint32_t high,
					uint32_t rule)
{
	table->ranges = mem_grow(table->ranges, table->ranges_count, &table->ranges_capacity,
				 sizeof(*table->ranges));
	table->ranges[table->ranges_count] = (struct table_range){ low, high, rule };
	return &table->ranges[table->ranges_count++];
}

static int by_low(const void *one, const void *other)
{
	const struct table_range *a = one, *b = other;

	return a->low < b->low ? -1 : a->low > b->low;
}

/*
 * Adds what no clause before has, so that the first one keeps the credit. The ranges of the pair,
 * from @first on, stay sorted and disjoint.
 */
static void add_uncovered(struct table *table, size_t first, const struct key_range *keys,
			  uint32_t rule)
{
	uint64_t low = keys->low, high = keys->high;
	size_t old = table->ranges_count;

	for (size_t i = first; i < old && low <= high; i++) {
		const struct table_range range = table->ranges[i];

		if (range.high < low)
			continue;
		if (range.low > high)
			break;
		if (range.low > low)
			append_range(table, (uint32_t)low, range.low - 1, rule);
		low = (uint64_t)range.high + 1;
	}
	if (low <= high)
		append_range(table, (uint32_t)low, (uint32_t)high, rule);
	if (table->ranges_count > old && old > first &&
	    table->ranges[old].low < table->ranges[old - 1].low)
		qsort(&table->ranges[first], table->ranges_count - first, sizeof(*table->ranges),
		      by_low);
}

/* Neighbours of one rule and one protocol become one range. */
static void join_neighbours(struct table *table, size_t first)
{
	size_t kept = first;

	for (size_t i = first + 1; i < table->ranges_count; i++) {
		struct table_range *last = &table->ranges[kept], *next = &table->ranges[i];

		if (last->order == next->order && last->high + 1 == next->low &&
		    last->low >> 16 == next->low >> 16)
			last->high = next->high;
		else
			table->ranges[++kept] = *next;
	}
	table->ranges_count = kept + 1;
}

static int add_clause(struct pairing *pairing, size_t first, const struct clause *clause)
{
	struct table *table = pairing->table;

	for (uint32_t i = 0; i < clause->keys_count; i++)
		add_uncovered(table, first, &pairing->ruleset->keys[clause->keys + i],
			      clause->rule);
	if (table->ranges_count - first > GATE_RANGES_PER_PAIR)
		join_neighbours(table, first);
	if (table->ranges_count - first <= GATE_RANGES_PER_PAIR)
		return 0;
	diag_error(pairing->diag, pairing->ruleset->rules[clause->rule].place,
		   "more than %d separate port ranges between two classes of devices; this rule "
		   "adds the last one",
		   GATE_RANGES_PER_PAIR);
	return -E2BIG;
}

static uint32_t hash_of(const struct table_range *ranges, uint32_t count)
{
	uint64_t hash = count;

	for (uint32_t i = 0; i < count; i++) {
		hash = (hash ^ ranges[i].low) * 0x9e3779b97f4a7c15u;
		hash = (hash ^ ranges[i].high) * 0x9e3779b97f4a7c15u;
		hash = (hash ^ ranges[i].order) * 0x9e3779b97f4a7c15u;
	}
	return (uint32_t)(hash >> 32);
}

static void runs_insert(struct runs *runs, const struct table *table, struct gate_ports run)
{
	uint32_t at = hash_of(&table->ranges[run.first], run.count) & (runs->buckets_count - 1);

	while (runs->buckets[at].count)
		at = (at + 1) & (runs->buckets_count - 1);
	runs->buckets[at] = run;
}

static void runs_grow(struct runs *runs, const struct table *table)
{
	struct runs grown = { .count = runs->count,
			      .buckets_count = runs->buckets_count ? runs->buckets_count * 2 :
								     1024 };

	grown.buckets = mem_alloc(grown.buckets_count * sizeof(*grown.buckets));
	for (uint32_t i = 0; i < runs->buckets_count; i++)
		if (runs->buckets[i].count)
			runs_insert(&grown, table, runs->buckets[i]);
	free(runs->buckets);
	*runs = grown;
}

/* The last @last of the table's ranges, or the same ones that were there before, without these. */
static struct gate_ports share_run(struct runs *runs, struct table *table, struct gate_ports last)
{
	const struct table_range *ranges = &table->ranges[last.first];
	uint32_t at;

	if (runs->count * 2 >= runs->buckets_count)
		runs_grow(runs, table);
	at = hash_of(ranges, last.count) & (runs->buckets_count - 1);
	for (; runs->buckets[at].count; at = (at + 1) & (runs->buckets_count - 1)) {
		struct gate_ports known = runs->buckets[at];

		if (known.count == last.count &&
		    !memcmp(&table->ranges[known.first], ranges, last.count * sizeof(*ranges))) {
			table->ranges_count = last.first;
			return known;
		}
	}
	runs->buckets[at] = last;
	runs->count++;
	return last;
}

static int build_run(struct pairing *pairing, struct entry *entries, size_t count,
		     struct gate_ports *ret_run)
{
	struct table *table = pairing->table;
	size_t first = table->ranges_count;

	if (count > 1 && pairing->expiring)
		qsort_r(entries, count, sizeof(*entries), by_expiry, (void *)pairing->ruleset);
	for (size_t i = 0; i < count; i++) {
		int error = add_clause(pairing, first,
				       &pairing->ruleset->clauses[entries[i].clause]);

		if (error)
			return error;
	}
	join_neighbours(table, first);
	*ret_run = share_run(
		&pairing->runs, table,
		(struct gate_ports){ (uint32_t)first, (uint32_t)(table->ranges_count - first) });
	return 0;
}

/* @entries: @count clauses that open something between @source and the same class. */
static int build_pair(struct pairing *pairing, uint32_t source, struct entry *entries, size_t count)
{
	struct table *table = pairing->table;
	struct gate_ports *alone = &pairing->alone[entries[0].clause], run = {};

	if (count == 1)
		run = *alone;
	if (!run.count) {
		int error = build_run(pairing, entries, count, &run);

		if (error)
			return error;
	}
	if (count == 1)
		*alone = run;
	table->pairs[table->pairs_count++] = (struct table_pair){ { source, entries[0].other },
								  run };
	return 0;
}

static bool is_expiring(const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->rules_count; i++)
		if (ruleset->rules[i].expires != EXPIRES_NEVER)
			return true;
	return false;
}

static int build_pairs_of(struct pairing *pairing, uint32_t source, struct entry *entries,
			  size_t count)
{
	int error = 0;

	for (size_t i = 0, next; i < count && !error; i = next) {
		for (next = i + 1; next < count; next++)
			if (entries[next].other != entries[i].other)
				break;
		error = build_pair(pairing, source, &entries[i], next - i);
	}
	return error;
}

static int build_pairs(struct pairing *pairing)
{
	struct table *table = pairing->table;
	struct buckets buckets = expand(pairing);
	size_t begin = 0;
	int error = 0;

	/* no more than that: growing would double what is the largest table of all */
	table->pairs = mem_alloc_raw(buckets_entries(&buckets) * sizeof(*table->pairs));
	for (size_t i = 0; i < buckets.count && !error; begin = buckets.ends[i++])
		error = build_pairs_of(pairing, class_at(table, i), &buckets.entries[begin],
				       buckets.ends[i] - begin);
	buckets_free(&buckets);
	return error;
}

int table_pairs(const struct ruleset *ruleset, const struct numbers *classes, struct diag *diag,
		struct table *table)
{
	struct pairing pairing = {
		.ruleset = ruleset, .classes = classes, .diag = diag, .table = table
	};
	int error = check_entries(&pairing);

	if (error)
		return error;
	pairing.expiring = is_expiring(ruleset);
	pairing.alone = mem_alloc(ruleset->clauses_count * sizeof(*pairing.alone));
	error = build_pairs(&pairing);
	free(pairing.alone);
	free(pairing.runs.buckets);
	return error;
}
