/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text that a policy comes from: the policy file and, if there is one, the inventory. A place
 * is one number over all of them, so that everything that is read can carry where it stood.
 */
#ifndef ACLGATE_SOURCE_H
#define ACLGATE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t place_t;

#define PLACE_NONE UINT32_MAX

#define SOURCE_SIZE_MAX (256u << 20) /* bytes a file */

struct source {
	char *name; /* as given on the command line */
	char *text; /* NUL-terminated; may hold further NULs */
	size_t size;
	place_t base;	 /* place of the first byte */
	uint32_t *lines; /* where each line begins, as offsets into text */
	size_t lines_count, lines_capacity;
};

struct sources {
	struct source *items;
	size_t count;
	size_t capacity;
};

struct position {
	const struct source *source;
	unsigned int line;   /* from 1 */
	unsigned int column; /* from 1, in bytes */
	const char *start;   /* of the line */
	size_t length;	     /* of the line, without its end */
};

/*
 * Reads a file; "-" is standard input. Returns its index, or a negative errno: -EFBIG over
 * SOURCE_SIZE_MAX, else that of open(2) and read(2).
 */
int sources_read(struct sources *sources, const char *path);

/* Takes a text over. Returns its index. */
int sources_add(struct sources *sources, const char *name, char *text, size_t size);

/* Where a place is; false for PLACE_NONE. */
int sources_find(const struct sources *sources, place_t place, struct position *ret_position);

void sources_free(struct sources *sources);

#endif
