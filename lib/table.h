/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel will see: `compile` makes it of a ruleset, both backends load it. The numbers of
 * devices and rules are their places in the file; lib/ids.h gives them their counters.
 */
#ifndef ACLGATE_TABLE_H
#define ACLGATE_TABLE_H

#include <stdio.h>

#include "abi.h"
#include "ruleset.h"

/* Where an identity says nothing else, `device` is an index into devices + 1; 0 is none. */
struct table_address {
	struct prefix prefix;
	struct gate_identity identity;
};

struct table_pair {
	struct gate_pair classes;
	struct gate_ports ports;
};

struct table_range {
	uint32_t low; /* GATE_PORT_KEY, as in struct gate_range */
	uint32_t high;
	uint32_t order; /* of the rule */
};

struct table_rule {
	const char *label; /* acls[0] */
	const char *file;
	unsigned int line;
	int64_t expires; /* seconds since the epoch, or EXPIRES_NEVER */
};

struct table {
	struct table_address *addresses; /* single ones, sorted */
	size_t addresses_count, addresses_capacity;
	struct table_address *prefixes; /* sorted, disjoint but for the addresses above */
	size_t prefixes_count, prefixes_capacity;
	struct table_pair *pairs; /* sorted */
	size_t pairs_count;
	struct table_range *ranges;
	size_t ranges_count, ranges_capacity;
	struct table_rule *rules;
	size_t rules_count;
	char **devices;
	size_t devices_count;
	char **interfaces; /* guarded, by slot */
	size_t interfaces_count;
	uint32_t early; /* bit 1 << slot: packets may be dropped by XDP there */
	char **outside; /* unguarded, by slot from GATE_GUARDED_MAX on */
	size_t outside_count;
	uint8_t mark_bit;      /* GATE_MARK_BIT_MIN … */
	uint32_t features;     /* GATE_HAS_…, GATE_AUDIT */
	uint32_t fine, coarse; /* how many classes there are */
	struct gate_settings settings;
};

/* What an address is that the table has no entry for; the programs know it as well. */
extern const struct gate_identity table_unnamed;

/* A selector that covers more classes than this is wide. */
#define TABLE_NARROW_MAX 64

/* Pairs of classes, counted for each rule and destination: more are refused before they fill memory. */
#define TABLE_ENTRIES_MAX 4000000

/*
 * Returns 0, or -E2BIG with an error in @diag that names the rule which asks for most. The table
 * keeps pointers to names in @sources and labels in @ruleset.
 */
int table_compile(const struct ruleset *ruleset, const struct inventory *inventory,
		  const struct sources *sources, struct diag *diag, struct table *ret_table);

/* What the kernel will take an address for: its entry, or table_unnamed. */
const struct gate_identity *table_identity(const struct table *table, address_t address);

/* May @src open a connection to @dst? REASON_NONE and the rule's number, or why not. */
enum reason table_judge(const struct table *table, address_t src, address_t dst, uint8_t protocol,
			uint16_t port, uint32_t *ret_rule);

/* The canonical text form that the golden tests pin. */
void table_print(const struct table *table, FILE *out);

void table_free(struct table *table);

#endif
