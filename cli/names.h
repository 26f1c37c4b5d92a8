/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What counter ids are called, and where their rules stand. */
#ifndef ACLGATE_NAMES_H
#define ACLGATE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "ids.h"
#include "table.h"

struct names {
	struct ids ids;
	const struct table_rule **rules; /* by id; NULL where the table has it not */
	uint32_t rules_count;
};

/* The places of the rules of @table, which must outlive them. What has no id gets one, here only. */
void names_learn(struct names *names, const struct table *table);

/* NULL: its place is not known. */
const struct table_rule *names_place(const struct names *names, uint32_t rule);

/* "acls[0]", or "-". */
const char *names_rule(const struct names *names, uint32_t rule);

/* The id of a device, or of IDS_UNKNOWN. False where no policy has named it. */
bool names_find_device(const struct names *names, const char *name, uint32_t *ret_device);

/* "imac", or "-" for no device. */
const char *names_device(const struct names *names, uint32_t device);

/* Label and place with @between: "acls[0] policy.json:3", "acls[0] -", "- -". */
void names_print_rule(const struct names *names, uint32_t rule, const char *between);

/* {"rule":"acls[0]","file":"policy.json","line":3}, or null. */
void names_json_rule(const struct names *names, uint32_t rule);

/* "imac", or null. */
void names_json_device(const struct names *names, uint32_t device);

void names_free(struct names *names);

#endif
