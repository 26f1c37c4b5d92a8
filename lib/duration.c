// SPDX-License-Identifier: GPL-2.0-or-later
#include "duration.h"

#include <ctype.h>
#include <errno.h>

#define TOO_LONG ((uint64_t)UINT32_MAX + 1) /* times an hour it fits still */

static uint64_t at_most_too_long(uint64_t value)
{
	return value < TOO_LONG ? value : TOO_LONG;
}

/* Steps over digits, as many as there are. */
static uint64_t number(const char **at)
{
	uint64_t value = 0;

	for (; isdigit((unsigned char)**at); (*at)++)
		value = at_most_too_long(value * 10 + (uint64_t)(**at - '0'));
	return value;
}

/* 0: that is no unit. */
static uint64_t unit_seconds(char unit)
{
	switch (unit) {
	case 'h':
		return 3600;
	case 'm':
		return 60;
	case 's':
		return 1;
	}
	return 0;
}

int duration_parse(const char *text, uint32_t *ret_seconds)
{
	const char *at = text;
	uint64_t total = 0;

	do {
		const char *start = at;
		uint64_t count = number(&at), unit = unit_seconds(*at);

		if (at == start || !unit)
			return -EINVAL;
		total = at_most_too_long(total + count * unit);
		at++;
	} while (*at);
	if (total == TOO_LONG)
		return -ERANGE;
	*ret_seconds = (uint32_t)total;
	return 0;
}
