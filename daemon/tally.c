// SPDX-License-Identifier: GPL-2.0-or-later
#include "tally.h"

#include <inttypes.h>
#include <stdlib.h>

#include "log.h"
#include "mem.h"
#include "moment.h"

#define SILENCE 1000000 /* us */

static char *describe(const struct need *need, const char *text, uint64_t untold)
{
	_free_ char *more = untold > 1 ? mem_printf(" (%" PRIu64 " times since it was told last)",
						    untold) :
					 mem_strdup("");

	return mem_printf("%s%s%s%s%s%s", need->interface, need->interface[0] ? ": " : "",
			  need->why ? need->why : "", need->why ? "; " : "", text, more);
}

void tally_add(struct tally *tally, uint64_t counts[REPAIR_MAX], enum repair repair,
	       const struct need *need, const char *text)
{
	const struct log_field fields[] = {
		{ "ACLGATE_REPAIR", repair_name(repair) },
		{ "ACLGATE_INTERFACE", need->interface },
	};
	uint64_t now = moment_now();
	_free_ char *line = NULL;

	counts[repair]++;
	if (now < tally->silent[repair])
		return;
	line = describe(need, text, counts[repair] - tally->told[repair]);
	tally->silent[repair] = now + SILENCE;
	tally->told[repair] = counts[repair];
	log_fields(LOG_NOTICE, fields, need->interface[0] ? 2 : 1, "%s", line);
}
