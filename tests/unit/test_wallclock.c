// SPDX-License-Identifier: GPL-2.0-or-later
#include "wallclock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "mem.h"
#include "ruleset.h"
#include "scratch.h"
#include "unit.h"

static void see(int64_t time)
{
	_free_ char *path = scratch_path("clock");
	const struct timespec at[] = { { .tv_sec = time }, { .tv_sec = time } };

	scratch_write("clock", "", 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, at, 0), 0);
}

static int64_t seen(void)
{
	_free_ char *path = scratch_path("clock");
	struct stat file;

	ck_assert_int_eq(stat(path, &file), 0);
	return file.st_mtime;
}

static struct state state_here(void)
{
	return (struct state){ .dir = scratch_dir() };
}

START_TEST(known)
{
	struct state state = state_here();
	int64_t before = time(NULL);

	ck_assert_int_ge(wallclock_now(&state), before);
	ck_assert_int_le(wallclock_now(&state), time(NULL));
	see(before - 1000);
	ck_assert_int_ge(wallclock_now(&state), before);
	ck_assert_int_le(wallclock_now(&state), time(NULL));
	ck_assert_int_eq(wallclock_remember(&state), 0);
	ck_assert_int_ge(seen(), before);
}
END_TEST

START_TEST(behind)
{
	struct state state = state_here();
	int64_t later = time(NULL) + 1000;

	see(later);
	ck_assert_int_eq(wallclock_now(&state), WALLCLOCK_UNKNOWN);
	ck_assert_int_lt(WALLCLOCK_UNKNOWN, EXPIRES_NEVER);
	ck_assert_int_eq(wallclock_remember(&state), 0);
	ck_assert_int_eq(seen(), later);
}
END_TEST

START_TEST(nowhere)
{
	_free_ char *dir = scratch_path("not-there");
	struct state state = { .dir = dir };

	ck_assert_int_eq(wallclock_remember(&state), -ENOENT);
	ck_assert_int_lt(wallclock_now(&state), WALLCLOCK_UNKNOWN);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("wallclock");

	scratch_add(suite, known, 1);
	scratch_add(suite, behind, 1);
	scratch_add(suite, nowhere, 1);
	return suite;
}
