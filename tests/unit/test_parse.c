// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "pipeline.h"
#include "unit.h"

static void print_words(const char *name, const struct words *words, FILE *out)
{
	if (words->place == PLACE_NONE)
		return;
	fprintf(out, " %s=", name);
	for (size_t i = 0; i < words->count; i++)
		fprintf(out, "%s%s", i ? "," : "", words->items[i].text);
}

static void print_rule(const struct policy_rule *rule, FILE *out)
{
	fprintf(out, "%s", rule->action.text ? rule->action.text : "-");
	print_words("users", &rule->users, out);
	print_words("src", &rule->src, out);
	print_words("dst", &rule->dst, out);
	print_words("ip", &rule->ip, out);
	if (rule->protocol.text)
		fprintf(out, " proto=%s", rule->protocol.text);
	if (rule->name.text)
		fprintf(out, " name=%s", rule->name.text);
	if (rule->expires.text)
		fprintf(out, " expires=%s", rule->expires.text);
}

static void print_test(const struct policy_test *test, FILE *out)
{
	fprintf(out, "%s", test->src.text ? test->src.text : "-");
	print_words("accept", &test->accept, out);
	print_words("deny", &test->deny, out);
	if (test->protocol.text)
		fprintf(out, " proto=%s", test->protocol.text);
}

/* Keys of one rule, and what becomes of them. */
static const struct {
	const char *rule;
	const char *printed;
} rules[] = {
	{ "\"action\":\"accept\",\"src\":[\"a\"],\"dst\":[\"b:1\"]", "accept src=a dst=b:1" },
	{ "\"action\":\"accept\",\"users\":[\"a\"],\"ports\":[\"b:1\"]", "accept src=a dst=b:1" },
	{ "\"Action\":\"accept\",\"Sources\":[\"a\"],\"Destinations\":[\"b:1\"]",
	  "accept src=a dst=b:1" },
	{ "\"ACTION\":\"accept\",\"SRC\":[\"a\"],\"DST\":[\"b:1\"]", "accept src=a dst=b:1" },
	{ "\"Action\":\"accept\",\"Users\":[\"u@x\"],\"Sources\":[\"a\"],"
	  "\"Destinations\":[\"b:1\"]",
	  "accept users=u@x src=a dst=b:1" },
	{ "\"action\":\"accept\",\"sources\":[\"a\"],\"users\":[\"u@x\"],\"dst\":[\"b:1\"]",
	  "accept users=u@x src=a dst=b:1" },
	{ "\"action\":\"accept\",\"src\":[\"a\",\"b\"],\"dst\":[\"b:1\",\"c:2\"],\"proto\":\"tcp\"",
	  "accept src=a,b dst=b:1,c:2 proto=tcp" },
	{ "\"action\":\"deny\",\"src\":[],\"dst\":[]", "deny src= dst=" },
	{ "\"action\":\"accept\",\"src\":[\"a\"],\"dst\":[\"b:1\"],\"Name\":\"x\","
	  "\"Expires\":\"tomorrow\"",
	  "accept src=a dst=b:1 name=x expires=tomorrow" },
	{ "\"action\":\"accept\",\"src\":[\"\\u0061\\n\"],\"dst\":[\"b:1\"]",
	  "accept src=a\n dst=b:1" },
};

START_TEST(rule)
{
	_free_ char *policy = mem_printf("{\"acls\": [{%s}]}", rules[_i].rule);
	_free_ char *findings = NULL, *printed = NULL;
	struct checked checked;
	size_t size = 0;
	FILE *out = open_memstream(&printed, &size);

	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_PARSE);
	ck_assert_str_eq(findings, "");
	ck_assert_uint_eq(checked.policy.rules_count, 1);
	print_rule(&checked.policy.rules[0], out);
	fclose(out);
	ck_assert_str_eq(printed, rules[_i].printed);
	checked_free(&checked);
}
END_TEST

static const struct {
	const char *grant;
	const char *printed;
} grants[] = {
	{ "\"src\":[\"a\"],\"dst\":[\"b\"],\"ip\":[\"*\"]", "- src=a dst=b ip=*" },
	{ "\"SRC\":[\"a\"],\"Dst\":[\"b\"],\"IP\":[\"tcp:443\",\"22\"],\"name\":\"x\","
	  "\"expires\":\"y\"",
	  "- src=a dst=b ip=tcp:443,22 name=x expires=y" },
};

START_TEST(grant)
{
	_free_ char *policy =
		mem_printf("{\"acls\": [{\"action\":\"accept\",\"src\":[],\"dst\":[]}],"
			   "\"grants\": [{\"src\":[],\"dst\":[],\"ip\":[\"*\"]},{%s}]}",
			   grants[_i].grant);
	_free_ char *findings = NULL, *printed = NULL;
	struct checked checked;
	size_t size = 0;
	FILE *out = open_memstream(&printed, &size);

	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_PARSE);
	ck_assert_str_eq(findings, "");
	ck_assert_uint_eq(checked.policy.rules_count, 3);
	ck_assert(!checked.policy.rules[0].grant && checked.policy.rules[2].grant);
	ck_assert_uint_eq(checked.policy.rules[2].number, 1); /* counted in each section */
	print_rule(&checked.policy.rules[2], out);
	fclose(out);
	ck_assert_str_eq(printed, grants[_i].printed);
	checked_free(&checked);
}
END_TEST

static const struct {
	const char *test;
	const char *printed;
} tests[] = {
	{ "\"src\":\"a\",\"accept\":[\"b:1\"]", "a accept=b:1" },
	{ "\"user\":\"a\",\"allow\":[\"b:1\"]", "a accept=b:1" },
	{ "\"Src\":\"a\",\"Deny\":[\"b:1\"]", "a deny=b:1" },
	{ "\"src\":\"a\",\"accept\":[\"b:1\"],\"deny\":[\"c:1\"],\"proto\":\"udp\"",
	  "a accept=b:1 deny=c:1 proto=udp" },
	{ "\"src\":\"a\",\"accept\":[]", "a accept=" },
};

START_TEST(test)
{
	_free_ char *policy = mem_printf("{\"acls\": [], \"tests\": [{%s}]}", tests[_i].test);
	_free_ char *findings = NULL, *printed = NULL;
	struct checked checked;
	size_t size = 0;
	FILE *out = open_memstream(&printed, &size);

	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_PARSE);
	ck_assert_str_eq(findings, "");
	ck_assert_uint_eq(checked.policy.tests_count, 1);
	print_test(&checked.policy.tests[0], out);
	fclose(out);
	ck_assert_str_eq(printed, tests[_i].printed);
	checked_free(&checked);
}
END_TEST

#define ONLY_SRC "only one of \"src\", \"sources\" and \"users\" may be specified"
#define ONLY_DST "only one of \"dst\", \"destinations\" and \"ports\" may be specified"
#define NO_SRC	 "a rule needs one of \"src\", \"sources\" and \"users\""
#define NO_DST	 "a rule needs one of \"dst\", \"destinations\" and \"ports\""
#define REFUSED \
	" narrows access in a way that WireGuard cannot check; ignoring it would widen access"
#define IGNORED " has no meaning without Tailscale's service and is ignored"

/* Whole policies, and everything that is told about them. */
static const struct {
	const char *policy;
	const char *told;
} policies[] = {
	{ "{\"acls\":[]}", "" },
	{ "{\"ACLs\":[]}", "" },
	{ "{}", "warning 1:1 neither \"acls\" nor \"grants\": everything is denied" },
	{ "{\"grants\":[]}", "" },
	{ "{\"groups\":{},\"hosts\":{},\"tagOwners\":{},\"tests\":[],\"devices\":{},\"acls\":[],"
	  "\"interfaces\":[]}",
	  "" },
	{ "{", "error 1:2 the file ends where a key in double quotes should be" },

	/* types */
	{ "{\"acls\":{}}", "error 1:9 expected a list, found an object" },
	{ "{\"acls\":null}", "error 1:9 expected a list, found null" },
	{ "{\"acls\":[5]}", "error 1:10 expected an object, found a number" },
	{ "{\"acls\":[],\"groups\":[]}", "error 1:21 expected an object, found a list" },
	{ "{\"acls\":[],\"groups\":{\"group:a\":\"b\"}}",
	  "error 1:32 expected a list, found a string: write [\"b\"]" },
	{ "{\"acls\":[],\"groups\":{\"group:a\":[true]}}",
	  "error 1:33 expected a string, found true or false" },
	{ "{\"acls\":[],\"hosts\":{\"a\":1}}", "error 1:25 expected a string, found a number" },
	{ "{\"acls\":[],\"devices\":{\"a\":\"10.0.0.1\"}}",
	  "error 1:27 expected an object, found a string" },
	{ "{\"acls\":[],\"devices\":{\"a\":{\"addresses\":\"10.0.0.1\"}}}",
	  "error 1:40 expected a list, found a string: write [\"10.0.0.1\"]" },
	{ "{\"acls\":[],\"devices\":{\"a\":{\"addresses\":[80.5,0080]}}}",
	  "error 1:46 a number may not begin with 0" },
	{ "{\"acls\":[],\"devices\":{\"a\":{\"addresses\":[80.5,1e3,-0]}}}",
	  "error 1:41 expected a string, found a number\n"
	  "error 1:46 expected a string, found a number\n"
	  "error 1:50 expected a string, found a number" },
	{ "{\"acls\":[],\"devices\":{\"a\":{\"self\":\"yes\"}}}",
	  "error 1:35 expected true or false, found a string" },
	{ "{\"acls\":[],\"devices\":{\"a\":{\"approved\":0}}}",
	  "error 1:39 expected true or false, found a number" },
	{ "{\"acls\":[],\"interfaces\":\"wg0\"}", "error 1:25 expected a list, found a string" },
	{ "{\"acls\":[],\"interfaces\":{\"name\":\"wg0\"}}",
	  "error 1:25 expected a list, found an object" },
	{ "{\"acls\":[],\"interfaces\":[5,null]}",
	  "error 1:26 expected a string or an object, found a number\n"
	  "error 1:28 expected a string or an object, found null" },
	{ "{\"acls\":[],\"interfaces\":[{\"name\":5,\"dhcp\":1,\"natAs\":[]}]}",
	  "error 1:34 expected a string, found a number\n"
	  "error 1:43 expected true or false, found a number\n"
	  "error 1:53 expected a string, found a list" },
	{ "{\"acls\":[],\"mode\":[\"audit\"]}", "error 1:19 expected a string, found a list" },
	{ "{\"acls\":[],\"timeouts\":[]}", "error 1:23 expected an object, found a list" },
	{ "{\"acls\":[],\"timeouts\":{\"udp\":false}}",
	  "error 1:30 expected a number or a string, found true or false" },
	{ "{\"acls\":[],\"limits\":5}", "error 1:21 expected an object, found a number" },
	{ "{\"acls\":[],\"limits\":{\"flowsPerDevice\":\"100\"}}",
	  "error 1:39 expected a number, found a string" },
	{ "{\"acls\":[],\"tests\":{}}", "error 1:20 expected a list, found an object" },
	{ "{\"acls\":[],\"tests\":[\"x\"]}", "error 1:21 expected an object, found a string" },

	/* keys */
	{ "{\"acl\":[]}", "error 1:2 unknown key \"acl\" (did you mean \"acls\"?)" },
	{ "{\"acls\":[],\"qwertyuiop\":1}", "error 1:12 unknown key \"qwertyuiop\"" },
	{ "{\"acls\":[],\"\":1}", "error 1:12 unknown key \"\"" },
	{ "{\"acls\":[],\"tagowner\":{}}",
	  "error 1:12 unknown key \"tagowner\" (did you mean \"tagOwners\"?)" },
	{ "{\"acls\":[{\"acton\":\"accept\",\"src\":[],\"dst\":[]}]}",
	  "error 1:11 unknown key \"acton\" (did you mean \"action\"?)" },
	{ "{\"acls\":[{\"action\":\"accept\",\"source\":[],\"src\":[],\"dst\":[]}]}",
	  "error 1:29 unknown key \"source\" (did you mean \"sources\"?)" },
	{ "{\"acls\":[],\"devices\":{\"a\":{\"adresses\":[]}}}",
	  "error 1:28 unknown key \"adresses\" (did you mean \"addresses\"?)" },
	{ "{\"acls\":[],\"tests\":[{\"src\":\"a\",\"acept\":[],\"deny\":[]}]}",
	  "error 1:32 unknown key \"acept\" (did you mean \"accept\"?)" },

	{ "{\"acls\":[],\"interfaces\":[{\"name\":\"wg0\",\"xpd\":true}]}",
	  "error 1:40 unknown key \"xpd\" (did you mean \"xdp\"?)" },
	{ "{\"acls\":[],\"interfaces\":[{\"nmae\":\"wg0\"}]}",
	  "error 1:27 unknown key \"nmae\" (did you mean \"name\"?)" },
	{ "{\"acls\":[],\"interfaces\":[{}]}", "error 1:26 an interface needs \"name\"" },
	{ "{\"acls\":[],\"timeout\":{}}",
	  "error 1:12 unknown key \"timeout\" (did you mean \"timeouts\"?)" },
	{ "{\"acls\":[],\"timeouts\":{\"fragment\":1}}",
	  "error 1:24 unknown key \"fragment\" (did you mean \"fragments\"?)" },
	{ "{\"acls\":[],\"limits\":{\"flows\":1}}", "error 1:22 unknown key \"flows\"" },

	/* a key that stands twice, also in other capitals, is told once */
	{ "{\"acls\":[],\"ACLs\":[]}", "error 1:12 duplicate key \"ACLs\"" },
	{ "{\"acls\":[],\"acls\":[]}", "error 1:12 duplicate key \"acls\"" },
	{ "{\"acls\":[{\"action\":\"accept\",\"Action\":\"deny\",\"src\":[],\"dst\":[]}]}",
	  "error 1:29 duplicate key \"Action\"" },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[],\"SRC\":[],\"Src\":[],\"dst\":[]}]}",
	  "error 1:38 duplicate key \"SRC\"\nerror 1:47 duplicate key \"Src\"" },
	{ "{\"acls\":[],\"devices\":{\"a\":{\"self\":true,\"Self\":false}}}",
	  "error 1:40 duplicate key \"Self\"" },
	{ "{\"acls\":[],\"interfaces\":[{\"name\":\"a\",\"Name\":\"b\"}]}",
	  "error 1:38 duplicate key \"Name\"" },
	{ "{\"acls\":[],\"timeouts\":{\"udp\":1,\"UDP\":2}}", "error 1:32 duplicate key \"UDP\"" },
	{ "{\"acls\":[],\"groups\":{\"group:a\":[],\"group:a\":[]}}",
	  "error 1:35 duplicate key \"group:a\"" },
	{ "{\"acls\":[],\"groups\":{\"group:a\":[],\"group:A\":[]}}", "" }, /* two names */

	/* aliases */
	{ "{\"acls\":[{\"action\":\"accept\",\"dst\":[]}]}", "error 1:10 " NO_SRC },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[]}]}", "error 1:10 " NO_DST },
	{ "{\"acls\":[{\"src\":[],\"dst\":[]}]}", "error 1:10 a rule needs \"action\"" },
	{ "{\"acls\":[{}]}",
	  "error 1:10 a rule needs \"action\"\nerror 1:10 " NO_DST "\nerror 1:10 " NO_SRC },
	{ "{\"acls\":[{\"action\":5,\"src\":[],\"dst\":[]}]}",
	  "error 1:20 expected a string, found a number" },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":\"a\",\"dst\":5}]}",
	  "error 1:35 expected a list, found a string: write [\"a\"]\n"
	  "error 1:45 expected a list, found a "
	  "number" },

	/* grants */
	{ "{\"grants\":[5]}", "error 1:12 expected an object, found a number" },
	{ "{\"grants\":[{\"dst\":[],\"ip\":[\"*\"]}]}", "error 1:12 a grant needs \"src\"" },
	{ "{\"grants\":[{\"src\":[],\"ip\":[\"*\"]}]}", "error 1:12 a grant needs \"dst\"" },
	{ "{\"grants\":[{\"src\":[],\"dst\":[]}]}", "error 1:12 ip and app can not both be empty" },
	{ "{\"grants\":[{\"src\":[],\"dst\":[],\"ip\":[]}]}",
	  "error 1:12 ip and app can not both be empty" },
	{ "{\"grants\":[{\"src\":[],\"dst\":[],\"app\":{\"x\":[]}}]}",
	  "note 1:31 \"app\"" IGNORED },
	{ "{\"grants\":[{\"src\":[],\"dst\":[],\"ip\":\"*\"}]}",
	  "error 1:36 expected a list, found a string: write [\"*\"]" },
	{ "{\"grants\":[{\"src\":[],\"dst\":[],\"ip\":[\"*\"],\"action\":\"accept\"}]}",
	  "error 1:42 unknown key \"action\"" },
	{ "{\"grants\":[{\"src\":[],\"dst\":[],\"ip\":[\"*\"],\"ports\":[]}]}",
	  "error 1:42 unknown key \"ports\"" },
	{ "{\"grants\":[{\"src\":[],\"dst\":[],\"ip\":[\"*\"],\"via\":[\"tag:x\"]}]}",
	  "error 1:42 \"via\"" REFUSED },
	{ "{\"grants\":[{\"src\":[],\"dst\":[],\"ip\":[\"*\"],\"srcPosture\":[]}]}",
	  "error 1:42 \"srcPosture\"" REFUSED },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[],\"users\":[],\"dst\":[]}]}",
	  "error 1:46 " ONLY_SRC },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[],\"sources\":[],\"dst\":[]}]}",
	  "error 1:48 " ONLY_SRC },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[],\"sources\":[],\"users\":[],\"dst\":[]}]}",
	  "error 1:48 " ONLY_SRC "\nerror 1:59 " ONLY_SRC },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[],\"dst\":[],\"ports\":[]}]}",
	  "error 1:55 " ONLY_DST },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[],\"dst\":[],\"destinations\":[]}]}",
	  "error 1:62 " ONLY_DST },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[],\"ports\":[],\"destinations\":[]}]}",
	  "error 1:64 " ONLY_DST },
	{ "{\"acls\":[],\"tests\":[{\"src\":\"a\",\"user\":\"b\",\"deny\":[]}]}",
	  "error 1:39 only one of \"src\" and \"user\" may be specified" },
	{ "{\"acls\":[],\"tests\":[{\"src\":\"a\",\"accept\":[],\"allow\":[]}]}",
	  "error 1:52 only one of \"accept\" and \"allow\" may be specified" },
	{ "{\"acls\":[],\"tests\":[{\"accept\":[]}]}", "error 1:21 a test needs \"src\"" },
	{ "{\"acls\":[],\"tests\":[{\"src\":[\"a\"],\"accept\":[]}]}",
	  "error 1:28 expected a string, found a list" },
	{ "{\"acls\":[],\"tests\":[{\"src\":\"a\"}]}",
	  "error 1:21 a test needs \"accept\" or \"deny\"" },

	/* refused and ignored */
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[],\"dst\":[],"
	  "\"srcPosture\":[\"posture:x\"]}]}",
	  "error 1:47 \"srcPosture\"" REFUSED },
	{ "{\"acls\":[{\"action\":\"accept\",\"src\":[],\"dst\":[],\"via\":[\"tag:x\"]}]}",
	  "error 1:47 \"via\"" REFUSED },
	{ "{\"acls\":[],\"defaultSrcPosture\":[]}", "error 1:12 \"defaultSrcPosture\"" REFUSED },
	{ "{\"acls\":[],\"ssh\":[{\"x\":1}]}", "note 1:12 \"ssh\"" IGNORED },
	{ "{\"acls\":[],\"SSHTests\":[]}", "note 1:12 \"SSHTests\"" IGNORED },
	{ "{\"acls\":[],\"nodeAttrs\":[],\"derpMap\":{}}",
	  "note 1:12 \"nodeAttrs\"" IGNORED "\nnote 1:27 \"derpMap\"" IGNORED },

	/* names of groups and tags */
	{ "{\"acls\":[],\"groups\":{\"admins\":[]}}",
	  "error 1:22 the name must begin with \"group:\"" },
	{ "{\"acls\":[],\"groups\":{\"group:\":[]}}",
	  "error 1:22 the name must begin with \"group:\"" },
	{ "{\"acls\":[],\"tagOwners\":{\"server\":[]}}",
	  "error 1:25 the name must begin with \"tag:\"" },
	{ "{\"acls\":[],\"tagOwners\":{\"tag:\":[]}}",
	  "error 1:25 the name must begin with \"tag:\"" },
};

START_TEST(findings)
{
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, policies[_i].policy, NULL, NULL, STAGE_PARSE);

	ck_assert_str_eq(text, policies[_i].told);
	checked_free(&checked);
}
END_TEST

/* What is no object at all. */
static const struct {
	const char *text;
	const char *type;
} roots[] = {
	{ "[]", "a list" },	     { "\"acls\"", "a string" }, { "5", "a number" },
	{ "true", "true or false" }, { "null", "null" },
};

START_TEST(root)
{
	_free_ char *wanted = mem_printf("expected an object, found %s", roots[_i].type);
	struct checked checked;

	pipeline(&checked, roots[_i].text, NULL, NULL, STAGE_PARSE);
	ck_assert_uint_eq(checked.diag.errors, 1);
	ck_assert_str_eq(checked.diag.items[0].text, wanted);
	checked_free(&checked);
}
END_TEST

/* Beside the policy `{"acls":[]}`. */
static const struct {
	const char *inventory;
	const char *told;
} inventories[] = {
	{ "{}", "" },
	{ "{\"devices\":{},\"hosts\":{}}", "" },
	{ "{\"Devices\":{\"a\":{\"addresses\":[]}}}", "" },
	{ "{\"device\":{}}",
	  "error inventory:1:2 unknown key \"device\" (did you mean \"devices\"?)" },
	{ "{\"acls\":[]}", "error inventory:1:2 unknown key \"acls\"" },
	{ "{\n\"groups\":{}}", "error inventory:2:1 unknown key \"groups\"" },
	{ "{\"interfaces\":[]}", "error inventory:1:2 unknown key \"interfaces\"" },
	{ "{\"mode\":\"audit\"}", "error inventory:1:2 unknown key \"mode\"" },
	{ "{\"timeouts\":{}}", "error inventory:1:2 unknown key \"timeouts\"" },
	{ "{\"limits\":{}}", "error inventory:1:2 unknown key \"limits\"" },
	{ "{\"devices\":{},}x", "error inventory:1:16 expected the end of the file, found 'x'" },
	{ "[]", "error inventory:1:1 expected an object, found a list" },
};

START_TEST(inventory)
{
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, "{\"acls\":[]}", inventories[_i].inventory,
					  NULL, STAGE_PARSE);

	ck_assert_str_eq(text, inventories[_i].told);
	checked_free(&checked);
}
END_TEST

/* Both files are read to their end, even where neither is JSON. */
START_TEST(both_broken)
{
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, "{x", "{y", NULL, STAGE_PARSE);

	ck_assert_str_eq(text, "error 1:2 expected a key in double quotes, found 'x'\n"
			       "error inventory:1:2 expected a key in double quotes, found 'y'");
	checked_free(&checked);
}
END_TEST

START_TEST(device)
{
	struct checked checked;
	_free_ char *text = pipeline_told(
		&checked,
		"{\"acls\":[],\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],"
		"\"routes\":[\"10.1.0.0/16\"],\"tags\":[\"tag:x\"],\"user\":\"u@x\","
		"\"interface\":\"lan0\",\"publicKey\":\"k\",\"approved\":false,\"self\":true},"
		"\"b\":{\"approved\":true,\"self\":false},\"c\":{}}}",
		NULL, NULL, STAGE_PARSE);
	const struct policy_device *devices = checked.policy.devices;

	ck_assert_str_eq(text, "");
	ck_assert_uint_eq(checked.policy.devices_count, 3);
	ck_assert_str_eq(devices[0].name.text, "a");
	ck_assert_str_eq(devices[0].addresses.items[0].text, "10.0.0.1");
	ck_assert_str_eq(devices[0].routes.items[0].text, "10.1.0.0/16");
	ck_assert_str_eq(devices[0].tags.items[0].text, "tag:x");
	ck_assert_str_eq(devices[0].user.text, "u@x");
	ck_assert_str_eq(devices[0].interface.text, "lan0");
	ck_assert_str_eq(devices[0].public_key.text, "k");
	ck_assert(devices[0].unapproved && devices[0].self);
	for (int i = 1; i < 3; i++)
		ck_assert(!devices[i].unapproved && !devices[i].self && !devices[i].user.text);
	checked_free(&checked);
}
END_TEST

START_TEST(interfaces)
{
	struct checked checked;
	_free_ char *text = pipeline_told(
		&checked,
		"{\"acls\":[],\"interfaces\":[\"wg0\",{\"name\":\"lan0\"},"
		"{\"NatAs\":\"a\",\"DHCP\":true,\"Name\":\"lan1\"},{\"name\":\"lan2\",\"dhcp\":false}]}",
		NULL, NULL, STAGE_PARSE);
	static const char *const names[] = { "wg0", "lan0", "lan1", "lan2" };
	const struct policy_interface *interfaces = checked.policy.interfaces;

	ck_assert_str_eq(text, "");
	ck_assert_uint_eq(checked.policy.interfaces_count, 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_str_eq(interfaces[i].name.text, names[i]);
		ck_assert(interfaces[i].dhcp == (i == 2));
		ck_assert((interfaces[i].nat_as.text != NULL) == (i == 2));
	}
	ck_assert_str_eq(interfaces[2].nat_as.text, "a");
	checked_free(&checked);
}
END_TEST

/* A number or a string is kept as it is written; what is not there is not given. */
START_TEST(quantities)
{
	struct checked checked;
	_free_ char *text = pipeline_told(&checked,
					  "{\"acls\":[],\"mode\":\"x\",\"timeouts\":{\"echo\":80.5,"
					  "\"UDP\":\"y\"},\"limits\":{\"FlowsPerDevice\":-1}}",
					  NULL, NULL, STAGE_PARSE);
	const struct quantity *timeouts = checked.policy.timeouts;

	ck_assert_str_eq(text, "");
	ck_assert_str_eq(checked.policy.mode.text, "x");
	for (enum timeout timeout = 0; timeout < TIMEOUT_MAX; timeout++)
		ck_assert(timeouts[timeout].given ==
			  (timeout == TIMEOUT_ECHO || timeout == TIMEOUT_UDP));
	ck_assert(!timeouts[TIMEOUT_ECHO].text && timeouts[TIMEOUT_ECHO].number == 80.5);
	ck_assert_str_eq(timeouts[TIMEOUT_UDP].text, "y");
	ck_assert(checked.policy.flows_per_device.given);
	ck_assert(checked.policy.flows_per_device.number == -1);
	checked_free(&checked);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("parse");

	unit_add(suite, rule, ARRAY_SIZE(rules));
	unit_add(suite, grant, ARRAY_SIZE(grants));
	unit_add(suite, test, ARRAY_SIZE(tests));
	unit_add(suite, findings, ARRAY_SIZE(policies));
	unit_add(suite, root, ARRAY_SIZE(roots));
	unit_add(suite, inventory, ARRAY_SIZE(inventories));
	unit_add(suite, both_broken, 1);
	unit_add(suite, device, 1);
	unit_add(suite, interfaces, 1);
	unit_add(suite, quantities, 1);
	return suite;
}
