// SPDX-License-Identifier: GPL-2.0-or-later
#include "edit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inventory.h"
#include "mem.h"
#include "policy.h"
#include "unit.h"

#define KEY "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define NEW "\"new\": { \"publicKey\": \"" KEY "\" }"

#define TEN(text) text text text text text text text text text text

struct change {
	const char *before;
	const char *after;
};

/* A device "new" is added. */
static const struct change additions[] = {
	/* nobody is there yet */
	{ "{}", "{\n\t\"devices\": {\n\t\t" NEW "\n\t}\n}" },
	{ "{ }\n", "{ \n\t\"devices\": {\n\t\t" NEW "\n\t}\n}\n" },
	{ "{\n}\n", "{\n\t\"devices\": {\n\t\t" NEW "\n\t}\n}\n" },
	{ "{\n\t// none yet \n}\n", "{\n\t// none yet\n\t\"devices\": {\n\t\t" NEW "\n\t} \n}\n" },
	{ "/* {} */{}", "/* {} */{ \"devices\": { " NEW " } }" },
	{ "{\"devices\":{}}", "{\"devices\":{ " NEW " }}" },
	{ "{\"devices\":{ }}", "{\"devices\":{ " NEW " }}" },
	{ "{\"devices\":{/* } */}}", "{\"devices\":{/* } */ " NEW " }}" },
	{ "{\n  \"devices\": {}\n}\n", "{\n  \"devices\": {\n    " NEW "\n  }\n}\n" },
	{ "{\n  \"devices\": {},\n}\n", "{\n  \"devices\": {\n    " NEW "\n  },\n}\n" },
	{ "{\n\t\"Devices\": {\n\t}\n}\n", "{\n\t\"Devices\": {\n\t\t" NEW "\n\t}\n}\n" },
	{ "{\n\t\"devices\": {\n\t\t// nobody {\n\t}\n}\n",
	  "{\n\t\"devices\": {\n\t\t// nobody {\n\t\t" NEW "\n\t}\n}\n" },
	{ "{\n\t\"devices\": { // nobody\n\t}\n}\n",
	  "{\n\t\"devices\": { // nobody\n\t\t" NEW "\n\t}\n}\n" },
	{ "{\"devices\":/*{*/{//\n}}", "{\"devices\":/*{*/{//\n\t" NEW "\n}}" },

	/* no section */
	{ "{\"hosts\":{}}", "{\"hosts\":{}, \"devices\": { " NEW " }}" },
	{ "{\"hosts\":{},}", "{\"hosts\":{}, \"devices\": { " NEW " },}" },
	{ "{\n  \"hosts\": {} // devices: {}\n}\n",
	  "{\n  \"hosts\": {}, // devices: {}\n  \"devices\": {\n    " NEW "\n  }\n}\n" },
	{ "{\n\t\"hosts\": {\n\t\t\"a\": \"10.0.0.1\",\n\t},\n\t/* the end */\n}\n",
	  "{\n\t\"hosts\": {\n\t\t\"a\": \"10.0.0.1\",\n\t},\n"
	  "\t\"devices\": {\n\t\t" NEW "\n\t},\n\t/* the end */\n}\n" },
	{ "{\"hosts\":{\"devices\":\"10.0.0.1\"}}",
	  "{\"hosts\":{\"devices\":\"10.0.0.1\"}, \"devices\": { " NEW " }}" },

	/* all on one line */
	{ "{\"devices\":{\"a\":{}}}", "{\"devices\":{\"a\":{}, " NEW "}}" },
	{ "{\"devices\":{\"a\":{},}}", "{\"devices\":{\"a\":{}, " NEW ",}}" },
	{ "{\"DEVICES\" : { \"a\" : {} , } }", "{\"DEVICES\" : { \"a\" : {} , " NEW ", } }" },
	{ "{\"devices\":{\"a\":{}/*a*/}}", "{\"devices\":{\"a\":{},/*a*/ " NEW "}}" },
	{ "{\"devices\":{\"a\":{}/*a*/,/*,*/}}", "{\"devices\":{\"a\":{}/*a*/,/*,*/ " NEW ",}}" },
	{ "{\"devices\":{\"a\":{}, \"b\":{\"tags\":[]}}, \"hosts\":{}}",
	  "{\"devices\":{\"a\":{}, \"b\":{\"tags\":[]}, " NEW "}, \"hosts\":{}}" },
	{ "{\"devices\": { \"a\": {} // }\n}}", "{\"devices\": { \"a\": {}, // }\n" NEW "\n}}" },
	{ "{\"devices\":{\"a\":{\n}\n}}", "{\"devices\":{\"a\":{\n}, " NEW "\n}}" },
	{ "{\"devices\":{\n\"a\":{}\n,\"b\":{}\n}}",
	  "{\"devices\":{\n\"a\":{}\n,\"b\":{}, " NEW "\n}}" },

	/* a line each */
	{ "{\n\t\"devices\": {\n\t\t\"a\": {}\n\t}\n}\n",
	  "{\n\t\"devices\": {\n\t\t\"a\": {},\n\t\t" NEW "\n\t}\n}\n" },
	{ "{\n\t\"devices\": {\n\t\t\"a\": {},\n\t},\n}",
	  "{\n\t\"devices\": {\n\t\t\"a\": {},\n\t\t" NEW ",\n\t},\n}" },
	{ "{\"devices\":{\n  \"a\": {} // his, }\n}}",
	  "{\"devices\":{\n  \"a\": {}, // his, }\n  " NEW "\n}}" },
	{ "{\"devices\":{\n  \"a\": {}, /* his\n  too */ // and\n  // not his\n}}",
	  "{\"devices\":{\n  \"a\": {}, /* his\n  too */ // and\n  " NEW ",\n  // not his\n}}" },
	{ "{\"devices\":{\n  \"a\": {}\n  // \"b\": {},\n}}",
	  "{\"devices\":{\n  \"a\": {},\n  " NEW "\n  // \"b\": {},\n}}" },
	{ "{\"devices\":{\n  \"a\": {} // x\n  ,\n}}",
	  "{\"devices\":{\n  \"a\": {} // x\n  ,\n  " NEW ",\n}}" },
	{ "{\"devices\":{\n  \"a\": {} } }", "{\"devices\":{\n  \"a\": {},\n  " NEW " } }" },
	{ "{\"devices\":{\n  \"a\":/*\"{*/{\"user\":\"}//\\\"*/@\" /*}*/},\n}}",
	  "{\"devices\":{\n  \"a\":/*\"{*/{\"user\":\"}//\\\"*/@\" /*}*/},\n  " NEW ",\n}}" },
	{ "{\"devices\":{\n  \"a\": {}//\n}}", "{\"devices\":{\n  \"a\": {},//\n  " NEW "\n}}" },

	/* several lines each */
	{ "{\n  \"devices\": {\n    \"a\": {\n      \"tags\": []\n    }\n  }\n}\n",
	  "{\n  \"devices\": {\n    \"a\": {\n      \"tags\": []\n    },\n"
	  "    \"new\": {\n      \"publicKey\": \"" KEY "\"\n    }\n  }\n}\n" },
	{ "{\n\"devices\": {\n\t\"a\": {\n\t\t\t\"tags\": [\n],\n\t},\n}\n}\n",
	  "{\n\"devices\": {\n\t\"a\": {\n\t\t\t\"tags\": [\n],\n\t},\n"
	  "\t\"new\": {\n\t\t\t\"publicKey\": \"" KEY "\",\n\t},\n}\n}\n" },
	{ "{\n\"devices\": {\n\t\"a\": {\n\t\t\"tags\": []\n\t}, // a\n\t\"b\": {},\n}\n}\n",
	  "{\n\"devices\": {\n\t\"a\": {\n\t\t\"tags\": []\n\t}, // a\n\t\"b\": {},\n\t" NEW
	  ",\n}\n}\n" },

	{ "{\"devices\":{\n\t\"a\": {\n\t\t\"tags\": [] // none, }\n\t\t,\n\t}\n}}",
	  "{\"devices\":{\n\t\"a\": {\n\t\t\"tags\": [] // none, }\n\t\t,\n\t},\n"
	  "\t\"new\": {\n\t\t\"publicKey\": \"" KEY "\",\n\t}\n}}" },

	/* lines that end as on Windows */
	{ "{\r\n\t\"devices\": {\r\n\t\t\"a\": {} // a\r\n\t}\r\n}\r\n",
	  "{\r\n\t\"devices\": {\r\n\t\t\"a\": {}, // a\r\n\t\t" NEW "\r\n\t}\r\n}\r\n" },
	{ "{\r\n \"devices\": {\r\n  \"a\": {\r\n   \"tags\": [],\r\n  },\r\n },\r\n}",
	  "{\r\n \"devices\": {\r\n  \"a\": {\r\n   \"tags\": [],\r\n  },\r\n"
	  "  \"new\": {\r\n   \"publicKey\": \"" KEY "\",\r\n  },\r\n },\r\n}" },
	{ "{\r\n}\r\n", "{\r\n\t\"devices\": {\r\n\t\t" NEW "\r\n\t}\r\n}\r\n" },
	{ "{\r\n\t\"devices\": {\r\n\t\t//\r\n\t}\r\n}",
	  "{\r\n\t\"devices\": {\r\n\t\t//\r\n\t\t" NEW "\r\n\t}\r\n}" },

	/* what parser and scanner know beside that */
	{ "// devices: {}\n{\"acls\":[],\"devices\":{\"\\\"\\\\{\\u0041\":{}}}",
	  "// devices: {}\n{\"acls\":[],\"devices\":{\"\\\"\\\\{\\u0041\":{}, " NEW "}}" },
	{ "{\"acls\":[],\"devices\":{\"a\":{}},\"ssh\":" TEN("[[[[[[") TEN("]]]]]]") "}",
	  "{\"acls\":[],\"devices\":{\"a\":{}, " NEW "},\"ssh\":" TEN("[[[[[[") TEN("]]]]]]") "}" },
	{ "{\"devices\":{\"a\":{\"self\":true}}}",
	  "{\"devices\":{\"a\":{\"self\":true}, " NEW "}}" },
};

/* The device "a" is approved. */
static const struct change approvals[] = {
	{ "{\"devices\":{\"a\":{\"approved\":false}}}",
	  "{\"devices\":{\"a\":{\"approved\":true}}}" },
	{ "{\"Devices\":{\"a\":{\"APPROVED\" /* : false */ : // false\n false, },},}",
	  "{\"Devices\":{\"a\":{\"APPROVED\" /* : false */ : // false\n true, },},}" },
	{ "{\"devices\":{\"A\":{\"approved\":false},\"a\":{\"approved\":false}}}",
	  "{\"devices\":{\"A\":{\"approved\":false},\"a\":{\"approved\":true}}}" },
	{ "{\"devices\":{\"\\u0061\":{\"approved\":false}}}",
	  "{\"devices\":{\"\\u0061\":{\"approved\":true}}}" },
};

/* ... or there is nothing to approve. */
static const struct {
	const char *text;
	int error;
} refusals[] = {
	{ "{}", -ENOENT },
	{ "{\"devices\":{}}", -ENOENT },
	{ "{\"devices\":{\"a\":{}}}", -ENOENT },
	{ "{\"devices\":{\"a\":{\"approved\":true}}}", -ENOENT },
	{ "{\"devices\":{\"A\":{\"approved\":false}}}", -ENOENT },
	{ "{\"hosts\":{\"a\":{\"approved\":false}}}", -ENOENT },
	{ "{\"devices\":{\"a\":{\"approved\":0}}}", -ENOENT },
	{ "{\"devices\":[]}", -ENOENT },
	{ "{\"devices\":{\"a\":[]}}", -ENOENT },
	{ "", -EINVAL },
	{ "[]", -EINVAL },
	{ "{", -EINVAL },
	{ "\xef\xbb\xbf{}", -EINVAL },
	{ "{\"devices\":{\"a\":{},\"a\":{\"approved\":false}}}", -EINVAL },
};

static void add(struct sources *sources, const char *text)
{
	sources_add(sources, "inventory", mem_strdup(text), strlen(text));
}

static void read_policy(const struct sources *sources, size_t index, struct policy *policy)
{
	struct diag diag = {};

	ck_assert_int_eq(policy_parse(&sources->items[index], NULL, &diag, policy), 0);
	ck_assert_uint_eq(diag.errors, 0);
	diag_free(&diag);
}

static bool same_word(const struct word *one, const struct word *other)
{
	return !one->text == !other->text && (!one->text || !strcmp(one->text, other->text));
}

/* All devices of the first text are in the second as they were, in that order. */
static void expect_kept(const struct policy *before, const struct policy *after)
{
	for (size_t i = 0; i < before->devices_count; i++) {
		const struct policy_device *one = &before->devices[i], *other = &after->devices[i];

		ck_assert(same_word(&one->name, &other->name));
		ck_assert(same_word(&one->user, &other->user));
		ck_assert(same_word(&one->public_key, &other->public_key));
		ck_assert_uint_eq(one->addresses.count, other->addresses.count);
		ck_assert_uint_eq(one->tags.count, other->tags.count);
		ck_assert(one->self == other->self);
	}
	ck_assert_uint_eq(before->hosts_count, after->hosts_count);
}

/* The text, without what the edit put in, is what it was. */
static void expect_reversible(const char *before, const char *after, const struct edit *edit)
{
	size_t from = 0, to = 0;

	for (size_t i = 0; i < edit->count; i++) {
		const struct edit_piece *piece = &edit->pieces[i];
		size_t kept = piece->at - from, length = strlen(piece->text);

		ck_assert_uint_eq(piece->removed, 0);
		ck_assert(!strncmp(before + from, after + to, kept));
		ck_assert(!strncmp(piece->text, after + to + kept, length));
		from += kept;
		to += kept + length;
	}
	ck_assert_str_eq(before + from, after + to);
}

static void expect_added(const struct sources *sources, const char *name)
{
	struct policy before = {}, after = {};
	const struct policy_device *last;

	read_policy(sources, 0, &before);
	read_policy(sources, 1, &after);
	expect_kept(&before, &after);
	ck_assert_uint_eq(after.devices_count, before.devices_count + 1);
	last = &after.devices[before.devices_count];
	ck_assert_str_eq(last->name.text, name);
	ck_assert_str_eq(last->public_key.text, KEY);
	policy_free(&before);
	policy_free(&after);
}

/* Adds, and looks at all that must hold for any text. The new text lives in @sources. */
static const char *add_checked(struct sources *sources, const char *before, const char *name)
{
	struct edit edit = {};
	size_t size;
	char *after;

	add(sources, before);
	ck_assert_int_eq(edit_add_device(&sources->items[0], name, KEY, &edit), 0);
	after = edit_apply(&sources->items[0], &edit, &size);
	ck_assert_uint_eq(size, strlen(after));
	sources_add(sources, "edited", after, size);
	expect_reversible(before, after, &edit);
	expect_added(sources, name);
	edit_free(&edit);
	return after;
}

START_TEST(addition)
{
	struct sources sources = {};

	ck_assert_str_eq(add_checked(&sources, additions[_i].before, "new"), additions[_i].after);
	sources_free(&sources);
}
END_TEST

/* One after the other: what was added is a neighbour like any other. */
START_TEST(addition_again)
{
	_free_ char *text = mem_strdup(additions[_i].before);

	for (int i = 0; i < 3; i++) {
		_free_ char *name = mem_printf("new%d", i);
		struct sources sources = {};
		char *next = mem_strdup(add_checked(&sources, text, name));

		free(text);
		text = next;
		sources_free(&sources);
	}
}
END_TEST

static const struct {
	const char *name;
	const char *written;
} names[] = {
	{ "laptop", "\"laptop\"" },
	{ "b\xc3\xbcro-\xf0\x9f\x94\xa5", "\"b\xc3\xbcro-\xf0\x9f\x94\xa5\"" },
	{ "a\\b", "\"a\\\\b\"" },
	{ "a\"b", "\"a\\\"b\"" },
	{ "a\nb\tc", "\"a\\u000ab\\u0009c\"" },
	{ "//{", "\"//{\"" },
};

START_TEST(name)
{
	_free_ char *wanted = mem_printf("{\"devices\":{ %s: { \"publicKey\": \"" KEY "\" } }}",
					 names[_i].written);
	struct sources sources = {};

	ck_assert_str_eq(add_checked(&sources, "{\"devices\":{}}", names[_i].name), wanted);
	sources_free(&sources);
}
END_TEST

START_TEST(approval)
{
	struct sources sources = {};
	struct edit edit = {};
	_free_ char *after = NULL;
	size_t size;

	add(&sources, "{}"); /* places do not begin at 0 */
	add(&sources, approvals[_i].before);
	ck_assert_int_eq(edit_approve_device(&sources.items[1], "a", &edit), 0);
	after = edit_apply(&sources.items[1], &edit, &size);
	ck_assert_str_eq(after, approvals[_i].after);
	ck_assert_uint_eq(size, strlen(after));
	edit_free(&edit);
	sources_free(&sources);
}
END_TEST

START_TEST(refusal)
{
	struct edit edit = { .count = 7 };
	struct sources sources = {};

	add(&sources, refusals[_i].text);
	ck_assert_int_eq(edit_approve_device(&sources.items[0], "a", &edit), refusals[_i].error);
	ck_assert_uint_eq(edit.count, 7);
	if (refusals[_i].error == -EINVAL)
		ck_assert_int_eq(edit_add_device(&sources.items[0], "new", KEY, &edit), -EINVAL);
	ck_assert_uint_eq(edit.count, 7);
	sources_free(&sources);
}
END_TEST

START_TEST(no_section)
{
	struct edit edit = { .count = 7 };
	struct sources sources = {};

	add(&sources, "{\"devices\":[]}");
	ck_assert_int_eq(edit_add_device(&sources.items[0], "new", KEY, &edit), -EINVAL);
	ck_assert_uint_eq(edit.count, 7);
	sources_free(&sources);
}
END_TEST

#define MANY	10000
#define SECONDS 2.0 /* it takes 0.05 s; what is quadratic takes minutes */

START_TEST(many)
{
	struct sources sources = {};
	clock_t start;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "{\n\t\"devices\": {\n");
	for (int i = 0; i < MANY; i++)
		fprintf(out, "\t\t\"d%d\": { \"addresses\": [\"10.0.%d.%d\"] }, // number %d\n", i,
			i / 256, i % 256, i);
	fprintf(out, "\t},\n}\n");
	fclose(out);
	start = clock();
	add_checked(&sources, text, "new");
	ck_assert_double_lt((double)(clock() - start) / CLOCKS_PER_SEC, SECONDS);
	free(text);
	sources_free(&sources);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("edit");

	unit_add(suite, addition, ARRAY_SIZE(additions));
	unit_add(suite, addition_again, ARRAY_SIZE(additions));
	unit_add(suite, name, ARRAY_SIZE(names));
	unit_add(suite, approval, ARRAY_SIZE(approvals));
	unit_add(suite, refusal, ARRAY_SIZE(refusals));
	unit_add(suite, no_section, 1);
	unit_add(suite, many, 1);
	return suite;
}
