// SPDX-License-Identifier: GPL-2.0-or-later
#include "index.h"

#include "mem.h"
#include "unit.h"

static const struct policy_host hosts[] = {
	{ .name = { "vps", 1 } },  { .name = { "imac", 2 } }, { .name = { "aspire", 3 } },
	{ .name = { "imac", 4 } }, { .name = { "iMac", 5 } }, { .name = { "", 6 } },
};

/* @number: of the host that is found; -1: none. */
static const struct {
	const char *name;
	int number;
} questions[] = {
	{ "vps", 0 },  { "aspire", 2 }, { "imac", 1 },	{ "iMac", 4 }, { "", 5 },
	{ "ima", -1 }, { "imacs", -1 }, { "IMAC", -1 }, { "zzz", -1 }, { "a", -1 },
};

START_TEST(find)
{
	struct index index = index_build(hosts, ARRAY_SIZE(hosts), sizeof(*hosts),
					 offsetof(struct policy_host, name));
	const struct policy_host *host = index_find(&index, questions[_i].name);

	ck_assert_int_eq(host ? host - hosts : -1, questions[_i].number);
	index_free(&index);
}
END_TEST

/* By another word than the name: what has none is left out, and equal ones stand together. */
START_TEST(by_other_word)
{
	static const struct policy_device devices[] = {
		{ .name = { "pc", 1 }, .user = { "nick@x", 2 } },
		{ .name = { "nas", 3 } },
		{ .name = { "tablet", 4 }, .user = { "ann@x", 5 } },
		{ .name = { "phone", 6 }, .user = { "nick@x", 7 } },
	};
	struct index index = index_build(devices, ARRAY_SIZE(devices), sizeof(*devices),
					 offsetof(struct policy_device, user));

	ck_assert_uint_eq(index.count, 3);
	ck_assert_uint_eq(index_lower(&index, ""), 0);
	ck_assert_uint_eq(index_lower(&index, "ann@x"), 0);
	ck_assert_uint_eq(index_lower(&index, "bob@x"), 1);
	ck_assert_uint_eq(index_lower(&index, "nick@x"), 1);
	ck_assert_uint_eq(index_lower(&index, "zoe@x"), 3);
	ck_assert_ptr_eq(index.items[1], &devices[0].user); /* the first in the file first */
	ck_assert_ptr_eq(index.items[2], &devices[3].user);
	index_free(&index);
}
END_TEST

START_TEST(empty)
{
	struct index index = index_build(NULL, 0, sizeof(*hosts),
					 offsetof(struct policy_host, name));
	struct suggestion suggestion = { .wrong = "imac" };

	ck_assert_ptr_null(index_find(&index, "imac"));
	index_suggest(&index, &suggestion);
	ck_assert_ptr_null(suggestion.best);
	index_free(&index);
}
END_TEST

START_TEST(suggest)
{
	struct index index = index_build(hosts, ARRAY_SIZE(hosts), sizeof(*hosts),
					 offsetof(struct policy_host, name));
	struct suggestion suggestion = { .wrong = "aspier" };

	index_suggest(&index, &suggestion);
	ck_assert_pstr_eq(suggestion.best, "aspire");
	index_free(&index);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("index");

	unit_add(suite, find, ARRAY_SIZE(questions));
	unit_add(suite, by_other_word, 1);
	unit_add(suite, empty, 1);
	unit_add(suite, suggest, 1);
	return suite;
}
