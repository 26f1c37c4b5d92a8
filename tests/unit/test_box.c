// SPDX-License-Identifier: GPL-2.0-or-later
#include "box.h"

#include <errno.h>

#include "mem.h"
#include "notation.h"
#include "unit.h"

/* Whatever addresses this machine has: those of the loopback are not among them. */
START_TEST(addresses)
{
	struct box box = {};

	ck_assert_int_eq(box_read(&box), 0);
	for (size_t i = 0; i < box.count; i++) {
		ck_assert(box.addresses[i] != notation_address("127.0.0.1"));
		ck_assert(box.addresses[i] != notation_address("::1"));
	}
	box_free(&box);
	ck_assert_uint_eq(box.count, 0);
}
END_TEST

/* @link LINK_OTHER with error 0: loopback, which is no interface to guard. */
static const struct {
	const char *name;
	int error;
} interfaces[] = {
	{ "lo", 0 },
	{ "nosuchiface", -ENODEV },
	{ "", -ENODEV },
	{ "lo ", -ENODEV },
	{ "a-name-that-is-longer-than-any", -ENODEV },
};

START_TEST(interface)
{
	enum box_link link = LINK_IP;
	int got = box_interface(interfaces[_i].name, &link);

	if (interfaces[_i].error) {
		ck_assert_int_eq(got, interfaces[_i].error);
		ck_assert_int_eq(link, LINK_IP);
	} else {
		ck_assert_int_gt(got, 0);
		ck_assert_int_eq(link, LINK_OTHER);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("box");

	unit_add(suite, addresses, 1);
	unit_add(suite, interface, ARRAY_SIZE(interfaces));
	return suite;
}
