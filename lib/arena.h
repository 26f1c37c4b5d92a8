/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory for much that is small and goes at once: nothing in it is freed by itself. */
#ifndef ACLGATE_ARENA_H
#define ACLGATE_ARENA_H

#include <stddef.h>

struct arena_block;

/* All zeroes is an empty one. */
struct arena {
	struct arena_block *blocks; /* the latest first */
	size_t used;		    /* bytes of the latest */
};

/* Not zeroed, and aligned for everything. */
void *arena_alloc(struct arena *arena, size_t size);

/* Forgets what is in it, and keeps one block for what comes next. */
void arena_reset(struct arena *arena);

void arena_free(struct arena *arena);

#endif
