// SPDX-License-Identifier: GPL-2.0-or-later
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "mem.h"
#include "unit.h"

/* None, some, what just fits into a block with others before it, and more than a block. */
static const size_t sizes[] = { 0, 1, 16, 17, 1000, 60000, 64 << 10, 1 << 20, 3 };

START_TEST(apart)
{
	struct arena arena = {};
	unsigned char *bytes[ARRAY_SIZE(sizes)];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		bytes[i] = arena_alloc(&arena, sizes[i]);
		ck_assert_uint_eq((uintptr_t)bytes[i] % alignof(max_align_t), 0);
		memset(bytes[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			ck_assert_uint_eq(bytes[i][j], i);
	arena_free(&arena);
	ck_assert_ptr_null(arena.blocks);
}
END_TEST

/* The same memory again; a run under a sanitizer tells whether the rest was freed. */
START_TEST(reset)
{
	struct arena arena = {};
	void *first;

	arena_reset(&arena);
	first = arena_alloc(&arena, 100);
	arena_alloc(&arena, 1 << 20);
	arena_reset(&arena);
	ck_assert_ptr_eq(arena_alloc(&arena, 50), first);
	arena_free(&arena);
	arena_free(&arena);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("arena");

	unit_add(suite, apart, 1);
	unit_add(suite, reset, 1);
	return suite;
}
