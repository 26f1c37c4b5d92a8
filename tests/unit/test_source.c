// SPDX-License-Identifier: GPL-2.0-or-later
#include "source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "scratch.h"

/* Where the byte is; @line_text: the whole line. */
static const struct {
	const char *text;
	place_t place;
	unsigned int line, column;
	const char *line_text;
} positions[] = {
	{ "", 0, 1, 1, "" },
	{ "abc", 0, 1, 1, "abc" },
	{ "abc", 2, 1, 3, "abc" },
	{ "abc", 3, 1, 4, "abc" },   /* behind the end, where something may be missing */
	{ "abc\n", 3, 1, 4, "abc" }, /* a line's end belongs to it */
	{ "abc\n", 4, 2, 1, "" },
	{ "abc\ndef", 4, 2, 1, "def" },
	{ "abc\ndef\n\nghi", 5, 2, 2, "def" },
	{ "abc\ndef\n\nghi", 8, 3, 1, "" },
	{ "abc\ndef\n\nghi", 9, 4, 1, "ghi" },
	{ "\n\n\n", 2, 3, 1, "" },
	{ "\tabc", 1, 1, 2, "\tabc" },
	{ "\xc3\xa9x", 2, 1, 3, "\xc3\xa9x" }, /* in bytes */
	{ "abc\r\ndef\r\n", 5, 2, 1, "def" },
};

START_TEST(position)
{
	const char *text = positions[_i].text;
	struct sources sources = {};
	struct position position;

	sources_add(&sources, "policy", mem_strdup(text), strlen(text));
	ck_assert_int_eq(sources_find(&sources, positions[_i].place, &position), 1);
	ck_assert_uint_eq(position.line, positions[_i].line);
	ck_assert_uint_eq(position.column, positions[_i].column);
	ck_assert_uint_eq(position.length, strlen(positions[_i].line_text));
	ck_assert_mem_eq(position.start, positions[_i].line_text, position.length);
	sources_free(&sources);
}
END_TEST

/* Two texts, "ab\n" and "cd": their places are one row of numbers. */
static const struct {
	place_t place;
	const char *name; /* NULL: nowhere */
	unsigned int line, column;
} places[] = {
	{ 0, "policy", 1, 1 },		{ 3, "policy", 2, 1 }, { 4, "inventory", 1, 1 },
	{ 6, "inventory", 1, 3 },	{ 7, NULL, 0, 0 },     { PLACE_NONE, NULL, 0, 0 },
	{ PLACE_NONE - 1, NULL, 0, 0 },
};

START_TEST(two_sources)
{
	struct sources sources = {};
	struct position position;

	ck_assert_int_eq(sources_add(&sources, "policy", mem_strdup("ab\n"), 3), 0);
	ck_assert_int_eq(sources_add(&sources, "inventory", mem_strdup("cd"), 2), 1);
	ck_assert_int_eq(sources_find(&sources, places[_i].place, &position),
			 places[_i].name != NULL);
	if (places[_i].name) {
		ck_assert_str_eq(position.source->name, places[_i].name);
		ck_assert_uint_eq(position.line, places[_i].line);
		ck_assert_uint_eq(position.column, places[_i].column);
	}
	sources_free(&sources);
}
END_TEST

START_TEST(no_sources)
{
	struct sources sources = {};
	struct position position;

	ck_assert_int_eq(sources_find(&sources, 0, &position), 0);
	ck_assert_int_eq(sources_find(&sources, PLACE_NONE, &position), 0);
	sources_free(&sources);
}
END_TEST

static const struct {
	size_t size;
} files[] = { { 0 }, { 1 }, { 16383 }, { 16384 }, { 16385 }, { 1 << 20 } };

START_TEST(read_file)
{
	size_t size = files[_i].size;
	_free_ char *bytes = mem_alloc(size), *path = scratch_path("policy.json");
	struct sources sources = {};

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i % 251); /* NULs among them */
	scratch_write("policy.json", bytes, size);
	ck_assert_int_eq(sources_read(&sources, path), 0);
	ck_assert_str_eq(sources.items[0].name, path);
	ck_assert_uint_eq(sources.items[0].size, size);
	ck_assert(!memcmp(sources.items[0].text, bytes, size));
	ck_assert_int_eq(sources.items[0].text[size], '\0');
	sources_free(&sources);
}
END_TEST

START_TEST(read_nothing)
{
	_free_ char *path = scratch_path("policy.json");
	struct sources sources = {};

	ck_assert_int_eq(sources_read(&sources, path), -ENOENT);
	ck_assert_int_eq(sources_read(&sources, scratch_dir()), -EISDIR);
	ck_assert_uint_eq(sources.count, 0);
	sources_free(&sources);
}
END_TEST

/* In pieces, as a pipe gives them. */
START_TEST(read_stdin)
{
	struct sources sources = {};
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	if (!fork()) {
		for (int i = 0; i < 3; i++) {
			if (write(ends[1], "abc\n", 4) != 4)
				_exit(1);
			usleep(10000);
		}
		_exit(0);
	}
	close(ends[1]);
	ck_assert_int_eq(sources_read(&sources, "-"), 0);
	ck_assert_str_eq(sources.items[0].text, "abc\nabc\nabc\n");
	ck_assert_str_eq(sources.items[0].name, "<stdin>");
	sources_free(&sources);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("source");

	unit_add(suite, position, ARRAY_SIZE(positions));
	unit_add(suite, two_sources, ARRAY_SIZE(places));
	unit_add(suite, no_sources, 1);
	scratch_add(suite, read_file, ARRAY_SIZE(files));
	scratch_add(suite, read_nothing, 1);
	unit_add(suite, read_stdin, 1);
	return suite;
}
