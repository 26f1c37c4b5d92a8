/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A snapshot as text, a small piece at a time: all of it may be ten megabytes. */
#ifndef ACLGATE_SCRAPE_H
#define ACLGATE_SCRAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics.h"
#include "snapshot.h"

/* How far it is; {} at the start. */
struct scrape {
	uint32_t family;
	uint32_t step; /* of that family: one a device, or a rule */
};

/* Writes the next piece behind what is in @out; false: there is none. */
bool scrape_next(struct scrape *scrape, const struct snapshot *snapshot, struct metrics *out);

#endif
