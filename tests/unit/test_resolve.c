// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "told.h"
#include "unit.h"

#define NO_COLON(word) "hostport must contain a colon (\":\"), as in \"" word ":443\""
#define PORT	       ": a port is a number from 1 to 65535"
#define ACCEPT	       ": it is \"accept\", and what no rule accepts is denied"
#define BRACKETS       "only an IPv6 address stands in brackets, its prefix length behind them"

/* @host NULL: refused with @message. */
static const struct {
	const char *text;
	const char *host, *ports;
	const char *message;
} splits[] = {
	{ "imac:3000", "imac", "3000", NULL },
	{ "*:*", "*", "*", NULL },
	{ "imac:80,443", "imac", "80,443", NULL },
	{ "tag:server:22", "tag:server", "22", NULL },
	{ "group:dev:1-2", "group:dev", "1-2", NULL },
	{ "nick@yourdomain.com:22", "nick@yourdomain.com", "22", NULL },
	{ "10.0.0.1:22", "10.0.0.1", "22", NULL },
	{ "10.0.0.0/8:22", "10.0.0.0/8", "22", NULL },
	{ "fd77::2:22", "fd77::2", "22", NULL },
	{ "fd77::/64:22", "fd77::/64", "22", NULL },
	{ "[fd77::2]:22", "fd77::2", "22", NULL },
	{ "[fd77::2]/128:80,443", "fd77::2/128", "80,443", NULL },
	{ "[::]/0:*", "::/0", "*", NULL },
	{ "[::1]:22", "::1", "22", NULL },
	{ "imac:", "imac", "", NULL },
	{ ":22", "", "22", NULL },
	{ "a:b:c:22", "a:b:c", "22", NULL },
	{ "imac", NULL, NULL, NO_COLON("imac") },
	{ "", NULL, NULL, NO_COLON("") },
	{ "100.64.0.1", NULL, NULL, NO_COLON("100.64.0.1") },
	{ "[10.0.0.1]:80", NULL, NULL, BRACKETS },
	{ "[tag:x]:80", NULL, NULL, BRACKETS },
	{ "[fd77::/64]:22", NULL, NULL, BRACKETS },
	{ "[fd77::2:22", NULL, NULL, BRACKETS },
	{ "[fd77::2]x:22", NULL, NULL, BRACKETS },
	{ "[fd77::2]22:22", NULL, NULL, BRACKETS },
	{ "[]:22", NULL, NULL, BRACKETS },
	{ "[fd77::2]", NULL, NULL, BRACKETS },
	{ "[imac]:22", NULL, NULL, BRACKETS },
};

START_TEST(host_port)
{
	const struct word word = { splits[_i].text, PLACE_NONE };
	_free_ char *host = NULL, *ports = NULL;
	struct diag diag = {};
	int error = resolve_host_port(&word, &diag, &host, &ports);

	ck_assert_pstr_eq(host, splits[_i].host);
	ck_assert_pstr_eq(ports, splits[_i].ports);
	ck_assert_int_eq(error, splits[_i].host ? 0 : -EINVAL);
	ck_assert_uint_eq(diag.errors, splits[_i].host ? 0 : 1);
	if (splits[_i].message) {
		_free_ char *message = mem_printf("dst=\"%s\": %s", splits[_i].text,
						  splits[_i].message);

		ck_assert_str_eq(diag.items[0].text, message);
	}
	diag_free(&diag);
}
END_TEST

#define DEVICES                                                                                 \
	"\"devices\":{"                                                                         \
	"\"pc\":{\"addresses\":[\"10.0.0.1\"],\"user\":\"ann@x\"},"                             \
	"\"phone\":{\"addresses\":[\"10.0.0.2\"],\"user\":\"ann@x\"},"                          \
	"\"laptop\":{\"addresses\":[\"10.0.0.3\",\"fd77::3\"],\"user\":\"bob@x\"},"             \
	"\"vps\":{\"addresses\":[\"10.0.0.4\"],\"user\":\"ann@x\",\"tags\":[\"tag:server\"]}}," \
	"\"tagOwners\":{\"tag:server\":[]},\"hosts\":{\"nas\":\"10.9.0.9\"},"                   \
	"\"groups\":{\"group:dev\":[\"ann@x\"],\"group:empty\":[]}"

#define EVERYBODY "10.0.0.1-10.0.0.4 fd77::3"
#define ANYWHERE  "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define ALL(port) "tcp " port " udp " port " icmp 0-65535 ipv6-icmp 0-65535"

static char *print(const struct ruleset *ruleset)
{
	char *text = NULL, number[8];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < ruleset->clauses_count; i++) {
		const struct clause *clause = &ruleset->clauses[i];
		_free_ char *src = notation_print(&ruleset->sets[clause->src]);
		_free_ char *dst = notation_print(&ruleset->sets[clause->dst]);

		fprintf(out, "%s%u %s > %s:", i ? "\n" : "", clause->rule, src, dst);
		for (uint32_t j = 0; j < clause->keys_count; j++) {
			const struct key_range *key = &ruleset->keys[clause->keys + j];

			fprintf(out, " %s %u-%u", protocol_name((uint8_t)(key->low >> 16), number),
				key->low & 0xffff, key->high & 0xffff);
		}
	}
	fclose(out);
	return text;
}

/* What one rule becomes. */
static const struct {
	const char *rule;
	const char *clauses;
} rules[] = {
	{ "\"src\":[\"pc\"],\"dst\":[\"vps:22\"]", "0 10.0.0.1 > 10.0.0.4: " ALL("22-22") },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps:*\"]", "0 10.0.0.1 > 10.0.0.4: " ALL("0-65535") },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps:22,80-90\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1 > 10.0.0.4: tcp 22-22 tcp 80-90" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps:22\",\"vps:80\"],\"proto\":\"udp\"",
	  "0 10.0.0.1 > 10.0.0.4: udp 22-22\n0 10.0.0.1 > 10.0.0.4: udp 80-80" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps:22\"],\"proto\":\"sctp\"",
	  "0 10.0.0.1 > 10.0.0.4: sctp 22-22" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps:*\"],\"proto\":\"icmp\"",
	  "0 10.0.0.1 > 10.0.0.4: icmp 0-65535" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps:*\"],\"proto\":\"icmpv6\"",
	  "0 10.0.0.1 > 10.0.0.4: ipv6-icmp 0-65535" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps:*\"],\"proto\":\"GRE\"",
	  "0 10.0.0.1 > 10.0.0.4: gre 0-65535" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps:*\"],\"proto\":\"99\"",
	  "0 10.0.0.1 > 10.0.0.4: tsmp 0-65535" },
	{ "\"src\":[\"pc\",\"laptop\"],\"dst\":[\"vps:1\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1 10.0.0.3 fd77::3 > 10.0.0.4: tcp 1-1" },
	{ "\"src\":[\"*\"],\"dst\":[\"*:1\"],\"proto\":\"tcp\"",
	  "0 " EVERYBODY " > " ANYWHERE ": tcp 1-1" },
	{ "\"src\":[\"ann@x\"],\"dst\":[\"bob@x:1\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1-10.0.0.2 > 10.0.0.3 fd77::3: tcp 1-1" },
	{ "\"src\":[\"tag:server\"],\"dst\":[\"nas:1\",\"10.0.0.0/8:2\",\"[fd77::1]:3\"],"
	  "\"proto\":\"tcp\"",
	  "0 10.0.0.4 > 10.9.0.9: tcp 1-1\n0 10.0.0.4 > 10.0.0.0-10.255.255.255: tcp 2-2\n"
	  "0 10.0.0.4 > fd77::1: tcp 3-3" },
	{ "\"src\":[\"pc\"],\"dst\":[\"::/0:1\",\"0.0.0.0/0:2\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1 > ::-::fffe:ffff:ffff ::1:0:0:0-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff: "
	  "tcp 1-1\n"
	  "0 10.0.0.1 > 0.0.0.0-255.255.255.255: tcp 2-2" },

	{ "\"src\":[\"pc\"],\"dst\":[\"vps:1\"],\"proto\":\"tcp\","
	  "\"expires\":\"2026-06-01T00:00:01Z\"",
	  "0 10.0.0.1 > 10.0.0.4: tcp 1-1" },

	/* autogroup:self: each user's devices to that user's, untagged ones */
	{ "\"src\":[\"autogroup:member\"],\"dst\":[\"autogroup:self:1\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1-10.0.0.2 > 10.0.0.1-10.0.0.2: tcp 1-1\n"
	  "0 10.0.0.3 fd77::3 > 10.0.0.3 fd77::3: tcp 1-1" },
	{ "\"src\":[\"bob@x\"],\"dst\":[\"autogroup:self:1\"],\"proto\":\"tcp\"",
	  "0 10.0.0.3 fd77::3 > 10.0.0.3 fd77::3: tcp 1-1" },
	{ "\"src\":[\"group:dev\"],\"dst\":[\"autogroup:self:1\",\"vps:2\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1-10.0.0.2 > 10.0.0.1-10.0.0.2: tcp 1-1\n"
	  "0 10.0.0.1-10.0.0.2 > 10.0.0.4: tcp 2-2" },
	{ "\"users\":[\"ann@x\",\"bob@x\"],\"sources\":[\"pc\",\"laptop\"],"
	  "\"dst\":[\"autogroup:self:1\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1 > 10.0.0.1-10.0.0.2: tcp 1-1\n0 10.0.0.3 fd77::3 > 10.0.0.3 fd77::3: tcp "
	  "1-1" },

	/* users beside sources: both */
	{ "\"users\":[\"ann@x\"],\"sources\":[\"pc\"],\"dst\":[\"vps:1\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1 > 10.0.0.4: tcp 1-1" },
	{ "\"users\":[\"*\"],\"sources\":[\"pc\"],\"dst\":[\"vps:1\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1 > 10.0.0.4: tcp 1-1" },
	{ "\"users\":[\"ann@x\"],\"sources\":[\"*\"],\"dst\":[\"vps:1\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1-10.0.0.2 > 10.0.0.4: tcp 1-1" },
	{ "\"users\":[\"ann@x\",\"bob@x\"],\"sources\":[\"pc\",\"laptop\",\"vps\"],"
	  "\"dst\":[\"vps:1\"],\"proto\":\"tcp\"",
	  "0 10.0.0.1 10.0.0.3 fd77::3 > 10.0.0.4: tcp 1-1" },
};

START_TEST(rule)
{
	_free_ char *policy = mem_printf("{" DEVICES ",\"acls\":[{\"action\":\"accept\",%s}]}",
					 rules[_i].rule);
	_free_ char *findings = NULL, *clauses = NULL;
	struct checked checked;

	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_RESOLVE);
	clauses = print(&checked.ruleset);
	ck_assert_str_eq(findings, "");
	ck_assert_str_eq(clauses, rules[_i].clauses);
	checked_free(&checked);
}
END_TEST

/* What one grant becomes. */
static const struct {
	const char *grant;
	const char *told;
	const char *clauses;
} grants[] = {
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"*\"]", "",
	  "0 10.0.0.1 > 10.0.0.4: " ALL("0-65535") },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"22\"]", "",
	  "0 10.0.0.1 > 10.0.0.4: " ALL("22-22") },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"80-443\"]", "",
	  "0 10.0.0.1 > 10.0.0.4: " ALL("80-443") },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"tcp:22\",\"udp:53,123\"]", "",
	  "0 10.0.0.1 > 10.0.0.4: tcp 22-22 udp 53-53 udp 123-123" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"icmp:*\",\"47:*\"]", "",
	  "0 10.0.0.1 > 10.0.0.4: icmp 0-65535 gre 0-65535" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"6:22\"]", "",
	  "0 10.0.0.1 > 10.0.0.4: tcp 22-22" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\",\"nas\"],\"ip\":[\"tcp:1\"]", "",
	  "0 10.0.0.1 > 10.0.0.4: tcp 1-1\n0 10.0.0.1 > 10.9.0.9: tcp 1-1" },
	{ "\"src\":[\"ann@x\"],\"dst\":[\"autogroup:self\"],\"ip\":[\"tcp:1\"]", "",
	  "0 10.0.0.1-10.0.0.2 > 10.0.0.1-10.0.0.2: tcp 1-1" },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"47\"]", "", /* a port, not GRE */
	  "0 10.0.0.1 > 10.0.0.4: " ALL("47-47") },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"icmp\"]",
	  "error 2:35 ip=\"icmp\": port range \"icmp\": invalid first integer" PORT, NULL },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"tcp:0\"]",
	  "error 2:35 ip=\"tcp:0\": port range \"0\": first port must be >0, or use '*' for "
	  "wildcard",
	  NULL },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"icmp:8\"]",
	  "error 2:35 ip=\"icmp:8\": protocol icmp has no ports: write \"*\"", NULL },
	{ "\"src\":[\"pc\"],\"dst\":[\"vps\"],\"ip\":[\"tpc:1\"]",
	  "error 2:35 unknown protocol \"tpc\"", NULL },
	{ "\"src\":[\"pc\"],\"dst\":[\"0.0.0.0/0\"],\"ip\":[\"*\"]",
	  "error 2:22 dst \"0.0.0.0/0\": to allow all IP addresses, use \"*\" or "
	  "\"autogroup:internet\"",
	  NULL },
	{ "\"src\":[\"pc\"],\"dst\":[\"::/0\"],\"ip\":[\"*\"]",
	  "error 2:22 dst \"::/0\": to allow all IP addresses, use \"*\" or "
	  "\"autogroup:internet\"",
	  NULL },
};

START_TEST(grant)
{
	_free_ char *policy = mem_printf("{" DEVICES ",\"grants\":[\n{%s}]}", grants[_i].grant);
	_free_ char *findings = NULL, *clauses = NULL;
	struct checked checked;

	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_RESOLVE);
	clauses = print(&checked.ruleset);
	ck_assert_str_eq(findings, grants[_i].told);
	if (grants[_i].clauses)
		ck_assert_str_eq(clauses, grants[_i].clauses);
	checked_free(&checked);
}
END_TEST

/* Two rules and a grant, with these names; "": none. What they are called then. */
static const struct {
	const char *names[3];
	const char *labels;
	const char *told;
} labels[] = {
	{ { "", "", "" }, "acls[0] acls[1] grants[0]", "" },
	{ { "a", "b", "c" }, "a b c", "" },
	{ { "", "b", "" }, "acls[0] b grants[0]", "" },
	{ { "my rule", "", "" }, "my rule acls[1] grants[0]", "" },
	{ { "a", "a", "" }, NULL, "error 3:1 a rule named \"a\" is there already" },
	{ { "a", "", "a" }, NULL, "error 5:1 a rule named \"a\" is there already" },
	{ { "acls[1]", "", "" }, NULL, "error 3:1 a rule named \"acls[1]\" is there already" },
	{ { "acls[0]", "", "" }, "acls[0] acls[1] grants[0]", "" },
	{ { "", "a\\nb", "" },
	  NULL,
	  "error 3:1 the name of a rule is empty or has control characters in it" },
	{ { "", "a\\u001b[31m", "" },
	  NULL,
	  "error 3:1 the name of a rule is empty or has control characters in it" },
};

static char *named(const char *name)
{
	return *name ? mem_printf(",\"name\":\"%s\"", name) : mem_strdup("");
}

START_TEST(label)
{
	_free_ char *one = named(labels[_i].names[0]), *two = named(labels[_i].names[1]);
	_free_ char *three = named(labels[_i].names[2]), *printed = NULL, *findings = NULL;
	_free_ char *policy = mem_printf(
		"{\"acls\":[\n"
		"{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:1\"]%s},\n"
		"{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:1\"]%s}],\n\"grants\":[\n"
		"{\"src\":[\"*\"],\"dst\":[\"*\"],\"ip\":[\"1\"]%s}]}",
		one, two, three);
	struct checked checked;

	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_RESOLVE);
	printed = mem_printf("%s %s %s", checked.ruleset.rules[0].label,
			     checked.ruleset.rules[1].label, checked.ruleset.rules[2].label);
	ck_assert_str_eq(findings, labels[_i].told);
	if (labels[_i].labels)
		ck_assert_str_eq(printed, labels[_i].labels);
	checked_free(&checked);
}
END_TEST

/* A rule that has expired is there, and has no clauses. */
START_TEST(expired)
{
	struct checked checked;

	pipeline(&checked,
		 "{" DEVICES ",\"acls\":["
		 "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:1\"],"
		 "\"expires\":\"2026-05-31T23:59:59Z\"},"
		 "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:2\"],"
		 "\"expires\":\"2026-06-01T02:00:00+01:00\"},"
		 "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:3\"]}]}",
		 NULL, NULL, STAGE_RESOLVE);
	ck_assert_uint_eq(checked.diag.errors, 0);
	ck_assert_uint_eq(checked.ruleset.rules_count, 3);
	ck_assert_int_eq(checked.ruleset.rules[0].expires, PIPELINE_NOW - 1);
	ck_assert_int_eq(checked.ruleset.rules[1].expires, PIPELINE_NOW + 3600);
	ck_assert(checked.ruleset.rules[2].expires == EXPIRES_NEVER);
	ck_assert_uint_eq(checked.ruleset.clauses_count, 2);
	ck_assert_uint_eq(checked.ruleset.clauses[0].rule, 1);
	ck_assert_uint_eq(checked.ruleset.clauses[1].rule, 2);
	checked_free(&checked);
}
END_TEST

#define ZERO(range) "port range \"" range "\": first port must be >0, or use '*' for wildcard"

/* One rule in line 2, from its first column on, and what is told about it: each thing once. */
static const struct {
	const char *rule;
	const char *told;
} findings[] = {
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:22\"]}", "" },
	{ "{\"src\":[\"pc\"],\"dst\":[\"vps:22\"]}", "error 2:1 a rule needs \"action\"" },
	{ "{\"action\":\"deny\",\"src\":[\"pc\"],\"dst\":[\"vps:22\"]}",
	  "error 2:11 action=\"deny\" is not supported" ACCEPT },
	{ "{\"action\":\"Accept\",\"src\":[\"pc\"],\"dst\":[\"vps:22\"]}",
	  "error 2:11 action=\"Accept\" is not supported" ACCEPT },
	{ "\"accept\"", "error 2:1 expected an object, found a string" },
	{ "{\"action\":5,\"src\":[\"pc\"],\"dst\":[\"vps:22\"]}",
	  "error 2:11 expected a string, found a number" },

	{ "{\"action\":\"accept\",\"src\":[\"cp\"],\"dst\":[\"vsp:22\"]}",
	  "error 2:27 unknown device \"cp\" (did you mean \"pc\"?)\n"
	  "error 2:40 unknown device \"vsp\" (did you mean \"vps\"?)" },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps\"]}",
	  "error 2:40 dst=\"vps\": " NO_COLON("vps") },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"tag:server:ssh\"]}",
	  "error 2:40 dst=\"tag:server:ssh\": port range \"ssh\": invalid first integer" PORT },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"10.0.0.4:0\"]}",
	  "error 2:40 dst=\"10.0.0.4:0\": " ZERO("0") },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:\"]}",
	  "error 2:40 dst=\"vps:\": port range \"\": invalid first integer" PORT },
	/* the port is missing: as Tailscale says it, not "unknown device" */
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"tag:server\"]}",
	  "error 2:40 dst=\"tag:server\": port range \"server\": invalid first integer" PORT },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"1.2.3.4,5.6.7.8:1-10\"]}",
	  "error 2:40 unknown device \"1.2.3.4,5.6.7.8\"" },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:22\"],\"proto\":\"icmp\"}",
	  "error 2:40 dst=\"vps:22\": protocol icmp has no ports: write \"*\"" },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:1-65535\"],\"proto\":\"47\"}",
	  "error 2:40 dst=\"vps:1-65535\": protocol gre has no ports: write \"*\"" },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:22\"],\"proto\":\"tpc\"}",
	  "error 2:58 unknown protocol \"tpc\"" },
	{ "{\"action\":\"accept\",\"src\":[\"8.8.8.8/24\"],\"dst\":[\"8.8.8.8/24:22\"]}",
	  "error 2:27 8.8.8.8/24 contains non-network bits set: the network is 8.8.8.0/24\n"
	  "error 2:48 8.8.8.8/24 contains non-network bits set: the network is 8.8.8.0/24" },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:22\"],\"proto\":\"0\"}",
	  "error 2:58 unknown protocol \"0\"" },

	/* all of it, not the first thing only */
	{ "{\"action\":\"accept\",\"src\":[\"cp\"],\"dst\":[\"vps:22\"],\"proto\":\"tpc\"}",
	  "error 2:27 unknown device \"cp\" (did you mean \"pc\"?)\n"
	  "error 2:58 unknown protocol \"tpc\"" },
	{ "{\"action\":\"deny\",\"src\":[\"cp\"],\"dst\":[\"vps:0\",\"vsp:1\"]}",
	  "error 2:11 action=\"deny\" is not supported" ACCEPT "\n"
	  "error 2:25 unknown device \"cp\" (did you mean \"pc\"?)\n"
	  "error 2:38 dst=\"vps:0\": " ZERO(
		  "0") "\n"
		       "error 2:46 unknown device \"vsp\" (did you mean \"vps\"?)" },

	/* what matches nothing */
	{ "{\"action\":\"accept\",\"users\":[\"bob@x\"],\"sources\":[\"pc\"],\"dst\":[\"vps:22\"]}",
	  "warning 2:28 no device is both in \"sources\" and of these \"users\": the rule matches "
	  "nothing" },
	{ "{\"action\":\"accept\",\"users\":[\"zoe@x\"],\"sources\":[\"pc\"],\"dst\":[\"vps:22\"]}",
	  "warning 2:29 \"zoe@x\": this user has no approved device" },
	{ "{\"action\":\"accept\",\"src\":[\"group:empty\"],\"dst\":[\"vps:22\"]}",
	  "warning 2:27 \"group:empty\": nobody in this group has an approved device" },
	{ "{\"action\":\"accept\",\"src\":[\"nas\"],\"dst\":[\"vps:22\"]}",
	  "warning 2:27 \"nas\": no device has an address there: as a source it matches nothing" },
	{ "{\"action\":\"accept\",\"src\":[],\"dst\":[\"vps:22\"]}",
	  "warning 2:26 this list is empty: the rule matches nothing" },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[]}",
	  "warning 2:39 this list is empty: the rule matches nothing" },
	{ "{\"action\":\"accept\",\"users\":[],\"sources\":[\"pc\"],\"dst\":[\"vps:22\"]}",
	  "warning 2:28 this list is empty: the rule matches nothing" },
	/* a list of the wrong things is not empty */
	{ "{\"action\":\"accept\",\"src\":[5],\"dst\":[\"vps:22\"]}",
	  "error 2:27 expected a string, found a number" },

	/* expiry; now is 2026-06-01 */
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:22\"],"
	  "\"expires\":\"2026-06-01T00:00:01Z\"}",
	  "" },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:22\"],"
	  "\"expires\":\"2026-06-01T00:00:00Z\"}",
	  "warning 2:60 this rule has expired, and matches nothing" },
	{ "{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:22\"],\"expires\":\"tomorrow\"}",
	  "error 2:60 \"tomorrow\" is not a time as in \"2026-12-31T18:00:00Z\"" },

	/* autogroup:self */
	{ "{\"action\":\"accept\",\"src\":[\"autogroup:member\"],\"dst\":[\"autogroup:self:22\"]}",
	  "" },
	{ "{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"autogroup:self:22\"]}",
	  "error 2:39 autogroup:self can only be used with users, groups, or supported "
	  "autogroups" },
	{ "{\"action\":\"accept\",\"src\":[\"ann@x\",\"tag:server\"],"
	  "\"dst\":[\"autogroup:self:22\"]}",
	  "error 2:56 autogroup:self can only be used with users, groups, or supported "
	  "autogroups" },
	{ "{\"action\":\"accept\",\"src\":[\"autogroup:self\"],\"dst\":[\"pc:22\"]}",
	  "error 2:27 \"autogroup:self\" not valid on the src side of a rule" },
	{ "{\"action\":\"accept\",\"src\":[\"ann@x\"],\"dst\":[\"autogroup:self\"]}",
	  "error 2:43 dst=\"autogroup:self\": port range \"self\": invalid first integer" PORT },
};

START_TEST(finding)
{
	_free_ char *policy = mem_printf("{\"acls\":[\n%s\n]," DEVICES "}", findings[_i].rule);
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, policy, NULL, NULL, STAGE_RESOLVE);

	ck_assert_str_eq(text, findings[_i].told);
	checked_free(&checked);
}
END_TEST

/* A rule that can match nothing says why, whatever the reason is. */
static const char *const silent[] = {
	"\"src\":[],\"dst\":[\"vps:22\"]",
	"\"src\":[\"pc\"],\"dst\":[]",
	"\"src\":[\"new\"],\"dst\":[\"vps:22\"]",
	"\"src\":[\"eve@x\"],\"dst\":[\"vps:22\"]",
	"\"src\":[\"pc\"],\"dst\":[\"eve@x:22\"]",
	"\"src\":[\"pc\"],\"dst\":[\"ipset:none:22\"]",
	"\"src\":[\"ipset:none\"],\"dst\":[\"vps:22\"]",
	"\"src\":[\"eve@x\"],\"dst\":[\"autogroup:self:22\"]",
	"\"src\":[\"pc\"],\"dst\":[\"vps:22\"],\"expires\":\"2000-01-01T00:00:00Z\"",
};

START_TEST(says_why)
{
	_free_ char *policy = mem_printf(
		"{\"acls\":[{\"action\":\"accept\",%s}],\"devices\":{"
		"\"pc\":{\"addresses\":[\"10.0.0.1\"]},\"vps\":{\"addresses\":[\"10.0.0.2\"]},"
		"\"new\":{\"addresses\":[\"10.0.0.3\"],\"user\":\"eve@x\",\"approved\":false}},"
		"\"ipsets\":{\"ipset:none\":[\"10.0.0.9\",\"remove 10.0.0.0/24\"]}}",
		silent[_i]);
	struct checked checked;

	pipeline(&checked, policy, NULL, NULL, STAGE_RESOLVE);
	ck_assert_uint_eq(checked.diag.errors, 0);
	ck_assert_uint_ge(checked.diag.count, 1);
	checked_free(&checked);
}
END_TEST

/* An entry of `tests` in line 2; @expected: FROM > TO PROTOCOL PORT yes|no, one a line. */
static const struct {
	const char *test;
	const char *told;
	const char *expected;
} tests[] = {
	{ "{\"src\":\"pc\",\"accept\":[\"vps:22\"]}", "", "10.0.0.1 > 10.0.0.4 0 22 yes" },
	{ "{\"src\":\"pc\",\"deny\":[\"vps:22\"],\"proto\":\"udp\"}", "",
	  "10.0.0.1 > 10.0.0.4 17 22 no" },
	{ "{\"src\":\"pc\",\"accept\":[\"vps:1\",\"nas:2\"],\"deny\":[\"phone:3\"]}", "",
	  "10.0.0.1 > 10.0.0.4 0 1 yes\n10.0.0.1 > 10.9.0.9 0 2 yes\n10.0.0.1 > 10.0.0.2 0 3 no" },
	{ "{\"src\":\"pc\",\"accept\":[\"vps:*\"],\"proto\":\"icmp\"}", "",
	  "10.0.0.1 > 10.0.0.4 1 0 yes" },
	{ "{\"src\":\"pc\",\"accept\":[\"[fd77::1]:22\"]}", "", "10.0.0.1 > fd77::1 0 22 yes" },
	{ "{\"src\":\"ann@x\",\"accept\":[\"vps:22\"]}", "",
	  "10.0.0.1-10.0.0.2 > 10.0.0.4 0 22 yes" },
	{ "{\"src\":\"pc\",\"accept\":[\"10.1.0.0/20:22\"]}", "",
	  "10.0.0.1 > 10.1.0.0-10.1.15.255 0 22 yes" }, /* 4,096 addresses */
	{ "{\"src\":\"pc\",\"accept\":[\"10.1.0.0/19:22\"]}",
	  "error 2:23 a test asks about devices and addresses, not about networks", "" },
	{ "{\"src\":\"pc\",\"accept\":[\"*:22\"]}",
	  "error 2:23 a test asks about devices and addresses, not about networks", "" },
	{ "{\"src\":\"pc\",\"accept\":[\"vps:22,23\"]}", "error 2:23 a test asks about one port",
	  "" },
	{ "{\"src\":\"pc\",\"accept\":[\"vps:22-23\"]}", "error 2:23 a test asks about one port",
	  "" },
	{ "{\"src\":\"pc\",\"accept\":[\"vps:*\"]}", "error 2:23 a test asks about one port", "" },
	{ "{\"src\":\"pc\",\"accept\":[\"vps:*\"],\"proto\":\"tcp\"}",
	  "error 2:23 a test asks about one port", "" },
	{ "{\"src\":\"pc\",\"accept\":[\"vps:22\"],\"proto\":\"icmp\"}",
	  "error 2:23 dst=\"vps:22\": protocol icmp has no ports: write \"*\"", "" },
	{ "{\"src\":\"pc\",\"accept\":[\"vps\"]}", "error 2:23 dst=\"vps\": " NO_COLON("vps"), "" },
	{ "{\"src\":\"pc\",\"accept\":[\"vps:22\"],\"proto\":\"tpc\"}",
	  "error 2:41 unknown protocol \"tpc\"", "" },
	{ "{\"src\":\"ann@x\",\"accept\":[\"autogroup:self:22\"]}",
	  "error 2:26 \"autogroup:self\" not valid here: it depends on who asks", "" },
	/* what is wrong with the source is told once, however many destinations there are */
	{ "{\"src\":\"cp\",\"accept\":[\"vps:22\"],\"deny\":[\"nas:22\"]}",
	  "error 2:8 unknown device \"cp\" (did you mean \"pc\"?)", "" },
	{ "{\"src\":\"zoe@x\",\"deny\":[\"vps:22\",\"nas:22\"]}",
	  "warning 2:8 \"zoe@x\": this user has no approved device",
	  " > 10.0.0.4 0 22 no\n > 10.9.0.9 0 22 no" },
};

static char *print_expectations(const struct ruleset *ruleset)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < ruleset->expectations_count; i++) {
		const struct expectation *expectation = &ruleset->expectations[i];
		_free_ char *from = notation_print(&expectation->from);
		_free_ char *to = notation_print(&expectation->to);

		fprintf(out, "%s%s > %s %u %u %s", i ? "\n" : "", from, to, expectation->protocol,
			expectation->port, expectation->allow ? "yes" : "no");
	}
	fclose(out);
	return text;
}

START_TEST(test)
{
	_free_ char *policy = mem_printf("{\"acls\":[],\"tests\":[\n%s\n]," DEVICES "}",
					 tests[_i].test);
	_free_ char *expected = NULL;
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, policy, NULL, NULL, STAGE_RESOLVE);

	expected = print_expectations(&checked.ruleset);
	ck_assert_str_eq(text, tests[_i].told);
	ck_assert_str_eq(expected, tests[_i].expected);
	checked_free(&checked);
}
END_TEST

/* Equal sets are one, so that compile has fewer of them. */
START_TEST(sets_are_shared)
{
	struct checked checked;

	pipeline(&checked,
		 "{" DEVICES ",\"acls\":["
		 "{\"action\":\"accept\",\"src\":[\"pc\",\"phone\"],\"dst\":[\"vps:1\"]},"
		 "{\"action\":\"accept\",\"src\":[\"ann@x\"],\"dst\":[\"tag:server:2\"]},"
		 "{\"action\":\"accept\",\"src\":[\"group:dev\"],\"dst\":[\"10.0.0.4:3\"]}]}",
		 NULL, NULL, STAGE_RESOLVE);
	ck_assert_uint_eq(checked.ruleset.clauses_count, 3);
	ck_assert_uint_eq(checked.ruleset.sets_count, 2);
	checked_free(&checked);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("resolve");

	unit_add(suite, host_port, ARRAY_SIZE(splits));
	unit_add(suite, rule, ARRAY_SIZE(rules));
	unit_add(suite, grant, ARRAY_SIZE(grants));
	unit_add(suite, label, ARRAY_SIZE(labels));
	unit_add(suite, expired, 1);
	unit_add(suite, finding, ARRAY_SIZE(findings));
	unit_add(suite, says_why, ARRAY_SIZE(silent));
	unit_add(suite, test, ARRAY_SIZE(tests));
	unit_add(suite, sets_are_shared, 1);
	return suite;
}
