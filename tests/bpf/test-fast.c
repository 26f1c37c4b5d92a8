// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bpf/fast.h: packets of live flows, plain and nearly so. That the dry run before each of them says
 * the same proves that the fast path and the long way agree.
 */
#include "mem.h"
#include "suites.h"
#include "trial.h"

/* As in test-flow.c. */
#define ASK(FLAGS, ...)	   TCP(IMAC, VPS, 40000, 3000, FLAGS, __VA_ARGS__)
#define ANSWER(FLAGS, ...) TCP(VPS, IMAC, 3000, 40000, FLAGS, __VA_ARGS__)
#define CONNECTED	   BEFORE(IN(ASK(SYN)), IN(ANSWER(SYN | ACK)), IN(ASK(ACK)))
#define QUERY(...)	   UDP(IMAC, ASPIRE, 40000, 53, __VA_ARGS__)
#define QUERIED		   BEFORE(IN(QUERY()), IN(UDP(ASPIRE, IMAC, 53, 40000)))

#define LIE(KIND, VALUE) LIES({ KIND, VALUE })

/* clang-format off */
static const struct trial rows[] = {
	{ "TCP", IN(ASK(ACK)), PASSES, CONNECTED },
	{ "TCP with data", IN(ASK(ACK | PSH, .body = 1000)), PASSES, CONNECTED },
	{ "TCP, no flags", IN(ASK(0)), PASSES, CONNECTED },
	{ "TCP back", IN(ANSWER(ACK)), ANSWERS, CONNECTED },
	{ "SYN back", IN(ANSWER(SYN)), DROPS, REASON_NO_STATE, CONNECTED },
	{ "TCP, another port", IN(TCP(IMAC, VPS, 40001, 3002, ACK)), DROPS, REASON_NO_STATE,
		CONNECTED },
	{ "TCP with padding behind it", IN(ASK(ACK, LIE(PADDING, 20))), PASSES, CONNECTED },
	{ "TCP with IPv4 options", IN(ASK(ACK, OPTIONS("\1\1\1\0"))), PASSES, CONNECTED, .only = IPV4 },
	{ "TCP with a source route", IN(ASK(ACK, OPTIONS("\203\7\4\12\115\0\1\0"))), DROPS,
		REASON_SOURCE_ROUTE, CONNECTED, .only = IPV4 },
	{ "TCP behind an extension header", IN(ASK(ACK, EXTENSIONS({ IPPROTO_DSTOPTS }))), PASSES,
		CONNECTED, .only = IPV6 },
	{ "TCP, cut off", IN(ASK(ACK, LIE(CUT, 1))), DROPS, REASON_MALFORMED, CONNECTED },
	{ "TCP, too long by a byte", IN(ASK(ACK, LIE(LENGTH_BY, 1))), DROPS, REASON_MALFORMED,
		CONNECTED },
	{ "TCP, too short by a byte", IN(ASK(ACK, LIE(LENGTH_BY, -1))), DROPS, REASON_MALFORMED,
		CONNECTED },
	{ "TCP header of 16 bytes", IN(ASK(ACK, LIE(DATA_OFFSET, 4))), DROPS, REASON_MALFORMED,
		CONNECTED },
	{ "TCP header beyond the packet", IN(ASK(ACK, LIE(DATA_OFFSET, 6))), DROPS,
		REASON_MALFORMED, CONNECTED },
	{ "TCP with options", IN(ASK(ACK, .body = 4, LIE(DATA_OFFSET, 6))), PASSES, CONNECTED },
	{ "IPv4 header of 16 bytes", IN(ASK(ACK, LIE(HEADER_WORDS, 4))), DROPS, REASON_MALFORMED,
		CONNECTED, .only = IPV4 },
	{ "no IP version", IN(ASK(ACK, LIE(VERSION, 5))), DROPS, REASON_NOT_IP, CONNECTED },
	{ "the ethertype of the other", IN(ASK(ACK, LIE(ETHERTYPE, 0x86dd))), DROPS, REASON_NOT_IP,
		CONNECTED, .only = IPV4 | ETHERNET },
	{ "the ethertype of the other", IN(ASK(ACK, LIE(ETHERTYPE, 0x0800))), DROPS, REASON_NOT_IP,
		CONNECTED, .only = IPV6 | ETHERNET },
	{ "a tag", IN(ASK(ACK, LIE(VLAN, 0x8100))), DROPS, REASON_NOT_IP, CONNECTED,
		.only = ETHERNET },
	{ "more fragments", IN(ASK(ACK, .body = 4, LIE(FRAGMENT, 0x2000))), PASSES, CONNECTED,
		.only = IPV4 },
	{ "a later fragment", IN(ASK(ACK, LIE(FRAGMENT, 0x0001))), DROPS, REASON_FRAGMENT,
		CONNECTED, .only = IPV4 },
	{ "not to be fragmented", IN(ASK(ACK, LIE(FRAGMENT, 0x4000))), PASSES, CONNECTED,
		.only = IPV4 },
	{ "UDP", IN(QUERY()), PASSES, QUERIED },
	{ "UDP back", IN(UDP(ASPIRE, IMAC, 53, 40000)), ANSWERS, QUERIED },
	{ "UDP, cut off", IN(QUERY(LIE(CUT, 1))), DROPS, REASON_MALFORMED, QUERIED },
	{ "UDP, too short", IN(QUERY(LIE(LENGTH_BY, -1))), DROPS, REASON_MALFORMED, QUERIED },
	{ "another protocol on the ports of TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_GRE, 40000, 3000)),
		OPENS, CONNECTED },
	{ "from the LAN, and bound to wg0", FROM_LAN(ASK(ACK)), DROPS, REASON_SPOOFED_SOURCE,
		CONNECTED },
	{ "from elsewhere", FROM_ELSEWHERE(ASK(ACK)), DROPS, REASON_SPOOFED_SOURCE, CONNECTED },
	{ "from this box", FROM_SELF(ASK(ACK)), DROPS, REASON_SPOOFED_SOURCE, CONNECTED },
	{ "E1", FORWARDED(ASK(ACK)), PASSES, CONNECTED },
	{ "E1, an answer", FORWARDED_REPLY(ANSWER(ACK)), PASSES, CONNECTED },
	{ "E2", UNMARKED(ASK(ACK)), PASSES, CONNECTED },
	{ "E3", FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, ACK)), PASSES,
		BEFORE(FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN))) },
	{ "E3 with our mark", FROM_LAN_MARKED(TCP(WINDOWS, IMAC, 40000, 3000, ACK)), PASSES,
		BEFORE(FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN))) },
	{ "E3, from another interface", FROM_ELSEWHERE(TCP(WINDOWS, IMAC, 40000, 3000, ACK)), DROPS,
		REASON_SPOOFED_SOURCE, BEFORE(FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN))) },
	{ "E3, of no device", FROM_ELSEWHERE(TCP(WEB, IMAC, 443, 40000, ACK)), ANSWERS,
		BEFORE(IN(TCP(IMAC, WEB, 40000, 443, SYN)),
		FROM_ELSEWHERE(TCP(WEB, IMAC, 443, 40000, SYN | ACK))) },
	{ "E3, of no device, and from wg0", UNMARKED(TCP(WEB, IMAC, 443, 40000, ACK)), DROPS,
		REASON_UNKNOWN_SOURCE,
		BEFORE(IN(TCP(IMAC, WEB, 40000, 443, SYN)),
		FROM_ELSEWHERE(TCP(WEB, IMAC, 443, 40000, SYN | ACK))) },
	{ "E3, of no device, and from this box", FROM_SELF(TCP(WEB, IMAC, 443, 40000, ACK)), ANSWERS,
		BEFORE(IN(TCP(IMAC, WEB, 40000, 443, SYN)),
		FROM_ELSEWHERE(TCP(WEB, IMAC, 443, 40000, SYN | ACK))) },
	{ "E4", FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, ACK)), PASSES,
		BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN))) },
	{ "E4 with our mark", FROM_SELF_MARKED(TCP(ROUTER, IMAC, 40000, 22, ACK)), PASSES,
		BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN))) },
	{ "E4, but from the LAN", FROM_LAN(TCP(ROUTER, IMAC, 40000, 22, ACK)), DROPS,
		REASON_NAT_UNIDENTIFIED, BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN))) },
};
/* clang-format on */

Suite *fast_suite(void)
{
	Suite *suite = suite_create("fast");
	TCase *tcase = tcase_create("fast path");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add(tcase, rows, ARRAY_SIZE(rows), ANY_FORM);
	suite_add_tcase(suite, tcase);
	return suite;
}
