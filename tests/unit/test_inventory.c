// SPDX-License-Identifier: GPL-2.0-or-later
#include "inventory.h"

#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "select.h"
#include "unit.h"

/* What stands in `{"acls":[], …}`, and all that is told about it. */
static const struct {
	const char *sections;
	const char *told;
} policies[] = {
	{ "\"devices\":{}", "" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\",\"fd77::1\"]}}", "" },
	{ "\"devices\":{\"a\":{}}",
	  "error 1:23 device \"a\" has neither \"addresses\" nor \"publicKey\"" },
	{ "\"devices\":{\"a\":{\"addresses\":[]}}",
	  "error 1:23 device \"a\" has neither \"addresses\" nor \"publicKey\"" },
	{ "\"devices\":{\"a\":{\"self\":true}}", "" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\"}}",
	  "note 1:40 the addresses of \"a\" are known to WireGuard alone, which is not asked here: "
	  "rules that name them match nothing" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1/32\",\"fd77::1/128\"]}}", "" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.0/24\"]}}",
	  "error 1:41 an address of a device is one address; a network behind it belongs under "
	  "\"routes\"" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1/24\"]}}",
	  "error 1:41 an address of a device is one address: write \"10.0.0.1\"" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0\"]}}",
	  "error 1:41 \"10.0.0\" is not an address or prefix" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"::ffff:10.0.0.1\"]}}",
	  "error 1:41 \"::ffff:10.0.0.1\" is not an address or prefix" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"x\",\"10.0.0.1\",\"y\"]}}",
	  "error 1:41 \"x\" is not an address or prefix\n"
	  "error 1:56 \"y\" is not an address or prefix" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],\"routes\":[\"10.1.0.1/16\"]}}",
	  "error 1:63 10.1.0.1/16 contains non-network bits set: the network is 10.1.0.0/16" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],\"routes\":[\"lan\"]}}",
	  "error 1:63 \"lan\" is not an address or prefix" },

	/* who claims what */
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]},\"b\":{\"addresses\":[\"10.0.0.1\"]}}",
	  "error 1:54 10.0.0.1 belongs to \"a\" and to \"b\"" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"fd77::1\"]},\"b\":{\"addresses\":[\"fd77:0::1\"]}}",
	  "error 1:53 fd77::1 belongs to \"a\" and to \"b\"" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\",\"10.0.0.1\"]}}", "" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]},"
	  "\"b\":{\"addresses\":[\"10.0.0.2\"],\"routes\":[\"10.0.0.1/32\"]}}",
	  "error 1:54 10.0.0.1 belongs to \"a\" and to \"b\"" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]},"
	  "\"b\":{\"addresses\":[\"10.0.0.2\"],\"routes\":[\"10.0.0.0/24\"]}}",
	  "" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],\"routes\":[\"10.1.0.0/16\"]},"
	  "\"b\":{\"addresses\":[\"10.0.0.2\"],\"routes\":[\"10.1.0.0/16\"]}}",
	  "" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]},\"b\":{\"addresses\":[\"10.0.0.1\"]},"
	  "\"c\":{\"addresses\":[\"10.0.0.1\"]}}",
	  "error 1:54 10.0.0.1 belongs to \"a\" and to \"b\"\n"
	  "error 1:85 10.0.0.1 belongs to \"b\" and to \"c\"" },
	{ "\"devices\":{\"a\":{\"self\":true},\"b\":{\"self\":true}}",
	  "error 1:41 \"a\" is \"self\" as well: only one device is this box" },

	/* names; one that stands twice is told once */
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]},\"a\":{\"addresses\":[\"10.0.0.2\"]}}",
	  "error 1:54 duplicate key \"a\"" },
	{ "\"hosts\":{\"a\":\"10.0.0.1\",\"a\":\"10.0.0.2\"}", "error 1:36 duplicate key \"a\"" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]}},\"hosts\":{\"a\":\"10.0.0.2\"}",
	  "error 1:64 \"a\" is a device and a host" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]},\"A\":{\"addresses\":[\"10.0.0.2\"]}}",
	  "" },
	{ "\"hosts\":{\"a\":\"10.0.0.1\",\"b\":\"10.0.0.0/8\",\"c\":\"::/0\"}", "" },
	{ "\"hosts\":{\"a\":\"10.0.0.1:55\"}",
	  "error 1:25 \"10.0.0.1:55\" is not an address or prefix" },
	{ "\"hosts\":{\"a\":\"not-an-ip\"}",
	  "error 1:25 \"not-an-ip\" is not an address or prefix" },
	{ "\"hosts\":{\"a\":\"8.8.8.8/24\"}",
	  "error 1:25 8.8.8.8/24 contains non-network bits set: the network is 8.8.8.0/24" },

	/* groups and tags */
	{ "\"groups\":{\"group:a\":[\"nick@x\",\"ann@x\"]}", "" },
	{ "\"groups\":{\"group:a\":[]}", "" },
	{ "\"groups\":{\"group:a\":[\"group:b\"]}",
	  "error 1:33 groups[\"group:a\"]: \"group:b\": group members cannot be recursive" },
	{ "\"groups\":{\"group:a\":[\"nick\"]}",
	  "error 1:33 \"nick\" is not a user: a user has an '@'" },
	{ "\"tagOwners\":{\"tag:a\":[]},"
	  "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],\"tags\":[\"tag:a\"]}}",
	  "" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],\"tags\":[\"tag:a\"]}}",
	  "error 1:61 tag not found: \"tag:a\"" },

	/* interfaces */
	{ "\"interfaces\":[\"wg0\",\"lan0\"],"
	  "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],\"interface\":\"lan0\"}}",
	  "" },
	{ "\"interfaces\":[\"wg0\",\"lan0\"],\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]}}",
	  "error 1:51 device \"a\" needs \"interface\": several interfaces are guarded" },
	{ "\"interfaces\":[\"wg0\",\"lan0\"],\"devices\":{\"a\":{\"self\":true}}", "" },
};

START_TEST(findings)
{
	_free_ char *policy = mem_printf("{\"acls\":[],%s}", policies[_i].sections);
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, policy, NULL, NULL, STAGE_INVENTORY);

	ck_assert_str_eq(text, policies[_i].told);
	checked_free(&checked);
}
END_TEST

/* What no device can be: nothing of it would ever match, or it would match too much. */
static const char *const impossible[] = {
	"\"addresses\":[\"0.0.0.0\"]",
	"\"addresses\":[\"127.0.0.1\"]",
	"\"addresses\":[\"224.0.0.1\"]",
	"\"addresses\":[\"255.255.255.255\"]",
	"\"addresses\":[\"::\"]",
	"\"addresses\":[\"::1\"]",
	"\"addresses\":[\"ff02::1\"]",
	"\"addresses\":[\"10.0.0.1\"],\"routes\":[\"224.0.0.0/4\"]",
	"\"addresses\":[\"10.0.0.1\"],\"user\":\"nick\"", /* a user has an '@' */
	"\"addresses\":[\"10.0.0.1\"],\"user\":\"\"",
	"\"addresses\":[\"10.0.0.1\"],\"interface\":\"\"",
	"\"addresses\":[\"10.0.0.1\"],\"interface\":\"a name that no interface has\"",
};

START_TEST(refuse)
{
	_free_ char *policy = mem_printf("{\"acls\":[],\"devices\":{\"a\":{%s}}}", impossible[_i]);
	struct checked checked;

	pipeline(&checked, policy, NULL, NULL, STAGE_INVENTORY);
	ck_assert_msg(checked.diag.errors, "%s", impossible[_i]);
	checked_free(&checked);
}
END_TEST

/* Names of a device, as JSON has them; @fault: behind "the name of a device ". */
static const struct {
	const char *name;
	const char *fault;
} names[] = {
	{ "imac", NULL },
	{ "i", NULL },
	{ "windows-machine", NULL },
	{ "my_pc.lan", NULL },
	{ "caf\xc3\xa9", NULL },
	{ "1", NULL },
	{ "10.77", NULL },
	{ "'x'(y)", NULL },
	{ "", "is empty" },
	{ "my pc", "has a space or a control character in it" },
	{ " pc", "has a space or a control character in it" },
	{ "pc\\n", "has a space or a control character in it" },
	{ "pc\\t2", "has a space or a control character in it" },
	{ "\\u001b[31m", "has a space or a control character in it" },
	{ "pc\\u007f", "has a space or a control character in it" },
	{ "nick@x", "has one of : @ * / \" in it" },
	{ "tag:x", "has one of : @ * / \" in it" },
	{ "*", "has one of : @ * / \" in it" },
	{ "a/b", "has one of : @ * / \" in it" },
	{ "a\\\"b", "has one of : @ * / \" in it" },
	{ "10.0.0.1", "is an address" },
	{ "fd77::1", "has one of : @ * / \" in it" },
};

START_TEST(name)
{
	_free_ char *device = mem_printf("{\"acls\":[],\"devices\":{\"%s\":"
					 "{\"addresses\":[\"10.0.0.9\"]}}}",
					 names[_i].name);
	_free_ char *host = mem_printf("{\"acls\":[],\"hosts\":{\"%s\":\"10.0.0.9\"}}",
				       names[_i].name);
	_free_ char *wanted = NULL, *wanted_host = NULL, *text = NULL, *text_host = NULL;
	struct checked checked;

	wanted = names[_i].fault ?
			 mem_printf("error 1:23 the name of a device %s", names[_i].fault) :
			 mem_strdup("");
	wanted_host = names[_i].fault ?
			      mem_printf("error 1:21 the name of a host %s", names[_i].fault) :
			      mem_strdup("");
	text = pipeline_told(&checked, device, NULL, NULL, STAGE_INVENTORY);
	ck_assert_str_eq(text, wanted);
	checked_free(&checked);
	text_host = pipeline_told(&checked, host, NULL, NULL, STAGE_INVENTORY);
	ck_assert_str_eq(text_host, wanted_host);
	checked_free(&checked);
}
END_TEST

/* A name in both files. */
static const struct {
	const char *sections;
	const char *inventory;
	const char *told;
} clashes[] = {
	{ "\"devices\":{}", "{\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]}}}", "" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]}}",
	  "{\"devices\":{\"b\":{\"addresses\":[\"10.0.0.2\"]}}}", "" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]}}",
	  "{\"devices\":{\"a\":{\"addresses\":[\"10.0.0.2\"]}}}",
	  "error inventory:1:13 device \"a\" is defined twice" },
	{ "\"hosts\":{\"a\":\"10.0.0.1\"}", "{\"hosts\":{\"a\":\"10.0.0.1\"}}",
	  "error inventory:1:11 host \"a\" is defined twice" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]}}", "{\"hosts\":{\"a\":\"10.0.0.2\"}}",
	  "error inventory:1:11 \"a\" is a device and a host" },
	{ "\"hosts\":{\"a\":\"10.0.0.2\"}", "{\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]}}}",
	  "error 1:21 \"a\" is a device and a host" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"]}}",
	  "{\"devices\":{\"b\":{\"addresses\":[\"10.0.0.1\"]}}}",
	  "error inventory:1:13 10.0.0.1 belongs to \"a\" and to \"b\"" },
};

START_TEST(clash)
{
	_free_ char *policy = mem_printf("{\"acls\":[],%s}", clashes[_i].sections);
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, policy, clashes[_i].inventory, NULL,
					  STAGE_INVENTORY);

	ck_assert_str_eq(text, clashes[_i].told);
	checked_free(&checked);
}
END_TEST

/* The box has 10.0.0.254 and fd77::fe. */
static const struct {
	const char *devices;
	const char *told;
	const char *owners; /* PREFIX=DEVICE:SPEAKS, in the order of the struct */
} boxes[] = {
	{ "", "", "10.0.0.254=-:20000000 fd77::fe=-:20000000" },
	{ "\"a\":{\"addresses\":[\"10.0.0.1\"]}", "",
	  "10.0.0.1=a:1 10.0.0.254=-:20000000 fd77::fe=-:20000000" },
	{ "\"me\":{\"self\":true}", "", "10.0.0.254=me:20000000 fd77::fe=me:20000000" },
	{ "\"me\":{\"self\":true,\"addresses\":[\"10.0.0.254\"]}", "",
	  "10.0.0.254=me:20000000 10.0.0.254=me:20000000 fd77::fe=me:20000000" },
	{ "\"a\":{\"addresses\":[\"10.0.0.254\"]}",
	  "error 1:23 10.0.0.254 belongs to \"a\" and to \"this box\"",
	  "10.0.0.254=a:1 10.0.0.254=-:20000000 fd77::fe=-:20000000" },
	{ "\"a\":{\"addresses\":[\"fd77::fe\"]},\"me\":{\"self\":true}",
	  "error 1:54 fd77::fe belongs to \"a\" and to \"me\"",
	  "10.0.0.254=me:20000000 fd77::fe=a:1 fd77::fe=me:20000000" },
	{ "\"a\":{\"addresses\":[\"10.0.0.1\"],\"routes\":[\"10.0.0.0/24\",\"::/0\"]}", "",
	  "::/0=a:10000001 10.0.0.0/24=a:1 10.0.0.1=a:1 10.0.0.254=-:20000000 fd77::fe=-:20000000" },
	{ "\"a\":{\"addresses\":[\"10.0.0.1\"],\"approved\":false}", "",
	  "10.0.0.1=a:80000001 10.0.0.254=-:20000000 fd77::fe=-:20000000" },
	{ "\"a\":{\"addresses\":[\"10.0.0.1\"],\"interface\":\"lan0\"}", "",
	  "10.0.0.1=a:4000 10.0.0.254=-:20000000 fd77::fe=-:20000000" },
};

static char *print_owners(const struct inventory *inventory)
{
	char *text = NULL, prefix[ADDRESS_TEXT];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < inventory->owners_count; i++) {
		const struct owner *owner = &inventory->owners[i];

		fprintf(out, "%s%s=%s:%x", i ? " " : "", prefix_format(&owner->prefix, prefix),
			owner->device == DEVICE_NONE ?
				"-" :
				inventory->policy->devices[owner->device].name.text,
			owner->speaks);
	}
	fclose(out);
	return text;
}

START_TEST(box)
{
	address_t addresses[] = { notation_address("10.0.0.254"), notation_address("fd77::fe") };
	const struct box box = { .addresses = addresses, .count = ARRAY_SIZE(addresses) };
	_free_ char *policy = mem_printf("{\"acls\":[],\"devices\":{%s}}", boxes[_i].devices);
	_free_ char *owners = NULL;
	struct checked checked;
	_free_ char *text = pipeline_told(&checked, policy, NULL, &box, STAGE_INVENTORY);

	owners = print_owners(&checked.inventory);
	ck_assert_str_eq(text, boxes[_i].told);
	ck_assert_str_eq(owners, boxes[_i].owners);
	checked_free(&checked);
}
END_TEST

/* A slot for each guarded interface, in their order. */
static const struct {
	const char *interfaces;
	const char *interface;
	uint32_t speaks;
} speakers[] = {
	{ "[]", "wg0", 1 },
	{ "[\"wg0\",\"lan0\",\"wg1\"]", "wg0", 1 },
	{ "[\"wg0\",\"lan0\",\"wg1\"]", "lan0", 2 },
	{ "[\"wg0\",\"lan0\",\"wg1\"]", "wg1", 4 },
	{ "[\"wg0\",\"lan0\",\"wg1\"]", "eth0", 1u << GATE_GUARDED_MAX },
	{ "[\"wg1\"]", "wg0", 1u << GATE_GUARDED_MAX },
};

START_TEST(speaks)
{
	_free_ char *policy = mem_printf("{\"acls\":[],\"interfaces\":%s,\"devices\":{\"a\":"
					 "{\"addresses\":[\"10.0.0.1\"],\"interface\":\"%s\"}}}",
					 speakers[_i].interfaces, speakers[_i].interface);
	struct checked checked;

	pipeline(&checked, policy, NULL, NULL, STAGE_INVENTORY);
	ck_assert_uint_eq(checked.inventory.owners_count, 1);
	ck_assert_uint_eq(checked.inventory.owners[0].speaks, speakers[_i].speaks);
	checked_free(&checked);
}
END_TEST

/* There is a bit for each, and those behind them mean something else. */
START_TEST(too_many_interfaces)
{
	_free_ char *policy = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&policy, &size);
	struct checked checked;

	fprintf(out, "{\"acls\":[],\"interfaces\":[");
	for (int i = 0; i < GATE_GUARDED_MAX + 1; i++)
		fprintf(out, "%s\"wg%d\"", i ? "," : "", i);
	fprintf(out, "],\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],\"interface\":\"wg%d\"}}}",
		GATE_GUARDED_MAX);
	fclose(out);
	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_ge(checked.diag.errors, 1);
	checked_free(&checked);
}
END_TEST

START_TEST(default_interface)
{
	struct checked checked;

	pipeline(&checked, "{\"acls\":[]}", NULL, NULL, STAGE_INVENTORY);
	ck_assert_uint_eq(inventory_interfaces(&checked.policy), 1);
	ck_assert_str_eq(inventory_interface(&checked.policy, 0), "wg0");
	checked_free(&checked);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("inventory");

	unit_add(suite, findings, ARRAY_SIZE(policies));
	unit_add(suite, refuse, ARRAY_SIZE(impossible));
	unit_add(suite, name, ARRAY_SIZE(names));
	unit_add(suite, clash, ARRAY_SIZE(clashes));
	unit_add(suite, box, ARRAY_SIZE(boxes));
	unit_add(suite, speaks, ARRAY_SIZE(speakers));
	unit_add(suite, too_many_interfaces, 1);
	unit_add(suite, default_interface, 1);
	return suite;
}
