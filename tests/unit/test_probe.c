// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "notation.h"
#include "unit.h"

static const struct {
	const char *text;
	int error;
	const char *bytes;
	size_t size;
} hexes[] = {
	{ "45", 0, "\x45", 1 },
	{ "4500aFFA", 0, "\x45\x00\xaf\xfa", 4 },
	{ " 45 00\t28\n", 0, "\x45\x00\x28", 3 },
	{ "45:00:28", 0, "\x45\x00\x28", 3 },
	{ "", -ENODATA, NULL, 0 },
	{ " :\n", -ENODATA, NULL, 0 },
	{ "4", -EINVAL, NULL, 0 },
	{ "45 0", -EINVAL, NULL, 0 },
	{ "4 5", -EINVAL, NULL, 0 },
	{ "0x45", -EINVAL, NULL, 0 },
	{ "45g0", -EINVAL, NULL, 0 },
	{ "45-00", -EINVAL, NULL, 0 },
};

START_TEST(hex)
{
	struct frame frame = {};

	ck_assert_int_eq(probe_parse_hex(hexes[_i].text, &frame), hexes[_i].error);
	ck_assert_uint_eq(frame.size, hexes[_i].size);
	if (frame.size)
		ck_assert_mem_eq(frame.bytes, hexes[_i].bytes, frame.size);
	frame_free(&frame);
}
END_TEST

START_TEST(hex_too_long)
{
	size_t digits = 2 * (PROBE_SIZE_MAX + 1);
	char *text = mem_alloc(digits + 1);
	struct frame frame = {};

	memset(text, '0', digits);
	ck_assert_int_eq(probe_parse_hex(text, &frame), -E2BIG);
	text[digits - 2] = '\0';
	ck_assert_int_eq(probe_parse_hex(text, &frame), 0);
	ck_assert_uint_eq(frame.size, PROBE_SIZE_MAX);
	frame_free(&frame);
	free(text);
}
END_TEST

static const struct {
	const char *src;
	const char *dst;
	uint8_t protocol;
	enum probe_fragment fragment;
	const char *text;
	size_t size; /* from the IP header on */
} probes[] = {
	{ "10.0.0.1", "10.0.0.2", IPPROTO_TCP, PROBE_WHOLE, "tcp 10.0.0.1:7 > 10.0.0.2:22 SYN",
	  40 },
	{ "fd00::1", "fd00::2", IPPROTO_TCP, PROBE_WHOLE, "tcp [fd00::1]:7 > [fd00::2]:22 SYN",
	  60 },
	{ "10.0.0.1", "10.0.0.2", IPPROTO_UDP, PROBE_WHOLE, "udp 10.0.0.1:7 > 10.0.0.2:22", 28 },
	{ "10.0.0.1", "10.0.0.2", IPPROTO_SCTP, PROBE_WHOLE, "sctp 10.0.0.1:7 > 10.0.0.2:22", 32 },
	{ "10.0.0.1", "10.0.0.2", IPPROTO_ICMP, PROBE_WHOLE,
	  "icmp 10.0.0.1 > 10.0.0.2 echo request 7", 28 },
	{ "fd00::1", "fd00::2", IPPROTO_ICMPV6, PROBE_WHOLE,
	  "ipv6-icmp fd00::1 > fd00::2 echo request 7", 48 },
	{ "10.0.0.1", "10.0.0.2", IPPROTO_GRE, PROBE_WHOLE, "gre 10.0.0.1 > 10.0.0.2", 28 },
	{ "10.0.0.1", "10.0.0.2", IPPROTO_TCP, PROBE_FIRST, "tcp 10.0.0.1:7 > 10.0.0.2:22 SYN",
	  84 },
	{ "fd00::1", "fd00::2", IPPROTO_UDP, PROBE_FIRST, "udp [fd00::1]:7 > [fd00::2]:22", 112 },
	{ "10.0.0.1", "10.0.0.2", IPPROTO_UDP, PROBE_LATER,
	  "udp 10.0.0.1 > 10.0.0.2 later fragment", 84 },
	{ "fd00::1", "fd00::2", IPPROTO_UDP, PROBE_LATER, "udp fd00::1 > fd00::2 later fragment",
	  112 },
};

static unsigned int get16(const uint8_t *at)
{
	return (unsigned int)(at[0] << 8 | at[1]);
}

static void check_build(size_t row, size_t link)
{
	struct probe probe = {
		.src = notation_address(probes[row].src),
		.dst = notation_address(probes[row].dst),
		.sport = 7,
		.dport = 22,
		.protocol = probes[row].protocol,
		.tcp_flags = PROBE_TCP_SYN,
		.fragment = probes[row].fragment,
	};
	struct frame frame = probe_build(&probe, link);
	const uint8_t *ip = frame.bytes + link;
	struct headers headers = headers_read(ip, frame.size - link);
	char text[HEADERS_TEXT];
	bool v4 = ip[0] >> 4 == 4;

	ck_assert_str_eq(headers_format(&headers, text), probes[row].text);
	ck_assert_uint_eq(frame.link, link);
	ck_assert_uint_eq(frame.size, link + probes[row].size);
	ck_assert_uint_eq(v4 ? get16(ip + 2) : get16(ip + 4) + 40, probes[row].size);
	if (link)
		ck_assert_uint_eq(get16(frame.bytes + 12), v4 ? 0x0800 : 0x86dd);
	frame_free(&frame);
}

START_TEST(build)
{
	check_build((size_t)_i, 0);
	check_build((size_t)_i, PROBE_ETHERNET);
}
END_TEST

#define IP4_UDP "\x45\x00\x00\x1d\x00\x01\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02"
#define ETHER	"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00"
#define ARP	"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x06"

/* A packet of 29 bytes as it was seen, and the size it has on a link; 0: it does not go there. */
static const struct {
	const char *bytes;
	size_t size, network;
	uint16_t ethertype;
	bool ethernet;
	size_t link;
	size_t fitted;
} fits[] = {
	{ IP4_UDP, 20, 0, PROBE_IPV4, false, 0, 29 },
	{ IP4_UDP, 20, 0, PROBE_IPV4, false, PROBE_ETHERNET, 43 },
	{ ETHER IP4_UDP, 34, 14, PROBE_IPV4, true, PROBE_ETHERNET, 43 },
	{ ETHER IP4_UDP, 34, 14, PROBE_IPV4, true, 0, 29 },
	{ ARP, 14, 14, 0x0806, true, PROBE_ETHERNET, 43 },
	{ ARP, 14, 14, 0x0806, true, 0, 0 },
	{ ETHER, 14, 14, PROBE_IPV4, true, 0, 29 },
};

START_TEST(fit)
{
	struct sight sight = {
		.bytes = (const uint8_t *)fits[_i].bytes,
		.size = fits[_i].size,
		.wire_size = fits[_i].network + 29,
		.network = fits[_i].network,
		.ethertype = fits[_i].ethertype,
		.ethernet = fits[_i].ethernet,
	};
	struct frame frame = {};
	size_t there = fits[_i].size - fits[_i].network;

	ck_assert_int_eq(probe_fit(&sight, fits[_i].link, &frame),
			 fits[_i].fitted ? 0 : -EPROTOTYPE);
	ck_assert_uint_eq(frame.size, fits[_i].fitted);
	if (frame.size && fits[_i].ethertype == PROBE_IPV4) {
		ck_assert_mem_eq(frame.bytes + frame.link, IP4_UDP, there);
		ck_assert_uint_eq(frame.bytes[frame.size - 1], 0);
		if (frame.link)
			ck_assert_mem_eq(frame.bytes + 12, "\x08\x00", 2);
	}
	frame_free(&frame);
}
END_TEST

/* @stated: what the IPv4 header says before and afterwards, of a packet of @size bytes. */
static const struct {
	size_t size;
	unsigned int stated, fitted_stated;
} large[] = {
	{ 3072, 3072, 3072 },	{ 3073, 3073, 3065 }, { 9000, 9000, 3072 },
	{ 65535, 65535, 3071 }, { 9000, 100, 100 },   { 9000, 9001, 3073 },
};

START_TEST(fit_large)
{
	uint8_t *bytes = mem_alloc(large[_i].size);
	struct sight sight = {
		.bytes = bytes,
		.size = large[_i].size,
		.wire_size = large[_i].size,
		.ethertype = PROBE_IPV4,
	};
	struct frame frame = {};

	memcpy(bytes, IP4_UDP, 20);
	bytes[2] = (uint8_t)(large[_i].stated >> 8);
	bytes[3] = (uint8_t)large[_i].stated;
	ck_assert_int_eq(probe_fit(&sight, 0, &frame), 0);
	ck_assert_uint_le(frame.size, 3072);
	ck_assert_uint_eq((large[_i].size - frame.size) % 8, 0);
	ck_assert_uint_eq(get16(frame.bytes + 2), large[_i].fitted_stated);
	frame_free(&frame);
	free(bytes);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("probe");

	unit_add(suite, hex, ARRAY_SIZE(hexes));
	unit_add(suite, hex_too_long, 1);
	unit_add(suite, build, ARRAY_SIZE(probes));
	unit_add(suite, fit, ARRAY_SIZE(fits));
	unit_add(suite, fit_large, ARRAY_SIZE(large));
	return suite;
}
