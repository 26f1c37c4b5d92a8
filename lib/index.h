/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds things by name: anything whose first member is its `struct word name`. */
#ifndef ACLGATE_INDEX_H
#define ACLGATE_INDEX_H

#include <stddef.h>

#include "policy.h"
#include "suggest.h"

struct index {
	const struct word **items; /* sorted by text, then place */
	size_t count;
};

/* @items: @count structs of @size bytes each, which must outlive the index. */
struct index index_build(const void *items, size_t count, size_t size);

/* The struct of that name, or NULL; of several the first in the file. */
const void *index_find(const struct index *index, const char *name);

void index_suggest(const struct index *index, struct suggestion *suggestion);

void index_free(struct index *index);

#endif
