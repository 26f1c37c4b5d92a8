/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second half of `compile`: clauses over classes → pairs of classes, each with a run of ranges. */
#ifndef ACLGATE_TABLE_PAIRS_H
#define ACLGATE_TABLE_PAIRS_H

#include "table.h"

struct numbers {
	uint32_t *items;
	size_t count, capacity;
};

/*
 * Fills in pairs, ranges and features of @table, which knows how many classes there are. @classes: of
 * each set of @ruleset. Returns 0, or -E2BIG with an error in @diag.
 */
int table_pairs(const struct ruleset *ruleset, const struct numbers *classes, struct diag *diag,
		struct table *table);

#endif
