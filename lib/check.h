/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From files to a table: everything that decides whether a policy may be loaded. */
#ifndef ACLGATE_CHECK_H
#define ACLGATE_CHECK_H

#include "inventory.h"
#include "policy.h"
#include "ruleset.h"
#include "table.h"
#include "wallclock.h"

/* A policy and all that was made of it. Built in place: its parts point at each other. */
struct checked {
	const char *interface; /* to guard in place of those of the policy; NULL: those */
	int64_t now; /* seconds since the epoch, or WALLCLOCK_UNKNOWN; 0: what the clock says */
	struct sources sources;
	struct diag diag;
	struct policy policy;
	struct inventory inventory;
	struct ruleset ruleset;
	struct table table;
};

/*
 * @inventory: NULL for none. @box: NULL offline. Returns 0 where the policy has a table, and may be
 * loaded if its tests pass; -EINVAL with errors in checked->diag; another negative errno, and the
 * file in *ret_unreadable, where one cannot be read. In any case the caller frees what is in
 * @checked.
 */
int check_files(struct checked *checked, const char *file, const char *inventory,
		const struct box *box, const char **ret_unreadable);

/* The same for texts that are in checked->sources already: the policy, then the inventory. */
int check_sources(struct checked *checked, const struct box *box);

struct question {
	const struct table *table;
	const struct set *from;
	const struct set *to;
	uint8_t protocol; /* 0: TCP or UDP */
	uint16_t port;
	bool wanted; /* is the answer expected to be "allowed"? */
};

struct reached {
	enum reason reason; /* of the pair that was asked last */
	uint32_t rule;	    /* where it is REASON_NONE */
	bool asked;	    /* there was a pair of addresses of one IP version: */
	address_t src, dst; /* the last one */
};

/*
 * Asks about every pair of addresses of one IP version, up to the first with another answer than
 * @wanted. Returns whether all had that one; where there is no pair, nothing is allowed.
 */
bool check_reach(const struct question *question, struct reached *ret_reached);

/* Runs the `tests` section of a policy without errors: each entry that fails becomes a finding. */
void check_tests(struct checked *checked, enum severity severity);

/* Whether an entry of the `tests` section holds. */
bool check_expectation(const struct table *table, const struct expectation *expectation);

void checked_free(struct checked *checked);

#endif
