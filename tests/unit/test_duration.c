// SPDX-License-Identifier: GPL-2.0-or-later
#include "duration.h"

#include <errno.h>

#include "mem.h"
#include "unit.h"

#define UNTOUCHED 4711

static const struct {
	const char *text;
	int error;
	uint32_t seconds;
} durations[] = {
	{ "30s", 0, 30 },
	{ "5m", 0, 300 },
	{ "24h", 0, 86400 },
	{ "1h30m", 0, 5400 },
	{ "1h30m15s", 0, 5415 },
	{ "1h15s", 0, 3615 },
	{ "90m", 0, 5400 },
	{ "0s", 0, 0 },
	{ "0h0m0s", 0, 0 },
	{ "1h05m", 0, 3900 }, /* Go reads these as well */
	{ "007s", 0, 7 },
	{ "30m1h", 0, 5400 },
	{ "1m1m", 0, 120 },
	{ "720h", 0, 2592000 },
	{ "4294967295s", 0, UINT32_MAX },
	{ "1193046h28m15s", 0, UINT32_MAX },
	{ "4294967296s", -ERANGE, UNTOUCHED },
	{ "1193046h28m16s", -ERANGE, UNTOUCHED },
	{ "1193047h", -ERANGE, UNTOUCHED },
	{ "18446744073709551616s", -ERANGE, UNTOUCHED }, /* 2^64 */
	{ "5124095576030432h", -ERANGE, UNTOUCHED },	 /* 2^64 seconds, and some */
	{ "99999999999999999999999999999999999999h", -ERANGE, UNTOUCHED },
	{ "4294967295s4294967295s4294967295s", -ERANGE, UNTOUCHED },
	{ "99999999999999999999h1x", -EINVAL, UNTOUCHED },
	{ "", -EINVAL, UNTOUCHED },
	{ "0", -EINVAL, UNTOUCHED },
	{ "30", -EINVAL, UNTOUCHED },
	{ "s", -EINVAL, UNTOUCHED },
	{ "1h30", -EINVAL, UNTOUCHED },
	{ "1hm", -EINVAL, UNTOUCHED },
	{ "h1", -EINVAL, UNTOUCHED },
	{ "30S", -EINVAL, UNTOUCHED },
	{ "1d", -EINVAL, UNTOUCHED },
	{ "1w", -EINVAL, UNTOUCHED },
	{ "500ms", -EINVAL, UNTOUCHED },
	{ "1us", -EINVAL, UNTOUCHED },
	{ "1.5h", -EINVAL, UNTOUCHED },
	{ "1,5h", -EINVAL, UNTOUCHED },
	{ "-30s", -EINVAL, UNTOUCHED },
	{ "+30s", -EINVAL, UNTOUCHED },
	{ "1h-30m", -EINVAL, UNTOUCHED },
	{ " 30s", -EINVAL, UNTOUCHED },
	{ "30s ", -EINVAL, UNTOUCHED },
	{ "30 s", -EINVAL, UNTOUCHED },
	{ "1m 30s", -EINVAL, UNTOUCHED },
	{ "30s\n", -EINVAL, UNTOUCHED },
	{ "1e3s", -EINVAL, UNTOUCHED },
	{ "0x1s", -EINVAL, UNTOUCHED },
	{ "\xd9\xa3s", -EINVAL, UNTOUCHED }, /* an Arabic digit */
	{ "30 seconds", -EINVAL, UNTOUCHED },
	{ "forever", -EINVAL, UNTOUCHED },
};

START_TEST(parse)
{
	uint32_t seconds = UNTOUCHED;

	ck_assert_int_eq(duration_parse(durations[_i].text, &seconds), durations[_i].error);
	ck_assert_uint_eq(seconds, durations[_i].seconds);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("duration");

	unit_add(suite, parse, ARRAY_SIZE(durations));
	return suite;
}
