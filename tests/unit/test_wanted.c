// SPDX-License-Identifier: GPL-2.0-or-later
#include "wanted.h"

#include <errno.h>
#include <string.h>

#include "mem.h"
#include "scratch.h"
#include "unit.h"

#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct state state_here(void)
{
	return (struct state){ .dir = scratch_dir(), .run = scratch_dir() };
}

static void write_text(const char *name, char *text)
{
	_free_ char *freed = text;

	scratch_write(name, text, strlen(text));
}

START_TEST(nothing)
{
	struct state state = state_here();
	struct wanted wanted;

	ck_assert_int_eq(wanted_read(&state, &wanted), 0);
	ck_assert_uint_eq(wanted.guarded_count, 0);
	ck_assert(!wanted.opened);
	ck_assert_str_eq(wanted.interface, "");
}
END_TEST

START_TEST(round_trip)
{
	struct state state = state_here();
	struct wanted wanted = { .sha256 = SHA256,
				 .backend = BACKEND_NFT,
				 .interface = "wg1",
				 .outside = { "eth0", "eth1" },
				 .outside_count = 2 };
	struct wanted read;

	ck_assert_int_eq(wanted_guard(&wanted, "wg1"), 0);
	ck_assert_int_eq(wanted_guard(&wanted, "lan-with-a-name"), 0);
	ck_assert_int_eq(wanted_guard(&wanted, "wg1"), 0);
	write_text(WANTED_GUARDED, wanted_guarded_text(&wanted));
	write_text(WANTED_OPTIONS, wanted_options_text(&wanted));
	ck_assert_int_eq(wanted_write_opened(&state, true), 0);
	ck_assert_int_eq(wanted_read(&state, &read), 0);
	ck_assert(read.opened);
	read.opened = false;
	ck_assert_mem_eq(&read, &wanted, sizeof(wanted));
	ck_assert_int_eq(wanted_write_opened(&state, false), 0);
	ck_assert_int_eq(wanted_write_opened(&state, false), 0);
	ck_assert_int_eq(wanted_read(&state, &read), 0);
	ck_assert(!read.opened);
}
END_TEST

START_TEST(too_many)
{
	struct wanted wanted = {};
	char name[IFNAMSIZ];

	for (int i = 0; i < GUARD_PLACES_MAX; i++) {
		snprintf(name, sizeof(name), "wg%d", i);
		ck_assert_int_eq(wanted_guard(&wanted, name), 0);
	}
	ck_assert_int_eq(wanted_guard(&wanted, "wg0"), 0);
	ck_assert_int_eq(wanted_guard(&wanted, "one-more"), -E2BIG);
}
END_TEST

/* Whoever can write there is root; but a disk may be at fault. */
static const struct {
	const char *file, *text;
} broken[] = {
	{ WANTED_GUARDED, "a-name-of-16-byt\n" },
	{ WANTED_OPTIONS, "backend\n" },
	{ WANTED_OPTIONS, "backend none\n" },
	{ WANTED_OPTIONS, "interface a-name-of-16-byt\n" },
	{ WANTED_OPTIONS, "sha256 " SHA256 "0\n" },
	{ WANTED_OPTIONS, "outside a-name-of-16-byt\n" },
	{ WANTED_OPTIONS, "what is this\n" },
};

START_TEST(refused)
{
	struct state state = state_here();
	struct wanted wanted = { .backend = BACKEND_BPF };

	scratch_write(broken[_i].file, broken[_i].text, strlen(broken[_i].text));
	ck_assert_int_eq(wanted_read(&state, &wanted), -EBADMSG);
	ck_assert_uint_eq(wanted.backend, BACKEND_BPF);
}
END_TEST

/* What shuts does not need the rest. */
START_TEST(guarded_alone)
{
	struct state state = state_here();
	struct wanted wanted;

	scratch_write(WANTED_GUARDED, "wg0\n", 4);
	scratch_write(WANTED_OPTIONS, "what is this\n", 13);
	ck_assert_int_eq(wanted_read(&state, &wanted), -EBADMSG);
	ck_assert_int_eq(wanted_read_guarded(&state, &wanted), 0);
	ck_assert_uint_eq(wanted.guarded_count, 1);
	ck_assert_str_eq(wanted.guarded[0], "wg0");
}
END_TEST

/* ... nor all of its own file. */
START_TEST(damaged)
{
	static const char text[] = "wg0\na-name-of-16-byt\nlan0\n";
	struct state state = state_here();
	struct wanted wanted;

	scratch_write(WANTED_GUARDED, text, strlen(text));
	ck_assert_int_eq(wanted_read_guarded(&state, &wanted), -EBADMSG);
	ck_assert_uint_eq(wanted.guarded_count, 2);
	ck_assert_str_eq(wanted.guarded[1], "lan0");
}
END_TEST

START_TEST(refused_nul)
{
	struct state state = state_here();
	struct wanted wanted;

	scratch_write(WANTED_GUARDED, "wg0\0\nlan0\n", 10);
	ck_assert_int_eq(wanted_read(&state, &wanted), -EBADMSG);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("wanted");

	scratch_add(suite, nothing, 1);
	scratch_add(suite, round_trip, 1);
	scratch_add(suite, too_many, 1);
	scratch_add(suite, refused, ARRAY_SIZE(broken));
	scratch_add(suite, guarded_alone, 1);
	scratch_add(suite, damaged, 1);
	scratch_add(suite, refused_nul, 1);
	return suite;
}
