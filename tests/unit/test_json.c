// SPDX-License-Identifier: GPL-2.0-or-later
#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "told.h"
#include "unit.h"

/* One document and its source. */
struct fixture {
	struct sources sources;
	struct diag diag;
	struct json_document *document;
	int error;
};

static void fixture_parse(struct fixture *fixture, const char *text)
{
	*fixture = (struct fixture){};
	sources_add(&fixture->sources, "policy", mem_strdup(text), strlen(text));
	fixture->error = json_parse(&fixture->sources.items[0], &fixture->diag, &fixture->document);
}

static void fixture_free(struct fixture *fixture)
{
	json_free(fixture->document);
	diag_free(&fixture->diag);
	sources_free(&fixture->sources);
}

static void dump_place(const struct fixture *fixture, place_t place, FILE *out)
{
	struct position position;

	ck_assert_int_eq(sources_find(&fixture->sources, place, &position), 1);
	fprintf(out, "%u:%u", position.line, position.column);
}

/* "KEY@PLACE=TYPE@PLACE", the string or truth of it, then what is in it. */
static void dump(const struct fixture *fixture, const struct json *json, FILE *out)
{
	enum json_type type = json_type(json);

	if (json_key(json)) {
		fprintf(out, "%s@", json_key(json));
		dump_place(fixture, json_key_place(fixture->document, json), out);
		fprintf(out, "=");
	}
	fprintf(out, "%s@", json_type_name(type));
	dump_place(fixture, json_place(fixture->document, json), out);
	if (type == JSON_STRING)
		fprintf(out, " <%s>", json_string(json));
	else
		ck_assert_ptr_null(json_string(json));
	if (type == JSON_BOOL)
		fprintf(out, " %s", json_is_true(json) ? "yes" : "no");
	for (const struct json *item = json_first(json); item; item = json_next(item)) {
		fprintf(out, " ");
		dump(fixture, item, out);
	}
}

static const struct {
	const char *text;
	const char *dump;
} documents[] = {
	{ "{}", "an object@1:1" },
	{ "  []", "a list@1:3" },
	{ "null", "null@1:1" },
	{ "\"a\"", "a string@1:1 <a>" },
	{ "[true, false]", "a list@1:1 true or false@1:2 yes true or false@1:8 no" },
	{ "{\"a\": 1}", "an object@1:1 a@1:2=a number@1:7" },
	{ "{\n\t\"a\":\n\t\t[1,\n\t\t 2,]\n}",
	  "an object@1:1 a@2:2=a list@3:3 a number@3:4 a number@4:4" },
	{ "{\"a\": {\"b\": {}}, \"c\": []}",
	  "an object@1:1 a@1:2=an object@1:7 b@1:8=an object@1:13 c@1:18=a list@1:23" },
	{ "[[], [[]], 5]", "a list@1:1 a list@1:2 a list@1:6 a list@1:7 a number@1:12" },
	{ "// c\n/* c */{ /* c */ \"a\" /* c */ : /* c */ \"b\" }",
	  "an object@2:8 a@2:18=a string@2:40 <b>" },
	{ "{\"a\": \"x\", \"b\": \"y\", \"A\": \"z\",}",
	  "an object@1:1 a@1:2=a string@1:7 <x> b@1:12=a string@1:17 <y> "
	  "A@1:22=a string@1:27 <z>" },
	{ "[\"\\u0041\\n\\/\\u00e9\\ud83d\\udd25\"]",
	  "a list@1:1 a string@1:2 <A\n/\xc3\xa9\xf0\x9f\x94\xa5>" },
	{ "[\"\xc3\xa9\", 1]", "a list@1:1 a string@1:2 <\xc3\xa9> a number@1:8" },
	{ "[1e3, -0, 80.5]", "a list@1:1 a number@1:2 a number@1:7 a number@1:11" },
};

START_TEST(document)
{
	struct fixture fixture;
	_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	fixture_parse(&fixture, documents[_i].text);
	ck_assert_int_eq(fixture.error, 0);
	ck_assert_uint_eq(fixture.diag.count, 0);
	dump(&fixture, json_root(fixture.document), out);
	fclose(out);
	ck_assert_str_eq(text, documents[_i].dump);
	fixture_free(&fixture);
}
END_TEST

static const struct {
	const char *text;
	double number;
} numbers[] = {
	{ "0", 0 },
	{ "-0", 0 },
	{ "16384", 16384 },
	{ "-1", -1 },
	{ "80.5", 80.5 },
	{ "1e3", 1000 },
	{ "1E-1", 0.1 },
	{ "4294967296", 4294967296.0 },
	{ "18446744073709551616", 18446744073709551616.0 },
	{ "1e400", INFINITY },
	{ "-1e400", -INFINITY },
	{ "\"1\"", NAN },
	{ "true", NAN },
	{ "null", NAN },
	{ "[1]", NAN },
};

START_TEST(number)
{
	struct fixture fixture;
	double got;

	fixture_parse(&fixture, numbers[_i].text);
	ck_assert_int_eq(fixture.error, 0);
	got = json_number(json_root(fixture.document));
	if (isnan(numbers[_i].number))
		ck_assert(isnan(got));
	else
		ck_assert(got == numbers[_i].number);
	fixture_free(&fixture);
}
END_TEST

/* A key that stands twice is told once, at its second place; capitals are policy's matter. */
static const struct {
	const char *text;
	const char *told;
} duplicates[] = {
	{ "{\"a\": 1, \"b\": 2}", "" },
	{ "{\"a\": 1, \"A\": 2}", "" },
	{ "{\"a\": {\"a\": 1}}", "" },
	{ "[{\"a\": 1}, {\"a\": 2}]", "" },
	{ "{\"a\": 1, \"a\": 2}", "error 1:10 duplicate key \"a\"" },
	{ "{\"a\": 1, \"a\": 1}", "error 1:10 duplicate key \"a\"" },
	{ "{\"a\": 1, \"\\u0061\": 2}", "error 1:10 duplicate key \"a\"" },
	{ "{\"\": 1, \"\": 2}", "error 1:9 duplicate key \"\"" },
	{ "{\"b\": 1, \"a\": 1,\n\"b\": 2, \"a\": 3}",
	  "error 2:1 duplicate key \"b\"\nerror 2:9 duplicate key \"a\"" },
	{ "{\"a\": 1, \"a\": 2, \"a\": 3}",
	  "error 1:10 duplicate key \"a\"\nerror 1:18 duplicate key \"a\"" },
	{ "{\"x\": [{\"a\": 1,\n\"a\": 2}]}", "error 2:1 duplicate key \"a\"" },
};

START_TEST(duplicate)
{
	struct fixture fixture;
	_free_ char *text = NULL;

	fixture_parse(&fixture, duplicates[_i].text);
	ck_assert_int_eq(fixture.error, 0);
	ck_assert_ptr_nonnull(fixture.document);
	text = told(&fixture.diag, &fixture.sources);
	ck_assert_str_eq(text, duplicates[_i].told);
	fixture_free(&fixture);
}
END_TEST

static const char *const refused[] = {
	"", "{", "{\"a\": 01}", "[1,,2]", "{} {}", "nul", "\"\\u0000\"", "[\"\xff\"]",
};

START_TEST(refuse)
{
	struct fixture fixture;

	fixture_parse(&fixture, refused[_i]);
	ck_assert_int_eq(fixture.error, -EINVAL);
	ck_assert_ptr_null(fixture.document);
	ck_assert_uint_eq(fixture.diag.errors, 1);
	fixture_free(&fixture);
}
END_TEST

START_TEST(free_null)
{
	json_free(NULL);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("json");

	unit_add(suite, document, ARRAY_SIZE(documents));
	unit_add(suite, number, ARRAY_SIZE(numbers));
	unit_add(suite, duplicate, ARRAY_SIZE(duplicates));
	unit_add(suite, refuse, ARRAY_SIZE(refused));
	unit_add(suite, free_null, 1);
	return suite;
}
