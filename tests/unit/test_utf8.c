// SPDX-License-Identifier: GPL-2.0-or-later
#include "utf8.h"

#include <string.h>

#include "mem.h"
#include "unit.h"

static const struct {
	const char *text;
	size_t size; /* bytes of @text that are there */
	size_t length;
} characters[] = {
	{ "", 0, 0 },
	{ "a", 1, 1 },
	{ "\0", 1, 1 },
	{ "\x7f", 1, 1 },
	{ "\xc2\x80", 2, 2 },
	{ "\xc3\xbcx", 3, 2 },
	{ "\xdf\xbf", 2, 2 },
	{ "\xe0\xa0\x80", 3, 3 },
	{ "\xe2\x82\xac", 3, 3 },
	{ "\xed\x9f\xbf", 3, 3 }, /* U+D7FF */
	{ "\xee\x80\x80", 3, 3 }, /* U+E000 */
	{ "\xef\xbf\xbf", 3, 3 },
	{ "\xf0\x90\x80\x80", 4, 4 },
	{ "\xf4\x8f\xbf\xbf", 4, 4 }, /* U+10FFFF */
	{ "\x80", 1, 0 },	      /* a continuation first */
	{ "\xbf", 1, 0 },
	{ "\xc0\x80", 2, 0 }, /* overlong */
	{ "\xc0\xaf", 2, 0 },
	{ "\xc1\xbf", 2, 0 },
	{ "\xe0\x80\x80", 3, 0 },
	{ "\xe0\x9f\xbf", 3, 0 },
	{ "\xf0\x80\x80\x80", 4, 0 },
	{ "\xf0\x8f\xbf\xbf", 4, 0 },
	{ "\xed\xa0\x80", 3, 0 }, /* surrogates */
	{ "\xed\xbf\xbf", 3, 0 },
	{ "\xf4\x90\x80\x80", 4, 0 }, /* above U+10FFFF */
	{ "\xf5\x80\x80\x80", 4, 0 },
	{ "\xf8\x88\x80\x80\x80", 5, 0 },
	{ "\xfe", 1, 0 },
	{ "\xff", 1, 0 },
	{ "\xc3\xbc", 1, 0 }, /* cut short */
	{ "\xe2\x82\xac", 2, 0 },
	{ "\xf0\x90\x80\x80", 3, 0 },
	{ "\xc3(", 2, 0 },
	{ "\xe2\x82(", 3, 0 },
	{ "\xe2(\xac", 3, 0 },
	{ "\xf0\x90\x80(", 4, 0 },
};

START_TEST(length)
{
	/* a copy of just these bytes: whoever looks behind them is caught */
	_free_ char *text = mem_alloc(characters[_i].size);

	memcpy(text, characters[_i].text, characters[_i].size);
	ck_assert_uint_eq(utf8_length(text, characters[_i].size), characters[_i].length);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("utf8");

	unit_add(suite, length, ARRAY_SIZE(characters));
	return suite;
}
