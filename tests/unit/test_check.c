// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "reason.h"
#include "scratch.h"
#include "told.h"

/* pc → imac:3000, TCP; pc → vps, UDP 53; "new" is not approved. */
static const char policy[] =
	"{\"acls\":[\n"
	"{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"imac:3000\"],\"proto\":\"tcp\"},\n"
	"{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:53\"],\"proto\":\"udp\"}],\n"
	"\"devices\":{\"pc\":{\"addresses\":[\"10.0.0.1\",\"fd77::1\"]},"
	"\"imac\":{\"addresses\":[\"10.0.0.2\",\"fd77::2\"]},"
	"\"vps\":{\"addresses\":[\"10.0.0.3\"]},"
	"\"new\":{\"addresses\":[\"10.0.0.4\"],\"approved\":false}}}";

static const struct {
	const char *from, *to;
	uint8_t protocol;
	uint16_t port;
	bool wanted;
	bool as_wanted;
	bool asked;
	enum reason reason;
} questions[] = {
	{ "10.0.0.1", "10.0.0.2", 6, 3000, true, true, true, REASON_NONE },
	{ "10.0.0.1", "10.0.0.2", 6, 3001, true, false, true, REASON_ACL },
	{ "10.0.0.1", "10.0.0.2", 6, 3000, false, false, true, REASON_NONE },
	{ "10.0.0.1", "10.0.0.2", 6, 3001, false, true, true, REASON_ACL },
	{ "10.0.0.1", "10.0.0.2", 17, 3000, true, false, true, REASON_ACL },
	{ "10.0.0.2", "10.0.0.1", 6, 3000, true, false, true, REASON_ACL },
	{ "10.0.0.4", "10.0.0.2", 6, 3000, true, false, true, REASON_UNAPPROVED },
	{ "10.0.0.9", "10.0.0.2", 6, 3000, true, false, true, REASON_UNKNOWN_SOURCE },
	/* no protocol: TCP or UDP */
	{ "10.0.0.1", "10.0.0.2", 0, 3000, true, true, true, REASON_NONE },
	{ "10.0.0.1", "10.0.0.3", 0, 53, true, true, true, REASON_NONE },
	{ "10.0.0.1", "10.0.0.3", 0, 53, false, false, true, REASON_NONE },
	{ "10.0.0.1", "10.0.0.3", 0, 54, false, true, true, REASON_ACL },
	/* both IP versions, each with its own */
	{ "10.0.0.1 fd77::1", "10.0.0.2 fd77::2", 6, 3000, true, true, true, REASON_NONE },
	{ "10.0.0.1 fd77::1", "10.0.0.2", 6, 3000, true, true, true, REASON_NONE },
	{ "10.0.0.1 fd77::1", "10.0.0.2 fd77::3", 6, 3000, true, false, true, REASON_ACL },
	{ "10.0.0.1", "fd77::2", 6, 3000, true, false, false, REASON_UNKNOWN_SOURCE },
	{ "10.0.0.1", "fd77::2", 6, 3000, false, true, false, REASON_UNKNOWN_SOURCE },
	/* all of a set */
	{ "10.0.0.1", "10.0.0.2-10.0.0.3", 6, 3000, true, false, true, REASON_ACL },
	{ "10.0.0.1", "10.0.0.2-10.0.0.3", 6, 3000, false, false, true, REASON_NONE },
	{ "10.0.0.1", "10.0.0.3-10.0.0.9", 6, 3000, false, true, true, REASON_ACL },
	{ "10.0.0.1-10.0.0.2", "10.0.0.2", 6, 3000, true, false, true, REASON_ACL },
	{ "10.0.0.1", "255.255.255.250-255.255.255.255", 6, 1, false, true, true, REASON_ACL },
	{ "fd77::1",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6, 1,
	  false, true, true, REASON_ACL },
	/* nothing */
	{ "", "10.0.0.2", 6, 3000, true, false, false, REASON_UNKNOWN_SOURCE },
	{ "", "10.0.0.2", 6, 3000, false, true, false, REASON_UNKNOWN_SOURCE },
	{ "10.0.0.1", "", 6, 3000, true, false, false, REASON_UNKNOWN_SOURCE },
};

START_TEST(reach)
{
	_set_ struct set from = notation_set(questions[_i].from);
	_set_ struct set to = notation_set(questions[_i].to);
	struct question question = { .from = &from,
				     .to = &to,
				     .protocol = questions[_i].protocol,
				     .port = questions[_i].port,
				     .wanted = questions[_i].wanted };
	struct checked checked;
	struct reached reached;

	set_normalise(&from);
	set_normalise(&to);
	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_eq(checked.diag.count, 0);
	question.table = &checked.table;
	ck_assert(check_reach(&question, &reached) == questions[_i].as_wanted);
	ck_assert(reached.asked == questions[_i].asked);
	ck_assert_str_eq(reason_name(reached.reason), reason_name(questions[_i].reason));
	checked_free(&checked);
}
END_TEST

/* The rule of the answer is that of the pair of addresses that was asked last. */
START_TEST(rule)
{
	_set_ struct set from = notation_set("10.0.0.1"), to = notation_set("10.0.0.3");
	struct question question = {
		.from = &from, .to = &to, .protocol = 17, .port = 53, .wanted = true
	};
	struct checked checked;
	struct reached reached;

	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	question.table = &checked.table;
	ck_assert(check_reach(&question, &reached));
	ck_assert_uint_eq(reached.rule, 1);
	ck_assert_str_eq(checked.table.rules[reached.rule].label, "acls[1]");
	ck_assert_str_eq(checked.table.rules[reached.rule].file, "policy");
	ck_assert_uint_eq(checked.table.rules[reached.rule].line, 3);
	checked_free(&checked);
}
END_TEST

#define DEVICES                                                            \
	"{\"devices\":{\"pc\":{\"addresses\":[\"10.0.0.1\",\"fd77::1\"]}," \
	"\"imac\":{\"addresses\":[\"10.0.0.2\",\"fd77::2\"]},"             \
	"\"vps\":{\"addresses\":[\"10.0.0.3\"]}}}"

/* Two files, and the tests in them; NULL: it is not there. */
static const struct {
	const char *policy, *inventory;
	int error;
	const char *unreadable;
	const char *told;
} files[] = {
	{ "{\"acls\":[]}", DEVICES, 0, NULL, "" },
	{ "{}", DEVICES, 0, NULL,
	  "warning 1:1 neither \"acls\" nor \"grants\": everything is denied" },
	{ NULL, DEVICES, -ENOENT, "policy", "" },
	{ "{\"acls\":[]}", NULL, -ENOENT, "inventory", "" },
	{ "{", DEVICES, -EINVAL, NULL,
	  "error 1:2 the file ends where a key in double quotes should be" },
	{ "{\"acls\":[5]}", DEVICES, -EINVAL, NULL, NULL },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[\"cp\"],\"dst\":[\"imac:1\"]}]}", DEVICES,
	  -EINVAL, NULL, "error 1:36 unknown device \"cp\" (did you mean \"pc\"?)" },

	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"imac:1\"]}],\n\"tests\":["
	  "{\"src\":\"pc\",\"accept\":[\"imac:1\"],\"deny\":[\"imac:2\",\"vps:1\"]},"
	  "{\"src\":\"imac\",\"deny\":[\"pc:1\"]}]}",
	  DEVICES, 0, NULL, "" },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"imac:1\"]}],\n\"tests\":["
	  "{\"src\":\"pc\",\"accept\":[\"imac:2\"]}]}",
	  DEVICES, 0, NULL, "error 2:32 test failed: pc -> imac:2: expected ALLOWED, got DENIED" },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"imac:1\"]}],\n\"tests\":["
	  "{\"src\":\"pc\",\"deny\":[\"imac:1\"]}]}",
	  DEVICES, 0, NULL, "error 2:30 test failed: pc -> imac:1: expected DENIED, got ALLOWED" },
	/* one address of two is not enough for ALLOWED */
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"10.0.0.2:1\"]}],\n"
	  "\"tests\":["
	  "{\"src\":\"pc\",\"accept\":[\"imac:1\"]}]}",
	  DEVICES, 0, NULL, "error 2:32 test failed: pc -> imac:1: expected ALLOWED, got DENIED" },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"10.0.0.2:1\"]}],\n"
	  "\"tests\":["
	  "{\"src\":\"pc\",\"deny\":[\"imac:1\"]}]}",
	  DEVICES, 0, NULL, "error 2:30 test failed: pc -> imac:1: expected DENIED, got ALLOWED" },
	/* tests of a policy that is wrong are not run */
	{ "{\"acls\":[{\"action\":\"deny\",\"src\":[\"pc\"],\"dst\":[\"imac:1\"]}],\n\"tests\":["
	  "{\"src\":\"pc\",\"accept\":[\"imac:1\"]}]}",
	  DEVICES, -EINVAL, NULL,
	  "error 1:20 action=\"deny\" is not supported: it is \"accept\", and "
	  "what no rule accepts is denied" },
};

START_TEST(two_files)
{
	_free_ char *policy_path = scratch_path("policy"), *inventory = scratch_path("inventory");
	_free_ char *findings = NULL;
	struct checked checked = {};
	const char *unreadable = NULL;
	int error;

	if (files[_i].policy)
		scratch_write("policy", files[_i].policy, strlen(files[_i].policy));
	if (files[_i].inventory)
		scratch_write("inventory", files[_i].inventory, strlen(files[_i].inventory));
	error = check_files(&checked, policy_path, inventory, NULL, &unreadable);
	if (!error)
		check_tests(&checked, SEVERITY_ERROR);
	ck_assert_int_eq(error, files[_i].error);
	if (files[_i].unreadable)
		ck_assert_str_eq(strrchr(unreadable, '/') + 1, files[_i].unreadable);
	findings = told(&checked.diag, &checked.sources);
	if (files[_i].told)
		ck_assert_str_eq(findings, files[_i].told);
	checked_free(&checked);
}
END_TEST

START_TEST(no_inventory)
{
	_free_ char *path = scratch_path("policy");
	struct checked checked = {};
	const char *unreadable;

	scratch_write("policy", policy, strlen(policy));
	ck_assert_int_eq(check_files(&checked, path, NULL, NULL, &unreadable), 0);
	ck_assert_uint_eq(checked.table.devices_count, 4);
	ck_assert_uint_eq(checked.table.rules_count, 2);
	ck_assert_str_eq(checked.table.rules[0].file, path);
	checked_free(&checked);
}
END_TEST

/* --interface NAME: one interface, with what the policy says of it. */
static const struct {
	const char *interfaces;
	const char *name;
	uint32_t dhcp;
	uint32_t nat_as;
} overrides[] = {
	{ "[\"wg0\"]", "wg9", 0, 0 },
	{ "[\"wg0\",{\"name\":\"lan0\",\"dhcp\":true,\"natAs\":\"office\"}]", "lan0", 1, 1 },
	{ "[\"wg0\",{\"name\":\"lan0\",\"dhcp\":true,\"natAs\":\"office\"}]", "wg0", 0, 0 },
	{ "[\"wg0\",{\"name\":\"lan0\",\"dhcp\":true,\"natAs\":\"office\"}]", "wg9", 0, 0 },
	{ "[{\"name\":\"lan0\",\"dhcp\":true},\"wg0\"]", "lan0", 1, 0 },
	{ "[]", "wg0", 0, 0 },
};

START_TEST(override)
{
	_free_ char *path = scratch_path("policy");
	_free_ char *text = mem_printf("{\"acls\":[],\"interfaces\":%s,\"devices\":{\"office\":"
				       "{\"addresses\":[\"10.1.0.2\"],\"interface\":\"eth0\"}}}",
				       overrides[_i].interfaces);
	struct checked checked = { .interface = overrides[_i].name };
	const struct table *table = &checked.table;
	const char *unreadable;

	scratch_write("policy", text, strlen(text));
	ck_assert_int_eq(check_files(&checked, path, NULL, NULL, &unreadable), 0);
	ck_assert_uint_eq(table->interfaces_count, 1);
	ck_assert_str_eq(table->interfaces[0], overrides[_i].name);
	ck_assert_uint_eq(table->settings.dhcp, overrides[_i].dhcp);
	ck_assert_uint_eq(table->settings.nat_as[0][0].device, overrides[_i].nat_as);
	checked_free(&checked);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("check");

	unit_add(suite, reach, ARRAY_SIZE(questions));
	unit_add(suite, rule, 1);
	scratch_add(suite, two_files, ARRAY_SIZE(files));
	scratch_add(suite, no_inventory, 1);
	scratch_add(suite, override, ARRAY_SIZE(overrides));
	return suite;
}
