// SPDX-License-Identifier: GPL-2.0-or-later
#include "set.h"

#include "mem.h"
#include "notation.h"
#include "unit.h"

/* What prefixes become: IPv4 is no part of any IPv6 prefix, although its number lies inside. */
static const struct {
	const char *in;
	const char *normal;
} sets[] = {
	{ "", "" },
	{ "10.0.0.1", "10.0.0.1" },
	{ "10.0.0.0/30", "10.0.0.0-10.0.0.3" },
	{ "10.0.0.2 10.0.0.1", "10.0.0.1-10.0.0.2" },
	{ "10.0.0.3 10.0.0.1", "10.0.0.1 10.0.0.3" },
	{ "10.0.0.1 10.0.0.1 10.0.0.1", "10.0.0.1" },
	{ "10.0.0.1-10.0.0.5 10.0.0.3-10.0.0.9", "10.0.0.1-10.0.0.9" },
	{ "10.0.0.1-10.0.0.9 10.0.0.3-10.0.0.5", "10.0.0.1-10.0.0.9" },
	{ "10.0.0.0/8 10.1.0.0/16 11.0.0.0/8", "10.0.0.0-11.255.255.255" },
	{ "fd77::1 10.0.0.1", "10.0.0.1 fd77::1" },
	{ "0.0.0.0/0", "0.0.0.0-255.255.255.255" },
	{ "::/0", "::-::fffe:ffff:ffff ::1:0:0:0-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "::/0 0.0.0.0/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "::/1", "::-::fffe:ffff:ffff ::1:0:0:0-7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "::/79", "::-::fffe:ffff:ffff ::1:0:0:0-::1:ffff:ffff:ffff" },
	{ "::/80", "::-::fffe:ffff:ffff" },
	{ "::8000:0:0/81", "::8000:0:0-::fffe:ffff:ffff" },
	{ "::fffc:0:0/94", "::fffc:0:0-::fffe:ffff:ffff" },
	{ "::fffe:0:0/95", "::fffe:0:0-::fffe:ffff:ffff" },
	{ "::fffe:0:0/96", "::fffe:0:0-::fffe:ffff:ffff" },
	{ "::1:0:0:0/80", "::1:0:0:0-::1:ffff:ffff:ffff" },
	{ "8000::/1", "8000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "ffff::/16 8000::/1", "8000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff :: ::1",
	  "::-::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
};

START_TEST(normalise)
{
	_set_ struct set set = notation_set(sets[_i].in);
	_free_ char *printed = NULL;

	set_normalise(&set);
	printed = notation_print(&set);
	ck_assert_str_eq(printed, sets[_i].normal);
}
END_TEST

static const struct {
	const char *set;
	const char *address;
	bool inside;
} questions[] = {
	{ "", "10.0.0.1", false },
	{ "10.0.0.1", "10.0.0.1", true },
	{ "10.0.0.1", "10.0.0.0", false },
	{ "10.0.0.1", "10.0.0.2", false },
	{ "10.0.0.0/24", "10.0.0.0", true },
	{ "10.0.0.0/24", "10.0.0.255", true },
	{ "10.0.0.0/24", "9.255.255.255", false },
	{ "10.0.0.0/24", "10.0.1.0", false },
	{ "10.0.0.1 10.0.0.3 10.0.0.5", "10.0.0.3", true },
	{ "10.0.0.1 10.0.0.3 10.0.0.5", "10.0.0.4", false },
	{ "10.0.0.1 10.0.0.3 10.0.0.5", "10.0.0.6", false },
	{ "0.0.0.0/0", "0.0.0.0", true },
	{ "0.0.0.0/0", "255.255.255.255", true },
	{ "0.0.0.0/0", "::fffe:ffff:ffff", false },
	{ "0.0.0.0/0", "::1:0:0:0", false },
	{ "0.0.0.0/0", "::", false },
	{ "::/0", "::", true },
	{ "::/0", "::fffe:ffff:ffff", true },
	{ "::/0", "0.0.0.0", false },
	{ "::/0", "10.0.0.1", false },
	{ "::/0", "255.255.255.255", false },
	{ "::/0", "::1:0:0:0", true },
	{ "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "::/80", "10.0.0.1", false },
	{ "::/80", "::fffe:ffff:ffff", true },
	{ "::fffe:0:0/95", "10.0.0.1", false },
};

START_TEST(contains)
{
	_set_ struct set set = notation_set(questions[_i].set);

	set_normalise(&set);
	ck_assert(set_contains(&set, notation_address(questions[_i].address)) ==
		  questions[_i].inside);
}
END_TEST

static const struct {
	const char *one;
	const char *other;
	const char *both;
} intersections[] = {
	{ "", "", "" },
	{ "10.0.0.0/8", "", "" },
	{ "10.0.0.0/8", "11.0.0.0/8", "" },
	{ "10.0.0.0/8", "10.77.0.0/16", "10.77.0.0-10.77.255.255" },
	{ "10.0.0.1-10.0.0.5", "10.0.0.5-10.0.0.9", "10.0.0.5" },
	{ "10.0.0.1-10.0.0.5", "10.0.0.6-10.0.0.9", "" },
	{ "10.0.0.1-10.0.0.9", "10.0.0.0 10.0.0.2 10.0.0.4 10.0.0.9 10.0.0.10",
	  "10.0.0.2 10.0.0.4 10.0.0.9" },
	{ "10.0.0.1-10.0.0.3 10.0.0.5-10.0.0.7", "10.0.0.3-10.0.0.5", "10.0.0.3 10.0.0.5" },
	{ "::/0", "0.0.0.0/0", "" },
	{ "::/0 0.0.0.0/0", "10.0.0.1 fd77::1", "10.0.0.1 fd77::1" },
	{ "::/80", "10.0.0.1", "" },
};

START_TEST(intersect)
{
	_set_ struct set one = notation_set(intersections[_i].one);
	_set_ struct set other = notation_set(intersections[_i].other);
	_set_ struct set both = {}, turned = {};
	_free_ char *printed = NULL, *printed_turned = NULL;

	set_normalise(&one);
	set_normalise(&other);
	both = set_intersect(&one, &other);
	turned = set_intersect(&other, &one);
	printed = notation_print(&both);
	printed_turned = notation_print(&turned);
	ck_assert_str_eq(printed, intersections[_i].both);
	ck_assert_str_eq(printed_turned, intersections[_i].both);
}
END_TEST

static const struct {
	const char *from;
	const char *what;
	const char *rest;
} differences[] = {
	{ "", "", "" },
	{ "", "10.0.0.0/8", "" },
	{ "10.0.0.0/30", "", "10.0.0.0-10.0.0.3" },
	{ "10.0.0.0/30", "11.0.0.0/8", "10.0.0.0-10.0.0.3" },
	{ "10.0.0.0/30", "10.0.0.0/30", "" },
	{ "10.0.0.0/30", "10.0.0.0/8", "" },
	{ "10.0.0.0/30", "10.0.0.0", "10.0.0.1-10.0.0.3" },
	{ "10.0.0.0/30", "10.0.0.3", "10.0.0.0-10.0.0.2" },
	{ "10.0.0.0/30", "10.0.0.1", "10.0.0.0 10.0.0.2-10.0.0.3" },
	{ "10.0.0.0/29", "10.0.0.1 10.0.0.3 10.0.0.5",
	  "10.0.0.0 10.0.0.2 10.0.0.4 10.0.0.6-10.0.0.7" },
	{ "10.0.0.1-10.0.0.5", "10.0.0.5-10.0.0.9", "10.0.0.1-10.0.0.4" },
	{ "10.0.0.1-10.0.0.5", "10.0.0.0-10.0.0.1", "10.0.0.2-10.0.0.5" },
	{ "10.0.0.1 10.0.0.3 10.0.0.5", "10.0.0.2-10.0.0.4", "10.0.0.1 10.0.0.5" },
	{ "10.0.0.1-10.0.0.3 10.0.0.5-10.0.0.7", "10.0.0.3-10.0.0.5",
	  "10.0.0.1-10.0.0.2 10.0.0.6-10.0.0.7" },
	{ "10.0.0.1-10.0.0.3 10.0.0.5-10.0.0.7 10.0.0.9", "10.0.0.2 10.0.0.6",
	  "10.0.0.1 10.0.0.3 10.0.0.5 10.0.0.7 10.0.0.9" },
	{ "::/0", "0.0.0.0/0",
	  "::-::fffe:ffff:ffff ::1:0:0:0-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "::/0 0.0.0.0/0", "::/0", "0.0.0.0-255.255.255.255" },
	{ "::/0 0.0.0.0/0", "::/0 0.0.0.0/0", "" },
	{ "8000::/1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "8000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe" },
	{ "::/1", "::", "::1-::fffe:ffff:ffff ::1:0:0:0-7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
};

START_TEST(subtract)
{
	_set_ struct set from = notation_set(differences[_i].from);
	_set_ struct set what = notation_set(differences[_i].what);
	_set_ struct set rest = {};
	_free_ char *printed = NULL;

	set_normalise(&from);
	set_normalise(&what);
	rest = set_subtract(&from, &what);
	printed = notation_print(&rest);
	ck_assert_str_eq(printed, differences[_i].rest);
}
END_TEST

static const struct {
	const char *set;
	address_t size;
} sizes[] = {
	{ "", 0 },
	{ "10.0.0.1", 1 },
	{ "10.0.0.0/24 10.0.2.0/24", 512 },
	{ "0.0.0.0/0", (address_t)1 << 32 },
	{ "8000::/1", (address_t)1 << 127 },
	{ "::/0", ADDRESS_MAX - ((address_t)1 << 32) + 1 },
	{ "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_MAX },
	{ "::/0 0.0.0.0/0", ADDRESS_MAX }, /* one more than can be said */
};

START_TEST(size)
{
	_set_ struct set set = notation_set(sizes[_i].set);

	set_normalise(&set);
	ck_assert(set_size(&set) == sizes[_i].size);
}
END_TEST

START_TEST(append_set)
{
	_set_ struct set one = notation_set("10.0.0.1"), other = notation_set("fd77::1 10.0.0.2");
	_free_ char *printed = NULL, *same = NULL;

	set_append_set(&one, &other);
	set_normalise(&one);
	printed = notation_print(&one);
	same = notation_print(&other);
	ck_assert_str_eq(printed, "10.0.0.1-10.0.0.2 fd77::1");
	ck_assert_str_eq(same, "fd77::1 10.0.0.2");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("set");

	unit_add(suite, normalise, ARRAY_SIZE(sets));
	unit_add(suite, contains, ARRAY_SIZE(questions));
	unit_add(suite, intersect, ARRAY_SIZE(intersections));
	unit_add(suite, subtract, ARRAY_SIZE(differences));
	unit_add(suite, size, ARRAY_SIZE(sizes));
	unit_add(suite, append_set, 1);
	return suite;
}
