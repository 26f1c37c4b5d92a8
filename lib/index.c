// SPDX-License-Identifier: GPL-2.0-or-later
#include "index.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

static int by_text(const void *one, const void *other)
{
	const struct word *a = *(const struct word *const *)one;
	const struct word *b = *(const struct word *const *)other;
	int order = strcmp(a->text, b->text);

	if (order)
		return order;
	return a->place < b->place ? -1 : a->place > b->place;
}

struct index index_build(const void *items, size_t count, size_t size, size_t offset)
{
	struct index index = { .items = mem_alloc(count * sizeof(*index.items)) };

	for (size_t i = 0; i < count; i++) {
		const struct word *item =
			(const struct word *)((const char *)items + i * size + offset);

		if (item->text)
			index.items[index.count++] = item;
	}
	if (index.count)
		qsort(index.items, index.count, sizeof(*index.items), by_text);
	return index;
}

size_t index_lower(const struct index *index, const char *text)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(index->items[middle]->text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const void *index_find(const struct index *index, const char *name)
{
	size_t at = index_lower(index, name);

	if (at == index->count || strcmp(index->items[at]->text, name))
		return NULL;
	return index->items[at];
}

void index_suggest(const struct index *index, struct suggestion *suggestion)
{
	for (size_t i = 0; i < index->count; i++)
		suggest_consider(suggestion, index->items[i]->text);
}

void index_free(struct index *index)
{
	free(index->items);
	*index = (struct index){};
}
