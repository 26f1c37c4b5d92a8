// SPDX-License-Identifier: GPL-2.0-or-later
#include "profile.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

static bool is_wide(uint32_t class)
{
	return class & GATE_COARSE;
}

/* A run of one pair, on its way to a grant. */
struct opening {
	uint32_t wide;
	struct gate_ports ports;
	uint32_t destination;
};

static int by_run(const void *one, const void *other)
{
	const struct opening *a = one, *b = other;

	if (a->wide != b->wide)
		return a->wide < b->wide ? -1 : 1;
	if (a->ports.first != b->ports.first)
		return a->ports.first < b->ports.first ? -1 : 1;
	if (a->ports.count != b->ports.count)
		return a->ports.count < b->ports.count ? -1 : 1;
	return a->destination < b->destination ? -1 : a->destination > b->destination;
}

static bool same_run(const struct opening *one, const struct opening *other)
{
	return one->wide == other->wide && one->ports.first == other->ports.first &&
	       one->ports.count == other->ports.count;
}

/* Grants of one source, to be interned: behind the level of the source. */
struct draft {
	struct grant *grants;
	size_t count, capacity;
};

static void draft_add(struct draft *draft, struct grant grant)
{
	draft->grants = mem_grow(draft->grants, draft->count, &draft->capacity,
				 sizeof(*draft->grants));
	draft->grants[draft->count++] = grant;
}

/* @openings: the same run to @count classes. */
static struct grant grant_make(struct profiles *profiles, const struct opening *openings,
			       size_t count)
{
	_free_ uint32_t *classes = mem_alloc_raw(count * sizeof(*classes));

	for (size_t i = 0; i < count; i++)
		classes[i] = openings[i].destination;
	return (struct grant){
		.target = intern_add(&profiles->target_keys, classes, count * sizeof(*classes)),
		.wide = openings->wide,
		.ports = openings->ports,
	};
}

/* @pairs: all of one source. Returns its profile. */
static uint32_t profile_make(struct profiles *profiles, const struct table_pair *pairs,
			     size_t count)
{
	_free_ struct opening *openings = mem_alloc(count * sizeof(*openings));
	struct draft draft = {};
	uint32_t profile;

	for (size_t i = 0; i < count; i++)
		openings[i] = (struct opening){ is_wide(pairs[i].classes.destination),
						pairs[i].ports, pairs[i].classes.destination };
	qsort(openings, count, sizeof(*openings), by_run);
	/* its level goes first, in a grant that is none */
	draft_add(&draft, (struct grant){ .wide = is_wide(pairs->classes.source) });
	for (size_t i = 0, next; i < count; i = next) {
		for (next = i + 1; next < count; next++)
			if (!same_run(&openings[i], &openings[next]))
				break;
		draft_add(&draft, grant_make(profiles, &openings[i], next - i));
	}
	profile = intern_add(&profiles->keys, draft.grants, draft.count * sizeof(*draft.grants));
	free(draft.grants);
	return profile;
}

static void find_profiles(struct profiles *profiles)
{
	const struct table *table = profiles->table;
	const uint32_t counts[] = { table->fine, table->coarse };

	for (size_t level = 0; level < 2; level++) {
		profiles->of_class[level] = mem_alloc(counts[level] * sizeof(uint32_t));
		memset(profiles->of_class[level], 0xff, counts[level] * sizeof(uint32_t));
	}
	for (size_t i = 0, next; i < table->pairs_count; i = next) {
		uint32_t source = table->pairs[i].classes.source;

		for (next = i + 1; next < table->pairs_count; next++)
			if (table->pairs[next].classes.source != source)
				break;
		profiles->of_class[is_wide(source)][source & ~GATE_COARSE] =
			profile_make(profiles, &table->pairs[i], next - i);
	}
	profiles->count = profiles->keys.count;
	profiles->items = mem_alloc(profiles->count * sizeof(*profiles->items));
	for (size_t i = 0; i < profiles->keys.count; i++) {
		const struct interned *key = &profiles->keys.items[i];
		const struct grant *grants = key->bytes;

		profiles->items[i].wide = grants[0].wide;
		profiles->items[i].grants = &grants[1];
		profiles->items[i].grants_count = key->size / sizeof(*grants) - 1;
	}
}

/* The policy knows who it is: nobody else opens anything. */
static bool may_open(const struct gate_identity *identity)
{
	return (identity->device || identity->speaks & GATE_SPEAKS_SELF) &&
	       !(identity->speaks & GATE_SPEAKS_REJECTED);
}

struct profile *profile_of(const struct profiles *profiles, const struct gate_identity *identity,
			   bool wide)
{
	uint32_t class = wide ? identity->coarse & ~GATE_COARSE : identity->fine;
	uint32_t number = profiles->of_class[wide][class];

	return number == UINT32_MAX || !may_open(identity) ? NULL : &profiles->items[number];
}

static void find_sources(struct profiles *profiles)
{
	size_t count = profiles->keys.count;
	_free_ struct set *sets = mem_alloc(count * sizeof(*sets));

	for (size_t i = 0; i < profiles->segments->count; i++) {
		const struct segment *segment = &profiles->segments->items[i];

		for (size_t wide = 0; wide < 2; wide++) {
			struct profile *profile = profile_of(profiles, segment->identity, wide);

			if (profile)
				set_append(&sets[profile - profiles->items], segment->first,
					   segment->last);
		}
	}
	for (size_t i = 0; i < count; i++) {
		set_normalise(&sets[i]);
		for (enum family family = 0; family < FAMILIES; family++)
			pieces_of(&sets[i], family, &profiles->items[i].pieces[family]);
		set_free(&sets[i]);
	}
}

/* Segments by class: those of the n-th one end at ends[n]. */
struct class_index {
	uint32_t *segments;
	size_t *ends;
};

static uint32_t class_of(const struct segment *segment, bool wide)
{
	return wide ? segment->identity->coarse & ~GATE_COARSE : segment->identity->fine;
}

static void index_classes(const struct profiles *profiles, bool wide, struct class_index *ret_index)
{
	size_t classes = wide ? profiles->table->coarse : profiles->table->fine, end = 0;
	const struct segments *segments = profiles->segments;
	struct class_index index = {
		.segments = mem_alloc_raw(segments->count * sizeof(*index.segments)),
		.ends = mem_alloc(classes * sizeof(*index.ends)),
	};

	for (size_t i = 0; i < segments->count; i++)
		index.ends[class_of(&segments->items[i], wide)]++;
	for (size_t i = 0; i < classes; i++) {
		size_t begin = end;

		end += index.ends[i];
		index.ends[i] = begin; /* and each segment that is added moves it */
	}
	for (size_t i = 0; i < segments->count; i++)
		index.segments[index.ends[class_of(&segments->items[i], wide)]++] = (uint32_t)i;
	*ret_index = index;
}

static void target_make(const struct profiles *profiles, const struct class_index *index,
			const struct interned *classes, struct target *target)
{
	_set_ struct set set = {};

	for (size_t i = 0; i < classes->size / sizeof(uint32_t); i++) {
		uint32_t class = ((const uint32_t *)classes->bytes)[i] & ~GATE_COARSE;

		for (size_t j = class ? index->ends[class - 1] : 0; j < index->ends[class]; j++) {
			const struct segment *segment =
				&profiles->segments->items[index->segments[j]];

			set_append(&set, segment->first, segment->last);
		}
	}
	set_normalise(&set);
	for (enum family family = 0; family < FAMILIES; family++)
		pieces_of(&set, family, &target->pieces[family]);
}

static void find_targets(struct profiles *profiles)
{
	struct class_index index[2];

	for (size_t wide = 0; wide < 2; wide++)
		index_classes(profiles, wide, &index[wide]);
	profiles->targets = mem_alloc(profiles->target_keys.count * sizeof(*profiles->targets));
	for (size_t i = 0; i < profiles->target_keys.count; i++) {
		const struct interned *key = &profiles->target_keys.items[i];

		target_make(profiles, &index[is_wide(*(const uint32_t *)key->bytes)], key,
			    &profiles->targets[i]);
	}
	for (size_t wide = 0; wide < 2; wide++) {
		free(index[wide].segments);
		free(index[wide].ends);
	}
}

void profiles_find(const struct table *table, const struct segments *segments,
		   struct profiles *ret_profiles)
{
	struct profiles profiles = { .table = table, .segments = segments };

	find_profiles(&profiles);
	find_sources(&profiles);
	find_targets(&profiles);
	*ret_profiles = profiles;
}

void profiles_free(struct profiles *profiles)
{
	for (enum family family = 0; family < FAMILIES; family++) {
		for (size_t i = 0; i < profiles->count; i++)
			pieces_free(&profiles->items[i].pieces[family]);
		for (size_t i = 0; i < profiles->target_keys.count; i++)
			pieces_free(&profiles->targets[i].pieces[family]);
	}
	free(profiles->items);
	free(profiles->targets);
	for (size_t level = 0; level < 2; level++)
		free(profiles->of_class[level]);
	intern_free(&profiles->keys);
	intern_free(&profiles->target_keys);
	*profiles = (struct profiles){};
}
