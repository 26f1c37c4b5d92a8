// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define IPV4_HEADER	20
#define IPV6_HEADER	40
#define IPV4_LENGTH	2 /* offsets of what states the length */
#define IPV6_LENGTH	4
#define IPV4_MORE	0x2000
#define FRAGMENT_HEADER 8
#define FRAGMENT_AT	1480 /* where the later fragment begins */
#define FRAGMENT_SIZE	64   /* bytes of data */
#define HOP_LIMIT	64

/*
 * The test run copies a packet into one page, behind its headroom and in front of its tailroom
 * (net/bpf/test_run.c); this leaves room for both.
 */
#define FRAME_MAX 3072

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static struct frame frame_new(size_t link, size_t size)
{
	return (struct frame){ mem_alloc(link + size), link + size, link };
}

void frame_free(struct frame *frame)
{
	free(frame->bytes);
	*frame = (struct frame){};
}

/* Locally administered addresses; the gate does not look at them. */
static void put_ethernet(uint8_t *bytes, uint16_t ethertype)
{
	bytes[0] = bytes[6] = 0x02;
	bytes[5] = 1;
	bytes[11] = 2;
	put16(bytes + 12, ethertype);
}

static size_t transport_size(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 12;
	}
	return 8;
}

static void put_transport(const struct probe *probe, uint8_t *bytes)
{
	bool v4 = address_is_ipv4(probe->src);

	switch (probe->protocol) {
	case IPPROTO_TCP:
		bytes[12] = 5 << 4;
		bytes[13] = probe->tcp_flags;
		put16(bytes + 14, 0xffff); /* window */
		break;
	case IPPROTO_UDP:
		put16(bytes + 4, 8);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		bytes[0] = v4 ? 8 : 128;
		put16(bytes + 4, probe->sport);
		return;
	}
	put16(bytes, probe->sport);
	put16(bytes + 2, probe->dport);
}

static void put_ipv4(const struct probe *probe, uint8_t *bytes, size_t data)
{
	uint32_t fragment = 0;

	if (probe->fragment == PROBE_FIRST)
		fragment = IPV4_MORE;
	else if (probe->fragment == PROBE_LATER)
		fragment = FRAGMENT_AT / 8;
	bytes[0] = 0x45;
	put16(bytes + IPV4_LENGTH, (uint32_t)(IPV4_HEADER + data));
	put16(bytes + 4, 1); /* identification */
	put16(bytes + 6, fragment);
	bytes[8] = HOP_LIMIT;
	bytes[9] = probe->protocol;
	address_bytes(probe->src, bytes + 12);
	address_bytes(probe->dst, bytes + 16);
}

static void put_ipv6(const struct probe *probe, uint8_t *bytes, size_t data)
{
	bytes[0] = 0x60;
	bytes[6] = probe->protocol;
	bytes[7] = HOP_LIMIT;
	address_bytes(probe->src, bytes + 8);
	address_bytes(probe->dst, bytes + 24);
	if (probe->fragment) {
		data += FRAGMENT_HEADER;
		bytes[6] = IPPROTO_FRAGMENT;
		bytes[IPV6_HEADER] = probe->protocol;
		/* the last bit: more fragments follow */
		put16(bytes + IPV6_HEADER + 2, probe->fragment == PROBE_LATER ? FRAGMENT_AT : 1);
		bytes[IPV6_HEADER + 7] = 1; /* identification */
	}
	put16(bytes + IPV6_LENGTH, (uint32_t)data);
}

struct frame probe_build(const struct probe *probe, size_t link)
{
	bool v4 = address_is_ipv4(probe->src);
	size_t header = v4 ? IPV4_HEADER : IPV6_HEADER + (probe->fragment ? FRAGMENT_HEADER : 0);
	size_t data = probe->fragment ? FRAGMENT_SIZE : transport_size(probe->protocol);
	struct frame frame = frame_new(link, header + data);
	uint8_t *ip = frame.bytes + link;

	if (link)
		put_ethernet(frame.bytes, v4 ? PROBE_IPV4 : PROBE_IPV6);
	if (v4)
		put_ipv4(probe, ip, data);
	else
		put_ipv6(probe, ip, data);
	if (probe->fragment != PROBE_LATER)
		put_transport(probe, ip + header);
	return frame;
}

static int digit(char character)
{
	static const char digits[] = "0123456789abcdef";
	char lower = character >= 'A' && character <= 'F' ? (char)(character + 32) : character;
	const char *found = lower ? strchr(digits, lower) : NULL;

	return found ? (int)(found - digits) : -1;
}

static int parse_bytes(const char *text, uint8_t *bytes, size_t *ret_size)
{
	static const char between[] = " \t\r\n:";
	size_t size = 0;

	for (text += strspn(text, between); *text; text += strspn(text, between)) {
		int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);

		if (low < 0)
			return -EINVAL;
		if (size == PROBE_SIZE_MAX)
			return -E2BIG;
		bytes[size++] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	*ret_size = size;
	return size ? 0 : -ENODATA;
}

int probe_parse_hex(const char *text, struct frame *ret_frame)
{
	_free_ uint8_t *bytes = mem_alloc(strlen(text) / 2 + 1);
	size_t size = 0;
	int error = parse_bytes(text, bytes, &size);

	if (!error)
		*ret_frame = (struct frame){ TAKE_PTR(bytes), size, 0 };
	return error;
}

/* Takes @cut bytes from the length that an IP header states, if that counts them. */
static void shorten(uint8_t *ip, size_t size, size_t cut)
{
	bool v4 = ip[0] >> 4 == 4;
	uint8_t *field = ip + (v4 ? IPV4_LENGTH : IPV6_LENGTH);
	size_t stated = get16(field) + (v4 ? 0 : IPV6_HEADER);

	if (stated > size)
		put16(field, (uint32_t)(get16(field) - cut));
}

static bool is_ip(const struct sight *sight)
{
	return sight->ethertype == PROBE_IPV4 || sight->ethertype == PROBE_IPV6;
}

struct headers sight_headers(const struct sight *sight)
{
	if (!is_ip(sight) || sight->size < sight->network)
		return (struct headers){};
	return headers_read(sight->bytes + sight->network, sight->size - sight->network);
}

int probe_fit(const struct sight *sight, size_t link, struct frame *ret_frame)
{
	size_t begin = link && sight->ethernet ? 0 : sight->network;
	size_t added = link && !sight->ethernet ? PROBE_ETHERNET : 0;
	size_t wire = sight->wire_size > begin ? sight->wire_size - begin : 0;
	size_t there = sight->size > begin ? sight->size - begin : 0;
	size_t cut = wire > FRAME_MAX ? (wire - FRAME_MAX + 7) / 8 * 8 : 0;
	struct frame frame;

	if (!link && !is_ip(sight))
		return -EPROTOTYPE;
	wire -= cut;
	frame = frame_new(0, added + wire);
	frame.link = link;
	if (added)
		put_ethernet(frame.bytes, sight->ethertype);
	memcpy(frame.bytes + added, sight->bytes + begin, there < wire ? there : wire);
	if (cut && is_ip(sight))
		shorten(frame.bytes + link, frame.size - link, cut);
	*ret_frame = frame;
	return 0;
}
