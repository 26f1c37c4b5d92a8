// SPDX-License-Identifier: GPL-2.0-or-later
#include "admit.h"

#include <errno.h>
#include <string.h>

#include "mem.h"
#include "told.h"
#include "unit.h"

#define KEY   "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define OTHER "yTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

/* A policy, its inventory, and the device "d" with the key. */
#define POLICY	  "{\"acls\":[],\"hosts\":{\"h\":\"10.0.0.9\"},\"devices\":{\"p\":{}}}"
#define WITH(...) "{\"devices\":{\"a\":{}, \"d\":{\"publicKey\":\"" KEY "\"" __VA_ARGS__ "}}}"

static const struct {
	const char *policy;
	const char *inventory; /* NULL: none */
	size_t role;
	const char *name;
	int error;
	const char *device; /* where it is no error */
	const char *after;  /* of what has that role; NULL: nothing is to be changed */
	const char *told;
} questions[] = {
	/* nobody's key */
	{ POLICY, "{\"devices\":{}}", 1, "new", 0, "new",
	  "{\"devices\":{ \"new\": { \"publicKey\": \"" KEY "\" } }}", "" },
	{ "{\"devices\":{}}", NULL, 0, "new", 0, "new",
	  "{\"devices\":{ \"new\": { \"publicKey\": \"" KEY "\" } }}", "" },
	{ "{\"devices\":{}}", "{\"devices\":{}}", 0, "new", 0, "new",
	  "{\"devices\":{ \"new\": { \"publicKey\": \"" KEY "\" } }}", "" },
	{ POLICY, "{\"devices\":{}}", 1, NULL, -ENOENT, NULL, NULL, "" },
	{ POLICY, "{\"devices\":{\"b\":{\"publicKey\":\"" OTHER "\"}}}", 1, "b", -EINVAL, NULL,
	  NULL,
	  "error inventory:1:13 there is a \"b\", which has another key or none: choose another name" },
	{ POLICY, "{}", 1, "p", -EINVAL, NULL, NULL,
	  "error 1:48 there is a \"p\", which has another key or none: choose another name" },
	{ POLICY, "{}", 1, "h", -EINVAL, NULL, NULL,
	  "error 1:21 there is a \"h\", which has another key or none: choose another name" },

	/* a device's that waits */
	{ POLICY, WITH(",\"approved\":false"), 1, NULL, 0, "d", WITH(",\"approved\":true"), "" },
	{ POLICY, WITH(",\"approved\":false"), 1, "d", 0, "d", WITH(",\"approved\":true"), "" },
	{ WITH(",\"approved\":false"), NULL, 0, "d", 0, "d", WITH(",\"approved\":true"), "" },
	{ POLICY, WITH(",\"approved\":false"), 1, "D", -EINVAL, NULL, NULL,
	  "error inventory:1:21 this device has the key, and is not called \"D\"" },
	{ POLICY, WITH(",\"approved\":false"), 0, "d", -EINVAL, NULL, NULL,
	  "error inventory:1:21 this device is not approved here, and not in policy" },
	{ WITH(",\"approved\":false"), "{}", 1, "d", -EINVAL, NULL, NULL,
	  "error 1:21 this device is not approved here, and not in inventory" },

	/* a device's that is approved */
	{ POLICY, WITH(), 1, NULL, 0, "d", NULL, "" },
	{ POLICY, WITH(",\"approved\":true"), 1, "d", 0, "d", NULL, "" },
	{ POLICY, WITH(), 0, "d", 0, "d", NULL, "" },
	{ POLICY, WITH(), 1, "a", -EINVAL, NULL, NULL,
	  "error inventory:1:21 this device has the key, and is not called \"a\"" },

	/* what cannot be read */
	{ "{", NULL, 0, "new", -EINVAL, NULL, NULL,
	  "error 1:2 the file ends where a key in double quotes should be" },
	{ POLICY, "{\"acls\":[]}", 1, "new", -EINVAL, NULL, NULL,
	  "error inventory:1:2 unknown key \"acls\"" },
};

static void add(struct sources *sources, const char *name, const char *text)
{
	if (text)
		sources_add(sources, name, mem_strdup(text), strlen(text));
}

START_TEST(question)
{
	struct sources sources = {};
	struct admission admission = {};
	struct diag diag = {};
	_free_ char *text = NULL, *after = NULL;
	size_t size;

	add(&sources, "policy", questions[_i].policy);
	add(&sources, "inventory", questions[_i].inventory);
	ck_assert_int_eq(
		admit(&sources, questions[_i].role, KEY, questions[_i].name, &diag, &admission),
		questions[_i].error);
	text = told(&diag, &sources);
	ck_assert_str_eq(text, questions[_i].told);
	ck_assert_pstr_eq(admission.device, questions[_i].device);
	ck_assert_uint_eq(admission.edit.count != 0, questions[_i].after != NULL);
	if (questions[_i].after) {
		after = edit_apply(&sources.items[questions[_i].role], &admission.edit, &size);
		ck_assert_str_eq(after, questions[_i].after);
	}
	admission_free(&admission);
	diag_free(&diag);
	sources_free(&sources);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("admit");

	unit_add(suite, question, ARRAY_SIZE(questions));
	return suite;
}
