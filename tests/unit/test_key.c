// SPDX-License-Identifier: GPL-2.0-or-later
#include "key.h"

#include <errno.h>

#include "mem.h"
#include "unit.h"

#define TEXT "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

START_TEST(round_trip)
{
	uint8_t key[KEY_BYTES];
	char text[KEY_TEXT];

	ck_assert_int_eq(key_parse(TEXT, key), 0);
	ck_assert_uint_eq(key[0], 0xc5);
	ck_assert_uint_eq(key[31], 0x38);
	ck_assert_str_eq(key_format(key, text), TEXT);
}
END_TEST

static const char *const wrong[] = {
	"",
	"k",
	"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg",	  /* no padding */
	"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh=",	  /* a bit too many */
	"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D==",	  /* a byte too few */
	"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dgg",	  /* a byte too many */
	"xTIBA5rboUvnH4htodjb6e69 QjLERt1NAB4mZqp8Dg=",	  /* a space */
	"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n", /* a line */
	"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8_g=",	  /* another alphabet */
};

START_TEST(refused)
{
	uint8_t key[KEY_BYTES] = { 7 };

	ck_assert_int_eq(key_parse(wrong[_i], key), -EINVAL);
	ck_assert_uint_eq(key[0], 7);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("key");

	unit_add(suite, round_trip, 1);
	unit_add(suite, refused, ARRAY_SIZE(wrong));
	return suite;
}
