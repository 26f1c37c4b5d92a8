// SPDX-License-Identifier: GPL-2.0-or-later
#include "address.h"

#include <errno.h>
#include <string.h>

#include "mem.h"
#include "notation.h"
#include "unit.h"

/* @printed: how it comes back; NULL where it must be refused. */
static const struct {
	const char *text;
	const char *printed;
} addresses[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "10.77.0.1", "10.77.0.1" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "fd77:0:0:0::1", "fd77::1" },
	{ "FD77::A", "fd77::a" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "::1.2.3.4", "::1.2.3.4" }, /* IPv4-compatible, which is an IPv6 address */
	{ "::fffe:ffff:ffff", "::fffe:ffff:ffff" },
	{ "::1:0:0:0", "::1:0:0:0" },
	{ "::ffff:0:0", NULL },
	{ "::ffff:10.77.0.1", NULL },
	{ "::FFFF:a4d:1", NULL },
	{ "::ffff:ffff:ffff", NULL },
	{ "", NULL },
	{ "10", NULL },
	{ "10.1", NULL },
	{ "10.77.0", NULL },
	{ "10.77.0.0.0", NULL },
	{ "10.77.0.256", NULL },
	{ "10.77.0.-1", NULL },
	{ "010.77.0.1", NULL },
	{ "0x0a.77.0.1", NULL },
	{ " 10.77.0.1", NULL },
	{ "10.77.0.1 ", NULL },
	{ "10.77.0.1/32", NULL },
	{ "fe80::1%wg0", NULL },
	{ "[::1]", NULL },
	{ ":", NULL },
	{ ":::", NULL },
	{ "1::2::3", NULL },
	{ "12345::", NULL },
	{ "fd77::g", NULL },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "*", NULL },
	{ "localhost", NULL },
};

START_TEST(parse_and_format)
{
	const address_t untouched = 0x55;
	address_t address = untouched;
	char text[ADDRESS_TEXT];
	int error = address_parse(addresses[_i].text, &address);

	if (addresses[_i].printed) {
		ck_assert_int_eq(error, 0);
		ck_assert_str_eq(address_format(address, text), addresses[_i].printed);
	} else {
		ck_assert_int_eq(error, -EINVAL);
		ck_assert(address == untouched);
	}
}
END_TEST

static const struct {
	const char *text;
	bool ipv4;
} versions[] = {
	{ "0.0.0.0", true },	  { "255.255.255.255", true },
	{ "127.0.0.1", true },	  { "::", false },
	{ "::1", false },	  { "::fffe:ffff:ffff", false },
	{ "::1:0:0:0", false },	  { "::7f00:1", false },
	{ "ffff:ffff::", false },
};

START_TEST(version)
{
	ck_assert(address_is_ipv4(notation_address(versions[_i].text)) == versions[_i].ipv4);
}
END_TEST

/* The order that everything sorted relies on: IPv4 lies between its two neighbours of IPv6. */
START_TEST(order)
{
	static const char *const rising[] = {
		"::",
		"::1",
		"::fffe:ffff:ffff",
		"0.0.0.0",
		"0.0.0.1",
		"9.255.0.1",
		"10.0.0.0",
		"255.255.255.255",
		"::1:0:0:0",
		"fd77::1",
		"fd77::2",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	};

	for (size_t i = 1; i < ARRAY_SIZE(rising); i++)
		ck_assert_msg(notation_address(rising[i - 1]) < notation_address(rising[i]),
			      "%s is not below %s", rising[i - 1], rising[i]);
	ck_assert(notation_address("::fffe:ffff:ffff") + 1 == ADDRESS_IPV4);
	ck_assert(ADDRESS_IPV4_LAST + 1 == notation_address("::1:0:0:0"));
}
END_TEST

static const struct {
	const char *text;
	unsigned int count;
	uint8_t bytes[16];
} wires[] = {
	{ "10.77.0.1", 4, { 10, 77, 0, 1 } },
	{ "255.0.255.0", 4, { 255, 0, 255, 0 } },
	{ "0.0.0.0", 4, {} },
	{ "::", 16, {} },
	{ "::102:304", 16, { [12] = 1, 2, 3, 4 } },
	{ "fd77::1:ff", 16, { 0xfd, 0x77, [13] = 1, [15] = 0xff } },
	{ "::fffe:ffff:ffff", 16, { [10] = 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff } },
};

START_TEST(wire)
{
	address_t address = notation_address(wires[_i].text);
	uint8_t bytes[16];

	ck_assert_uint_eq(address_bytes(address, bytes), wires[_i].count);
	ck_assert_mem_eq(bytes, wires[_i].bytes, wires[_i].count);
	ck_assert(address_from_bytes(bytes, wires[_i].count) == address);
}
END_TEST

static const struct {
	const char *text;
	int error;
	const char *last; /* address; the first is that of the text */
	bool is_default;
	const char *printed; /* NULL: as @text */
} prefixes[] = {
	{ "10.77.0.0/16", 0, "10.77.255.255", false, NULL },
	{ "10.77.0.1", 0, "10.77.0.1", false, NULL },
	{ "10.77.0.1/32", 0, "10.77.0.1", false, "10.77.0.1" },
	{ "10.77.0.0/31", 0, "10.77.0.1", false, NULL },
	{ "0.0.0.0/0", 0, "255.255.255.255", true, NULL },
	{ "0.0.0.0/1", 0, "127.255.255.255", false, NULL },
	{ "128.0.0.0/1", 0, "255.255.255.255", false, NULL },
	{ "0.0.0.0/32", 0, "0.0.0.0", false, "0.0.0.0" },
	{ "0.0.0.0", 0, "0.0.0.0", false, NULL },
	{ "255.255.255.255/32", 0, "255.255.255.255", false, "255.255.255.255" },
	{ "::/0", 0, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, NULL },
	{ "::/1", 0, "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, NULL },
	{ "8000::/1", 0, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, NULL },
	{ "::", 0, "::", false, NULL },
	{ "::/128", 0, "::", false, "::" },
	{ "::/96", 0, "::ffff:ffff", false, NULL },
	{ "fd77::/64", 0, "fd77::ffff:ffff:ffff:ffff", false, NULL },
	{ "FD77::/16", 0, "fd77:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, "fd77::/16" },
	{ "fd77::2/127", 0, "fd77::3", false, NULL },
	{ "10.77.0.1/24", -EADDRNOTAVAIL, NULL, false, "10.77.0.0/24" },
	{ "10.77.0.1/31", -EADDRNOTAVAIL, NULL, false, "10.77.0.0/31" },
	{ "128.0.0.0/0", -EADDRNOTAVAIL, NULL, false, "0.0.0.0/0" },
	{ "fd77::1/127", -EADDRNOTAVAIL, NULL, false, "fd77::/127" },
	{ "::1/0", -EADDRNOTAVAIL, NULL, false, "::/0" },
	{ "10.77.0.0/33", -EINVAL, NULL, false, NULL },
	{ "fd77::/129", -EINVAL, NULL, false, NULL },
	{ "fd77::/1000", -EINVAL, NULL, false, NULL },
	{ "10.77.0.0/", -EINVAL, NULL, false, NULL },
	{ "10.77.0.0/08", -EINVAL, NULL, false, NULL },
	{ "10.77.0.0/00", -EINVAL, NULL, false, NULL },
	{ "10.77.0.0/-1", -EINVAL, NULL, false, NULL },
	{ "10.77.0.0/+8", -EINVAL, NULL, false, NULL },
	{ "10.77.0.0/ 8", -EINVAL, NULL, false, NULL },
	{ "10.77.0.0/8.", -EINVAL, NULL, false, NULL },
	{ "10.77.0.0/16/16", -EINVAL, NULL, false, NULL },
	{ "10.77.0.0/255.255.0.0", -EINVAL, NULL, false, NULL },
	{ "/8", -EINVAL, NULL, false, NULL },
	{ "", -EINVAL, NULL, false, NULL },
	{ "10.77/16", -EINVAL, NULL, false, NULL },
	{ "::ffff:0:0/96", -EINVAL, NULL, false, NULL },
	{ "::ffff:10.0.0.0/104", -EINVAL, NULL, false, NULL },
	{ "0000000000000000000000000000000000000000000000000000000000000000000/8", -EINVAL, NULL,
	  false, NULL },
};

START_TEST(prefix)
{
	const char *text = prefixes[_i].text;
	struct prefix prefix = { 0x55, 55 };
	char printed[ADDRESS_TEXT];

	ck_assert_int_eq(prefix_parse(text, &prefix), prefixes[_i].error);
	if (prefixes[_i].error == -EADDRNOTAVAIL) {
		ck_assert_str_eq(prefix_format(&prefix, printed), prefixes[_i].printed);
		return;
	}
	if (prefixes[_i].error) {
		ck_assert(prefix.first == 0x55 && prefix.bits == 55);
		return;
	}
	ck_assert(prefix_last(&prefix) == notation_address(prefixes[_i].last));
	ck_assert(prefix_is_default(&prefix) == prefixes[_i].is_default);
	ck_assert_str_eq(prefix_format(&prefix, printed),
			 prefixes[_i].printed ? prefixes[_i].printed : text);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("address");

	unit_add(suite, parse_and_format, ARRAY_SIZE(addresses));
	unit_add(suite, version, ARRAY_SIZE(versions));
	unit_add(suite, order, 1);
	unit_add(suite, wire, ARRAY_SIZE(wires));
	unit_add(suite, prefix, ARRAY_SIZE(prefixes));
	return suite;
}
