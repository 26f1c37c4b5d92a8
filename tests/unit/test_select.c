// SPDX-License-Identifier: GPL-2.0-or-later
#include "select.h"

#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "told.h"
#include "unit.h"

static const char who[] =
	"{\"acls\":[],\n"
	"\"tagOwners\":{\"tag:server\":[],\"tag:unused\":[]},\n"
	"\"groups\":{\"group:dev\":[\"ann@x\",\"bob@x\"],\"group:nobody\":[\"zoe@x\"],"
	"\"group:all\":[\"user:*@x\"],"
	"\"group:empty\":[]},\n"
	"\"ipsets\":{\"ipset:lan\":[\"10.0.0.0/24\"],"
	"\"ipset:hole\":[\"add ipset:lan\",\"remove 10.0.0.2/31\"],"
	"\"ipset:back\":[\"ipset:lan\",\"remove 10.0.0.2/31\",\"add 10.0.0.2\"],"
	"\"ipset:names\":[\"add nas\",\"add pc\"],\"ipset:far\":[\"9.9.9.9\"]},\n"
	"\"hosts\":{\"nas\":\"10.9.0.9\",\"office\":\"10.1.0.0/16\",\"pc2\":\"10.0.0.2\"},\n"
	"\"devices\":{"
	"\"pc\":{\"addresses\":[\"10.0.0.1\",\"fd77::1\"],\"user\":\"ann@x\"},"
	"\"phone\":{\"addresses\":[\"10.0.0.2\"],\"user\":\"ann@x\"},"
	"\"laptop\":{\"addresses\":[\"10.0.0.3\"],\"user\":\"bob@x\"},"
	"\"vps\":{\"addresses\":[\"10.0.0.4\"],\"user\":\"ann@x\",\"tags\":[\"tag:server\"]},"
	"\"router\":{\"addresses\":[\"10.0.0.5\"],\"routes\":[\"10.1.2.0/24\",\"0.0.0.0/0\"]},"
	"\"new\":{\"addresses\":[\"10.0.0.6\"],\"user\":\"eve@x\",\"tags\":[],"
	"\"routes\":[\"10.6.0.0/16\"],\"approved\":false},"
	"\"me\":{\"self\":true}}}";

#define EVERYBODY "10.0.0.1-10.0.0.5 10.0.0.254 10.1.2.0-10.1.2.255 fd77::1"
#define INTERNET                                                                           \
	"1.0.0.0-9.255.255.255 11.0.0.0-100.63.255.255 100.128.0.0-126.255.255.255 "       \
	"128.0.0.0-169.253.255.255 169.255.0.0-172.15.255.255 172.32.0.0-192.167.255.255 " \
	"192.169.0.0-223.255.255.255 2000::-3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define ANYWHERE "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define NOBODY(text) \
	"warning - \"" text "\": no device has an address there: as a source it matches nothing"

#define NO_USER(text)	"warning - \"" text "\": this user has no approved device"
#define NO_MEMBER(text) "warning - \"" text "\": nobody in this group has an approved device"

/* @set NULL: refused. */
static const struct {
	const char *word;
	enum side side;
	const char *set;
	const char *told;
} words[] = {
	{ "pc", SIDE_SOURCE, "10.0.0.1 fd77::1", "" },
	{ "pc", SIDE_DESTINATION, "10.0.0.1 fd77::1", "" },
	{ "router", SIDE_SOURCE, "10.0.0.5", "" }, /* not what is behind it */
	{ "me", SIDE_SOURCE, "10.0.0.254", "" },
	{ "new", SIDE_SOURCE, "",
	  "warning - \"new\": this device is not approved, and matches nothing" },
	{ "new", SIDE_DESTINATION, "",
	  "warning - \"new\": this device is not approved, and matches nothing" },
	{ "PC", SIDE_SOURCE, NULL, "error - unknown device \"PC\" (did you mean \"pc\"?)" },
	{ "laptpo", SIDE_SOURCE, NULL,
	  "error - unknown device \"laptpo\" (did you mean \"laptop\"?)" },
	{ "ofice", SIDE_DESTINATION, NULL,
	  "error - unknown device \"ofice\" (did you mean \"office\"?)" },
	{ "mainframe", SIDE_SOURCE, NULL, "error - unknown device \"mainframe\"" },
	{ "", SIDE_SOURCE, NULL, "error - unknown device \"\"" },

	{ "ann@x", SIDE_SOURCE, "10.0.0.1-10.0.0.2 fd77::1", "" }, /* a tagged device has no user */
	{ "ann@x", SIDE_DESTINATION, "10.0.0.1-10.0.0.2 fd77::1", "" },
	{ "Ann@x", SIDE_SOURCE, "", NO_USER("Ann@x") },
	{ "zoe@x", SIDE_SOURCE, "", NO_USER("zoe@x") },
	{ "group:dev", SIDE_SOURCE, "10.0.0.1-10.0.0.3 fd77::1", "" },
	{ "group:nobody", SIDE_SOURCE, "", NO_MEMBER("group:nobody") },
	{ "group:empty", SIDE_SOURCE, "", NO_MEMBER("group:empty") },
	{ "group:dve", SIDE_SOURCE, NULL,
	  "error - group not found: \"group:dve\" (did you mean \"group:dev\"?)" },
	{ "group:", SIDE_SOURCE, NULL, "error - group not found: \"group:\"" },
	{ "tag:server", SIDE_SOURCE, "10.0.0.4", "" },
	{ "tag:unused", SIDE_SOURCE, "",
	  "warning - \"tag:unused\": no approved device has this tag" },
	{ "tag:srever", SIDE_SOURCE, NULL,
	  "error - tag not found: \"tag:srever\" (did you mean \"tag:server\"?)" },

	/* a source is cut down to what approved devices own; a /0 route is nobody's */
	{ "10.0.0.1", SIDE_SOURCE, "10.0.0.1", "" },
	{ "10.0.0.0/30", SIDE_SOURCE, "10.0.0.1-10.0.0.3", "" },
	{ "10.0.0.0/8", SIDE_SOURCE, "10.0.0.1-10.0.0.5 10.0.0.254 10.1.2.0-10.1.2.255", "" },
	{ "10.1.0.0/16", SIDE_SOURCE, "10.1.2.0-10.1.2.255", "" },
	{ "office", SIDE_SOURCE, "10.1.2.0-10.1.2.255", "" },
	{ "office", SIDE_DESTINATION, "10.1.0.0-10.1.255.255", "" },
	{ "pc2", SIDE_SOURCE, "10.0.0.2", "" },
	{ "nas", SIDE_SOURCE, "", NOBODY("nas") },
	{ "nas", SIDE_DESTINATION, "10.9.0.9", "" },
	{ "8.8.8.8", SIDE_SOURCE, "", NOBODY("8.8.8.8") },
	{ "8.8.8.8", SIDE_DESTINATION, "8.8.8.8", "" },
	{ "10.6.0.0/16", SIDE_SOURCE, "", NOBODY("10.6.0.0/16") },
	{ "0.0.0.0/0", SIDE_SOURCE, "10.0.0.1-10.0.0.5 10.0.0.254 10.1.2.0-10.1.2.255", "" },
	{ "0.0.0.0/0", SIDE_DESTINATION, "0.0.0.0-255.255.255.255", "" },
	{ "::/0", SIDE_SOURCE, "fd77::1", "" },
	{ "::/0", SIDE_DESTINATION,
	  "::-::fffe:ffff:ffff ::1:0:0:0-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "" },
	{ "::/80", SIDE_SOURCE, "", NOBODY("::/80") },
	{ "::/80", SIDE_DESTINATION, "::-::fffe:ffff:ffff", "" },
	{ "10.0.0.1/24", SIDE_SOURCE, NULL,
	  "error - 10.0.0.1/24 contains non-network bits set: the network is 10.0.0.0/24" },
	{ "10.0.0.1/24", SIDE_DESTINATION, NULL,
	  "error - 10.0.0.1/24 contains non-network bits set: the network is 10.0.0.0/24" },

	{ "user:*@x", SIDE_SOURCE, "10.0.0.1-10.0.0.3 fd77::1", "" },
	{ "user:*@y", SIDE_SOURCE, "", NO_USER("user:*@y") },
	{ "user:*@", SIDE_SOURCE, "", NO_USER("user:*@") },
	{ "group:all", SIDE_SOURCE, "10.0.0.1-10.0.0.3 fd77::1", "" },
	{ "autogroup:member", SIDE_SOURCE, "10.0.0.1-10.0.0.3 fd77::1", "" },
	{ "autogroup:members", SIDE_DESTINATION, "10.0.0.1-10.0.0.3 fd77::1", "" },
	{ "autogroup:tagged", SIDE_SOURCE, "10.0.0.4", "" },
	{ "autogroup:internet", SIDE_DESTINATION, INTERNET, "" },
	{ "autogroup:internet", SIDE_SOURCE, NULL,
	  "error - \"autogroup:internet\" not valid on the src side of a rule" },
	{ "autogroup:self", SIDE_SOURCE, NULL,
	  "error - \"autogroup:self\" not valid on the src side of a rule" },
	{ "autogroup:memebr", SIDE_SOURCE, NULL,
	  "error - unknown autogroup \"autogroup:memebr\" (did you mean \"autogroup:member\"?): "
	  "without Tailscale's service there are member, tagged, self and internet" },
	{ "autogroup:admin", SIDE_SOURCE, NULL,
	  "error - unknown autogroup \"autogroup:admin\": "
	  "without Tailscale's service there are member, tagged, self and internet" },

	/* ipsets: operations in their order */
	{ "ipset:lan", SIDE_DESTINATION, "10.0.0.0-10.0.0.255", "" },
	{ "ipset:hole", SIDE_DESTINATION, "10.0.0.0-10.0.0.1 10.0.0.4-10.0.0.255", "" },
	{ "ipset:back", SIDE_DESTINATION, "10.0.0.0-10.0.0.2 10.0.0.4-10.0.0.255", "" },
	{ "ipset:names", SIDE_DESTINATION, "10.0.0.1 10.9.0.9 fd77::1", "" },
	{ "ipset:hole", SIDE_SOURCE, "10.0.0.1 10.0.0.4-10.0.0.5 10.0.0.254", "" },
	{ "ipset:far", SIDE_DESTINATION, "9.9.9.9", "" },
	{ "ipset:far", SIDE_SOURCE, "",
	  "warning - \"ipset:far\": no device has an address in it: as a source it matches "
	  "nothing" },
	{ "ipset:lna", SIDE_SOURCE, NULL,
	  "error - ipset not found: \"ipset:lna\" (did you mean \"ipset:lan\"?)" },

	{ "*", SIDE_SOURCE, EVERYBODY, "" },
	{ "*", SIDE_DESTINATION, ANYWHERE, "" },
	{ "**", SIDE_SOURCE, NULL, "error - unknown device \"**\"" },
};

START_TEST(select_word)
{
	address_t address = notation_address("10.0.0.254");
	const struct box box = { .addresses = &address, .count = 1 };
	const struct word word = { words[_i].word, PLACE_NONE };
	struct checked checked;
	_set_ struct set set = {};
	_free_ char *findings = NULL, *printed = NULL;
	int error;

	pipeline(&checked, who, NULL, &box, STAGE_INVENTORY);
	ck_assert_uint_eq(checked.diag.count, 0);
	error = select_set(&checked.inventory, &word, words[_i].side, &checked.diag, &set);
	set_normalise(&set);
	findings = told(&checked.diag, &checked.sources);
	printed = notation_print(&set);
	ck_assert_str_eq(findings, words[_i].told);
	ck_assert_int_eq(error < 0, !words[_i].set);
	ck_assert_str_eq(printed, words[_i].set ? words[_i].set : "");
	checked_free(&checked);
}
END_TEST

/* Nothing becomes nothing in silence: these sets are empty, so something must be told. */
static const char *const empty[] = {
	"eve@x",		      /* her only device is not approved */
	"group:new", "tag:new", "me", /* offline, without addresses */
};

START_TEST(says_why)
{
	const struct word word = { empty[_i], PLACE_NONE };
	struct checked checked;
	_set_ struct set set = {};

	pipeline(&checked,
		 "{\"acls\":[],\"tagOwners\":{\"tag:new\":[]},"
		 "\"groups\":{\"group:new\":[\"eve@x\"]},"
		 "\"devices\":{\"new\":{\"addresses\":[\"10.0.0.6\"],\"user\":\"eve@x\","
		 "\"approved\":false},\"box\":{\"addresses\":[\"10.0.0.7\"],\"tags\":[\"tag:new\"],"
		 "\"approved\":false},\"me\":{\"self\":true}}}",
		 NULL, NULL, STAGE_INVENTORY);
	ck_assert_uint_eq(checked.diag.count, 0);
	ck_assert_int_eq(select_set(&checked.inventory, &word, SIDE_SOURCE, &checked.diag, &set),
			 0);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_uint_ge(checked.diag.count, 1);
	checked_free(&checked);
}
END_TEST

/* What stands in `"ipsets":{…}`, from column 22 on, and what is told, used or not. */
static const struct {
	const char *ipsets;
	const char *told;
} ipsets[] = {
	{ "\"ipset:a\":[]", "warning 1:22 \"ipset:a\": this ipset is empty" },
	{ "\"ipset:a\":[\"10.0.0.1\",\"remove 10.0.0.0/8\"]",
	  "warning 1:22 \"ipset:a\": this ipset is empty" },
	{ "\"ipset:a\":[\"10.0.0.1\",\"add 10.0.0.0/8\",\"remove fd77::/16\"]", "" },
	{ "\"ipset:a\":[\"ipset:b\"],\"ipset:b\":[\"10.0.0.1\"]", "" },
	{ "\"a\":[]", "error 1:22 the name must begin with \"ipset:\"" },
	{ "\"ipset:a\":[\"10.0.0.1/8\"]",
	  "error 1:33 10.0.0.1/8 contains non-network bits set: the network is 10.0.0.0/8" },
	{ "\"ipset:a\":[\"add nowhere\"]", "error 1:33 unknown device \"nowhere\"" },
	{ "\"ipset:a\":[\"subtract 10.0.0.1\"]",
	  "error 1:33 unknown device \"subtract 10.0.0.1\"" },
	{ "\"ipset:a\":[\"ipset:b\"]",
	  "error 1:33 ipset not found: \"ipset:b\" (did you mean \"ipset:a\"?)" },
	{ "\"ipset:a\":[\"tag:x\"]",
	  "error 1:33 an ipset holds addresses, prefixes, hosts, ipsets and autogroup:internet, "
	  "not \"tag:x\"" },
	{ "\"ipset:a\":[\"add *\"]",
	  "error 1:33 an ipset holds addresses, prefixes, hosts, ipsets and autogroup:internet, "
	  "not \"*\"" },
	{ "\"ipset:a\":[\"remove nick@x\"]",
	  "error 1:33 an ipset holds addresses, prefixes, hosts, ipsets and autogroup:internet, "
	  "not \"nick@x\"" },
	{ "\"ipset:a\":[\"autogroup:member\"]",
	  "error 1:33 an ipset holds addresses, prefixes, hosts, ipsets and autogroup:internet, "
	  "not \"autogroup:member\"" },
};

START_TEST(ipset)
{
	_free_ char *policy = mem_printf("{\"acls\":[],\"ipsets\":{%s}}", ipsets[_i].ipsets);
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, policy, NULL, NULL, STAGE_RESOLVE);

	ck_assert_str_eq(text, ipsets[_i].told);
	checked_free(&checked);
}
END_TEST

/* Into each other, and into itself: an error, and an end. */
static const struct {
	const char *ipsets;
	const char *told;
} circles[] = {
	{ "\"ipset:a\":[\"ipset:a\"]", "error 1:33 \"ipset:a\" contains itself" },
	{ "\"ipset:a\":[\"10.0.0.1\",\"remove ipset:a\"]",
	  "error 1:44 \"ipset:a\" contains itself" },
	{ "\"ipset:a\":[\"ipset:b\"],\"ipset:b\":[\"ipset:a\"]",
	  "error 1:55 \"ipset:a\" contains itself" },
	{ "\"ipset:a\":[\"ipset:a\",\"ipset:a\",\"ipset:a\"]",
	  "error 1:33 \"ipset:a\" contains itself\nerror 1:43 \"ipset:a\" contains itself\n"
	  "error 1:53 \"ipset:a\" contains itself" },
};

START_TEST(circle)
{
	_free_ char *policy = mem_printf("{\"acls\":[],\"ipsets\":{%s}}", circles[_i].ipsets);
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, policy, NULL, NULL, STAGE_RESOLVE);

	ck_assert_str_eq(text, circles[_i].told);
	checked_free(&checked);
}
END_TEST

/* Each ipset eight times in the next: a kilobyte to write, and it must not take for ever. */
START_TEST(tree)
{
	_free_ char *policy = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&policy, &size);
	struct checked checked;

	fprintf(out, "{\"acls\":[],\"ipsets\":{\"ipset:0\":[\"10.0.0.1\"]");
	for (int i = 1; i < 15; i++) {
		fprintf(out, ",\"ipset:%d\":[", i);
		for (int j = 0; j < 8; j++)
			fprintf(out, "%s\"ipset:%d\"", j ? "," : "", i - 1);
		fprintf(out, "]");
	}
	fprintf(out, "}}");
	fclose(out);
	alarm(10);
	pipeline(&checked, policy, NULL, NULL, STAGE_RESOLVE);
	checked_free(&checked);
}
END_TEST

static const struct {
	const char *word;
	bool personal;
} words_of_self[] = {
	{ "nick@x", true },	      { "user:*@x", true },	     { "group:a", true },
	{ "autogroup:member", true }, { "autogroup:members", true }, { "*", false },
	{ "tag:a", false },	      { "autogroup:tagged", false }, { "pc", false },
	{ "10.0.0.1", false },
};

START_TEST(personal)
{
	const struct word word = { words_of_self[_i].word, PLACE_NONE };

	ck_assert(select_is_personal(&word) == words_of_self[_i].personal);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("select");

	unit_add(suite, select_word, ARRAY_SIZE(words));
	unit_add(suite, says_why, ARRAY_SIZE(empty));
	unit_add(suite, ipset, ARRAY_SIZE(ipsets));
	unit_add(suite, circle, ARRAY_SIZE(circles));
	unit_add(suite, tree, 1);
	unit_add(suite, personal, ARRAY_SIZE(words_of_self));
	return suite;
}
