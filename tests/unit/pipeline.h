/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_files() for texts, as far as a test wants to go. */
#ifndef ACLGATE_PIPELINE_H
#define ACLGATE_PIPELINE_H

#include "check.h"

/* Now, for rules that expire: 2026-06-01T00:00:00Z. */
#define PIPELINE_NOW 1780272000

enum stage {
	STAGE_PARSE,
	STAGE_INVENTORY,
	STAGE_RESOLVE,
	STAGE_COMPILE,
};

/*
 * @inventory and @box may be NULL. Errors are in checked->diag, and end it where check_files()
 * would end. The caller frees what is in @checked, which is zeroed before.
 */
void pipeline(struct checked *checked, const char *policy, const char *inventory,
	      const struct box *box, enum stage last);

/* The same, and the findings, which the caller frees. */
char *pipeline_told(struct checked *checked, const char *policy, const char *inventory,
		    const struct box *box, enum stage last);

#endif
