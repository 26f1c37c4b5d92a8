/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For "why not?": the rule that would have allowed something if one thing were different. */
#ifndef ACLGATE_NEAREST_H
#define ACLGATE_NEAREST_H

#include <stdbool.h>

#include "ruleset.h"

enum lack {
	LACK_PORT,	  /* it allows the two, on other ports or protocols */
	LACK_SOURCE,	  /* it opens that service, to others */
	LACK_DESTINATION, /* it lets that source reach such a port elsewhere */
	LACK_MAX
};

struct nearest {
	uint32_t rule;
	enum lack lack;
};

/* A closed vocabulary, for people and for --json. */
const char *lack_text(enum lack lack);

/* The first rule of the file with the smallest lack; false where every rule lacks more. */
bool nearest_find(const struct ruleset *ruleset, address_t src, address_t dst, uint32_t key,
		  struct nearest *ret_nearest);

#endif
