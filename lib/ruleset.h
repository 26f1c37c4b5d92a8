/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy without names: sets of addresses, and clauses "from this set to that set on these
 * ports". What `resolve` makes of a struct policy, and what `compile` and the naive evaluator of
 * the tests read.
 */
#ifndef ACLGATE_RULESET_H
#define ACLGATE_RULESET_H

#include <stddef.h>
#include <stdint.h>

#include "inventory.h"
#include "ports.h"
#include "select.h"
#include "set.h"
#include "settings.h"

/* Ports of one protocol, as GATE_PORT_KEY of bpf/abi.h. */
struct key_range {
	uint32_t low;
	uint32_t high;
};

#define EXPIRES_NEVER INT64_MAX

struct rule {
	place_t place;
	char *label;	 /* its name, or acls[0] */
	int64_t expires; /* seconds since the epoch, or EXPIRES_NEVER */
};

struct clause {
	uint32_t rule; /* index of the rule in the file */
	uint32_t src;  /* indexes into sets */
	uint32_t dst;
	uint32_t keys; /* first of keys_count in ruleset->keys */
	uint32_t keys_count;
};

/* A test or question names devices, not networks: its sets hold at most this many addresses. */
#define QUESTION_ADDRESSES_MAX 4096

/* An entry of the `tests` section, for one destination. */
struct expectation {
	struct word src; /* as written, to be told when it fails */
	struct word dst;
	struct set from;
	struct set to;
	uint8_t protocol; /* 0: TCP or UDP */
	uint16_t port;
	bool allow;
};

void expectation_free(struct expectation *expectation);

struct ruleset {
	struct set *sets;
	size_t sets_count;
	struct rule *rules; /* in the order of the file */
	size_t rules_count;
	struct clause *clauses;
	size_t clauses_count, clauses_capacity;
	struct key_range *keys;
	size_t keys_count, keys_capacity;
	struct expectation *expectations;
	size_t expectations_count, expectations_capacity;
	struct settings settings;
};

/*
 * Errors are in @diag; the ruleset is complete only where there are none. Rules that expired before
 * @now, in seconds since the epoch, have no clauses. Expectations point into the policy's text.
 */
void resolve(const struct policy *policy, const struct inventory *inventory, int64_t now,
	     struct diag *diag, struct ruleset *ret_ruleset);

/*
 * Splits "host:ports" at the last colon, and takes the brackets off "[v6]:ports" and
 * "[v6]/128:ports". The caller frees *ret_host and *ret_ports. Returns 0, or -EINVAL with an error.
 */
int resolve_host_port(const struct word *word, struct diag *diag, char **ret_host,
		      char **ret_ports);

/* What they open is in a table, and whoever loads that needs the memory. */
void ruleset_drop_clauses(struct ruleset *ruleset);

void ruleset_free(struct ruleset *ruleset);

#endif
