// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.h"

#include <string.h>

#include "mem.h"
#include "notation.h"
#include "reason.h"
#include "timeout.h"
#include "unit.h"

#define WIDE(class) (GATE_COARSE | (class))
#define KEY(protocol, low, high, rule)                                            \
	{                                                                         \
		GATE_PORT_KEY(protocol, low), GATE_PORT_KEY(protocol, high), rule \
	}

/* A table made by hand: classes 1 to 3, one wide class, and each of the four levels of pairs. */
static struct table table_here(void)
{
	static struct table_address addresses[] = {
		{ { ADDRESS_IPV4 + 0x0a000001, 128 }, { 1, WIDE(0), 1, 1u } },
		{ { ADDRESS_IPV4 + 0x0a000002, 128 }, { 2, WIDE(1), 2, 1u } },
		{ { ADDRESS_IPV4 + 0x0a000003, 128 },
		  { 1, WIDE(0), 3, 1u | GATE_SPEAKS_REJECTED } },
		{ { ADDRESS_IPV4 + 0x0a0000fe, 128 }, { 1, WIDE(0), 0, GATE_SPEAKS_SELF } },
		{ { ADDRESS_IPV4 + 0x0a010005, 128 }, { 0, WIDE(0), 0, GATE_SPEAKS_OUTSIDE } },
	};
	static struct table_address prefixes[] = {
		{ { ADDRESS_IPV4 + 0x0a010000, 112 }, { 3, WIDE(1), 2, 1u } },
		{ { ADDRESS_IPV4 + 0x0b000000, 104 }, { 3, WIDE(0), 0, GATE_SPEAKS_OUTSIDE } },
	};
	static struct table_range ranges[] = {
		KEY(6, 22, 22, 3),  KEY(6, 80, 90, 1), KEY(1, 0, 65535, 2), /* 1 → 2 */
		KEY(6, 22, 22, 2),					    /* 1 → wide 1 */
		KEY(6, 22, 25, 1),					    /* wide 0 → 2 */
		KEY(6, 0, 65535, 0) /* wide 0 → wide 1, the first rule */
	};
	static struct table_pair pairs[] = {
		{ { 1, 2 }, { 0, 3 } },
		{ { 1, WIDE(1) }, { 3, 1 } },
		{ { WIDE(0), 2 }, { 4, 1 } },
	};
	static struct table_rule rules[] = {
		{ (char *)"acls[0]", "policy", 1, EXPIRES_NEVER },
		{ (char *)"acls[1]", "policy", 2, EXPIRES_NEVER },
		{ (char *)"acls[2]", "policy", 3, EXPIRES_NEVER },
		{ (char *)"acls[3]", "policy", 4, EXPIRES_NEVER },
	};
	static char *devices[] = { (char *)"pc", (char *)"imac", (char *)"new" };
	static char *interfaces[] = { (char *)"wg0", (char *)"lan0" };
	struct table table = {
		.addresses = addresses,
		.addresses_count = ARRAY_SIZE(addresses),
		.prefixes = prefixes,
		.prefixes_count = ARRAY_SIZE(prefixes),
		.pairs = pairs,
		.pairs_count = ARRAY_SIZE(pairs),
		.ranges = ranges,
		.ranges_count = ARRAY_SIZE(ranges),
		.rules = rules,
		.rules_count = ARRAY_SIZE(rules),
		.devices = devices,
		.devices_count = ARRAY_SIZE(devices),
		.interfaces = interfaces,
		.interfaces_count = ARRAY_SIZE(interfaces),
		.mark_bit = GATE_MARK_BIT,
		.settings = { .flows_per_device = FLOWS_PER_DEVICE_DEFAULT },
	};

	for (enum timeout timeout = 0; timeout < TIMEOUT_MAX; timeout++)
		table.settings.timeout[timeout] = timeout_default(timeout);
	return table;
}

#define NO_RULE 55

static const struct {
	const char *src, *dst;
	uint8_t protocol;
	uint16_t port;
	enum reason reason;
	uint32_t rule;
} questions[] = {
	{ "10.0.0.1", "10.0.0.2", 6, 22, REASON_NONE, 1 }, /* rules 3, 2 and 1 have it */
	{ "10.0.0.1", "10.0.0.2", 6, 26, REASON_ACL, NO_RULE },
	{ "10.0.0.1", "10.0.0.2", 6, 21, REASON_ACL, NO_RULE },
	{ "10.0.0.1", "10.0.0.2", 6, 80, REASON_NONE, 1 },
	{ "10.0.0.1", "10.0.0.2", 6, 90, REASON_NONE, 1 },
	{ "10.0.0.1", "10.0.0.2", 6, 79, REASON_ACL, NO_RULE },
	{ "10.0.0.1", "10.0.0.2", 6, 91, REASON_ACL, NO_RULE },
	{ "10.0.0.1", "10.0.0.2", 17, 22, REASON_ACL, NO_RULE },
	{ "10.0.0.1", "10.0.0.2", 132, 22, REASON_ACL, NO_RULE },
	{ "10.0.0.1", "10.0.0.2", 1, 0, REASON_NONE, 2 },
	{ "10.0.0.1", "10.0.0.2", 1, 4711, REASON_NONE, 2 }, /* it has no ports */
	{ "10.0.0.1", "10.0.0.2", 58, 0, REASON_ACL, NO_RULE },
	{ "10.0.0.1", "10.1.0.1", 6, 22, REASON_NONE, 2 },
	{ "10.0.0.1", "10.1.255.255", 6, 22, REASON_NONE, 2 },
	{ "10.0.0.1", "10.0.255.255", 6, 22, REASON_ACL, NO_RULE },
	{ "10.0.0.1", "10.2.0.0", 6, 22, REASON_ACL, NO_RULE },
	{ "10.0.0.1", "10.1.0.5", 6, 22, REASON_ACL, NO_RULE }, /* a hole in its prefix */
	{ "10.0.0.1", "fd77::1", 6, 22, REASON_ACL, NO_RULE },
	{ "10.0.0.2", "10.0.0.1", 6, 22, REASON_ACL, NO_RULE }, /* one way */
	{ "10.0.0.2", "10.0.0.2", 6, 22, REASON_ACL, NO_RULE },
	{ "10.1.0.1", "10.0.0.2", 6, 22, REASON_ACL, NO_RULE },
	{ "10.0.0.3", "10.0.0.2", 6, 22, REASON_UNAPPROVED, NO_RULE },
	{ "10.0.0.3", "10.0.0.2", 6, 9999, REASON_UNAPPROVED, NO_RULE },
	{ "10.0.0.254", "10.0.0.2", 6, 24, REASON_NONE, 1 }, /* this box */
	{ "10.0.0.9", "10.0.0.2", 6, 22, REASON_UNKNOWN_SOURCE, NO_RULE },
	{ "11.0.0.1", "10.0.0.2", 6, 22, REASON_UNKNOWN_SOURCE, NO_RULE }, /* named, nobody's */
	{ "10.1.0.5", "10.0.0.2", 6, 22, REASON_UNKNOWN_SOURCE, NO_RULE },
	{ "fd77::1", "10.0.0.2", 6, 22, REASON_UNKNOWN_SOURCE, NO_RULE },
};

START_TEST(judge)
{
	struct table table = table_here();
	uint32_t rule = NO_RULE;
	enum reason reason = table_judge(&table, notation_address(questions[_i].src),
					 notation_address(questions[_i].dst),
					 questions[_i].protocol, questions[_i].port, &rule);

	ck_assert_str_eq(reason_name(reason), reason_name(questions[_i].reason));
	ck_assert_uint_eq(rule, questions[_i].rule);
}
END_TEST

/* A wide class to a wide class, which the table above has not. */
START_TEST(wide_to_wide)
{
	struct table table = table_here();
	struct table_pair pairs[4];
	uint32_t rule = NO_RULE;

	memcpy(pairs, table.pairs, 3 * sizeof(*pairs));
	pairs[3] = (struct table_pair){ { WIDE(0), WIDE(1) }, { 5, 1 } };
	table.pairs = pairs;
	table.pairs_count = 4;
	ck_assert_int_eq(table_judge(&table, notation_address("10.0.0.1"),
				     notation_address("10.1.0.1"), 6, 9999, &rule),
			 REASON_NONE);
	ck_assert_uint_eq(rule, 0);
	ck_assert_int_eq(table_judge(&table, notation_address("10.0.0.1"),
				     notation_address("10.0.0.2"), 6, 22, &rule),
			 REASON_NONE);
	ck_assert_uint_eq(rule, 0);
}
END_TEST

/* 10.0.0.1 → 10.0.0.2 port 22 is what rules 1, 2 and 3 allow. The longest-lived has the credit. */
static const struct {
	int64_t expires[4];
	uint32_t rule;
} lives[] = {
	{ { EXPIRES_NEVER, EXPIRES_NEVER, EXPIRES_NEVER, EXPIRES_NEVER }, 1 },
	{ { 0, 100, 100, 100 }, 1 },
	{ { 0, 100, 200, 300 }, 3 },
	{ { 0, 300, 200, 100 }, 1 },
	{ { 0, 100, 300, 200 }, 2 },
	{ { 0, 100, 100, EXPIRES_NEVER }, 3 },
	{ { 0, EXPIRES_NEVER, 100, EXPIRES_NEVER }, 1 },
};

START_TEST(longest)
{
	struct table table = table_here();
	uint32_t rule = NO_RULE;

	for (size_t i = 0; i < 4; i++)
		table.rules[i].expires = lives[_i].expires[i];
	ck_assert_int_eq(table_judge(&table, notation_address("10.0.0.1"),
				     notation_address("10.0.0.2"), 6, 22, &rule),
			 REASON_NONE);
	ck_assert_uint_eq(rule, lives[_i].rule);
}
END_TEST

START_TEST(empty)
{
	const struct table table = {};
	uint32_t rule = NO_RULE;

	ck_assert_int_eq(table_judge(&table, notation_address("10.0.0.1"),
				     notation_address("10.0.0.2"), 6, 22, &rule),
			 REASON_UNKNOWN_SOURCE);
	ck_assert_uint_eq(rule, NO_RULE);
}
END_TEST

static char *printed(const struct table *table)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	table_print(table, out);
	fclose(out);
	return text;
}

START_TEST(print)
{
	struct table table = table_here();
	_free_ char *text = printed(&table);

	ck_assert_str_eq(text, "interface wg0\ninterface lan0\n"
			       "device pc\ndevice imac\ndevice new\n"
			       "address 10.0.0.1 class 1 wide0 device pc on wg0\n"
			       "address 10.0.0.2 class 2 wide1 device imac on wg0\n"
			       "address 10.0.0.3 class 1 wide0 device new on wg0 unapproved\n"
			       "address 10.0.0.254 class 1 wide0 self\n"
			       "address 10.1.0.5 class 0 wide0 outside\n"
			       "address 10.1.0.0/16 class 3 wide1 device imac on wg0\n"
			       "address 11.0.0.0/8 class 3 wide0 outside\n"
			       "pair 1 2\n\ttcp 22 acls[3]\n\ttcp 80-90 acls[1]\n\ticmp acls[2]\n"
			       "pair 1 wide1\n\ttcp 22 acls[2]\n"
			       "pair wide0 2\n\ttcp 22-25 acls[1]\n");
}
END_TEST

/* What differs from the default stands between the interfaces and the devices. */
START_TEST(print_settings)
{
	struct table table = table_here();
	struct gate_settings *settings = &table.settings;
	_free_ char *text = NULL;

	table.addresses_count = table.prefixes_count = table.pairs_count = 0;
	table.features = GATE_AUDIT | GATE_HAS_PREFIX4;
	settings->dhcp = 2;
	settings->nat_as[0][1].device = 2; /* it has an IPv6 address only */
	settings->nat_as[1][0].device = 1;
	settings->timeout[TIMEOUT_ESTABLISHED] = 3600;
	settings->timeout[TIMEOUT_FRAGMENT] = 1;
	settings->flows_per_device = 100;
	text = printed(&table);
	ck_assert_str_eq(text, "interface wg0 nat-as imac\ninterface lan0 dhcp nat-as pc\n"
			       "mode audit\n"
			       "timeout tcpEstablished 3600\ntimeout fragments 1\n"
			       "limit flowsPerDevice 100\n"
			       "device pc\ndevice imac\ndevice new\n");
}
END_TEST

START_TEST(identity)
{
	struct table table = table_here();

	ck_assert_ptr_eq(table_identity(&table, notation_address("10.0.0.2")),
			 &table.addresses[1].identity);
	ck_assert_ptr_eq(table_identity(&table, notation_address("10.1.0.5")),
			 &table.addresses[4].identity);
	ck_assert_ptr_eq(table_identity(&table, notation_address("10.1.0.6")),
			 &table.prefixes[0].identity);
	ck_assert_ptr_eq(table_identity(&table, notation_address("fd77::1")), &table_unnamed);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("table");

	unit_add(suite, judge, ARRAY_SIZE(questions));
	unit_add(suite, wide_to_wide, 1);
	unit_add(suite, longest, ARRAY_SIZE(lives));
	unit_add(suite, empty, 1);
	unit_add(suite, print, 1);
	unit_add(suite, print_settings, 1);
	unit_add(suite, identity, 1);
	return suite;
}
