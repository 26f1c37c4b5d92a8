/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives equal byte strings one number, from 0 in the order in which they were first seen. */
#ifndef ACLGATE_INTERN_H
#define ACLGATE_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct interned {
	void *bytes;
	size_t size;
	uint32_t hash;
};

struct intern {
	struct interned *items; /* by number */
	size_t count;
	size_t capacity;
	uint32_t *buckets; /* number + 1; 0: free */
	size_t buckets_count;
};

uint32_t intern_add(struct intern *intern, const void *bytes, size_t size);

void intern_free(struct intern *intern);

#endif
