// SPDX-License-Identifier: GPL-2.0-or-later
/* bpf/fragment.h: only the first fragment of a datagram has ports; the others are of its flow. */
#include "mem.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

#define DENIED	   DROPS, REASON_ACL
#define MALFORMED  DROPS, REASON_MALFORMED
#define FRAGMENTED DROPS, REASON_FRAGMENT
#define NO_STATE   DROPS, REASON_NO_STATE
#define REVOKED	   DROPS, REASON_REVOKED
#define SPOOFED	   DROPS, REASON_SPOOFED_SOURCE
#define UNKNOWN	   DROPS, REASON_UNKNOWN_SOURCE
#define UNIDENTIFIED DROPS, REASON_NAT_UNIDENTIFIED

#define ID   0x1234
#define MORE 1
#define LAST 0

/* Queries from the iMac to aspire, and answers: 24 bytes in the first fragment. */
#define QUERY(...)	    UDP(IMAC, ASPIRE, 40000, 53, .body = 16, FIRST(ID), __VA_ARGS__)
#define QUERY_PART(AT, ...) LATER(IMAC, ASPIRE, IPPROTO_UDP, ID, AT, __VA_ARGS__)
#define REPLY(...)	    UDP(ASPIRE, IMAC, 53, 40000, .body = 16, FIRST(ID), __VA_ARGS__)
#define REPLY_PART(AT, ...) LATER(ASPIRE, IMAC, IPPROTO_UDP, ID, AT, __VA_ARGS__)
#define WHOLE_QUERY	    UDP(IMAC, ASPIRE, 40000, 53)
#define WHOLE_REPLY	    UDP(ASPIRE, IMAC, 53, 40000)
#define QUERIED		    BEFORE(IN(QUERY()))
#define REPLIED		    BEFORE(IN(WHOLE_QUERY), IN(REPLY()))

/* A connection from the iMac to the VPS. */
#define ASK(FLAGS, ...)	  TCP(IMAC, VPS, 40000, 3000, FLAGS, __VA_ARGS__)
#define ASK_PART(AT, ...) LATER(IMAC, VPS, IPPROTO_TCP, ID, AT, __VA_ARGS__)

/* This box, which opens a connection, and which answers. */
#define LOGIN(...)  TCP(ROUTER, IMAC, 40000, 22, SYN, .body = 4, __VA_ARGS__)
#define SERVED(...) UDP(ROUTER, IMAC, 53, 40000, .body = 16, FIRST(ID), __VA_ARGS__)

#define FRAGMENTING(...)                      \
	{                                     \
		IPPROTO_FRAGMENT, __VA_ARGS__ \
	}
#define DESTINATION(...)                     \
	{                                    \
		IPPROTO_DSTOPTS, __VA_ARGS__ \
	}

/* clang-format off */
static const struct trial order[] = {
	{ "first", IN(QUERY()), OPENS },
	{ "first, on a live flow", IN(QUERY()), PASSES, BEFORE(IN(WHOLE_QUERY)) },
	{ "last", IN(QUERY_PART(24, LAST, 10)), PASSES, QUERIED },
	{ "middle", IN(QUERY_PART(24, MORE, 16)), PASSES, QUERIED },
	{ "last behind a middle one", IN(QUERY_PART(40, LAST, 1)), PASSES,
		BEFORE(IN(QUERY()), IN(QUERY_PART(24, MORE, 16))) },
	{ "last before the middle one", IN(QUERY_PART(40, LAST, 1)), PASSES, QUERIED },
	{ "last twice", IN(QUERY_PART(24, LAST, 10)), PASSES,
		BEFORE(IN(QUERY()), IN(QUERY_PART(24, LAST, 10))) },
	{ "first once more", IN(QUERY()), PASSES, QUERIED },
	{ "last before the first", IN(QUERY_PART(24, LAST, 10)), FRAGMENTED },
	{ "last before the first, on a live flow", IN(QUERY_PART(24, LAST, 10)), FRAGMENTED,
		BEFORE(IN(WHOLE_QUERY)) },
	{ "first, against the flow", IN(REPLY()), ANSWERS, BEFORE(IN(WHOLE_QUERY)) },
	{ "last, against the flow", IN(REPLY_PART(24, LAST, 10)), ANSWERS, REPLIED },
	{ "first that no rule allows", IN(UDP(IMAC, ASPIRE, 40000, 54, .body = 16, FIRST(ID))),
		DENIED },
	{ "first, source without a device", IN(UDP(STRANGER, ASPIRE, 40000, 53, .body = 16,
		FIRST(ID))), UNKNOWN },
	{ "neither first nor last, but whole", IN(UDP(IMAC, ASPIRE, 40000, 53,
		.piece = { true, LAST, 0, ID })), OPENS },
	{ "last behind a whole one", IN(QUERY_PART(24, LAST, 10)), FRAGMENTED,
		BEFORE(IN(UDP(IMAC, ASPIRE, 40000, 53, .piece = { true, LAST, 0, ID }))) },
	{ "last within 30 s", IN(QUERY_PART(24, LAST, 10), .later = 29), PASSES, QUERIED },
	{ "last after 30 s", IN(QUERY_PART(24, LAST, 10), .later = 31), FRAGMENTED, QUERIED },
};

static const struct trial identity[] = {
	{ "another identifier", IN(LATER(IMAC, ASPIRE, IPPROTO_UDP, ID + 1, 24, LAST, 10)),
		FRAGMENTED, QUERIED },
	{ "another identifier, upper half", IN(LATER(IMAC, ASPIRE, IPPROTO_UDP, 0x10000 + ID, 24,
		LAST, 10)), FRAGMENTED, QUERIED, .only = IPV6 },
	{ "another source", IN(LATER(AZURE, ASPIRE, IPPROTO_UDP, ID, 24, LAST, 10)), FRAGMENTED,
		QUERIED },
	{ "another source, whose own first one was refused",
		IN(LATER(VPS, ASPIRE, IPPROTO_UDP, ID, 24, LAST, 10)), FRAGMENTED, QUERIED },
	{ "another destination", IN(LATER(IMAC, VPS, IPPROTO_UDP, ID, 24, LAST, 10)), FRAGMENTED,
		QUERIED },
	{ "source and destination turned", IN(REPLY_PART(24, LAST, 10)), FRAGMENTED, QUERIED },
	{ "another protocol", IN(LATER(IMAC, ASPIRE, IPPROTO_TCP, ID, 24, LAST, 10)), FRAGMENTED,
		QUERIED, .only = IPV4 },
	{ "another next header says nothing", IN(LATER(IMAC, ASPIRE, IPPROTO_TCP, ID, 24, LAST,
		10)), PASSES, QUERIED, .only = IPV6 },
	{ "from another interface", IN_ASIDE(QUERY_PART(24, LAST, 10)), FRAGMENTED, QUERIED },
	{ "from the LAN", FROM_LAN(QUERY_PART(24, LAST, 10)), FRAGMENTED, QUERIED },
	{ "from this box", FROM_SELF(QUERY_PART(24, LAST, 10)), FRAGMENTED, QUERIED },
	{ "first of another flow in its place", IN(QUERY_PART(24, LAST, 10)), PASSES,
		BEFORE(IN(UDP(IMAC, ASPIRE, 40001, 53, .body = 16, FIRST(ID))), IN(QUERY())) },
};

static const struct trial geometry[] = {
	{ "right behind the first", IN(QUERY_PART(24, LAST, 1)), PASSES, QUERIED },
	{ "with a gap", IN(QUERY_PART(800, LAST, 10)), PASSES, QUERIED },
	{ "over the end of the first", IN(QUERY_PART(16, LAST, 10)), FRAGMENTED, QUERIED },
	{ "over the end of the first, middle", IN(QUERY_PART(16, MORE, 16)), FRAGMENTED, QUERIED },
	{ "over the ports", IN(QUERY_PART(8, LAST, 10)), FRAGMENTED, QUERIED },
	{ "over the end of a longer first one", IN(QUERY_PART(24, LAST, 10)), FRAGMENTED,
		BEFORE(IN(QUERY()), IN(UDP(IMAC, ASPIRE, 40000, 53, .body = 24, FIRST(ID)))) },
	{ "first is 8 bytes", IN(UDP(IMAC, ASPIRE, 40000, 53, FIRST(ID))), OPENS },
	{ "first is 8 bytes, last behind it", IN(QUERY_PART(8, LAST, 10)), PASSES,
		BEFORE(IN(UDP(IMAC, ASPIRE, 40000, 53, FIRST(ID)))) },
	{ "first, no multiple of 8", IN(UDP(IMAC, ASPIRE, 40000, 53, .body = 15, FIRST(ID))),
		FRAGMENTED },
	{ "middle, no multiple of 8", IN(QUERY_PART(24, MORE, 17)), FRAGMENTED, QUERIED },
	{ "last, no multiple of 8", IN(QUERY_PART(24, LAST, 17)), PASSES, QUERIED },
	{ "middle without a byte", IN(QUERY_PART(24, MORE, 0)), FRAGMENTED, QUERIED },
	{ "last without a byte", IN(QUERY_PART(24, LAST, 0)), FRAGMENTED, QUERIED },
	{ "first without a byte", IN(LATER(IMAC, ASPIRE, IPPROTO_UDP, ID, 0, MORE, 0)),
		FRAGMENTED },
	{ "to the very end", IN(QUERY_PART(65528, LAST, 7)), PASSES, QUERIED },
	{ "over the very end", IN(QUERY_PART(65528, LAST, 8)), FRAGMENTED, QUERIED },
	{ "far over the very end", IN(QUERY_PART(65528, LAST, 1000)), FRAGMENTED, QUERIED },
	{ "middle at the very end", IN(QUERY_PART(65528, MORE, 8)), FRAGMENTED, QUERIED },
	{ "padding is not part of it", IN(QUERY_PART(24, LAST, 0, LIES({ PADDING, 8 }))),
		FRAGMENTED, QUERIED },
};

static const struct trial first_too_short[] = {
	{ "TCP", IN(ASK(SYN, .body = 4, FIRST(ID))), OPENS },
	{ "TCP, 16 bytes", IN(ASK(SYN, FIRST(ID), LIES({ LENGTH_BY, -4 }, { CUT, 4 }))),
		FRAGMENTED },
	{ "TCP, only ports", IN(ASK(SYN, FIRST(ID), LIES({ LENGTH_BY, -12 }, { CUT, 12 }))),
		FRAGMENTED },
	{ "TCP, only ports, on a live flow", IN(ASK(ACK, FIRST(ID),
		LIES({ LENGTH_BY, -12 }, { CUT, 12 }))), FRAGMENTED, BEFORE(IN(ASK(SYN))) },
	{ "TCP, options are missing", IN(ASK(SYN, .body = 4, FIRST(ID), LIES({ DATA_OFFSET, 8 }))),
		FRAGMENTED },
	{ "TCP options of a later fragment", IN(ASK_PART(24, LAST, 8)), FRAGMENTED },
	{ "TCP at offset 8: flags over flags", IN(ASK_PART(8, LAST, 12)), FRAGMENTED,
		BEFORE(IN(ASK(SYN, .body = 4, FIRST(ID)))) },
	{ "TCP at offset 8, without a first one", IN(ASK_PART(8, LAST, 12)), FRAGMENTED },
	{ "SCTP, 8 bytes", IN(SCTP(IMAC, VPS, 40000, 5000, FIRST(ID),
		LIES({ LENGTH_BY, -4 }, { CUT, 4 }))), FRAGMENTED },
	{ "SCTP, 16 bytes", IN(SCTP(IMAC, VPS, 40000, 5000, .body = 4, FIRST(ID))), OPENS },
	{ "echo", IN(PING(VPS, ASPIRE, 7, FIRST(ID))), OPENS },
};

static const struct trial protocols[] = {
	{ "TCP, last", IN(ASK_PART(24, LAST, 100)), PASSES,
		BEFORE(IN(ASK(SYN)), IN(ASK(ACK, .body = 4, FIRST(ID)))) },
	{ "TCP, last of a SYN", IN(ASK_PART(24, LAST, 100)), PASSES,
		BEFORE(IN(ASK(SYN, .body = 4, FIRST(ID)))) },
	{ "TCP, SYN against the flow", IN(TCP(VPS, IMAC, 3000, 40000, SYN, .body = 4, FIRST(ID))),
		NO_STATE, BEFORE(IN(ASK(SYN))) },
	{ "TCP, last of an ACK that opens", IN(ASK_PART(24, LAST, 100)), PASSES,
		BEFORE(IN(ASK(ACK, .body = 4, FIRST(ID)))) },
	{ "GRE, first", IN(RAW(IMAC, VPS, IPPROTO_GRE, FIRST(ID))), OPENS },
	{ "GRE, last", IN(LATER(IMAC, VPS, IPPROTO_GRE, ID, 8, LAST, 3)), PASSES,
		BEFORE(IN(RAW(IMAC, VPS, IPPROTO_GRE, FIRST(ID)))) },
	{ "GRE, last before the first", IN(LATER(IMAC, VPS, IPPROTO_GRE, ID, 8, LAST, 3)),
		FRAGMENTED, BEFORE(IN(RAW(IMAC, VPS, IPPROTO_GRE))) },
	{ "echo, last", IN(LATER(VPS, ASPIRE, PROTOCOL_ICMP, ID, 8, LAST, 100)), PASSES,
		BEFORE(IN(PING(VPS, ASPIRE, 7, FIRST(ID)))) },
	{ "echo, last of the reply", IN(LATER(ASPIRE, VPS, PROTOCOL_ICMP, ID, 8, LAST, 100)),
		ANSWERS, BEFORE(IN(PING(VPS, ASPIRE, 7)), IN(PONG(ASPIRE, VPS, 7, FIRST(ID)))) },
	{ "ICMP error, first", IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(SYN), FIRST(ID),
		.missing = -4)), FRAGMENTED, BEFORE(IN(ASK(SYN))) },
	{ "ICMP error, last", IN(LATER(VPS, IMAC, PROTOCOL_ICMP, ID, 8, LAST, 40)), FRAGMENTED,
		BEFORE(IN(ASK(SYN))) },
	{ "redirect, first", IN(ICMP(VPS, ASPIRE, REDIRECT, FIRST(ID))), NO_STATE },
	{ "ICMP error about the first", IN(ABOUT(ASPIRE, IMAC, TOO_BIG, QUERY())), ANSWERS,
		QUERIED },
	{ "ICMP error about the last", IN(ABOUT(ASPIRE, IMAC, TOO_BIG,
		QUERY_PART(24, LAST, 10))), ANSWERS, QUERIED },
	{ "ICMP error about the last, its first one is not known", IN(ABOUT(ASPIRE, IMAC, TOO_BIG,
		QUERY_PART(24, LAST, 10))), FRAGMENTED, BEFORE(IN(WHOLE_QUERY)) },
	{ "ICMP error about the last, whose header is longer than what is there",
		IN(ABOUT(ASPIRE, IMAC, TOO_BIG, QUERY_PART(24, LAST, 10, LIES({ HEADER_WORDS, 15 })))),
		MALFORMED, QUERIED, .only = IPV4 },
	{ "ICMP error about the last, from a third device", IN(ABOUT(AZURE, IMAC, TOO_BIG,
		QUERY_PART(24, LAST, 10))), NO_STATE, QUERIED },
};

static const struct trial headers4[] = {
	{ "options in a later one", IN(QUERY_PART(24, LAST, 10, OPTIONS("\1\1\1\1"))), PASSES,
		QUERIED },
	{ "source route in a later one", IN(QUERY_PART(24, LAST, 10,
		OPTIONS("\x83\7\4\x0a\x4d\0\5\0"))), DROPS, REASON_SOURCE_ROUTE, QUERIED },
	{ "do not fragment, but more", IN(QUERY(LIES({ FRAGMENT, 0x6000 }))), OPENS },
	{ "reserved bit, and more", IN(QUERY(LIES({ FRAGMENT, 0xa000 }))), OPENS },
	{ "header length over the data", IN(QUERY_PART(24, LAST, 4, LIES({ HEADER_WORDS, 6 }))),
		FRAGMENTED, QUERIED },
};

static const struct trial headers6[] = {
	{ "atomic", IN(UDP(IMAC, ASPIRE, 40000, 53, EXTENSIONS(FRAGMENTING()))), OPENS },
	{ "atomic, of a live flow", IN(UDP(IMAC, ASPIRE, 40000, 53, EXTENSIONS(FRAGMENTING()))),
		PASSES, BEFORE(IN(WHOLE_QUERY)) },
	{ "atomic, with the identifier of a first one", IN(UDP(IMAC, ASPIRE, 40000, 53,
		.piece = { true, LAST, 0, ID })), PASSES, QUERIED },
	{ "atomic, TCP without an end", IN(ASK(SYN, EXTENSIONS(FRAGMENTING()),
		LIES({ LENGTH_BY, -4 }, { CUT, 4 }))), MALFORMED },
	{ "two headers, both atomic", IN(UDP(IMAC, ASPIRE, 40000, 53, EXTENSIONS(FRAGMENTING(),
		FRAGMENTING()))), MALFORMED },
	{ "atomic, then first", IN(QUERY(EXTENSIONS(FRAGMENTING()))), MALFORMED },
	{ "first, then atomic", IN(UDP(IMAC, ASPIRE, 40000, 53, EXTENSIONS(FRAGMENTING(1)),
		.piece = { true, LAST, 0, ID })), MALFORMED },
	{ "later in the first of another datagram", IN(QUERY_PART(24, LAST, 16,
		EXTENSIONS(FRAGMENTING(1)))), MALFORMED, QUERIED },
	{ "options in front", IN(QUERY(EXTENSIONS({ IPPROTO_HOPOPTS }, DESTINATION()))), OPENS },
	{ "options behind", IN(UDP(IMAC, ASPIRE, 40000, 53, EXTENSIONS(FRAGMENTING(1),
		DESTINATION()))), OPENS },
	{ "options behind, UDP is missing", IN(RAW(IMAC, ASPIRE, IPPROTO_UDP,
		EXTENSIONS(FRAGMENTING(1), DESTINATION()), LIES({ LENGTH_BY, -8 }, { CUT, 8 }))),
		FRAGMENTED },
	{ "options behind, half of them", IN(UDP(IMAC, ASPIRE, 40000, 53,
		EXTENSIONS(FRAGMENTING(1), DESTINATION(.claimed = 9)))), MALFORMED },
	{ "routing behind", IN(UDP(IMAC, ASPIRE, 40000, 53, EXTENSIONS(FRAGMENTING(1),
		{ IPPROTO_ROUTING, 1 }))), DROPS, REASON_SOURCE_ROUTE },
	{ "hop-by-hop behind", IN(UDP(IMAC, ASPIRE, 40000, 53, EXTENSIONS(FRAGMENTING(1),
		{ IPPROTO_HOPOPTS }))), MALFORMED },
	{ "half of the header", IN(QUERY_PART(24, LAST, 0, LIES({ LENGTH, 4 }, { CUT, 4 }))),
		MALFORMED },
	{ "options in front of a later one", IN(QUERY_PART(24, LAST, 10,
		EXTENSIONS(DESTINATION()))), PASSES, QUERIED },
	{ "a later one that says: options", IN(LATER(IMAC, ASPIRE, IPPROTO_DSTOPTS, ID, 24, LAST,
		16)), PASSES, QUERIED },
};

/* From a web server on the internet, which no device is. */
#define FETCHED	       IN(TCP(IMAC, WEB, 40000, 443, SYN))
#define PAGE(...)      TCP(WEB, IMAC, 443, 40000, ACK, .body = 4, FIRST(ID), __VA_ARGS__)
#define PAGE_PART(...) LATER(WEB, IMAC, IPPROTO_TCP, ID, 24, LAST, 10, __VA_ARGS__)

static const struct trial egress[] = {
	{ "E1: first", FORWARDED(QUERY()), PASSES, QUERIED },
	{ "E1: last", FORWARDED(QUERY_PART(24, LAST, 10)), PASSES, QUERIED },
	{ "E1: last, after the first one left", FORWARDED(QUERY_PART(24, LAST, 10)), PASSES,
		BEFORE(IN(QUERY()), FORWARDED(QUERY()), IN(QUERY_PART(24, LAST, 10))) },
	{ "E1: last, answer", FORWARDED_REPLY(REPLY_PART(24, LAST, 10)), PASSES, REPLIED },
	{ "E1: first, no flow", FORWARDED(QUERY()), LEARNS },
	{ "E1: last, no first", FORWARDED(QUERY_PART(24, LAST, 10)), FRAGMENTED },
	{ "E2: last", UNMARKED(QUERY_PART(24, LAST, 10)), PASSES, QUERIED },
	{ "E3: first", FROM_LAN(UDP(WINDOWS, IMAC, 40000, 3000, .body = 16, FIRST(ID))), OPENS },
	{ "E3: last", FROM_LAN(LATER(WINDOWS, IMAC, IPPROTO_UDP, ID, 24, LAST, 10)), PASSES,
		BEFORE(FROM_LAN(UDP(WINDOWS, IMAC, 40000, 3000, .body = 16, FIRST(ID)))) },
	{ "E3: last, elsewhere", FROM_ELSEWHERE(LATER(WINDOWS, IMAC, IPPROTO_UDP, ID, 24, LAST,
		10)), FRAGMENTED,
		BEFORE(FROM_LAN(UDP(WINDOWS, IMAC, 40000, 3000, .body = 16, FIRST(ID)))) },
	{ "E3: answer from the internet", FROM_ELSEWHERE(PAGE_PART()), PASSES,
		BEFORE(FETCHED, FROM_ELSEWHERE(PAGE())) },
	{ "E3: from the internet, no flow", FROM_ELSEWHERE(PAGE()), UNKNOWN },
	{ "E4: first", FROM_SELF(LOGIN(FIRST(ID))), OPENS, .only = IPV4 },
	{ "E4: last", FROM_SELF(LATER(ROUTER, IMAC, IPPROTO_TCP, ID, 24, LAST, 10)), PASSES,
		BEFORE(FROM_SELF(LOGIN(FIRST(ID)))), .only = IPV4 },
};

/*
 * The kernel put an IPv6 packet together, and fragmented it again: the interface is lost. What this
 * box sends has a socket, which no packet of a test run has: tests/e2e has those.
 */
static const struct trial lost[] = {
	{ "first", FROM_SELF_MARKED(QUERY()), PASSES, BEFORE(IN(WHOLE_QUERY)) },
	{ "last", FROM_SELF_MARKED(QUERY_PART(24, LAST, 10)), PASSES,
		BEFORE(IN(WHOLE_QUERY), FROM_SELF_MARKED(QUERY())) },
	{ "last, the first one is that of ingress", FROM_SELF_MARKED(QUERY_PART(24, LAST, 10)),
		FRAGMENTED, QUERIED },
	{ "first, against the flow", FROM_SELF_MARKED(REPLY()), PASSES,
		BEFORE(IN(WHOLE_QUERY), IN(WHOLE_REPLY)) },
	{ "no flow", FROM_SELF_MARKED(QUERY()), NO_STATE },
	{ "no flow, what would open one", FROM_SELF_MARKED(ASK(SYN, .body = 4, FIRST(ID))),
		NO_STATE },
	{ "an address of nobody", FROM_SELF_MARKED(PAGE()), UNKNOWN, BEFORE(FETCHED) },
	{ "this box's address, an answer", FROM_SELF_MARKED(SERVED()), PASSES,
		BEFORE(IN(UDP(IMAC, ROUTER, 40000, 53))) },
	{ "... which this box has given", FROM_SELF_MARKED(SERVED()), UNIDENTIFIED,
		BEFORE(IN(UDP(IMAC, ROUTER, 40000, 53)), FROM_SELF(UDP(ROUTER, IMAC, 53, 40000))) },
	{ "this box's address, no flow", FROM_SELF_MARKED(SERVED()), UNIDENTIFIED },
	{ "this box's address, without the mark", FROM_SELF(LOGIN(FIRST(ID))), UNIDENTIFIED },
	{ "... and atomic", FROM_SELF(LOGIN(EXTENSIONS(FRAGMENTING()))), UNIDENTIFIED },
	{ "... and not a fragment", FROM_SELF(LOGIN()), OPENS },
	{ "not a fragment", FROM_SELF_MARKED(WHOLE_QUERY), SPOOFED, BEFORE(IN(WHOLE_QUERY)) },
	{ "atomic", FROM_SELF_MARKED(UDP(IMAC, ASPIRE, 40000, 53, EXTENSIONS(FRAGMENTING()))),
		PASSES, BEFORE(IN(WHOLE_QUERY)) },
	{ "without the mark", FROM_SELF(QUERY()), SPOOFED, BEFORE(IN(WHOLE_QUERY)) },
	{ "without the mark, from the internet", FROM_SELF(PAGE()), PASSES, BEFORE(FETCHED) },
	{ "without the mark, from the internet, last", FROM_SELF(PAGE_PART()), PASSES,
		BEFORE(FETCHED, FROM_SELF(PAGE())) },
};

static const struct trial lost4[] = {
	{ "IPv4 keeps it", FROM_SELF_MARKED(QUERY()), SPOOFED, BEFORE(IN(WHOLE_QUERY)) },
};

#define EDITED(FROM, TO) .edit = { FROM, TO }
#define THE_SAME	 EDITED("aspire:53", "aspire:53")
#define WITHOUT_53	 EDITED("aspire:53", "aspire:54")

static const struct trial loads[] = {
	{ "nothing changes", IN(QUERY_PART(24, LAST, 10)), PASSES, QUERIED, THE_SAME },
	{ "nothing changes, answer", IN(REPLY_PART(24, LAST, 10)), ANSWERS, REPLIED, THE_SAME },
	{ "nothing changes, E1", FORWARDED(QUERY_PART(24, LAST, 10)), PASSES, QUERIED, THE_SAME },
	{ "rule gone, last", IN(QUERY_PART(24, LAST, 10)), REVOKED, QUERIED, WITHOUT_53 },
	{ "rule gone, last of the answer", IN(REPLY_PART(24, LAST, 10)), REVOKED, REPLIED,
		WITHOUT_53 },
	{ "rule gone, E1", FORWARDED(QUERY_PART(24, LAST, 10)), REVOKED, QUERIED, WITHOUT_53 },
	{ "rule gone, first once more", IN(QUERY()), REVOKED, QUERIED, WITHOUT_53 },
};
/* clang-format on */

static const struct form forms[] = {
	{ 4, 0 }, { 6, 0 }, { 4, PACKET_ETHERNET }, { 6, PACKET_ETHERNET }
};

static enum reason reason_of(const struct packet *packet, enum place place, const struct form *form)
{
	struct verdict verdict;

	bench_run(packet, place, form, 0, &verdict);
	return verdict.passed ? REASON_NONE : verdict.reason;
}

/* What was refused is not remembered: nor are those that follow it let in. */
START_TEST(refused_first)
{
	static const struct packet first = UDP(IMAC, ASPIRE, 40000, 54, .body = 16, FIRST(ID));
	static const struct packet last = QUERY_PART(24, LAST, 10);

	bench_flows_clear();
	ck_assert_int_eq(reason_of(&first, AT_INGRESS, &forms[_i]), REASON_ACL);
	ck_assert_uint_eq(bench_fragments(), 0);
	ck_assert_int_eq(reason_of(&last, AT_INGRESS, &forms[_i]), REASON_FRAGMENT);
}
END_TEST

/* When the flow is gone, the rest of the datagram belongs to nothing. */
START_TEST(flow_gone)
{
	static const struct edit without_53 = { "aspire:53", "aspire:54" };
	static const struct packet first = QUERY(), last = QUERY_PART(24, LAST, 10);

	bench_flows_clear();
	bench_load("house.json");
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		bench_flows_clear();
		ck_assert_int_eq(reason_of(&first, AT_INGRESS, &forms[i]), REASON_NONE);
		bench_load_edited("house.json", &without_53);
		ck_assert_int_eq(reason_of(&last, AT_INGRESS, &forms[i]), REASON_REVOKED);
		ck_assert_int_eq(reason_of(&last, AT_INGRESS, &forms[i]), REASON_NO_STATE);
		ck_assert_uint_eq(bench_flows(), 0);
		bench_load("house.json");
	}
}
END_TEST

/* One entry a datagram, and no place in the quota of flows. */
START_TEST(entries)
{
	static const struct packet first = QUERY(), answer = REPLY();
	uint32_t imac = bench_device("imac"), aspire = bench_device("aspire");

	bench_flows_clear();
	ck_assert_int_eq(reason_of(&first, AT_INGRESS, &forms[_i]), REASON_NONE);
	ck_assert_int_eq(reason_of(&first, AT_EGRESS_JUDGED, &forms[_i]), REASON_NONE);
	ck_assert_int_eq(reason_of(&first, AT_INGRESS, &forms[_i]), REASON_NONE);
	ck_assert_uint_eq(bench_fragments(), 1);
	ck_assert_int_eq(reason_of(&answer, AT_INGRESS, &forms[_i]), REASON_NONE);
	ck_assert_uint_eq(bench_fragments(), 2);
	ck_assert_uint_eq(bench_quota(imac), 1);
	ck_assert_uint_eq(bench_quota(aspire), 0);
	ck_assert(bench_quotas_are_exact());
}
END_TEST

Suite *fragment_suite(void)
{
	Suite *suite = suite_create("fragment");
	TCase *tcase = tcase_create("fragments"), *policies = tcase_create("policies");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add(tcase, order, ARRAY_SIZE(order), ANY_FORM);
	trials_add(tcase, identity, ARRAY_SIZE(identity), ANY_FORM);
	trials_add(tcase, geometry, ARRAY_SIZE(geometry), ANY_FORM);
	trials_add(tcase, first_too_short, ARRAY_SIZE(first_too_short), ANY_FORM);
	trials_add(tcase, protocols, ARRAY_SIZE(protocols), ANY_FORM);
	trials_add(tcase, headers4, ARRAY_SIZE(headers4), IPV4);
	trials_add(tcase, headers6, ARRAY_SIZE(headers6), IPV6);
	trials_add(tcase, egress, ARRAY_SIZE(egress), ANY_FORM);
	trials_add(tcase, lost, ARRAY_SIZE(lost), IPV6);
	trials_add(tcase, lost4, ARRAY_SIZE(lost4), IPV4);
	tcase_add_loop_test(tcase, refused_first, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tcase, entries, 0, ARRAY_SIZE(forms));
	suite_add_tcase(suite, tcase);
	tcase_add_unchecked_fixture(policies, bench_open, bench_close);
	tcase_set_timeout(policies, TIMEOUT);
	trials_add_edited(policies, "house.json", loads, ARRAY_SIZE(loads), ANY_FORM);
	tcase_add_test(policies, flow_gone);
	suite_add_tcase(suite, policies);
	return suite;
}
