/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second opinion on what table_judge() answers: slow, and too simple to be wrong. It looks at
 * every device and at every clause, for each question anew, and shares no code with `compile`.
 */
#ifndef ACLGATE_NAIVE_H
#define ACLGATE_NAIVE_H

#include "abi.h"
#include "inventory.h"
#include "policy.h"
#include "ruleset.h"

struct naive {
	const struct policy *policy;
	const struct box *box; /* may be NULL */
	const struct ruleset *ruleset;
};

struct naive_question {
	address_t src;
	address_t dst;
	uint8_t protocol;
	uint16_t port;
};

/* REASON_NONE and the rule that gets the credit, or why not. */
enum reason naive_judge(const struct naive *naive, const struct naive_question *question,
			uint32_t *ret_rule);

#endif
