/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the gate lacks, from what somebody wants of it and what the kernel shows. */
#ifndef ACLGATE_NEED_H
#define ACLGATE_NEED_H

#include <stdbool.h>

#include "sight.h"

struct need {
	bool guard;		  /* to be put up, or to shut what the programs no longer see */
	bool load;		  /* the policy is to be loaded again ... */
	bool table;		  /* ... for its table in nftables, not for programs */
	char interface[IFNAMSIZ]; /* the first that lacks something; "": none in particular */
	const char *why;	  /* in words; NULL: that is plain */
};

/* Nothing, where nothing is wanted, or where somebody opened the gate by hand. */
struct need need_of(const struct wanted *wanted, const struct sight *sight);

#endif
