// SPDX-License-Identifier: GPL-2.0-or-later
#include "headers.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "probe.h"
#include "unit.h"

#define IP4 "45000028 00010000 40060000 0a000001 0a000002 "
#define IP6 "60000000 0014 06 40 fd000000000000000000000000000001 fd000000000000000000000000000002 "
#define TCP "9c40 0016 00000000 00000000 5012 ffff 0000 0000"

/* @whole: all headers were there. */
static const struct {
	const char *bytes;
	const char *text;
	bool whole;
} packets[] = {
	{ IP4 TCP, "tcp 10.0.0.1:40000 > 10.0.0.2:22 SYN ACK", true },
	{ IP6 TCP, "tcp [fd00::1]:40000 > [fd00::2]:22 SYN ACK", true },
	{ IP4 "9c40 0016", "tcp 10.0.0.1 > 10.0.0.2", false },
	{ "4500001c 00010000 40110000 0a000001 0a000002 9c40 0035 0008 0000",
	  "udp 10.0.0.1:40000 > 10.0.0.2:53", true },
	{ "4500001c 00010000 40010000 0a000001 0a000002 0800 0000 0007 0001",
	  "icmp 10.0.0.1 > 10.0.0.2 echo request 7", true },
	{ "4500001c 00010000 40010000 0a000001 0a000002 0000 0000 0007 0001",
	  "icmp 10.0.0.1 > 10.0.0.2 echo reply 7", true },
	{ "4500001c 00010000 40010000 0a000001 0a000002 0301 0000 0000 0000",
	  "icmp 10.0.0.1 > 10.0.0.2 type 3", true },
	{ "45000018 00010000 402f0000 0a000001 0a000002 00000800", "gre 10.0.0.1 > 10.0.0.2",
	  true },
	{ "45000028 000100b9 40060000 0a000001 0a000002 " TCP,
	  "tcp 10.0.0.1 > 10.0.0.2 later fragment", true },
	{ "46000018 00010000 40fd0000 0a000001 0a000002 01010100", "253 10.0.0.1 > 10.0.0.2",
	  true },
	{ "46000018 00010000 40fd0000 0a000001 0a000002", "253 10.0.0.1 > 10.0.0.2", false },
	/* IPv6: hop-by-hop options, then a fragment header */
	{ "60000000 0024 00 40 fd000000000000000000000000000001 fd000000000000000000000000000002"
	  " 2c00010400000000 0600000100000007 " TCP,
	  "tcp [fd00::1]:40000 > [fd00::2]:22 SYN ACK", true },
	{ "60000000 0010 2c 40 fd000000000000000000000000000001 fd000000000000000000000000000002"
	  " 1100 05c8 00000007 0000000000000000",
	  "udp fd00::1 > fd00::2 later fragment", true },
	{ "60000000 0008 3a 40 fd000000000000000000000000000001 fd000000000000000000000000000002"
	  " 8000 0000 0009 0001",
	  "ipv6-icmp fd00::1 > fd00::2 echo request 9", true },
	{ "60000000 0008 00 40 fd000000000000000000000000000001 fd000000000000000000000000000002"
	  " 06ff",
	  "hopopt", false },
	{ "4500", "-", false },
	{ "0001", "-", false },
};

START_TEST(read_packet)
{
	struct frame frame;
	struct headers headers;
	char text[HEADERS_TEXT];

	ck_assert_int_eq(probe_parse_hex(packets[_i].bytes, &frame), 0);
	headers = headers_read(frame.bytes, frame.size);
	headers_format(&headers, text);
	if (strcmp(packets[_i].text, "hopopt"))
		ck_assert_str_eq(text, packets[_i].text);
	ck_assert_int_eq(headers.whole, packets[_i].whole);
	frame_free(&frame);
}
END_TEST

/* However few bytes there are, nothing behind them is read: the sanitizers tell. */
START_TEST(any_length)
{
	struct frame frame;

	ck_assert_int_eq(probe_parse_hex(packets[_i].bytes, &frame), 0);
	for (size_t size = 0; size <= frame.size; size++) {
		uint8_t *copy = mem_alloc(size + 1);
		char text[HEADERS_TEXT];
		struct headers headers;

		memcpy(copy, frame.bytes, size);
		copy = realloc(copy, size ? size : 1);
		headers = headers_read(copy, size);
		headers_format(&headers, text);
		free(copy);
	}
	frame_free(&frame);
}
END_TEST

START_TEST(event)
{
	struct gate_event event = { .version = 4, .protocol = 6, .tcp_flags = 0x02 };
	struct headers headers;
	char text[HEADERS_TEXT];

	memcpy(&event.src, (uint8_t[]){ 10, 0, 0, 1 }, 4);
	memcpy(&event.dst, (uint8_t[]){ 10, 0, 0, 2 }, 4);
	event.sport = htons(40000);
	event.dport = htons(22);
	headers = headers_of_event(&event);
	ck_assert_str_eq(headers_format(&headers, text), "tcp 10.0.0.1:40000 > 10.0.0.2:22 SYN");
	event.version = 0;
	headers = headers_of_event(&event);
	ck_assert_str_eq(headers_format(&headers, text), "-");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("headers");

	unit_add(suite, read_packet, ARRAY_SIZE(packets));
	unit_add(suite, any_length, ARRAY_SIZE(packets));
	unit_add(suite, event, 1);
	return suite;
}
