// SPDX-License-Identifier: GPL-2.0-or-later
#include "lines.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "hash.h"
#include "mem.h"

#define ATTEMPTS 4 /* each with half as many lines again */

/* By line, and one behind the last: how many entries name a line before it. */
static uint32_t *count_before(const uint64_t *hashes, uint32_t count, const struct lines *lines)
{
	uint32_t *before = mem_alloc(((size_t)lines->count + 1) * sizeof(*before));

	for (uint32_t i = 0; i < count; i++)
		before[hash_line(hashes[i], lines->named) + 1]++;
	for (uint32_t line = 0; line < lines->count; line++)
		before[line + 1] += before[line];
	return before;
}

/* What is too much for a line goes on into the next. False: an entry would be too far from its line. */
static bool flow_over(const uint32_t *before, uint32_t entries_a_line, struct lines *lines)
{
	uint32_t placed = 0;

	for (uint32_t line = 0; line < lines->count; line++) {
		uint32_t waiting = before[line + 1] - placed;

		if (line >= GATE_LINES_ASKED && placed < before[line - GATE_LINES_ASKED + 1])
			return false;
		lines->first[line] = placed;
		placed += waiting < entries_a_line ? waiting : entries_a_line;
	}
	lines->first[lines->count] = placed;
	return placed == before[lines->count];
}

/* By the line that they name: in this order they flow over. @before is used up. */
static void sort(const uint64_t *hashes, uint32_t count, uint32_t *before, struct lines *lines)
{
	for (uint32_t i = 0; i < count; i++)
		lines->entries[before[hash_line(hashes[i], lines->named)]++] = i;
}

static bool place(const uint64_t *hashes, uint32_t count, uint32_t entries_a_line, uint32_t named,
		  struct lines *ret_lines)
{
	struct lines lines = { .named = named, .count = named + GATE_LINES_ASKED - 1 };
	_free_ uint32_t *before = count_before(hashes, count, &lines);

	lines.first = mem_alloc_raw(((size_t)lines.count + 1) * sizeof(*lines.first));
	if (!flow_over(before, entries_a_line, &lines)) {
		lines_free(&lines);
		return false;
	}
	lines.entries = mem_alloc_raw(count * sizeof(*lines.entries));
	sort(hashes, count, before, &lines);
	*ret_lines = lines;
	return true;
}

int lines_place(const uint64_t *hashes, uint32_t count, uint32_t entries_a_line,
		struct lines *ret_lines)
{
	uint32_t named = 2 * (count / entries_a_line + 1);

	for (int i = 0; i < ATTEMPTS; i++, named += named / 2)
		if (place(hashes, count, entries_a_line, named, ret_lines))
			return 0;
	return -ENOSPC;
}

void lines_free(struct lines *lines)
{
	free(lines->entries);
	free(lines->first);
	*lines = (struct lines){};
}
