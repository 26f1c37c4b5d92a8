/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is who, and who may open what: asked of the policy as it is resolved, clause by clause, the
 * way they are written. Knows nothing of classes, pairs and ranges.
 */
#ifndef ACLGATE_TEST_OPINION_H
#define ACLGATE_TEST_OPINION_H

#include "check.h"
#include "reading.h"

#define NOBODY UINT32_MAX /* no device */

/* Where a packet comes from. */
enum origin {
	FROM_WG0,
	FROM_WG1,
	FROM_LAN, /* not guarded, and some devices are bound to it */
	FROM_ELSEWHERE,
	FROM_SELF,
	FROM_LOST, /* judged by us, and the kernel forgot the interface */
	FROM_MAX
};

struct who {
	uint32_t device; /* index into policy->devices, or NOBODY */
	bool own;	 /* an address of this box */
	bool unapproved;
	uint32_t speaks;
	address_t address; /* by which the policy knows it */
};

struct who opinion_who(const struct checked *checked, address_t address);

/* Whom the interface of that slot means by this box's address; false: nobody. */
bool opinion_nat_as(const struct checked *checked, unsigned int slot, unsigned int version,
		    struct who *ret_who);

/* May it speak there? REASON_NONE, or why not. */
enum reason opinion_bind(const struct who *who, enum origin from);

/* Seconds since the epoch in @now. Returns whether a rule allows it, and the one with the credit. */
bool opinion_allows(const struct checked *checked, const struct who *src, const struct tuple *tuple,
		    int64_t now, uint32_t *ret_rule);

/*
 * The second opinion: whether the compiled table, which does not know the time, says the same as
 * the clauses at @loaded, when it was compiled.
 */
bool opinion_table_agrees(const struct checked *checked, const struct who *src,
			  const struct tuple *tuple, int64_t loaded);

#endif
