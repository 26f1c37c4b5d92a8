// SPDX-License-Identifier: GPL-2.0-or-later
#include "rfc3339.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "mem.h"
#include "unit.h"

static const struct {
	const char *text;
	int error;
	int64_t seconds;
} times[] = {
	{ "1970-01-01T00:00:00Z", 0, 0 },
	{ "1970-01-01T00:00:01Z", 0, 1 },
	{ "2026-12-31T18:00:00Z", 0, 1798740000 },
	{ "2026-12-31t18:00:00z", 0, 1798740000 }, /* 5.6: in lower case as well */
	{ "2026-12-31T18:00:00+00:00", 0, 1798740000 },
	{ "2026-12-31T18:00:00-00:00", 0, 1798740000 },
	{ "2026-12-31T19:00:00+01:00", 0, 1798740000 },
	{ "2026-12-31T12:30:00-05:30", 0, 1798740000 },
	{ "2027-01-01T01:00:00+07:00", 0, 1798740000 },
	{ "2026-12-31T18:00:00.5Z", 0, 1798740000 },
	{ "2026-12-31T18:00:00.000000001Z", 0, 1798740000 },
	{ "2000-02-29T00:00:00Z", 0, 951782400 },
	{ "2024-02-29T00:00:00Z", 0, 1709164800 },
	{ "2016-12-31T23:59:60Z", 0, 1483228800 }, /* a leap second */
	{ "2038-01-19T03:14:08Z", 0, 2147483648 },
	{ "9999-12-31T23:59:59Z", 0, 253402300799 },
	{ "", -EINVAL, 0 },
	{ "2026-12-31", -EINVAL, 0 },
	{ "2026-12-31T18:00:00", -EINVAL, 0 }, /* whose time? */
	{ "2026-12-31T18:00Z", -EINVAL, 0 },
	{ "2026-12-31 18:00:00Z", -EINVAL, 0 },
	{ "2026-12-31T18:00:00 Z", -EINVAL, 0 },
	{ " 2026-12-31T18:00:00Z", -EINVAL, 0 },
	{ "2026-12-31T18:00:00Z ", -EINVAL, 0 },
	{ "2026-12-31T18:00:00ZZ", -EINVAL, 0 },
	{ "26-12-31T18:00:00Z", -EINVAL, 0 },
	{ "02026-12-31T18:00:00Z", -EINVAL, 0 },
	{ "+2026-12-31T18:00:00Z", -EINVAL, 0 },
	{ "1969-12-31T23:59:59Z", -EINVAL, 0 },
	{ "2026-00-31T18:00:00Z", -EINVAL, 0 },
	{ "2026-13-01T18:00:00Z", -EINVAL, 0 },
	{ "2026-12-00T18:00:00Z", -EINVAL, 0 },
	{ "2026-12-32T18:00:00Z", -EINVAL, 0 },
	{ "2026-04-31T18:00:00Z", -EINVAL, 0 },
	{ "2026-02-29T00:00:00Z", -EINVAL, 0 },
	{ "2100-02-29T00:00:00Z", -EINVAL, 0 },
	{ "2026-12-31T24:00:00Z", -EINVAL, 0 },
	{ "2026-12-31T18:60:00Z", -EINVAL, 0 },
	{ "2026-12-31T18:00:61Z", -EINVAL, 0 },
	{ "2026-12-31T18:00:00.Z", -EINVAL, 0 },
	{ "2026-12-31T18:00:00,5Z", -EINVAL, 0 },
	{ "2026-12-31T18:00:00+1:00", -EINVAL, 0 },
	{ "2026-12-31T18:00:00+0100", -EINVAL, 0 },
	{ "2026-12-31T18:00:00+24:00", -EINVAL, 0 },
	{ "2026-12-31T18:00:00+01:60", -EINVAL, 0 },
	{ "2026-12-31T18:00:00+01", -EINVAL, 0 },
	{ "2026-1-31T18:00:00Z", -EINVAL, 0 },
	{ "2026-12-31T-1:00:00Z", -EINVAL, 0 },
	{ "20261231T180000Z", -EINVAL, 0 },
	{ "1798740000", -EINVAL, 0 },
	{ "tomorrow", -EINVAL, 0 },
};

START_TEST(parse)
{
	int64_t seconds = 0;

	/* the zone of the machine is no matter */
	setenv("TZ", "America/St_Johns", 1);
	tzset();
	ck_assert_int_eq(rfc3339_parse(times[_i].text, &seconds), times[_i].error);
	ck_assert_int_eq(seconds, times[_i].seconds);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("rfc3339");

	unit_add(suite, parse, ARRAY_SIZE(times));
	return suite;
}
