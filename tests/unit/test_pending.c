// SPDX-License-Identifier: GPL-2.0-or-later
#include "pending.h"

#include <errno.h>
#include <string.h>

#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "scratch.h"
#include "wireguard_build.h"

#define KEY_A "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
#define KEY_B "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="

static struct state state_here(void)
{
	return (struct state){ .dir = scratch_dir(), .run = scratch_dir() };
}

/* Peers by a letter each, as "ab"; "!": wg0 cannot be read. */
static void store(const char *devices, const char *peers, int64_t now)
{
	_free_ char *policy = mem_printf("{\"acls\":[],\"devices\":{%s}}", devices);
	struct state state = state_here();
	struct checked checked;
	struct box box = {};
	uint8_t key[KEY_BYTES];

	wireguard_begin(&box.wireguard, "wg0");
	for (; *peers && *peers != '!'; peers++) {
		memset(key, *peers, sizeof(key));
		wireguard_add_peer(&box.wireguard, key);
	}
	if (*peers)
		wireguard_fail(&box.wireguard, -EPERM);
	wireguard_finish(&box.wireguard);
	pipeline(&checked, policy, NULL, &box, STAGE_INVENTORY);
	ck_assert_int_eq(pending_store(&state, &checked.inventory, now), 0);
	checked_free(&checked);
	wireguard_free(&box.wireguard);
}

/* One after the other, at 100, 101, …; what the file is then, NULL for none. */
static const struct {
	struct {
		const char *devices, *peers;
	} loads[3];
	const char *file;
} cases[] = {
	{ { { "", "" } }, NULL },
	{ { { "", "a" } }, KEY_A " wg0 100 -\n" },
	{ { { "", "ba" } }, KEY_A " wg0 100 -\n" KEY_B " wg0 100 -\n" },
	{ { { "", "a" }, { "", "ab" } }, KEY_A " wg0 100 -\n" KEY_B " wg0 101 -\n" },
	{ { { "", "a" }, { "", "" }, { "", "a" } }, KEY_A " wg0 102 -\n" },
	{ { { "", "a" }, { "", "" } }, NULL },
	{ { { "", "a" }, { "\"x\":{\"publicKey\":\"" KEY_A "\"}", "a" } }, NULL },
	{ { { "", "a" }, { "\"x\":{\"publicKey\":\"" KEY_A "\",\"approved\":false}", "a" } },
	  KEY_A " wg0 100 x\n" },
	{ { { "\"x\":{\"publicKey\":\"" KEY_A "\",\"approved\":false}", "a" }, { "", "a" } },
	  KEY_A " wg0 100 -\n" },
	{ { { "", "a" }, { "", "!" } }, KEY_A " wg0 100 -\n" },
	{ { { "\"x\":{\"publicKey\":\"" KEY_A "\",\"approved\":false}", "" } }, NULL },
};

START_TEST(stored)
{
	_free_ char *file = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cases[_i].loads) && cases[_i].loads[i].peers; i++)
		store(cases[_i].loads[i].devices, cases[_i].loads[i].peers, 100 + (int64_t)i);
	file = scratch_read(PENDING_FILE);
	ck_assert(!file == !cases[_i].file);
	if (file)
		ck_assert_str_eq(file, cases[_i].file);
}
END_TEST

START_TEST(got)
{
	struct state state = state_here();
	struct pending pending = {};
	uint8_t key[KEY_BYTES];

	store("\"x\":{\"publicKey\":\"" KEY_A "\",\"approved\":false}", "ab", 7);
	ck_assert_int_eq(pending_read(&state, &pending), 0);
	ck_assert_uint_eq(pending.count, 2);
	memset(key, 'a', sizeof(key));
	ck_assert_str_eq(pending_get(&pending, key, "wg0")->name, "x");
	ck_assert_ptr_null(pending_get(&pending, key, "wg1"));
	memset(key, 'b', sizeof(key));
	ck_assert_int_eq(pending_get(&pending, key, "wg0")->since, 7);
	ck_assert_ptr_null(pending_get(&pending, key, "wg0")->name);
	pending_free(&pending);
}
END_TEST

static const char *const broken[] = {
	"x\n",
	"x wg0 1 -\n",
	KEY_A "\n",
	KEY_A " wg0 1\n",
	KEY_A " wg0 1x -\n",
	KEY_A " wg0 99999999999999999999 -\n",
	KEY_A " wg0 1 - more\n",
	KEY_A " a-name-that-is-too-long 1 -\n",
};

/* It is refused, and the next load makes it anew. */
START_TEST(unreadable)
{
	struct state state = state_here();
	struct pending pending = {};
	_free_ char *file = NULL;

	scratch_write(PENDING_FILE, broken[_i], strlen(broken[_i]));
	ck_assert_int_eq(pending_read(&state, &pending), -EBADMSG);
	ck_assert_uint_eq(pending.count, 0);
	store("", "a", 5);
	file = scratch_read(PENDING_FILE);
	ck_assert_str_eq(file, KEY_A " wg0 5 -\n");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("pending");

	scratch_add(suite, stored, ARRAY_SIZE(cases));
	scratch_add(suite, got, 1);
	scratch_add(suite, unreadable, ARRAY_SIZE(broken));
	return suite;
}
