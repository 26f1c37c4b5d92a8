// SPDX-License-Identifier: GPL-2.0-or-later
#include "hujson.h"

#include <errno.h>
#include <string.h>

#include "mem.h"
#include "told.h"
#include "unit.h"

/* A literal that may hold NULs. */
#define TEXT(literal) literal, sizeof(literal) - 1

#define TEN(text) text text text text text text text text text text

static void add_source(struct sources *sources, const char *text, size_t size)
{
	char *copy = mem_alloc(size + 1);

	memcpy(copy, text, size);
	sources_add(sources, "policy", copy, size);
}

/* What is JSON, and what it becomes; NULL: it stays as it is. */
static const struct {
	const char *text;
	const char *json;
	size_t values;
} documents[] = {
	{ "{}", NULL, 1 },
	{ "[]", NULL, 1 },
	{ "\"\"", NULL, 1 },
	{ " \t\r\n[ ]\n", NULL, 1 },
	{ "null", NULL, 1 },
	{ "[true, false, null]", NULL, 4 },
	{ "[[], {}, [[]]]", NULL, 5 },
	{ "{\"a\": {\"b\": [1, \"c\"]}}", NULL, 5 },
	{ "[1,]", "[1 ]", 2 },
	{ "{\"a\":1,}", "{\"a\":1 }", 2 },
	{ "[[1,],]", "[[1 ] ]", 3 },
	{ "[{},{},]", "[{},{} ]", 3 },
	{ "[1 , ]", "[1   ]", 2 },
	{ "[1,/*c*/]", "[1      ]", 2 },
	{ "[1/*c*/,]", "[1      ]", 2 },
	{ "// c\n[]", "    \n[]", 1 },
	{ "[]// c", "[]    ", 1 },
	{ "[]//", "[]  ", 1 },
	{ "/**/[]", "    []", 1 },
	{ "/***/[]", "     []", 1 },
	{ "/*/*/[]", "     []", 1 },
	{ "/* // */[]", "        []", 1 },
	{ "// /*\n[]", "     \n[]", 1 },
	{ "{/*1*/\"a\"/*2*/:/*3*/1/*4*/}/*5*/", "{     \"a\"     :     1     }     ", 2 },
	{ "/* \xc3\xa9 \xf0\x9f\x94\xa5 */[]", "             []", 1 },
	{ "[\"//\", \"/*\", \"*/\"]", NULL, 4 },
	{ "[\"a,]\", \"{\"]", NULL, 3 },
	{ "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", NULL, 2 },
	{ "[\"\\u0041\\u00e9\\uABcd\"]", NULL, 2 },
	{ "[\"\\ud83d\\udd25\"]", NULL, 2 },
	{ "[\"\\uD83D\\uDD25\"]", NULL, 2 },
	{ "[\"\xc3\xa9\x7f\"]", NULL, 2 },
	{ "[0, -0, 1, -1, 10, 0.5, -0.5]", NULL, 8 },
	{ "[80.5, 1e3, 1E3, 1e+3, 1e-3, 0e0, 1.5e10]", NULL, 8 },
	{ "[1" TEN("00000000000000000000") "]", NULL, 2 },
	{ TEN("[[[[[[") "[[[["
			"]]]]" TEN("]]]]]]"),
	  NULL, HUJSON_DEPTH_MAX },
	{ "{\"\": 1}", NULL, 2 },
	{ "{\"a\": 1, \"a\": 2}", NULL, 3 }, /* told by json.c, at its place */
};

START_TEST(document)
{
	const char *text = documents[_i].text;
	struct sources sources = {};
	struct hujson hujson = {};
	struct diag diag = {};

	add_source(&sources, text, strlen(text));
	ck_assert_int_eq(hujson_scan(&sources.items[0], &diag, &hujson), 0);
	ck_assert_uint_eq(diag.count, 0);
	ck_assert_uint_eq(hujson.size, strlen(text));
	ck_assert_uint_eq(hujson.count, documents[_i].values);
	ck_assert_str_eq(hujson.json, documents[_i].json ? documents[_i].json : text);
	hujson_free(&hujson);
	sources_free(&sources);
}
END_TEST

/* The one error of what is none, with its line and column. */
static const struct {
	const char *text;
	size_t size;
	const char *told;
} errors[] = {
	{ TEXT(""), "error 1:1 the file ends where a value should be" },
	{ TEXT(" \n\n "), "error 3:2 the file ends where a value should be" },
	{ TEXT("// c"), "error 1:5 the file ends where a value should be" },
	{ TEXT("["), "error 1:2 the file ends where a value should be" },
	{ TEXT("{"), "error 1:2 the file ends where a key in double quotes should be" },
	{ TEXT("[1"), "error 1:3 the file ends where ',' or ']' should be" },
	{ TEXT("[1,"), "error 1:4 the file ends where a value should be" },
	{ TEXT("[[1]"), "error 1:5 the file ends where ',' or ']' should be" },
	{ TEXT("{\"a\""), "error 1:5 the file ends where ':' should be" },
	{ TEXT("{\"a\":"), "error 1:6 the file ends where a value should be" },
	{ TEXT("{\"a\":1"), "error 1:7 the file ends where ',' or '}' should be" },
	{ TEXT("{\"a\":1,"), "error 1:8 the file ends where a key in double quotes should be" },

	{ TEXT("[1 2]"), "error 1:4 expected ',' or ']', found '2'" },
	{ TEXT("[1\n2]"), "error 2:1 expected ',' or ']', found '2'" },
	{ TEXT("[1}"), "error 1:3 expected ',' or ']', found '}'" },
	{ TEXT("{\"a\":1]"), "error 1:7 expected ',' or '}', found ']'" },
	{ TEXT("{\"a\":1 \"b\":2}"), "error 1:8 expected ',' or '}', found '\"'" },
	{ TEXT("{\"a\" 1}"), "error 1:6 expected ':', found '1'" },
	{ TEXT("{\"a\":}"), "error 1:6 expected a value, found '}'" },
	{ TEXT("{a:1}"), "error 1:2 expected a key in double quotes, found 'a'" },
	{ TEXT("{'a':1}"), "error 1:2 expected a key in double quotes, found '''" },
	{ TEXT("{1:1}"), "error 1:2 expected a key in double quotes, found '1'" },
	{ TEXT("{,}"), "error 1:2 expected a key in double quotes, found ','" },
	{ TEXT("{\"a\":1,,}"), "error 1:8 expected a key in double quotes, found ','" },
	{ TEXT("[,]"), "error 1:2 expected a value, found ','" },
	{ TEXT("[1,,]"), "error 1:4 expected a value, found ','" },
	{ TEXT("['a']"), "error 1:2 expected a value, found '''" },
	{ TEXT("[1]]"), "error 1:4 expected the end of the file, found ']'" },
	{ TEXT("{},"), "error 1:3 expected the end of the file, found ','" },
	{ TEXT("{}\n{}"), "error 2:1 expected the end of the file, found '{'" },
	{ TEXT("1 2"), "error 1:3 expected the end of the file, found '2'" },

	{ TEXT("[nul]"), "error 1:2 expected a value, found 'n'" },
	{ TEXT("[True]"), "error 1:2 expected a value, found 'T'" },
	{ TEXT("[truex]"), "error 1:6 expected ',' or ']', found 'x'" },
	{ TEXT("[NaN]"), "error 1:2 expected a value, found 'N'" },
	{ TEXT("[Infinity]"), "error 1:2 expected a value, found 'I'" },

	{ TEXT("[0080]"), "error 1:2 a number may not begin with 0" },
	{ TEXT("[00]"), "error 1:2 a number may not begin with 0" },
	{ TEXT("[-01]"), "error 1:2 a number may not begin with 0" },
	{ TEXT("{\n\t\"a\": 010\n}"), "error 2:7 a number may not begin with 0" },
	{ TEXT("[80.]"), "error 1:5 expected a digit, found ']'" },
	{ TEXT("[.5]"), "error 1:2 expected a value, found '.'" },
	{ TEXT("[+1]"), "error 1:2 expected a value, found '+'" },
	{ TEXT("[-]"), "error 1:3 expected a digit, found ']'" },
	{ TEXT("[-a]"), "error 1:3 expected a digit, found 'a'" },
	{ TEXT("[1e]"), "error 1:4 expected a digit, found ']'" },
	{ TEXT("[1e+]"), "error 1:5 expected a digit, found ']'" },
	{ TEXT("[1.e3]"), "error 1:4 expected a digit, found 'e'" },
	{ TEXT("[0x10]"), "error 1:3 expected ',' or ']', found 'x'" },
	{ TEXT("[1_000]"), "error 1:3 expected ',' or ']', found '_'" },
	{ TEXT("[1.2.3]"), "error 1:5 expected ',' or ']', found '.'" },
	{ TEXT("-"), "error 1:2 the file ends where a digit should be" },

	{ TEXT("[\"a"), "error 1:2 this string has no end: '\"' is missing" },
	{ TEXT("[\"a\n\"]"), "error 1:2 this string has no end: '\"' is missing" },
	{ TEXT("[\"a\\"), "error 1:4 invalid escape in a string" },
	{ TEXT("[\"a\tb\"]"), "error 1:4 control character in a string" },
	{ TEXT("[\"a\rb\"]"), "error 1:4 control character in a string" },
	{ TEXT("[\"a\0b\"]"), "error 1:4 control character in a string" },
	{ TEXT("[\"a\x1f\"]"), "error 1:4 control character in a string" },
	{ TEXT("[\"\\x41\"]"), "error 1:3 invalid escape in a string" },
	{ TEXT("[\"\\'\"]"), "error 1:3 invalid escape in a string" },
	{ TEXT("[\"\\0\"]"), "error 1:3 invalid escape in a string" },
	{ TEXT("[\"\\U0041\"]"), "error 1:3 invalid escape in a string" },
	{ TEXT("[\"\\u12\"]"), "error 1:3 invalid escape in a string" },
	{ TEXT("[\"\\u00g0\"]"), "error 1:3 invalid escape in a string" },
	{ TEXT("[\"\\u004"), "error 1:3 invalid escape in a string" },
	{ TEXT("[\"a\\u0000\"]"), "error 1:4 NUL in a string" },
	{ TEXT("{\"a\\u0000\":1}"), "error 1:4 NUL in a string" },
	{ TEXT("[\"\\ud800\"]"), "error 1:3 lone surrogate in a string" },
	{ TEXT("[\"\\udc00\"]"), "error 1:3 lone surrogate in a string" },
	{ TEXT("[\"\\ud83d\\u0041\"]"), "error 1:3 lone surrogate in a string" },
	{ TEXT("[\"\\ud83d\\ud83d\"]"), "error 1:3 lone surrogate in a string" },
	{ TEXT("[\"\\ud83dx\"]"), "error 1:3 lone surrogate in a string" },
	{ TEXT("[\"\\ud83d\\n\"]"), "error 1:3 lone surrogate in a string" },
	{ TEXT("[\"\\ud83d\\u"), "error 1:3 lone surrogate in a string" },
	{ TEXT("[\"\\udd25\\ud83d\"]"), "error 1:3 lone surrogate in a string" },

	{ TEXT("[\"a\xff\"]"), "error 1:4 invalid UTF-8" },
	{ TEXT("[\"\xc3\"]"), "error 1:3 invalid UTF-8" },
	{ TEXT("[\"\xc0\x80\"]"), "error 1:3 invalid UTF-8" },
	{ TEXT("[\"\xed\xa0\x80\"]"), "error 1:3 invalid UTF-8" },
	{ TEXT("{\"\xfe\":1}"), "error 1:3 invalid UTF-8" },
	{ TEXT("// \xff\n[]"), "error 1:4 invalid UTF-8" },
	{ TEXT("/*\n\xff*/[]"), "error 2:1 invalid UTF-8" },
	{ TEXT("[\xff]"), "error 1:2 expected a value, found byte 0xff" },
	{ TEXT("[\xc2\xa0]"), "error 1:2 expected a value, found byte 0xc2" }, /* no-break space */
	{ TEXT("\xef\xbb\xbf{}"), "error 1:1 byte order mark: save the file as UTF-8 without it" },
	{ TEXT("{}\xef\xbb\xbf"), "error 1:3 expected the end of the file, found byte 0xef" },
	{ TEXT("\xff\xfe{\0}\0"), "error 1:1 this is UTF-16: save the file as UTF-8" },
	{ TEXT("\xfe\xff\0{\0}"), "error 1:1 this is UTF-16: save the file as UTF-8" },
	{ TEXT("\0"), "error 1:1 expected a value, found byte 0x00" },
	{ TEXT("[\0]"), "error 1:2 expected a value, found byte 0x00" },
	{ TEXT("[]\0"), "error 1:3 expected the end of the file, found byte 0x00" },
	{ TEXT("[]\0{}"), "error 1:3 expected the end of the file, found byte 0x00" },
	{ TEXT("// \0\n[]"), "error 1:4 NUL byte in a comment" },
	{ TEXT("[]\f"), "error 1:3 expected the end of the file, found byte 0x0c" },
	{ TEXT("[]\v"), "error 1:3 expected the end of the file, found byte 0x0b" },

	{ TEXT("/* c"), "error 1:1 this comment has no end: '*/' is missing" },
	{ TEXT("[\n/* c\n]"), "error 2:1 this comment has no end: '*/' is missing" },
	{ TEXT("/*/"), "error 1:1 this comment has no end: '*/' is missing" },
	{ TEXT("/*"), "error 1:1 this comment has no end: '*/' is missing" },
	{ TEXT("# c\n[]"), "error 1:1 expected a value, found '#'" },
	{ TEXT("-- c\n[]"), "error 1:2 expected a digit, found '-'" },
	{ TEXT("/ c\n[]"), "error 1:1 expected a value or a comment, found '/'" },
	{ TEXT("[]/"), "error 1:3 expected a value or a comment, found '/'" },
	{ TEXT("[] */"), "error 1:4 expected the end of the file, found '*'" },

	{ TEXT("{\r\n\"a\": 01\r\n}"), "error 2:6 a number may not begin with 0" },
	{ TEXT("[\"\xc3\xa9\", 01]"), "error 1:8 a number may not begin with 0" }, /* in bytes */
	{ TEXT(TEN("[[[[[[") "[[[[[]]]]]" TEN("]]]]]]")), "error 1:65 nested too deeply" },
	{ TEXT(TEN("[[[[[[") "[[[[{}]]]]" TEN("]]]]]]")), "error 1:65 nested too deeply" },
	{ TEXT(TEN("[[[[[[[[[[") TEN("[[[[[[[[[[")), "error 1:65 nested too deeply" },
};

START_TEST(error)
{
	const struct hujson untouched = { .size = 55 };
	struct hujson hujson = untouched;
	struct sources sources = {};
	struct diag diag = {};
	_free_ char *text = NULL;

	add_source(&sources, errors[_i].text, errors[_i].size);
	ck_assert_int_eq(hujson_scan(&sources.items[0], &diag, &hujson), -EINVAL);
	text = told(&diag, &sources);
	ck_assert_str_eq(text, errors[_i].told);
	ck_assert_mem_eq(&hujson, &untouched, sizeof(hujson));
	diag_free(&diag);
	sources_free(&sources);
}
END_TEST

/* Places of a second file go on behind those of the first. */
START_TEST(second_source)
{
	struct sources sources = {};
	struct hujson hujson = {};
	struct diag diag = {};

	add_source(&sources, "[]", 2);
	add_source(&sources, "{\"a\":1}", 7);
	ck_assert_int_eq(hujson_scan(&sources.items[1], &diag, &hujson), 0);
	ck_assert_uint_eq(hujson.count, 2);
	ck_assert_uint_eq(hujson.places[0].value, sources.items[1].base);
	ck_assert_uint_eq(hujson.places[0].key, PLACE_NONE);
	ck_assert_uint_eq(hujson.places[1].key, sources.items[1].base + 1);
	ck_assert_uint_eq(hujson.places[1].value, sources.items[1].base + 5);
	hujson_free(&hujson);
	sources_free(&sources);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("hujson");

	unit_add(suite, document, ARRAY_SIZE(documents));
	unit_add(suite, error, ARRAY_SIZE(errors));
	unit_add(suite, second_source, 1);
	return suite;
}
