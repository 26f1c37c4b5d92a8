// SPDX-License-Identifier: GPL-2.0-or-later
#include "rfc3339.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <time.h>

/* Exactly @count digits; -1 where there are others. Steps behind them. */
static int digits(const char **at, int count)
{
	int value = 0;

	for (; count; count--, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool step(const char **at, char wanted)
{
	return toupper((unsigned char)**at) == wanted && (*at)++;
}

static int parse_offset(const char **at, int *ret_minutes)
{
	int sign = **at == '-' ? -1 : 1, hours, minutes;

	if (step(at, 'Z')) {
		*ret_minutes = 0;
		return 0;
	}
	if (!step(at, '+') && !step(at, '-'))
		return -EINVAL;
	hours = digits(at, 2);
	if (hours < 0 || hours > 23 || !step(at, ':'))
		return -EINVAL;
	minutes = digits(at, 2);
	if (minutes < 0 || minutes > 59)
		return -EINVAL;
	*ret_minutes = sign * (hours * 60 + minutes);
	return 0;
}

static bool parse_date(const char **at, struct tm *tm)
{
	tm->tm_year = digits(at, 4) - 1900;
	if (tm->tm_year < 70 || !step(at, '-'))
		return false;
	tm->tm_mon = digits(at, 2) - 1;
	if (tm->tm_mon < 0 || tm->tm_mon > 11 || !step(at, '-'))
		return false;
	tm->tm_mday = digits(at, 2);
	return tm->tm_mday >= 1 && tm->tm_mday <= 31;
}

static bool parse_time(const char **at, struct tm *tm)
{
	tm->tm_hour = digits(at, 2);
	if (tm->tm_hour < 0 || tm->tm_hour > 23 || !step(at, ':'))
		return false;
	tm->tm_min = digits(at, 2);
	if (tm->tm_min < 0 || tm->tm_min > 59 || !step(at, ':'))
		return false;
	tm->tm_sec = digits(at, 2);
	if (tm->tm_sec < 0 || tm->tm_sec > 60) /* a leap second */
		return false;
	if (!step(at, '.'))
		return true;
	if (!isdigit((unsigned char)**at))
		return false;
	while (isdigit((unsigned char)**at))
		(*at)++;
	return true;
}

/* timegm() makes a day in March of February 30. */
static bool day_exists(const struct tm *tm)
{
	struct tm date = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday };

	timegm(&date);
	return date.tm_mday == tm->tm_mday;
}

int rfc3339_parse(const char *text, int64_t *ret_seconds)
{
	struct tm tm = {};
	const char *at = text;
	int minutes;

	if (!parse_date(&at, &tm) || !step(&at, 'T') || !parse_time(&at, &tm) ||
	    parse_offset(&at, &minutes) || *at)
		return -EINVAL;
	if (!day_exists(&tm))
		return -EINVAL;
	*ret_seconds = (int64_t)timegm(&tm) - minutes * 60;
	return 0;
}
