// SPDX-License-Identifier: GPL-2.0-or-later
#include "ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "unit.h"

#define PORT		 ": a port is a number from 1 to 65535"
#define NO_FIRST(range)	 "port range \"" range "\": invalid first integer" PORT
#define NO_LAST(range)	 "port range \"" range "\": invalid last integer" PORT
#define ZERO(range)	 "port range \"" range "\": first port must be >0, or use '*' for wildcard"
#define INVERTED(range)	 "port range \"" range "\": first port must be <= last port"
#define NOT_ALONE(range) "port range \"" range "\": '*' stands alone"

/* @ranges: "low-high", one behind the other; NULL where @message is told. */
static const struct {
	const char *text;
	const char *ranges;
	const char *message;
	bool all;
} lists[] = {
	{ "22", "22-22", NULL, false },
	{ "1", "1-1", NULL, false },
	{ "65535", "65535-65535", NULL, false },
	{ "*", "0-65535", NULL, true },
	{ "1-65535", "1-65535", NULL, false },
	{ "80,443", "80-80 443-443", NULL, false },
	{ "1000-2000", "1000-2000", NULL, false },
	{ "80-91,92,93-95", "80-91 92-92 93-95", NULL, false },
	{ "443,80,80", "443-443 80-80 80-80", NULL, false },
	{ "22-22", "22-22", NULL, false },
	{ "", NULL, NO_FIRST(""), false },
	{ "ssh", NULL, NO_FIRST("ssh"), false },
	{ "0", NULL, ZERO("0"), false },
	{ "0-5", NULL, ZERO("0-5"), false },
	{ "0-65535", NULL, ZERO("0-65535"), false },
	{ "00", NULL, NO_FIRST("00"), false },
	{ "080", NULL, NO_FIRST("080"), false },
	{ "0080", NULL, NO_FIRST("0080"), false },
	{ "000022", NULL, NO_FIRST("000022"), false },
	{ "65536", NULL, NO_FIRST("65536"), false },
	{ "99999", NULL, NO_FIRST("99999"), false },
	{ "4294967318", NULL, NO_FIRST("4294967318"), false }, /* 2^32 + 22 */
	{ "18446744073709551638", NULL, NO_FIRST("18446744073709551638"), false },
	{ "22-65536", NULL, NO_LAST("22-65536"), false },
	{ "22-", NULL, NO_LAST("22-"), false },
	{ "-22", NULL, NO_FIRST("-22"), false },
	{ "-", NULL, NO_FIRST("-"), false },
	{ "22-21", NULL, INVERTED("22-21"), false },
	{ "22--23", NULL, NO_LAST("22--23"), false },
	{ "1-2-3", NULL, NO_LAST("1-2-3"), false },
	{ "22-ssh", NULL, NO_LAST("22-ssh"), false },
	{ "22-*", NULL, NO_LAST("22-*"), false },
	{ "*-22", NULL, NO_FIRST("*-22"), false },
	{ "+22", NULL, NO_FIRST("+22"), false },
	{ " 22", NULL, NO_FIRST(" 22"), false },
	{ "22 ", NULL, NO_FIRST("22 "), false },
	{ "80, 443", NULL, NO_FIRST(" 443"), false },
	{ "80.5", NULL, NO_FIRST("80.5"), false },
	{ "1e3", NULL, NO_FIRST("1e3"), false },
	{ "0x16", NULL, NO_FIRST("0x16"), false },
	{ "80,", NULL, NO_FIRST(""), false },
	{ ",80", NULL, NO_FIRST(""), false },
	{ "80,,443", NULL, NO_FIRST(""), false },
	{ ",", NULL, NO_FIRST(""), false },
	{ "1-10,2-", NULL, NO_LAST("2-"), false },
	{ "80,0", NULL, ZERO("0"), false },
	{ "1-10,*", NULL, NOT_ALONE("1-10,*"), false },
	{ "*,22", NULL, NOT_ALONE("*,22"), false },
	{ "**", NULL, NO_FIRST("**"), false },
	{ "tcp:22", NULL, NO_FIRST("tcp:22"), false },
};

static char *print(const struct ports *ports)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < ports->count; i++)
		fprintf(out, "%s%u-%u", i ? " " : "", ports->items[i].low, ports->items[i].high);
	fclose(out);
	return text;
}

START_TEST(list)
{
	struct ports ports = {};
	_free_ char *message = NULL, *printed = NULL;
	int error = ports_parse(lists[_i].text, &ports, &message);

	ck_assert_int_eq(error, lists[_i].ranges ? 0 : -EINVAL);
	ck_assert_pstr_eq(message, lists[_i].message);
	printed = print(&ports);
	ck_assert_str_eq(printed, lists[_i].ranges ? lists[_i].ranges : "");
	ck_assert(ports_are_all(&ports) == lists[_i].all);
	ports_free(&ports);
}
END_TEST

/* @printed NULL: refused. */
static const struct {
	const char *text;
	uint8_t number;
	const char *printed;
} protocols[] = {
	{ "tcp", 6, "tcp" },
	{ "TCP", 6, "tcp" },
	{ "Udp", 17, "udp" },
	{ "icmp", 1, "icmp" },
	{ "icmpv4", 1, "icmp" },
	{ "ipv6-icmp", 58, "ipv6-icmp" },
	{ "icmpv6", 58, "ipv6-icmp" },
	{ "igmp", 2, "igmp" },
	{ "ip-in-ip", 4, "ipv4" },
	{ "ipv4", 4, "ipv4" },
	{ "egp", 8, "egp" },
	{ "igp", 9, "igp" },
	{ "dccp", 33, "dccp" },
	{ "gre", 47, "gre" },
	{ "esp", 50, "esp" },
	{ "ah", 51, "ah" },
	{ "sctp", 132, "sctp" },
	{ "fc", 133, "fc" },
	{ "6", 6, "tcp" },
	{ "1", 1, "icmp" },
	{ "58", 58, "ipv6-icmp" },
	{ "255", 255, "255" },
	{ "99", 99, "tsmp" },
	{ "0", 0, NULL },
	{ "256", 0, NULL },
	{ "262", 0, NULL }, /* 256 + 6 */
	{ "06", 0, NULL },
	{ "-1", 0, NULL },
	{ "+6", 0, NULL },
	{ "6 ", 0, NULL },
	{ "", 0, NULL },
	{ "*", 0, NULL },
	{ "tcpp", 0, NULL },
	{ "tc", 0, NULL },
	{ "any", 0, NULL },
};

START_TEST(protocol)
{
	uint8_t number = 0;
	char text[8];
	int error = protocol_parse(protocols[_i].text, &number);

	ck_assert_int_eq(error, protocols[_i].printed ? 0 : -EINVAL);
	ck_assert_uint_eq(number, protocols[_i].number);
	if (!error)
		ck_assert_str_eq(protocol_name(number, text), protocols[_i].printed);
}
END_TEST

START_TEST(has_ports)
{
	for (unsigned int number = 0; number < 256; number++)
		ck_assert(protocol_has_ports((uint8_t)number) ==
			  (number == 6 || number == 17 || number == 132));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("ports");

	unit_add(suite, list, ARRAY_SIZE(lists));
	unit_add(suite, protocol, ARRAY_SIZE(protocols));
	unit_add(suite, has_ports, 1);
	return suite;
}
