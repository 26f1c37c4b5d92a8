/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives equal byte strings one number, from 0 in the order in which they were first seen. */
#ifndef ACLGATE_INTERN_H
#define ACLGATE_INTERN_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"

struct intern_bucket;

struct interned {
	void *bytes;
	size_t size;
};

struct intern {
	struct interned *items; /* by number */
	size_t count;
	size_t capacity;
	struct intern_bucket *buckets;
	size_t buckets_count;
	struct arena arena; /* of the items' bytes */
};

uint32_t intern_add(struct intern *intern, const void *bytes, size_t size);

void intern_free(struct intern *intern);

#endif
