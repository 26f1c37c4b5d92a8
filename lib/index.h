/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds things by a word of theirs, mostly their name: the first member of what is named. */
#ifndef ACLGATE_INDEX_H
#define ACLGATE_INDEX_H

#include <stddef.h>

#include "policy.h"
#include "suggest.h"

struct index {
	const struct word **items; /* sorted by text, then place */
	size_t count;
};

/*
 * @items: @count structs of @size bytes each, which must outlive the index, with a struct word at
 * @offset. Structs without that word are left out.
 */
struct index index_build(const void *items, size_t count, size_t size, size_t offset);

/* The struct that begins with that name, or NULL; of several the first in the file. */
const void *index_find(const struct index *index, const char *name);

/* Where those with that text begin in index->items, or would. */
size_t index_lower(const struct index *index, const char *text);

void index_suggest(const struct index *index, struct suggestion *suggestion);

void index_free(struct index *index);

#endif
