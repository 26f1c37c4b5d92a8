// SPDX-License-Identifier: GPL-2.0-or-later
#include "arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "mem.h"

#define BLOCK_SIZE (64u << 10) /* below what malloc() maps by itself, and returns each time */

struct arena_block {
	struct arena_block *next;
	size_t size;
	alignas(max_align_t) char bytes[];
};

static void add_block(struct arena *arena, size_t size)
{
	struct arena_block *block = mem_alloc_raw(sizeof(*block) + size);

	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	void *bytes;

	size = (size + align - 1) & ~(align - 1);
	if (!arena->blocks || arena->blocks->size - arena->used < size)
		add_block(arena, size > BLOCK_SIZE ? size : BLOCK_SIZE);
	bytes = arena->blocks->bytes + arena->used;
	arena->used += size;
	return bytes;
}

void arena_reset(struct arena *arena)
{
	while (arena->blocks && arena->blocks->next) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
	arena->used = 0;
}

void arena_free(struct arena *arena)
{
	arena_reset(arena);
	free(arena->blocks);
	arena->blocks = NULL;
}
