// SPDX-License-Identifier: GPL-2.0-or-later
#include "ids.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "abi.h"
#include "mem.h"
#include "pipeline.h"
#include "scratch.h"

static struct state state_here(void)
{
	return (struct state){ .dir = scratch_dir(), .run = scratch_dir() };
}

START_TEST(give)
{
	struct ids ids = {};

	ck_assert_uint_eq(ids_last(&ids, IDS_DEVICE), 0);
	ck_assert_uint_eq(ids_get(&ids, IDS_DEVICE, "imac"), 1);
	ck_assert_uint_eq(ids_get(&ids, IDS_DEVICE, "vps"), 2);
	ck_assert_uint_eq(ids_get(&ids, IDS_DEVICE, "imac"), 1);
	ck_assert_uint_eq(ids_get(&ids, IDS_RULE, "imac"), 1); /* each kind has its own */
	ck_assert_uint_eq(ids_get(&ids, IDS_DEVICE, "ima"), 3);
	ck_assert_uint_eq(ids_last(&ids, IDS_DEVICE), 3);
	ck_assert_uint_eq(ids_last(&ids, IDS_RULE), 1);
	ck_assert_str_eq(ids_name(&ids, IDS_DEVICE, 2), "vps");
	ck_assert_ptr_null(ids_name(&ids, IDS_DEVICE, 0));
	ck_assert_ptr_null(ids_name(&ids, IDS_DEVICE, 4));
	ck_assert_ptr_null(ids_name(&ids, IDS_RULE, 2));
	ids_free(&ids);
}
END_TEST

/* The maps have as many elements, and the first is for "no device". */
START_TEST(limits)
{
	static const uint32_t limits[] = {
		[IDS_DEVICE] = GATE_DEVICES_MAX, [IDS_RULE] = GATE_RULES_MAX
	};
	struct ids ids = {};
	char name[16];

	for (uint32_t id = 1; id < limits[_i]; id++) {
		snprintf(name, sizeof(name), "x%u", id);
		ck_assert_uint_eq(ids_get(&ids, (enum ids_kind)_i, name), id);
	}
	ck_assert_uint_eq(ids_get(&ids, (enum ids_kind)_i, "one more"), 0);
	ck_assert_uint_eq(ids_get(&ids, (enum ids_kind)_i, "one more"), 0);
	ck_assert_uint_eq(ids_get(&ids, (enum ids_kind)_i, "x7"), 7);
	ids_free(&ids);
}
END_TEST

START_TEST(no_file)
{
	struct state state = state_here();
	struct ids ids;

	ck_assert_int_eq(ids_read(&state, &ids), 0);
	ck_assert_uint_eq(ids_last(&ids, IDS_DEVICE), 0);
	ids_free(&ids);
}
END_TEST

/* A name that is gone keeps its number, and a new one gets a new number. */
START_TEST(stable)
{
	struct state state = state_here();
	struct ids first = {}, second = {};
	_free_ char *text = NULL;

	ids_get(&first, IDS_DEVICE, "imac");
	ids_get(&first, IDS_DEVICE, "my old pc");
	ids_get(&first, IDS_DEVICE, "vps");
	ids_get(&first, IDS_RULE, "acls[0]");
	ck_assert_int_eq(ids_write(&state, &first), 0);
	text = scratch_read("ids");
	ck_assert_str_eq(text, "device 1 imac\ndevice 2 my old pc\ndevice 3 vps\n"
			       "rule 1 acls[0]\n");
	ck_assert_int_eq(ids_read(&state, &second), 0);
	ck_assert_uint_eq(ids_get(&second, IDS_DEVICE, "vps"), 3);
	ck_assert_uint_eq(ids_get(&second, IDS_DEVICE, "aspire"), 4);
	ck_assert_uint_eq(ids_get(&second, IDS_DEVICE, "imac"), 1);
	ck_assert_uint_eq(ids_get(&second, IDS_RULE, "acls[1]"), 2);
	ck_assert_str_eq(ids_name(&second, IDS_DEVICE, 2), "my old pc");
	ids_free(&first);
	ids_free(&second);
}
END_TEST

/* Names of devices, as JSON has them. */
static const char *const names[] = {
	"imac", "a b",	      " a", "a ",    "",      "caf\xc3\xa9", "a\\tb",	  "a\\\"b",
	"rule", "device 1 x", "1",  "a\\nb", "a\\rb", "\\n",	     "a\\u001bb",
};

/* Whatever a policy may call a device must come back from the file. */
START_TEST(any_name)
{
	struct state state = state_here();
	struct ids written = {}, read = {};
	struct checked checked;
	_free_ char *policy = mem_printf("{\"acls\": [], \"devices\": {\"%s\": "
					 "{\"addresses\": [\"10.0.0.1\"]}}}",
					 names[_i]);

	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	if (!checked.diag.errors) { /* a name may also be refused */
		ids_get(&written, IDS_DEVICE, checked.table.devices[0]);
		ids_get(&written, IDS_DEVICE, "next");
		ck_assert_int_eq(ids_write(&state, &written), 0);
		ck_assert_int_eq(ids_read(&state, &read), 0);
		ck_assert_uint_eq(ids_last(&read, IDS_DEVICE), 2);
		ck_assert_str_eq(ids_name(&read, IDS_DEVICE, 1), checked.table.devices[0]);
	}
	ids_free(&written);
	ids_free(&read);
	checked_free(&checked);
}
END_TEST

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
	const char *text;
	size_t size;
	int error;
} files[] = {
	{ TEXT(""), 0 },
	{ TEXT("device 1 imac\n"), 0 },
	{ TEXT("device 1 imac\ndevice 2 vps\nrule 1 acls[0]\n"), 0 },
	{ TEXT("rule 1 acls[0]\ndevice 1 imac\n"), 0 },
	{ TEXT("\n"), -EBADMSG },
	{ TEXT("device 1 imac\n\n"), -EBADMSG },
	{ TEXT("device\n"), -EBADMSG },
	{ TEXT("device 1\n"), -EBADMSG },
	{ TEXT("device imac\n"), -EBADMSG },
	{ TEXT("device x imac\n"), -EBADMSG },
	{ TEXT("devices 1 imac\n"), -EBADMSG },
	{ TEXT("Device 1 imac\n"), -EBADMSG },
	{ TEXT("peer 1 imac\n"), -EBADMSG },
	{ TEXT("1 imac\n"), -EBADMSG },
	{ TEXT("device 0 imac\n"), -EBADMSG },
	{ TEXT("device 2 imac\n"), -EBADMSG },
	{ TEXT("device -1 imac\n"), -EBADMSG },
	{ TEXT("device 1 imac\ndevice 3 vps\n"), -EBADMSG },
	{ TEXT("device 2 vps\ndevice 1 imac\n"), -EBADMSG },
	{ TEXT("device 1 imac\ndevice 2 imac\n"), -EBADMSG },
	{ TEXT("device 1 imac\ndevice 1 imac\ndevice 1 vps\n"), -EBADMSG },
	{ TEXT("device 4294967297 imac\n"), -EBADMSG }, /* 2^32 + 1 */
	{ TEXT("device 1 imac\nde"), -EBADMSG },	/* the end is missing */
	{ TEXT("device 1 imac\ndevice 2 v"), -EBADMSG },
	{ TEXT("device 1 im\0ac\n"), -EBADMSG },
	{ TEXT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), -EBADMSG }, /* blocks that were never written */
	{ TEXT("{}\n"), -EBADMSG },
};

START_TEST(damage)
{
	struct state state = state_here();
	struct ids ids = { .names[0].count = 55 };

	scratch_write("ids", files[_i].text, files[_i].size);
	ck_assert_int_eq(ids_read(&state, &ids), files[_i].error);
	if (files[_i].error)
		ck_assert_uint_eq(ids.names[0].count, 55); /* untouched */
	else
		ids_free(&ids);
}
END_TEST

/* What cannot be read is not the same as nothing: counters would change their names. */
START_TEST(unreadable)
{
	struct state state = state_here();
	_free_ char *path = scratch_path("ids");
	struct ids ids = {};

	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_lt(ids_read(&state, &ids), 0);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("ids");

	unit_add(suite, give, 1);
	unit_add(suite, limits, IDS_KINDS);
	scratch_add(suite, no_file, 1);
	scratch_add(suite, stable, 1);
	scratch_add(suite, any_name, ARRAY_SIZE(names));
	scratch_add(suite, damage, ARRAY_SIZE(files));
	scratch_add(suite, unreadable, 1);
	return suite;
}
