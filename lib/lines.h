/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the entries of a table of lines go, so that the programs find them (bpf/abi.h): each in the
 * line that its hash names or in one of the next, and none behind a line with room.
 */
#ifndef ACLGATE_LINES_H
#define ACLGATE_LINES_H

#include <stdint.h>

struct lines {
	uint32_t named;	   /* lines that a hash can name */
	uint32_t count;	   /* with those at the end, for what does not fit into the last of them */
	uint32_t *entries; /* numbers of the entries, by line */
	uint32_t *first;   /* [count + 1]: where those of a line begin among them */
};

/*
 * @hashes: of @count entries that are all different. Half of the room stays free, or more where that
 * keeps entries near their lines. Returns 0, or -ENOSPC where so many hashes are alike that nothing
 * does: under other keys they are not.
 */
int lines_place(const uint64_t *hashes, uint32_t count, uint32_t entries_a_line,
		struct lines *ret_lines);

void lines_free(struct lines *lines);

#endif
