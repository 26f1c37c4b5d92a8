/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names of counters: the file of lib/ids.h for those who only ask for the name of an id. It is
 * kept as it is, with an offset for each name: a fraction of what `struct ids` takes to find ids.
 */
#ifndef ACLGATE_NAMES_H
#define ACLGATE_NAMES_H

#include <stdint.h>

#include "ids.h"

struct names {
	char *text;
	uint32_t *lines[IDS_KINDS]; /* offsets into it; of id 1 first */
	uint32_t counts[IDS_KINDS];
};

/* @fd: the file; -1: there is none. 0, -EBADMSG for a file that we did not write, or -errno. */
int names_read(int fd, struct names *ret_names);

/* How many ids there are, 0 included. */
uint32_t names_count(const struct names *names, enum ids_kind kind);

/* The name of an id that is below that; of id 0 as in ids.h. */
const char *names_get(const struct names *names, enum ids_kind kind, uint32_t id);

void names_free(struct names *names);

#endif
