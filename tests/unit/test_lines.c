// SPDX-License-Identifier: GPL-2.0-or-later
#include "lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "hash.h"
#include "mem.h"
#include "unit.h"

/* As the programs search: from the line that the hash names to one with room. -1: not found. */
static int distance(const struct lines *lines, uint32_t entries_a_line, uint64_t hash,
		    uint32_t entry)
{
	uint32_t named = hash_line(hash, lines->named);

	for (uint32_t i = 0; i < GATE_LINES_ASKED; i++) {
		const uint32_t begin = lines->first[named + i], end = lines->first[named + i + 1];

		ck_assert_uint_lt(named + i, lines->count);
		for (uint32_t place = begin; place < end; place++)
			if (lines->entries[place] == entry)
				return (int)i;
		if (end - begin < entries_a_line)
			return -1;
	}
	return -1;
}

static void check_all(const uint64_t *hashes, uint32_t count, uint32_t entries_a_line,
		      const struct lines *lines)
{
	ck_assert_uint_eq(lines->first[0], 0);
	ck_assert_uint_eq(lines->first[lines->count], count);
	for (uint32_t line = 0; line < lines->count; line++)
		ck_assert_uint_le(lines->first[line + 1] - lines->first[line], entries_a_line);
	for (uint32_t i = 0; i < count; i++)
		ck_assert_int_ge(distance(lines, entries_a_line, hashes[i], i), 0);
}

static const struct {
	uint32_t count, entries_a_line;
} sizes[] = {
	{ 0, 3 },    { 1, 3 },	  { 2, 2 },    { 7, 2 },
	{ 1000, 1 }, { 1000, 2 }, { 1000, 3 }, { 100000, 2 },
};

/* All are found, most of them in the very line that their hash names. */
START_TEST(random_hashes)
{
	const uint32_t count = sizes[_i].count, entries_a_line = sizes[_i].entries_a_line;
	_free_ uint64_t *hashes = mem_alloc((count + 1) * sizeof(*hashes));
	struct dice dice = { dice_seed() };
	struct lines lines;
	uint32_t far = 0;

	for (uint32_t i = 0; i < count; i++)
		hashes[i] = dice_throw(&dice);
	ck_assert_int_eq(lines_place(hashes, count, entries_a_line, &lines), 0);
	check_all(hashes, count, entries_a_line, &lines);
	for (uint32_t i = 0; i < count; i++)
		far += distance(&lines, entries_a_line, hashes[i], i) > 0;
	if (count >= 1000)
		ck_assert_uint_lt(far, count / 2);
	lines_free(&lines);
}
END_TEST

/* As many entries of one hash as a search finds, in the first line and in the last; one more. */
static const uint64_t extremes[] = { 0, UINT64_MAX };

START_TEST(alike)
{
	uint64_t hashes[2 * GATE_LINES_ASKED + 1];
	struct lines lines;

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
		hashes[i] = extremes[_i];
	ck_assert_int_eq(lines_place(hashes, 2 * GATE_LINES_ASKED, 2, &lines), 0);
	check_all(hashes, 2 * GATE_LINES_ASKED, 2, &lines);
	ck_assert_int_eq(distance(&lines, 2, extremes[_i], 2 * GATE_LINES_ASKED - 1),
			 GATE_LINES_ASKED - 1);
	lines_free(&lines);
	ck_assert_int_eq(lines_place(hashes, 2 * GATE_LINES_ASKED + 1, 2, &lines), -ENOSPC);
}
END_TEST

/* Hashes that lie too close for half of the room: more lines take them apart. */
START_TEST(more_lines)
{
	uint64_t hashes[64];
	struct lines lines;

	for (uint32_t i = 0; i < ARRAY_SIZE(hashes); i++)
		hashes[i] = (uint64_t)i << 57 >> 1;
	ck_assert_int_eq(lines_place(hashes, ARRAY_SIZE(hashes), 1, &lines), 0);
	ck_assert_uint_gt(lines.named, 2 * (ARRAY_SIZE(hashes) + 1));
	check_all(hashes, ARRAY_SIZE(hashes), 1, &lines);
	lines_free(&lines);
}
END_TEST

/*
 * Addresses that somebody chose, who knows how we hash: their words differ in high bits, which a product
 * keeps at its top. Without keys that enter by multiplication 17 at a time were alike.
 */
START_TEST(chosen)
{
	struct dice dice = { dice_seed() };
	struct gate_keys keys;
	uint64_t hashes[32 * 17];
	struct lines lines;

	for (size_t i = 0; i < ARRAY_SIZE(keys.word); i++)
		keys.word[i] = dice_throw(&dice);
	for (uint32_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		const uint8_t t = (uint8_t)(8 * (i % 32)), u = (uint8_t)(8 * (i / 32));
		const uint8_t bytes[16] = { 0xfd, 0x99, [7] = t, [11] = u, [15] = u | 1 };
		struct gate_address addr;

		memcpy(&addr, bytes, sizeof(addr));
		hashes[i] = hash_host6(&addr, &keys);
		for (uint32_t j = 0; j < i; j++)
			ck_assert(hashes[i] != hashes[j]);
	}
	ck_assert_int_eq(lines_place(hashes, ARRAY_SIZE(hashes), GATE_HOSTS6_A_LINE, &lines), 0);
	check_all(hashes, ARRAY_SIZE(hashes), GATE_HOSTS6_A_LINE, &lines);
	lines_free(&lines);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("lines");

	unit_add(suite, random_hashes, ARRAY_SIZE(sizes));
	unit_add(suite, alike, ARRAY_SIZE(extremes));
	unit_add(suite, more_lines, 1);
	unit_add(suite, chosen, 25);
	return suite;
}
