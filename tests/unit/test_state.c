// SPDX-License-Identifier: GPL-2.0-or-later
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"
#include "scratch.h"

static struct state state_here(void)
{
	return (struct state){ .pins = scratch_dir(), .dir = scratch_dir(), .run = scratch_dir() };
}

static int replace(const struct state *state, const char *text)
{
	return state_write(state, "policy.json", text, strlen(text));
}

static void expect_file(const char *name, const char *wanted)
{
	_free_ char *text = scratch_read(name);

	ck_assert_pstr_eq(text, wanted);
}

static const struct {
	const char *value;
	const char *dir;
} environments[] = {
	{ NULL, "/var/lib/aclgate" },
	{ "", "/var/lib/aclgate" },
	{ "/tmp/elsewhere", "/tmp/elsewhere" },
};

START_TEST(places)
{
	struct state state;

	unsetenv("ACLGATE_PIN_DIR");
	unsetenv("ACLGATE_RUN_DIR");
	unsetenv("ACLGATE_STATE_DIR");
	if (environments[_i].value)
		setenv("ACLGATE_STATE_DIR", environments[_i].value, 1);
	state = state_get();
	ck_assert_str_eq(state.dir, environments[_i].dir);
	ck_assert_str_eq(state.pins, "/sys/fs/bpf/aclgate/v3");
	ck_assert_str_eq(state.run, "/run/aclgate");
	setenv("ACLGATE_PIN_DIR", "/pins", 1);
	setenv("ACLGATE_RUN_DIR", "/runs", 1);
	state = state_get();
	ck_assert_str_eq(state.pins, "/pins/v3");
	ck_assert_str_eq(state.run, "/runs");
	ck_assert_str_eq(state.dir, environments[_i].dir);
}
END_TEST

START_TEST(path)
{
	_free_ char *path = state_path("/var/lib/aclgate", "ids");

	ck_assert_str_eq(path, "/var/lib/aclgate/ids");
}
END_TEST

START_TEST(write_and_replace)
{
	struct state state = state_here();

	ck_assert_int_eq(replace(&state, "the first, which is longer"), 0);
	expect_file("policy.json", "the first, which is longer");
	ck_assert_int_eq(replace(&state, "the second"), 0);
	expect_file("policy.json", "the second");
	ck_assert_int_eq(replace(&state, ""), 0);
	expect_file("policy.json", "");
	ck_assert_uint_eq(scratch_entries(), 1);
}
END_TEST

START_TEST(prepare_and_commit)
{
	struct state state = state_here();

	ck_assert_int_eq(replace(&state, "old"), 0);
	ck_assert_int_eq(state_prepare(&state, "policy.json", "forgotten", 9), 0);
	ck_assert_int_eq(state_prepare(&state, "policy.json", "new", 3), 0);
	expect_file("policy.json", "old");
	ck_assert_int_eq(state_commit(&state, "policy.json"), 0);
	expect_file("policy.json", "new");
	ck_assert_int_eq(state_commit(&state, "policy.json"), -ENOENT);
	expect_file("policy.json", "new");
	ck_assert_int_eq(state_remove(&state, "policy.json"), 0);
	ck_assert_int_eq(state_remove(&state, "policy.json"), 0);
	ck_assert_uint_eq(scratch_entries(), 0);
}
END_TEST

/* Others read secrets in a policy: who is who. */
START_TEST(modes)
{
	_free_ char *dir = scratch_path("a/b"), *path = scratch_path("a/b/policy.json");
	struct state state = { .dir = dir };
	struct stat status;

	umask(0);
	ck_assert_int_eq(replace(&state, "x"), 0);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0640);
	ck_assert_int_eq(stat(dir, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0750);
}
END_TEST

/* The disk is full in the middle of it: the old one stays, nothing else is left. */
START_TEST(full)
{
	struct state state = state_here();
	const struct rlimit limit = { 8, 8 };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(replace(&state, "the old one, longer than the limit"), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(replace(&state, "the new one, longer than the limit"), -EFBIG);
	expect_file("policy.json", "the old one, longer than the limit");
	ck_assert_uint_eq(scratch_entries(), 1);
}
END_TEST

/* What a writer left who died before the last step: ignored, then overwritten. */
START_TEST(left_behind)
{
	struct state state = state_here();

	ck_assert_int_eq(replace(&state, "old"), 0);
	scratch_write("policy.json.new", "half of a longer text", 21);
	expect_file("policy.json", "old");
	ck_assert_int_eq(replace(&state, "new"), 0);
	expect_file("policy.json", "new");
	ck_assert_uint_eq(scratch_entries(), 1);
}
END_TEST

START_TEST(no_symlink)
{
	struct state state = state_here();
	_free_ char *link = scratch_path("policy.json.new"), *target = scratch_path("precious");

	scratch_write("precious", "precious", 8);
	ck_assert_int_eq(symlink(target, link), 0);
	ck_assert_int_eq(replace(&state, "new"), -ELOOP);
	expect_file("precious", "precious");
	expect_file("policy.json", NULL);
}
END_TEST

START_TEST(not_a_file)
{
	struct state state = state_here();
	_free_ char *path = scratch_path("policy.json");

	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(replace(&state, "new"), -EISDIR);
	ck_assert_uint_eq(scratch_entries(), 1);
}
END_TEST

static void replace_for_ever(const struct state *state, const char *one, const char *other)
{
	for (;;)
		if (replace(state, one) || replace(state, other))
			_exit(1);
}

/* Somebody reads all the time, and always finds one of the two texts, whole. */
START_TEST(atomic)
{
	static char one[100000], other[50000];
	struct state state = state_here();
	pid_t writer;

	memset(one, '1', sizeof(one) - 1);
	memset(other, '2', sizeof(other) - 1);
	ck_assert_int_eq(replace(&state, one), 0);
	writer = fork();
	if (!writer)
		replace_for_ever(&state, one, other);
	for (int i = 0; i < 500; i++) {
		_free_ char *text = scratch_read("policy.json");

		ck_assert_ptr_nonnull(text);
		ck_assert(!strcmp(text, one) || !strcmp(text, other));
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
}
END_TEST

static const struct {
	const char *path;
	int error;
} directories[] = {
	{ "a", 0 },    { "a/b/c", 0 }, { "a/b/", 0 },
	{ "a//b", 0 }, { ".", 0 },     { "file/b", -ENOTDIR },
};

START_TEST(make)
{
	_free_ char *path = scratch_path(directories[_i].path);
	struct stat status;

	scratch_write("file", "x", 1);
	ck_assert_int_eq(state_mkdir(path, 0755), directories[_i].error);
	if (directories[_i].error)
		return;
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert(S_ISDIR(status.st_mode));
	ck_assert_int_eq(state_mkdir(path, 0755), 0); /* it is there already */
}
END_TEST

static bool is_locked(void)
{
	_free_ char *path = scratch_path("run/lock");
	_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

START_TEST(lock)
{
	_free_ char *run = scratch_path("run");
	struct state state = { .run = run };
	int fd = state_lock(&state);

	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC); /* no child keeps it */
	ck_assert(is_locked());
	ck_assert_int_eq(state_try_lock(&state), -EAGAIN);
	close(fd);
	ck_assert(!is_locked());
	fd = state_try_lock(&state);
	ck_assert(is_locked());
	close(fd);
}
END_TEST

static void hold_and_die(const struct state *state, int ready)
{
	if (state_lock(state) < 0 || write(ready, "", 1) != 1)
		_exit(1);
	usleep(100000); /* until somebody waits for it */
	kill(getpid(), SIGKILL);
}

/* A writer that is killed does not leave the lock behind; one that waits gets it then. */
START_TEST(lock_of_the_dead)
{
	_free_ char *run = scratch_path("run");
	struct state state = { .run = run };
	int ready[2], fd, status;
	pid_t holder;
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	holder = fork();
	if (!holder)
		hold_and_die(&state, ready[1]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert(is_locked());
	fd = state_lock(&state);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(waitpid(holder, &status, 0), holder);
	ck_assert(WIFSIGNALED(status));
	close(fd);
}
END_TEST

START_TEST(lock_nowhere)
{
	_free_ char *run = scratch_path("file/run");
	struct state state = { .run = run };

	scratch_write("file", "x", 1);
	ck_assert_int_eq(state_lock(&state), -ENOTDIR);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("state");

	unit_add(suite, places, ARRAY_SIZE(environments));
	unit_add(suite, path, 1);
	scratch_add(suite, write_and_replace, 1);
	scratch_add(suite, prepare_and_commit, 1);
	scratch_add(suite, modes, 1);
	scratch_add(suite, full, 1);
	scratch_add(suite, left_behind, 1);
	scratch_add(suite, no_symlink, 1);
	scratch_add(suite, not_a_file, 1);
	scratch_add(suite, atomic, 1);
	scratch_add(suite, make, ARRAY_SIZE(directories));
	scratch_add(suite, lock, 1);
	scratch_add(suite, lock_of_the_dead, 1);
	scratch_add(suite, lock_nowhere, 1);
	return suite;
}
