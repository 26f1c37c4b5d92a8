// SPDX-License-Identifier: GPL-2.0-or-later
#include "intern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* FNV-1a: the input is a policy, which its reader trusts. */
static uint32_t hash_of(const void *bytes, size_t size)
{
	const unsigned char *byte = bytes;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 16777619u;
	return hash;
}

static void insert(struct intern *intern, uint32_t number)
{
	size_t at = intern->items[number].hash & (intern->buckets_count - 1);

	while (intern->buckets[at])
		at = (at + 1) & (intern->buckets_count - 1);
	intern->buckets[at] = number + 1;
}

static void grow(struct intern *intern)
{
	free(intern->buckets);
	intern->buckets_count = intern->buckets_count ? intern->buckets_count * 2 : 64;
	intern->buckets = mem_alloc(intern->buckets_count * sizeof(*intern->buckets));
	for (size_t i = 0; i < intern->count; i++)
		insert(intern, (uint32_t)i);
}

static bool find(const struct intern *intern, const struct interned *wanted, uint32_t *ret_number)
{
	size_t mask = intern->buckets_count - 1;

	for (size_t at = wanted->hash & mask; intern->buckets[at]; at = (at + 1) & mask) {
		const struct interned *item = &intern->items[intern->buckets[at] - 1];

		if (item->hash == wanted->hash && item->size == wanted->size &&
		    (!wanted->size || !memcmp(item->bytes, wanted->bytes, wanted->size))) {
			*ret_number = intern->buckets[at] - 1;
			return true;
		}
	}
	return false;
}

uint32_t intern_add(struct intern *intern, const void *bytes, size_t size)
{
	struct interned wanted = { (void *)bytes, size, hash_of(bytes, size) };
	uint32_t number;

	if (intern->count * 2 >= intern->buckets_count)
		grow(intern);
	if (find(intern, &wanted, &number))
		return number;
	wanted.bytes = mem_alloc(size);
	if (size)
		memcpy(wanted.bytes, bytes, size);
	intern->items = mem_grow(intern->items, intern->count, &intern->capacity,
				 sizeof(*intern->items));
	intern->items[intern->count] = wanted;
	insert(intern, (uint32_t)intern->count);
	return (uint32_t)intern->count++;
}

void intern_free(struct intern *intern)
{
	for (size_t i = 0; i < intern->count; i++)
		free(intern->items[i].bytes);
	free(intern->items);
	free(intern->buckets);
	*intern = (struct intern){};
}
