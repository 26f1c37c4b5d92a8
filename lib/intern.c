// SPDX-License-Identifier: GPL-2.0-or-later
#include "intern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct intern_bucket {
	uint32_t hash;	 /* of the item, which most others are told from by it */
	uint32_t number; /* + 1; 0: free */
};

/* Eight bytes at a time, mixed by multiplication: the input is a policy, which its reader trusts. */
static uint32_t hash_of(const void *bytes, size_t size)
{
	const char *byte = bytes;
	uint64_t hash = size, word;

	for (; size >= sizeof(word); size -= sizeof(word), byte += sizeof(word)) {
		memcpy(&word, byte, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	if (size) {
		word = 0;
		memcpy(&word, byte, size);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	return (uint32_t)(hash * 0x9e3779b97f4a7c15u >> 32);
}

static void insert(struct intern *intern, uint32_t hash, uint32_t number)
{
	size_t at = hash & (intern->buckets_count - 1);

	while (intern->buckets[at].number)
		at = (at + 1) & (intern->buckets_count - 1);
	intern->buckets[at] = (struct intern_bucket){ hash, number + 1 };
}

static void grow(struct intern *intern)
{
	struct intern_bucket *old = intern->buckets;
	size_t count = intern->buckets_count;

	intern->buckets_count = count ? count * 2 : 64;
	intern->buckets = mem_alloc(intern->buckets_count * sizeof(*intern->buckets));
	for (size_t i = 0; i < count; i++)
		if (old[i].number)
			insert(intern, old[i].hash, old[i].number - 1);
	free(old);
}

static bool find(const struct intern *intern, const struct interned *wanted, uint32_t hash,
		 uint32_t *ret_number)
{
	size_t mask = intern->buckets_count - 1;

	for (size_t at = hash & mask; intern->buckets[at].number; at = (at + 1) & mask) {
		const struct interned *item;

		if (intern->buckets[at].hash != hash)
			continue;
		item = &intern->items[intern->buckets[at].number - 1];
		if (item->size == wanted->size &&
		    (!wanted->size || !memcmp(item->bytes, wanted->bytes, wanted->size))) {
			*ret_number = intern->buckets[at].number - 1;
			return true;
		}
	}
	return false;
}

uint32_t intern_add(struct intern *intern, const void *bytes, size_t size)
{
	struct interned wanted = { (void *)bytes, size };
	uint32_t hash = hash_of(bytes, size), number;

	if (intern->count * 2 >= intern->buckets_count)
		grow(intern);
	if (find(intern, &wanted, hash, &number))
		return number;
	wanted.bytes = arena_alloc(&intern->arena, size);
	if (size)
		memcpy(wanted.bytes, bytes, size);
	intern->items = mem_grow(intern->items, intern->count, &intern->capacity,
				 sizeof(*intern->items));
	intern->items[intern->count] = wanted;
	insert(intern, hash, (uint32_t)intern->count);
	return (uint32_t)intern->count++;
}

void intern_free(struct intern *intern)
{
	arena_free(&intern->arena);
	free(intern->items);
	free(intern->buckets);
	*intern = (struct intern){};
}
