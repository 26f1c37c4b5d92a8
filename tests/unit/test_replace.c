// SPDX-License-Identifier: GPL-2.0-or-later
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"
#include "scratch.h"

#define OLD "the old one, which is longer than what may be written"
#define NEW "the new one, and that is longer as well, by a few bytes"

static int replace(const char *name, const char *text)
{
	_free_ char *path = scratch_path(name), *file = NULL;
	struct stat was;
	int error = replace_find(path, &file, &was);

	return error ? error : replace_file(file, &was, text, strlen(text));
}

static void expect_file(const char *name, const char *wanted)
{
	_free_ char *text = scratch_read(name);

	ck_assert_pstr_eq(text, wanted);
}

START_TEST(whole)
{
	scratch_write("file", OLD, strlen(OLD));
	ck_assert_int_eq(replace("file", "new"), 0);
	expect_file("file", "new");
	ck_assert_int_eq(replace("file", NEW), 0);
	expect_file("file", NEW);
	ck_assert_uint_eq(scratch_entries(), 1);
}
END_TEST

static const mode_t modes[] = { 0600, 0640, 0644, 0444, 0666 };

START_TEST(mode_and_owner)
{
	_free_ char *path = scratch_path("file");
	uid_t owner = geteuid() ? geteuid() : 12345;
	struct stat status;

	scratch_write("file", OLD, strlen(OLD));
	ck_assert_int_eq(chown(path, owner, getegid()), 0);
	ck_assert_int_eq(chmod(path, modes[_i]), 0);
	umask(077);
	ck_assert_int_eq(replace("file", "new"), 0);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, modes[_i]);
	ck_assert_uint_eq(status.st_uid, owner);
	ck_assert_uint_eq(status.st_gid, getegid());
}
END_TEST

/* Links stay links: what they lead to is replaced, where it is. */
START_TEST(links)
{
	_free_ char *one = scratch_path("one"), *other = scratch_path("other");
	_free_ char *directory = scratch_path("directory");
	struct stat status;

	ck_assert_int_eq(mkdir(directory, 0700), 0);
	scratch_write("directory/file", OLD, strlen(OLD));
	ck_assert_int_eq(symlink("directory/file", one), 0);
	ck_assert_int_eq(symlink("one", other), 0);
	ck_assert_int_eq(replace("other", "new"), 0);
	expect_file("directory/file", "new");
	ck_assert_int_eq(lstat(one, &status), 0);
	ck_assert(S_ISLNK(status.st_mode));
	ck_assert_int_eq(lstat(other, &status), 0);
	ck_assert(S_ISLNK(status.st_mode));
	ck_assert_uint_eq(scratch_entries(), 3);
}
END_TEST

START_TEST(no_file)
{
	_free_ char *directory = scratch_path("directory"), *pipe = scratch_path("pipe");
	_free_ char *loop = scratch_path("loop"), *dangling = scratch_path("dangling");

	ck_assert_int_eq(mkdir(directory, 0700), 0);
	ck_assert_int_eq(mkfifo(pipe, 0600), 0);
	ck_assert_int_eq(symlink("loop", loop), 0);
	ck_assert_int_eq(symlink("nothing", dangling), 0);
	ck_assert_int_eq(replace("directory", "new"), -EINVAL);
	ck_assert_int_eq(replace("pipe", "new"), -EINVAL);
	ck_assert_int_eq(replace("loop", "new"), -ELOOP);
	ck_assert_int_eq(replace("dangling", "new"), -ENOENT);
	ck_assert_int_eq(replace("nothing", "new"), -ENOENT);
	ck_assert_uint_eq(scratch_entries(), 4);
}
END_TEST

/* The disk is full in the middle of it: the old one stays, nothing else is left. */
START_TEST(full)
{
	const struct rlimit limit = { 8, 8 };

	scratch_write("file", OLD, strlen(OLD));
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(replace("file", NEW), -EFBIG);
	expect_file("file", OLD);
	ck_assert_uint_eq(scratch_entries(), 1);
}
END_TEST

/* Somebody else was faster. */
START_TEST(changed)
{
	_free_ char *path = scratch_path("file"), *file = NULL, *aside = scratch_path("aside");
	struct stat was;

	scratch_write("file", OLD, strlen(OLD));
	ck_assert_int_eq(replace_find(path, &file, &was), 0);
	scratch_write("file", "theirs", 6);
	ck_assert_int_eq(replace_file(file, &was, NEW, strlen(NEW)), -EBUSY);
	expect_file("file", "theirs");
	ck_assert_int_eq(stat(path, &was), 0);
	scratch_write("aside", "theirs", 6);
	ck_assert_int_eq(rename(aside, path), 0);
	ck_assert_int_eq(replace_file(file, &was, NEW, strlen(NEW)), -EBUSY);
	expect_file("file", "theirs");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(replace_file(file, &was, NEW, strlen(NEW)), -ENOENT);
	ck_assert_uint_eq(scratch_entries(), 0);
}
END_TEST

static void replace_for_ever(const char *one, const char *other)
{
	for (;;)
		if (replace("file", one) || replace("file", other))
			_exit(1);
}

/* Somebody reads all the time, and always finds one of the two texts, whole. */
START_TEST(atomic)
{
	static char one[100000], other[50000];
	pid_t writer;

	memset(one, '1', sizeof(one) - 1);
	memset(other, '2', sizeof(other) - 1);
	scratch_write("file", one, sizeof(one) - 1);
	writer = fork();
	if (!writer)
		replace_for_ever(one, other);
	for (int i = 0; i < 500; i++) {
		_free_ char *text = scratch_read("file");

		ck_assert_ptr_nonnull(text);
		ck_assert(!strcmp(text, one) || !strcmp(text, other));
	}
	ck_assert_int_eq(waitpid(writer, NULL, WNOHANG), 0); /* it goes on */
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("replace");

	scratch_add(suite, whole, 1);
	scratch_add(suite, mode_and_owner, ARRAY_SIZE(modes));
	scratch_add(suite, links, 1);
	scratch_add(suite, no_file, 1);
	scratch_add(suite, full, 1);
	scratch_add(suite, changed, 1);
	scratch_add(suite, atomic, 1);
	return suite;
}
