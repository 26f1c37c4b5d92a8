// SPDX-License-Identifier: GPL-2.0-or-later
/* bpf/packet.h: headers that are what they say, and others. */
#include "mem.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

/* Always allowed by house.json; what stands behind is what it is about. */
#define TO_VPS(...) TCP(IMAC, VPS, 40000, 3000, SYN, __VA_ARGS__)

#define MALFORMED    DROPS, REASON_MALFORMED
#define NOT_IP	     DROPS, REASON_NOT_IP
#define FRAGMENTED   DROPS, REASON_FRAGMENT
#define SOURCE_ROUTE DROPS, REASON_SOURCE_ROUTE
#define DENIED	     DROPS, REASON_ACL

static const struct trial ipv4_headers[] = {
	/* clang-format off */
	{ "nothing special", IN(TO_VPS()), OPENS },
	{ "header of 16 bytes", IN(TO_VPS(LIES({ HEADER_WORDS, 4 }))), MALFORMED },
	{ "header of 0 bytes", IN(TO_VPS(LIES({ HEADER_WORDS, 0 }))), MALFORMED },
	{ "header longer than the packet", IN(TO_VPS(LIES({ HEADER_WORDS, 15 }))), MALFORMED },
	{ "header that reaches into TCP", IN(TO_VPS(LIES({ HEADER_WORDS, 6 }))), MALFORMED },
	{ "length: one more than there is", IN(TO_VPS(LIES({ LENGTH_BY, 1 }))), MALFORMED },
	{ "length: as long as can be", IN(TO_VPS(LIES({ LENGTH, 65535 }))), MALFORMED },
	{ "length: one less than there is", IN(TO_VPS(LIES({ LENGTH_BY, -1 }))), MALFORMED },
	{ "length: one less, with a body", IN(TO_VPS(.body = 9, LIES({ LENGTH_BY, -1 }))), OPENS },
	{ "length: none", IN(TO_VPS(LIES({ LENGTH, 0 }))), MALFORMED },
	{ "length: less than the header", IN(TO_VPS(LIES({ LENGTH, 19 }))), MALFORMED },
	{ "length: only the header", IN(TO_VPS(LIES({ LENGTH, 20 }))), MALFORMED },
	{ "length: header and ports", IN(TO_VPS(LIES({ LENGTH, 24 }))), MALFORMED },
	{ "padding behind the packet", IN(TO_VPS(LIES({ PADDING, 6 }))), OPENS },
	{ "padding completes the header", IN(TO_VPS(LIES({ LENGTH, 39 }, { PADDING, 6 }))),
		MALFORMED },
	{ "do not fragment", IN(TO_VPS(LIES({ FRAGMENT, 0x4000 }))), OPENS },
	{ "may be fragmented", IN(TO_VPS(LIES({ FRAGMENT, 0 }))), OPENS },
	{ "reserved bit", IN(TO_VPS(LIES({ FRAGMENT, 0x8000 }))), OPENS },
	{ "first fragment", IN(TO_VPS(LIES({ FRAGMENT, 0x2000 }))), FRAGMENTED },
	{ "middle fragment", IN(TO_VPS(LIES({ FRAGMENT, 0x2001 }))), FRAGMENTED },
	{ "last fragment", IN(TO_VPS(LIES({ FRAGMENT, 0x0001 }))), FRAGMENTED },
	{ "last fragment at the end of all", IN(TO_VPS(LIES({ FRAGMENT, 0x1fff }))), FRAGMENTED },
	{ "fragment of a live flow", IN(TCP(IMAC, VPS, 40000, 3000, ACK,
		LIES({ FRAGMENT, 0x2000 }))), FRAGMENTED, BEFORE(IN(TO_VPS())) },
	/* clang-format on */
};

#define NOP10 "\1\1\1\1\1\1\1\1\1\1"

static const struct trial ipv4_options[] = {
	/* clang-format off */
	{ "no operation", IN(TO_VPS(OPTIONS("\1\1\1\1"))), OPENS },
	{ "40 bytes of no operation", IN(TO_VPS(OPTIONS(NOP10 NOP10 NOP10 NOP10))), OPENS },
	{ "record route", IN(TO_VPS(OPTIONS("\7\7\4\0\0\0\0\0"))), OPENS },
	{ "time stamp", IN(TO_VPS(OPTIONS("\x44\4\5\0"))), OPENS },
	{ "router alert", IN(TO_VPS(OPTIONS("\x94\4\0\0"))), OPENS },
	{ "loose source route", IN(TO_VPS(OPTIONS("\x83\7\4\x0a\x4d\0\5\0"))), SOURCE_ROUTE },
	{ "strict source route", IN(TO_VPS(OPTIONS("\x89\7\4\x0a\x4d\0\5\0"))), SOURCE_ROUTE },
	{ "source route that is used up", IN(TO_VPS(OPTIONS("\x83\7\x8\x0a\x4d\0\5\0"))),
		SOURCE_ROUTE },
	{ "source route behind others",
		IN(TO_VPS(OPTIONS("\1\x44\4\5\0\1\1\x89\7\4\x0a\x4d\0\5\0\0"))), SOURCE_ROUTE },
	{ "source route as last of 40 bytes",
		IN(TO_VPS(OPTIONS(NOP10 NOP10 NOP10 "\1\1\1\1\1\1\1\1\1\x83"))), SOURCE_ROUTE },
	{ "source route inside of another", IN(TO_VPS(OPTIONS("\x44\x8\5\0\x83\3\4\0"))), OPENS },
	{ "source route behind the end", IN(TO_VPS(OPTIONS("\0\x83\3\4"))), OPENS },
	{ "length 0", IN(TO_VPS(OPTIONS("\x44\0\1\1"))), MALFORMED },
	{ "length 1", IN(TO_VPS(OPTIONS("\x44\1\1\1"))), MALFORMED },
	{ "length 2", IN(TO_VPS(OPTIONS("\x44\2\1\1"))), OPENS },
	{ "to the end of the header", IN(TO_VPS(OPTIONS("\x44\4\1\1"))), OPENS },
	{ "over the end of the header", IN(TO_VPS(OPTIONS("\x44\5\1\1"))), MALFORMED },
	{ "no room for the length", IN(TO_VPS(OPTIONS("\1\1\1\x44"))), MALFORMED },
	{ "on a live flow", IN(TCP(IMAC, VPS, 40000, 3000, ACK, OPTIONS("\x83\7\4\x0a\x4d\0\5\0"))),
		SOURCE_ROUTE, BEFORE(IN(TO_VPS())) },
	/* clang-format on */
};

#define HOP_BY_HOP(...)                      \
	{                                    \
		IPPROTO_HOPOPTS, __VA_ARGS__ \
	}
#define DESTINATION(...)                     \
	{                                    \
		IPPROTO_DSTOPTS, __VA_ARGS__ \
	}
#define ROUTING(...)                         \
	{                                    \
		IPPROTO_ROUTING, __VA_ARGS__ \
	}
#define FRAGMENTING(...)                      \
	{                                     \
		IPPROTO_FRAGMENT, __VA_ARGS__ \
	}
#define SEVEN                                                                                     \
	DESTINATION(), DESTINATION(), DESTINATION(), DESTINATION(), DESTINATION(), DESTINATION(), \
		DESTINATION()

static const struct trial ipv6_headers[] = {
	/* clang-format off */
	{ "nothing special", IN(TO_VPS()), OPENS },
	{ "length: one more than there is", IN(TO_VPS(LIES({ LENGTH_BY, 1 }))), MALFORMED },
	{ "length: as long as can be", IN(TO_VPS(LIES({ LENGTH, 65535 }))), MALFORMED },
	{ "length: one less than there is", IN(TO_VPS(LIES({ LENGTH_BY, -1 }))), MALFORMED },
	{ "length: one less, with a body", IN(TO_VPS(.body = 9, LIES({ LENGTH_BY, -1 }))), OPENS },
	{ "length: none", IN(TO_VPS(LIES({ LENGTH, 0 }))), MALFORMED },
	{ "padding behind the packet", IN(TO_VPS(LIES({ PADDING, 6 }))), OPENS },
	{ "padding completes the header", IN(TO_VPS(LIES({ LENGTH, 19 }, { PADDING, 6 }))),
		MALFORMED },
	{ "hop-by-hop", IN(TO_VPS(EXTENSIONS(HOP_BY_HOP()))), OPENS },
	{ "hop-by-hop second", IN(TO_VPS(EXTENSIONS(DESTINATION(), HOP_BY_HOP()))), MALFORMED },
	{ "hop-by-hop twice", IN(TO_VPS(EXTENSIONS(HOP_BY_HOP(), HOP_BY_HOP()))), MALFORMED },
	{ "destination options", IN(TO_VPS(EXTENSIONS(DESTINATION()))), OPENS },
	{ "routing, used up", IN(TO_VPS(EXTENSIONS(ROUTING()))), OPENS },
	{ "routing, one segment left", IN(TO_VPS(EXTENSIONS(ROUTING(1)))), SOURCE_ROUTE },
	{ "routing, one segment left, cut off",
		IN(TO_VPS(EXTENSIONS(ROUTING(1)), LIES({ LENGTH, 7 }))), MALFORMED },
	{ "routing, many segments left", IN(TO_VPS(EXTENSIONS(ROUTING(255)))), SOURCE_ROUTE },
	{ "segment routing, one left", IN(TO_VPS(EXTENSIONS(ROUTING(1, 4)))), SOURCE_ROUTE },
	{ "routing behind others", IN(TO_VPS(EXTENSIONS(HOP_BY_HOP(), DESTINATION(), ROUTING(1)))),
		SOURCE_ROUTE },
	{ "one of each", IN(TO_VPS(EXTENSIONS(HOP_BY_HOP(), DESTINATION(), ROUTING(),
		DESTINATION()))), OPENS },
	{ "seven", IN(TO_VPS(EXTENSIONS(SEVEN))), OPENS },
	{ "nine", IN(TO_VPS(EXTENSIONS(SEVEN, DESTINATION(), DESTINATION()))), MALFORMED },
	{ "routing as the ninth", IN(TO_VPS(EXTENSIONS(SEVEN, DESTINATION(), ROUTING(1)))),
		MALFORMED },
	{ "fragment header", IN(TO_VPS(EXTENSIONS(FRAGMENTING(1)))), FRAGMENTED },
	{ "fragment header of a whole packet", IN(TO_VPS(EXTENSIONS(FRAGMENTING()))), OPENS },
	{ "fragment header behind others", IN(TO_VPS(EXTENSIONS(HOP_BY_HOP(), DESTINATION(),
		FRAGMENTING(9)))), FRAGMENTED },
	{ "fragment of a live flow", IN(TCP(IMAC, VPS, 40000, 3000, ACK,
		EXTENSIONS(FRAGMENTING(1)))), FRAGMENTED, BEFORE(IN(TO_VPS())) },
	{ "extension longer than the packet", IN(TO_VPS(EXTENSIONS(DESTINATION(.claimed = 255)))),
		MALFORMED },
	{ "extension that swallows TCP", IN(TO_VPS(EXTENSIONS(DESTINATION(.claimed = 2)))),
		MALFORMED },
	{ "extension over the end, before GRE",
		IN(RAW(IMAC, VPS, IPPROTO_GRE, EXTENSIONS(DESTINATION(.claimed = 255)))),
		MALFORMED },
	{ "extension before GRE", IN(RAW(IMAC, VPS, IPPROTO_GRE, EXTENSIONS(DESTINATION()))),
		OPENS },
	{ "extension, and TCP is behind the end", IN(TO_VPS(EXTENSIONS(DESTINATION()),
		LIES({ LENGTH, 8 }))), MALFORMED },
	{ "extension is behind the end", IN(TO_VPS(EXTENSIONS(DESTINATION()), LIES({ LENGTH, 0 }))),
		MALFORMED },
	{ "half of an extension", IN(TO_VPS(EXTENSIONS(DESTINATION()),
		LIES({ LENGTH, 4 }, { CUT, 24 }))), MALFORMED },
	{ "an extension before UDP", IN(UDP(IMAC, ASPIRE, 40000, 53, EXTENSIONS(DESTINATION()))),
		OPENS },
	{ "an extension before ICMPv6", IN(PING(VPS, ASPIRE, 7, EXTENSIONS(DESTINATION()))),
		OPENS },
	{ "nothing behind an extension", IN(RAW(IMAC, VPS, IPPROTO_NONE,
		EXTENSIONS(DESTINATION()))), DENIED },
	{ "flow with and without an extension", IN(TCP(VPS, IMAC, 3000, 40000, SYN | ACK,
		EXTENSIONS(DESTINATION()))), ANSWERS, BEFORE(IN(TO_VPS())) },
	/* clang-format on */
};

static const struct trial transports[] = {
	/* clang-format off */
	{ "TCP, one byte short", IN(TO_VPS(LIES({ LENGTH_BY, -1 }, { CUT, 1 }))), MALFORMED },
	{ "TCP, only ports", IN(TO_VPS(LIES({ LENGTH_BY, -16 }, { CUT, 16 }))), MALFORMED },
	{ "TCP, nothing of it", IN(TO_VPS(LIES({ LENGTH_BY, -20 }, { CUT, 20 }))), MALFORMED },
	{ "TCP header of 0 bytes", IN(TO_VPS(LIES({ DATA_OFFSET, 0 }))), MALFORMED },
	{ "TCP header of 16 bytes", IN(TO_VPS(LIES({ DATA_OFFSET, 4 }))), MALFORMED },
	{ "TCP header over the end", IN(TO_VPS(LIES({ DATA_OFFSET, 6 }))), MALFORMED },
	{ "TCP header over the end, far", IN(TO_VPS(.body = 8, LIES({ DATA_OFFSET, 15 }))),
		MALFORMED },
	{ "TCP options, one byte short", IN(TO_VPS(.body = 3, LIES({ DATA_OFFSET, 6 }))),
		MALFORMED },
	{ "TCP options", IN(TO_VPS(.body = 4, LIES({ DATA_OFFSET, 6 }))), OPENS },
	{ "TCP header of 60 bytes", IN(TO_VPS(.body = 40, LIES({ DATA_OFFSET, 15 }))), OPENS },
	{ "TCP options in padding", IN(TO_VPS(LIES({ DATA_OFFSET, 6 }, { PADDING, 8 }))),
		MALFORMED },
	{ "UDP", IN(UDP(IMAC, ASPIRE, 40000, 53)), OPENS },
	{ "UDP, one byte short", IN(UDP(IMAC, ASPIRE, 40000, 53,
		LIES({ LENGTH_BY, -1 }, { CUT, 1 }))), MALFORMED },
	{ "UDP, nothing of it", IN(UDP(IMAC, ASPIRE, 40000, 53,
		LIES({ LENGTH_BY, -8 }, { CUT, 8 }))), MALFORMED },
	{ "SCTP", IN(SCTP(IMAC, VPS, 40000, 5000)), OPENS },
	{ "SCTP, one byte short", IN(SCTP(IMAC, VPS, 40000, 5000,
		LIES({ LENGTH_BY, -1 }, { CUT, 1 }))), MALFORMED },
	{ "echo", IN(PING(VPS, ASPIRE, 7)), OPENS },
	{ "echo, one byte short", IN(PING(VPS, ASPIRE, 7, LIES({ LENGTH_BY, -1 }, { CUT, 1 }))),
		MALFORMED },
	{ "echo, only the type", IN(PING(VPS, ASPIRE, 7, LIES({ LENGTH_BY, -7 }, { CUT, 7 }))),
		MALFORMED },
	{ "echo, only the type, and padding", IN(PING(VPS, ASPIRE, 7, LIES({ LENGTH_BY, -7 }))),
		MALFORMED },
	{ "ICMPv6 in IPv4", IN(ICMP_AS(VPS, ASPIRE, IPPROTO_ICMPV6, ECHO_REQUEST)), MALFORMED,
		.only = IPV4 },
	{ "ICMP in IPv6", IN(ICMP_AS(VPS, ASPIRE, IPPROTO_ICMP, ECHO_REQUEST)), MALFORMED,
		.only = IPV6 },
	{ "a protocol of one byte", IN(RAW(IMAC, VPS, IPPROTO_GRE,
		LIES({ LENGTH_BY, -7 }, { CUT, 7 }))), OPENS },
	{ "IPv4's protocol 0", IN(DISGUISED(IMAC, VPS, IPPROTO_HOPOPTS, 40000, 3000)), DENIED,
		.only = IPV4 },
	{ "IPv4's protocol 60", IN(DISGUISED(IMAC, VPS, IPPROTO_DSTOPTS, 40000, 3000)), DENIED,
		.only = IPV4 },
	{ "IPv4's protocol 44", IN(DISGUISED(IMAC, VPS, IPPROTO_FRAGMENT, 40000, 3000)), DENIED,
		.only = IPV4 },
	/* clang-format on */
};

/* Bytes that are no IP, as a TUN device or an Ethernet port brings them. */
static const struct trial frames[] = {
	/* clang-format off */
	{ "version 0", IN(TO_VPS(LIES({ VERSION, 0 }))), NOT_IP },
	{ "version 5", IN(TO_VPS(LIES({ VERSION, 5 }))), NOT_IP },
	{ "version 7", IN(TO_VPS(LIES({ VERSION, 7 }))), NOT_IP },
	{ "version 15", IN(TO_VPS(LIES({ VERSION, 15 }))), NOT_IP },
	{ "IPv6 in a frame of IPv4", IN(TO_VPS(LIES({ VERSION, 6 }))), NOT_IP,
		.only = IPV4 | ETHERNET },
	{ "IPv4 in a frame of IPv6", IN(TO_VPS(LIES({ VERSION, 4 }))), NOT_IP,
		.only = IPV6 | ETHERNET },
	{ "frame says IPv6, packet IPv4", IN(TO_VPS(LIES({ ETHERTYPE, 0x86dd }))), NOT_IP,
		.only = IPV4 | ETHERNET },
	{ "frame says IPv4, packet IPv6", IN(TO_VPS(LIES({ ETHERTYPE, 0x0800 }))), NOT_IP,
		.only = IPV6 | ETHERNET },
	{ "RARP", IN(TO_VPS(LIES({ ETHERTYPE, 0x8035 }))), NOT_IP, .only = ETHERNET },
	{ "MPLS", IN(TO_VPS(LIES({ ETHERTYPE, 0x8847 }))), NOT_IP, .only = ETHERNET },
	{ "PPPoE", IN(TO_VPS(LIES({ ETHERTYPE, 0x8864 }))), NOT_IP, .only = ETHERNET },
	{ "IEEE 802.3 length", IN(TO_VPS(LIES({ ETHERTYPE, 0x0040 }))), NOT_IP, .only = ETHERNET },
	{ "VLAN tag", IN(TO_VPS(LIES({ VLAN, 0x8100 }))), NOT_IP, .only = ETHERNET },
	{ "service VLAN tag", IN(TO_VPS(LIES({ VLAN, 0x88a8 }))), NOT_IP, .only = ETHERNET },
	{ "padding of a short frame", IN(UDP(IMAC, ASPIRE, 40000, 53, LIES({ PADDING, 18 }))),
		OPENS, .only = ETHERNET },
	/* clang-format on */
};

static const struct packet whole[] = {
	TO_VPS(),
	UDP(IMAC, ASPIRE, 40000, 53),
	SCTP(IMAC, VPS, 40000, 5000),
	PING(VPS, ASPIRE, 7),
	TO_VPS(OPTIONS("\x44\x8\5\0\0\0\0\0"), EXTENSIONS(HOP_BY_HOP(), DESTINATION())),
	ABOUT(VPS, IMAC, UNREACHABLE, TCP(IMAC, VPS, 40000, 3000, SYN)),
};

/* What BPF_PROG_TEST_RUN takes at least. */
static size_t shortest(const struct form *form)
{
	size_t ip = form->version == 4 ? 20 : 40;

	return form->link_header ? form->link_header + ip : PACKET_ETHERNET + 1;
}

/* A packet that lost its end on the way passes nowhere, however much of it is left. */
static void run_cut(const struct packet *packet, const struct form *form)
{
	uint8_t bytes[PACKET_MAX];
	size_t size = packet_build(packet, form->version, form->link_header, bytes);
	struct verdict verdict;

	bench_run_bytes(bytes, size, AT_INGRESS, form, &verdict);
	ck_assert_msg(verdict.passed, "whole: %s", reason_name(verdict.reason));
	for (size_t left = shortest(form); left < size; left++) {
		bench_run_bytes(bytes, left, AT_INGRESS, form, &verdict);
		ck_assert_msg(!verdict.passed && verdict.reason == REASON_MALFORMED,
			      "IPv%u, %zu of %zu bytes: %s", form->version, left, size,
			      reason_name(verdict.reason));
		ck_assert_uint_eq(verdict.created + verdict.deleted, 0);
	}
}

START_TEST(every_cut)
{
	static const struct packet flow = TO_VPS();

	for (unsigned int version = 4; version <= 6; version += 2) {
		for (unsigned int link = 0; link <= PACKET_ETHERNET; link += PACKET_ETHERNET) {
			struct form form = { version, link };

			bench_flows_clear();
			ck_assert(bench_passes(&flow, AT_INGRESS, &form));
			run_cut(&whole[_i], &form);
		}
	}
}
END_TEST

Suite *packet_suite(void)
{
	Suite *suite = suite_create("packet");
	TCase *tcase = tcase_create("headers");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add(tcase, ipv4_headers, ARRAY_SIZE(ipv4_headers), IPV4);
	trials_add(tcase, ipv4_options, ARRAY_SIZE(ipv4_options), IPV4);
	trials_add(tcase, ipv6_headers, ARRAY_SIZE(ipv6_headers), IPV6);
	trials_add(tcase, transports, ARRAY_SIZE(transports), ANY_FORM);
	trials_add(tcase, frames, ARRAY_SIZE(frames), ANY_FORM);
	tcase_add_loop_test(tcase, every_cut, 0, ARRAY_SIZE(whole));
	suite_add_tcase(suite, tcase);
	return suite;
}
