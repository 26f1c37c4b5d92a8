// SPDX-License-Identifier: GPL-2.0-or-later
#include "mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

START_TEST(zeroed)
{
	_free_ char *bytes = mem_alloc(4096), *none = mem_alloc(0);

	for (size_t i = 0; i < 4096; i++)
		ck_assert_int_eq(bytes[i], 0);
	ck_assert_ptr_nonnull(none);
}
END_TEST

START_TEST(texts)
{
	_free_ char *whole = mem_strdup("imac"), *part = mem_strndup("imac:3000", 4);
	_free_ char *printed = mem_printf("%s:%d", "imac", 3000);

	ck_assert_str_eq(whole, "imac");
	ck_assert_str_eq(part, "imac");
	ck_assert_str_eq(printed, "imac:3000");
}
END_TEST

START_TEST(grow)
{
	size_t count = 0, capacity = 0;
	int *vector = NULL;

	for (; count < 10000; count++) {
		vector = mem_grow(vector, count, &capacity, sizeof(*vector));
		ck_assert_uint_gt(capacity, count);
		vector[count] = (int)count;
	}
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(vector[i], (int)i);
	free(vector);
}
END_TEST

static int opened(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

START_TEST(hand_over)
{
	int kept = -1, closed;

	{
		_close_ int fd = opened(), given = opened();
		_free_ char *text = mem_strdup("imac");
		char *taken = TAKE_PTR(text);

		ck_assert_ptr_null(text);
		free(taken);
		closed = fd;
		kept = TAKE_FD(given);
		ck_assert_int_eq(given, -1);
	}
	ck_assert_int_eq(fcntl(closed, F_GETFD), -1);
	ck_assert_int_ge(fcntl(kept, F_GETFD), 0);
	close(kept);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("mem");

	unit_add(suite, zeroed, 1);
	unit_add(suite, texts, 1);
	unit_add(suite, grow, 1);
	unit_add(suite, hand_over, 1);
	return suite;
}
