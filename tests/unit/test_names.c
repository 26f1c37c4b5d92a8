// SPDX-License-Identifier: GPL-2.0-or-later
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "scratch.h"

static int read_file(struct names *ret_names)
{
	_free_ char *path = scratch_path("ids");
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(lseek(fd, 5, SEEK_SET), 5); /* somebody else is reading it, too */
	return names_read(fd, ret_names);
}

/* What ids.c writes. */
START_TEST(as_written)
{
	struct state state = { .dir = scratch_dir(), .run = scratch_dir() };
	struct ids ids = {};
	struct names names;
	char name[32];

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "device %d \"\\caf\xc3\xa9", i);
		ids_get(&ids, IDS_DEVICE, name);
		snprintf(name, sizeof(name), "acls[%d]", i);
		if (i % 2)
			ids_get(&ids, IDS_RULE, name);
	}
	ck_assert_int_eq(ids_write(&state, &ids), 0);
	ck_assert_int_eq(read_file(&names), 0);
	ck_assert_uint_eq(names_count(&names, IDS_DEVICE), 3001);
	ck_assert_uint_eq(names_count(&names, IDS_RULE), 1501);
	for (uint32_t id = 0; id <= 3000; id++)
		ck_assert_str_eq(names_get(&names, IDS_DEVICE, id), ids_device(&ids, id));
	for (uint32_t id = 0; id <= 1500; id++)
		ck_assert_str_eq(names_get(&names, IDS_RULE, id), ids_rule(&ids, id));
	names_free(&names);
	ids_free(&ids);
}
END_TEST

START_TEST(none)
{
	struct names names;

	ck_assert_int_eq(names_read(-1, &names), 0);
	ck_assert_uint_eq(names_count(&names, IDS_DEVICE), 1);
	ck_assert_str_eq(names_get(&names, IDS_DEVICE, 0), IDS_UNKNOWN);
	ck_assert_str_eq(names_get(&names, IDS_RULE, 0), IDS_LINK);
	names_free(&names);
}
END_TEST

#define ROW(text)                      \
	{                              \
		text, sizeof(text) - 1 \
	}

static const struct {
	const char *text;
	size_t size;
} others[] = {
	ROW("device 1 imac"),
	ROW("device 1 imac\ndevice"),
	ROW("device 2 imac\n"),
	ROW("device 1 imac\ndevice 1 vps\n"),
	ROW("device 0 imac\n"),
	ROW("device one imac\n"),
	ROW("device 1\n"),
	ROW("device 4294967297 imac\n"),
	ROW("rule 18446744073709551617 imac\n"),
	ROW("\n"),
	ROW("device 1 im\0ac\n"),
	ROW("dice 1 imac\n"),
	ROW("network 1 imac\n"),
};

START_TEST(not_ours)
{
	struct names names = { .text = (char *)"as it was" };

	scratch_write("ids", others[_i].text, others[_i].size);
	ck_assert_int_eq(read_file(&names), -EBADMSG);
	ck_assert_str_eq(names.text, "as it was");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("names");

	scratch_add(suite, as_written, 1);
	scratch_add(suite, none, 1);
	scratch_add(suite, not_ours, ARRAY_SIZE(others));
	return suite;
}
