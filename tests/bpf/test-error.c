// SPDX-License-Identifier: GPL-2.0-or-later
/* bpf/error.h: an ICMP error passes only when it is about a flow, and from somebody in it. */
#include "mem.h"
#include "suites.h"
#include "trial.h"

#define MALFORMED  DROPS, REASON_MALFORMED
#define NO_STATE   DROPS, REASON_NO_STATE
#define FRAGMENTED DROPS, REASON_FRAGMENT
#define SPOOFED	   DROPS, REASON_SPOOFED_SOURCE

#define ASK(...)    TCP(IMAC, VPS, 40000, 3000, SYN, __VA_ARGS__)
#define ANSWER(...) TCP(VPS, IMAC, 3000, 40000, ACK, __VA_ARGS__)
#define ASKED	    BEFORE(IN(ASK()))

/* The VPS tells the iMac about its packet. */
#define FROM_VPS(QUOTED, ...) IN(ABOUT(VPS, IMAC, UNREACHABLE, QUOTED, __VA_ARGS__))

#define HOP_BY_HOP(...)                      \
	{                                    \
		IPPROTO_HOPOPTS, __VA_ARGS__ \
	}
#define DESTINATION(...)                     \
	{                                    \
		IPPROTO_DSTOPTS, __VA_ARGS__ \
	}
#define FRAGMENTING(...)                      \
	{                                     \
		IPPROTO_FRAGMENT, __VA_ARGS__ \
	}

/* clang-format off */
static const struct trial senders[] = {
	{ "from the destination", FROM_VPS(ASK()), ANSWERS, ASKED },
	{ "packet too big", IN(ABOUT(VPS, IMAC, TOO_BIG, ASK())), ANSWERS, ASKED },
	{ "time exceeded", IN(ABOUT(VPS, IMAC, TIME_EXCEEDED, ASK())), ANSWERS, ASKED },
	{ "parameter problem", IN(ABOUT(VPS, IMAC, PARAMETER_PROBLEM, ASK())), ANSWERS, ASKED },
	{ "redirect", IN(ABOUT(VPS, IMAC, REDIRECT, ASK())), NO_STATE, ASKED },
	{ "an error of no known type", IN(ABOUT(VPS, IMAC, UNASSIGNED_ERROR, ASK())), NO_STATE,
		ASKED },
	{ "source quench", IN(ABOUT(VPS, IMAC, QUENCH_OR_NEIGHBOUR, ASK())), NO_STATE, ASKED,
		.only = IPV4 },
	{ "about nothing", FROM_VPS(ASK()), NO_STATE },
	{ "about the answer, from who got it", IN(ABOUT(IMAC, VPS, UNREACHABLE, ANSWER())), PASSES,
		ASKED },
	{ "about the answer, from a third device", IN(ABOUT(AZURE, VPS, UNREACHABLE, ANSWER())),
		NO_STATE, ASKED },
	{ "from a third device", IN(ABOUT(AZURE, IMAC, UNREACHABLE, ASK())), NO_STATE, ASKED },
	{ "from a third device: too big", IN(ABOUT(AZURE, IMAC, TOO_BIG, ASK())), NO_STATE, ASKED },
	{ "from a third device, echo id 0 to it", IN(ABOUT(AZURE, IMAC, UNREACHABLE, ASK())),
		NO_STATE, BEFORE(IN(ASK()), FROM_LAN(PING(WINDOWS, IMAC, 0))) },
	{ "from another address of the device", IN(ABOUT(PRINTER, IMAC, UNREACHABLE, ASK())),
		ANSWERS, ASKED },
	{ "from who sent the packet", IN(ABOUT(IMAC, IMAC, UNREACHABLE, ASK())), SPOOFED, ASKED },
	{ "from a stranger", IN(ABOUT(STRANGER, IMAC, UNREACHABLE, ASK())), DROPS,
		REASON_UNKNOWN_SOURCE, ASKED },
	{ "from a device that is not approved", IN(ABOUT(LODGER, IMAC, UNREACHABLE, ASK())), DROPS,
		REASON_UNAPPROVED, ASKED },
	{ "from the address of this box", IN(ABOUT(ROUTER, IMAC, UNREACHABLE, ASK())), SPOOFED,
		ASKED },
	{ "from the wrong interface", IN_ASIDE(ABOUT(VPS, IMAC, UNREACHABLE, ASK())), SPOOFED,
		ASKED },
	{ "E1: forwarded", FORWARDED(ABOUT(VPS, IMAC, UNREACHABLE, ASK())), PASSES,
		BEFORE(IN(ASK()), FROM_VPS(ASK())) },
	{ "E1: from a third device", FORWARDED(ABOUT(AZURE, IMAC, UNREACHABLE, ASK())), NO_STATE,
		ASKED },
	{ "E2: from the destination", UNMARKED(ABOUT(VPS, IMAC, UNREACHABLE, ASK())), PASSES,
		ASKED },
	{ "E3: from the wrong interface", FROM_LAN(ABOUT(VPS, IMAC, UNREACHABLE, ASK())), SPOOFED,
		ASKED },
	{ "E3: this box: NAT before us", FROM_LAN(ABOUT(ROUTER, IMAC, UNREACHABLE, ASK())), DROPS,
		REASON_NAT_UNIDENTIFIED, ASKED },
	{ "E3: a device of the LAN, of the flow", FROM_LAN(ABOUT(WINDOWS, IMAC, UNREACHABLE,
		TCP(IMAC, WINDOWS, 3000, 40000, ACK))), PASSES,
		BEFORE(FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN))) },
	{ "E3: a device of the LAN, another flow", FROM_LAN(ABOUT(WINDOWS, IMAC, UNREACHABLE,
		ASK())), NO_STATE, ASKED },
	{ "E3: from the internet, of the flow", FROM_LAN(ABOUT(WEB, IMAC, UNREACHABLE,
		TCP(IMAC, WEB, 40000, 443, SYN))), PASSES,
		BEFORE(IN(TCP(IMAC, WEB, 40000, 443, SYN))) },
	{ "E3: from a router on the way to the internet",
		FROM_LAN(ABOUT(HOP, IMAC, TIME_EXCEEDED, TCP(IMAC, WEB, 40000, 443, SYN))),
		NO_STATE, BEFORE(IN(TCP(IMAC, WEB, 40000, 443, SYN))) },
	{ "E3: from the internet, to a device", FROM_LAN(ABOUT(WEB, IMAC, UNREACHABLE, ASK())),
		NO_STATE, ASKED },
	{ "E3: from the internet, to the LAN", FROM_LAN(ABOUT(WEB, IMAC, UNREACHABLE,
		TCP(IMAC, WINDOWS, 3000, 40000, ACK))), NO_STATE,
		BEFORE(FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN))) },
	{ "E4: from this box", FROM_SELF(ABOUT(ROUTER, IMAC, UNREACHABLE, ASK())), PASSES, ASKED },
	{ "E4: from this box, too big", FROM_SELF(ABOUT(ROUTER_LAN, IMAC, TOO_BIG, ASK())), PASSES,
		ASKED },
	{ "E4: from this box, link-local", FROM_SELF(ABOUT(ROUTER_LINK, IMAC, TOO_BIG, ASK())),
		PASSES, ASKED },
	{ "E4: from this box, about nothing", FROM_SELF(ABOUT(ROUTER, IMAC, UNREACHABLE, ASK())),
		NO_STATE },
	{ "E4: from this box, to a third device", FROM_SELF(ABOUT(ROUTER, AZURE, UNREACHABLE,
		ASK())), NO_STATE, ASKED },
	{ "E4: from the address of a device", FROM_SELF(ABOUT(VPS, IMAC, UNREACHABLE, ASK())),
		SPOOFED, ASKED },
};

static const struct trial quoted_tuples[] = {
	{ "another source port", FROM_VPS(TCP(IMAC, VPS, 40001, 3000, SYN)), NO_STATE, ASKED },
	{ "another destination port", FROM_VPS(TCP(IMAC, VPS, 40000, 3001, SYN)), NO_STATE, ASKED },
	{ "ports turned", FROM_VPS(TCP(IMAC, VPS, 3000, 40000, SYN)), NO_STATE, ASKED },
	{ "another protocol", FROM_VPS(UDP(IMAC, VPS, 40000, 3000)), NO_STATE, ASKED },
	{ "another source", FROM_VPS(TCP(AZURE, VPS, 40000, 3000, SYN)), NO_STATE, ASKED },
	{ "another destination", FROM_VPS(TCP(IMAC, AZURE, 40000, 3000, SYN)), NO_STATE, ASKED },
	{ "source and destination turned", FROM_VPS(ANSWER()), NO_STATE, ASKED },
	{ "sent to a third device", IN(ABOUT(VPS, AZURE, UNREACHABLE, ASK())), NO_STATE, ASKED },
	{ "sent to a third device, about its own flow", IN(ABOUT(VPS, AZURE, UNREACHABLE,
		TCP(AZURE, VPS, 40000, 3000, SYN))), NO_STATE, ASKED },
	{ "sent to this box", IN(ABOUT(VPS, ROUTER, UNREACHABLE, ASK())), NO_STATE, ASKED },
	{ "quotes an error", FROM_VPS(ABOUT(IMAC, VPS, UNREACHABLE, ANSWER())), NO_STATE, ASKED },
	{ "quotes a redirect", FROM_VPS(ICMP(IMAC, VPS, REDIRECT)), NO_STATE, ASKED },
	{ "quotes UDP", IN(ABOUT(ASPIRE, IMAC, UNREACHABLE, UDP(IMAC, ASPIRE, 40000, 53))), ANSWERS,
		BEFORE(IN(UDP(IMAC, ASPIRE, 40000, 53))) },
	{ "quotes SCTP", FROM_VPS(SCTP(IMAC, VPS, 40000, 5000)), ANSWERS,
		BEFORE(IN(SCTP(IMAC, VPS, 40000, 5000))) },
	{ "quotes GRE", FROM_VPS(RAW(IMAC, VPS, IPPROTO_GRE)), ANSWERS,
		BEFORE(IN(RAW(IMAC, VPS, IPPROTO_GRE))) },
	{ "quotes GRE, the flow is TCP", FROM_VPS(RAW(IMAC, VPS, IPPROTO_GRE)), NO_STATE, ASKED },
	{ "quotes an echo request", IN(ABOUT(ASPIRE, VPS, UNREACHABLE, PING(VPS, ASPIRE, 7))),
		ANSWERS, BEFORE(IN(PING(VPS, ASPIRE, 7))) },
	{ "quotes an echo request, another id", IN(ABOUT(ASPIRE, VPS, UNREACHABLE,
		PING(VPS, ASPIRE, 8))), NO_STATE, BEFORE(IN(PING(VPS, ASPIRE, 7))) },
	{ "quotes an echo reply", IN(ABOUT(VPS, ASPIRE, UNREACHABLE, PONG(ASPIRE, VPS, 7))), PASSES,
		BEFORE(IN(PING(VPS, ASPIRE, 7))) },
	{ "quotes a redirect, echo has id 0", IN(ABOUT(ASPIRE, VPS, UNREACHABLE,
		ICMP(VPS, ASPIRE, REDIRECT))), NO_STATE, BEFORE(IN(PING(VPS, ASPIRE, 0))) },
};

/* 0x4000 as source port is what an IP header without a length has there. */
#define ODD_PORT(...) TCP(IMAC, VPS, 0x4000, 3000, SYN, __VA_ARGS__)

static const struct trial quoted_headers[] = {
	{ "eight bytes", FROM_VPS(ASK()), ANSWERS, ASKED },
	{ "more than eight bytes", FROM_VPS(ASK(), .missing = -12), ANSWERS, ASKED },
	{ "seven bytes", FROM_VPS(ASK(), .missing = 1), MALFORMED, ASKED },
	{ "only the ports", FROM_VPS(ASK(), .missing = 4), MALFORMED, ASKED },
	{ "only the IP header", FROM_VPS(ASK(), .missing = 8), MALFORMED, ASKED },
	{ "half of the IP header", FROM_VPS(ASK(), .missing = 18), MALFORMED, ASKED },
	{ "seven bytes and padding", FROM_VPS(ASK(), .missing = 1, LIES({ PADDING, 8 })), MALFORMED,
		ASKED },
	{ "half of the IP header and padding", FROM_VPS(ASK(), .missing = 18,
		LIES({ PADDING, 32 })), MALFORMED, ASKED },
	{ "its length is that of the whole packet", FROM_VPS(ASK(LIES({ LENGTH, 1400 }))), ANSWERS,
		ASKED },
	{ "a middle fragment", FROM_VPS(ASK(LIES({ FRAGMENT, 0x2001 }))), FRAGMENTED, ASKED,
		.only = IPV4 },
	{ "a last fragment", FROM_VPS(ASK(LIES({ FRAGMENT, 0x00b9 }))), FRAGMENTED, ASKED,
		.only = IPV4 },
	{ "a first fragment", FROM_VPS(ASK(LIES({ FRAGMENT, 0x2000 }))), ANSWERS, ASKED,
		.only = IPV4 },
	{ "a middle fragment", FROM_VPS(ASK(EXTENSIONS(FRAGMENTING(9)))), FRAGMENTED, ASKED,
		.only = IPV6 },
	{ "options", FROM_VPS(ASK(OPTIONS("\1\1\1\1"))), ANSWERS, ASKED, .only = IPV4 },
	{ "options that are cut", FROM_VPS(ASK(OPTIONS("\1\1\1\1")), .missing = 4), MALFORMED,
		ASKED, .only = IPV4 },
	{ "extension headers", FROM_VPS(ASK(EXTENSIONS(HOP_BY_HOP(), DESTINATION()))), ANSWERS,
		ASKED, .only = IPV6 },
	{ "extension headers that are cut", FROM_VPS(ASK(EXTENSIONS(HOP_BY_HOP(), DESTINATION())),
		.missing = 12), MALFORMED, ASKED, .only = IPV6 },
	{ "header longer than what is there", FROM_VPS(ASK(LIES({ HEADER_WORDS, 15 }))), MALFORMED,
		ASKED, .only = IPV4 },
	{ "header of 16 bytes", FROM_VPS(ASK(LIES({ HEADER_WORDS, 4 }))), MALFORMED, ASKED,
		.only = IPV4 },
	{ "header of 0 bytes: ports of the IP header", FROM_VPS(ODD_PORT(LIES({ HEADER_WORDS, 0 },
		{ LENGTH, 3000 }))), MALFORMED, BEFORE(IN(ODD_PORT())), .only = IPV4 },
	{ "version 5", FROM_VPS(ASK(LIES({ VERSION, 5 }))), MALFORMED, ASKED },
	{ "the other version", FROM_VPS(ASK(LIES({ VERSION, 6 }))), MALFORMED, ASKED,
		.only = IPV4 },
	{ "the other version", FROM_VPS(ASK(LIES({ VERSION, 4 }))), MALFORMED, ASKED,
		.only = IPV6 },
	{ "nothing", IN(ICMP(VPS, IMAC, UNREACHABLE)), MALFORMED, ASKED },
};
/* clang-format on */

Suite *error_suite(void)
{
	Suite *suite = suite_create("error");
	TCase *tcase = tcase_create("errors");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add(tcase, senders, ARRAY_SIZE(senders), ANY_FORM);
	trials_add(tcase, quoted_tuples, ARRAY_SIZE(quoted_tuples), ANY_FORM);
	trials_add(tcase, quoted_headers, ARRAY_SIZE(quoted_headers), ANY_FORM);
	suite_add_tcase(suite, tcase);
	return suite;
}
