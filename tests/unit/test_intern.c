// SPDX-License-Identifier: GPL-2.0-or-later
#include "intern.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "unit.h"

#define TEXT(literal) literal, sizeof(literal) - 1

/* In this order, into one struct. */
static const struct {
	const char *bytes;
	size_t size;
	uint32_t number;
} strings[] = {
	{ TEXT("imac"), 0 },	{ TEXT("vps"), 1 },	{ TEXT("imac"), 0 },
	{ TEXT("ima"), 2 },	{ TEXT("imac\0"), 3 },	{ TEXT("imac\0x"), 4 },
	{ TEXT("imac\0y"), 5 }, { TEXT("imac\0x"), 4 }, { TEXT(""), 6 },
	{ TEXT("\0"), 7 },	{ NULL, 0, 6 },		{ TEXT("IMAC"), 8 },
	{ TEXT("vps"), 1 },
};

START_TEST(numbers)
{
	struct intern intern = {};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		ck_assert_uint_eq(intern_add(&intern, strings[i].bytes, strings[i].size),
				  strings[i].number);
	ck_assert_uint_eq(intern.count, 9);
	ck_assert_mem_eq(intern.items[4].bytes, "imac\0x", 6);
	ck_assert_uint_eq(intern.items[4].size, 6);
	intern_free(&intern);
	ck_assert_uint_eq(intern.count, 0);
}
END_TEST

/* The empty string first, when there is nothing to compare it with, and again. */
START_TEST(empty)
{
	struct intern intern = {};

	ck_assert_uint_eq(intern_add(&intern, NULL, 0), 0);
	ck_assert_uint_eq(intern_add(&intern, NULL, 0), 0);
	ck_assert_uint_eq(intern_add(&intern, "", 0), 0);
	intern_free(&intern);
}
END_TEST

/* It keeps a copy: what the caller does with the bytes later is no matter. */
START_TEST(copies)
{
	struct intern intern = {};
	char bytes[] = "imac";

	intern_add(&intern, bytes, 4);
	bytes[0] = 'x';
	ck_assert_uint_eq(intern_add(&intern, "imac", 4), 0);
	ck_assert_uint_eq(intern_add(&intern, bytes, 4), 1);
	intern_free(&intern);
}
END_TEST

START_TEST(many)
{
	struct intern intern = {};
	char name[16];

	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 20000; i++) {
			snprintf(name, sizeof(name), "device-%u", i);
			ck_assert_uint_eq(intern_add(&intern, name, strlen(name)), i);
		}
	intern_free(&intern);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("intern");

	unit_add(suite, numbers, 1);
	unit_add(suite, empty, 1);
	unit_add(suite, copies, 1);
	unit_add(suite, many, 1);
	return suite;
}
