// SPDX-License-Identifier: GPL-2.0-or-later
#include "diag.h"

#include <string.h>

#include "mem.h"
#include "told.h"
#include "unit.h"

START_TEST(names)
{
	ck_assert_str_eq(severity_name(SEVERITY_NOTE), "note");
	ck_assert_str_eq(severity_name(SEVERITY_WARNING), "warning");
	ck_assert_str_eq(severity_name(SEVERITY_ERROR), "error");
}
END_TEST

/* By place; at one place the worst first, then by text; without a place last. */
START_TEST(sort)
{
	struct sources sources = {};
	struct diag diag = {};
	_free_ char *text = NULL;

	sources_add(&sources, "policy", mem_strdup("abc\nabc"), 7);
	diag_error(&diag, PLACE_NONE, "nowhere");
	diag_note(&diag, 4, "a note");
	diag_warning(&diag, 4, "a %s", "warning");
	diag_error(&diag, 4, "an error");
	diag_note(&diag, 1, "early");
	ck_assert_uint_eq(diag.errors, 2);
	text = told(&diag, &sources);
	ck_assert_str_eq(text, "note 1:2 early\nerror 2:1 an error\nwarning 2:1 a warning\n"
			       "note 2:1 a note\nerror - nowhere");
	diag_free(&diag);
	ck_assert_uint_eq(diag.count, 0);
	ck_assert_uint_eq(diag.errors, 0);
	sources_free(&sources);
}
END_TEST

/* What several passes find in the same place is told once. */
START_TEST(twice)
{
	struct sources sources = {};
	struct diag diag = {};
	_free_ char *text = NULL;

	sources_add(&sources, "policy", mem_strdup("abc\nabc"), 7);
	for (int i = 0; i < 3; i++) {
		diag_error(&diag, 4, "b");
		diag_error(&diag, 4, "a");
		diag_warning(&diag, 4, "a");
		diag_error(&diag, 5, "a");
	}
	text = told(&diag, &sources);
	ck_assert_str_eq(text, "error 2:1 a\nerror 2:1 b\nwarning 2:1 a\nerror 2:2 a");
	diag_free(&diag);
	sources_free(&sources);
}
END_TEST

START_TEST(warning)
{
	struct diag diag = {};

	diag_add(&diag, SEVERITY_WARNING, 7, "%d", 5);
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_uint_eq(diag.errors, 0);
	ck_assert_uint_eq(diag.items[0].place, 7);
	ck_assert_str_eq(diag.items[0].text, "5");
	diag_free(&diag);
}
END_TEST

/* More errors are counted, not kept; warnings and notes are kept beside them. */
START_TEST(many)
{
	struct diag diag = {};

	for (int i = 0; i < DIAG_ERRORS_MAX + 20; i++)
		diag_error(&diag, 0, "error %d", i);
	diag_warning(&diag, 0, "one more");
	ck_assert_uint_eq(diag.errors, DIAG_ERRORS_MAX + 20);
	ck_assert_uint_eq(diag.count, DIAG_ERRORS_MAX + 1);
	ck_assert_str_eq(diag.items[DIAG_ERRORS_MAX - 1].text, "error 99");
	diag_free(&diag);
}
END_TEST

START_TEST(nothing)
{
	struct diag diag = {};

	diag_sort(&diag);
	diag_free(&diag);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("diag");

	unit_add(suite, names, 1);
	unit_add(suite, sort, 1);
	unit_add(suite, twice, 1);
	unit_add(suite, warning, 1);
	unit_add(suite, many, 1);
	unit_add(suite, nothing, 1);
	return suite;
}
