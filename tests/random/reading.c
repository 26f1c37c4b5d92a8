// SPDX-License-Identifier: GPL-2.0-or-later
#include "reading.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#define UDPLITE	  136
#define ETHERNET  14
#define ARP	  0x0806
#define CHAIN_MAX 7				/* IPv6 extension headers that one may use */
#define MAPPED	  ((address_t)0x5ca1ab1e << 96) /* no mutation of a byte or two makes it */

/* The bytes of an IP packet that are not read yet. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool quoted; /* cut off, maybe: lengths say nothing */
};

address_t reading_address(const uint8_t *bytes, unsigned int version)
{
	address_t address = address_from_bytes(bytes, version == 4 ? 4 : 16);

	return version == 6 && address_is_ipv4(address) ? address | MAPPED : address;
}

void reading_bytes(address_t address, uint8_t bytes[16])
{
	address_bytes(address, bytes);
	if (reading_is_mapped(address))
		memset(bytes, 0, sizeof(uint32_t));
}

bool reading_is_mapped(address_t address)
{
	return address >= MAPPED && address_is_ipv4(address ^ MAPPED);
}

static unsigned int number(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static void skip(struct cursor *cursor, size_t size)
{
	cursor->at += size;
	cursor->left -= size;
}

static void complain(struct reading *reading, enum reason reason)
{
	reading->wrong |= 1u << reason;
}

/* Every part but the last is a multiple of eight bytes, and none is empty (RFC 791, 3.2). */
static void read_part(struct reading *reading, const struct cursor *cursor, uint32_t at, bool more)
{
	reading->at = at;
	reading->end = at + (uint32_t)cursor->left;
	reading->part = at ? PART_LATER : more ? PART_FIRST : PART_WHOLE;
	if (reading->part == PART_WHOLE || cursor->quoted)
		return;
	if (!cursor->left || (more && cursor->left % 8) || reading->end > 65535)
		complain(reading, REASON_FRAGMENT);
}

static void read_options(struct reading *reading, const uint8_t *at, size_t size)
{
	while (size && at[0]) {
		size_t length = at[0] == 1 ? 1 : size < 2 ? 0 : at[1];

		if (at[0] == 131 || at[0] == 137)
			complain(reading, REASON_SOURCE_ROUTE);
		if (length > size || (at[0] != 1 && length < 2)) {
			complain(reading, REASON_MALFORMED);
			return;
		}
		at += length;
		size -= length;
	}
}

static void read_ipv4(struct reading *reading, struct cursor *cursor)
{
	const uint8_t *ip = cursor->at;
	size_t header = cursor->left < 20 ? 0 : (ip[0] & 15) * 4u;

	if (header < 20 ||
	    (!cursor->quoted && (number(ip + 2) > cursor->left || number(ip + 2) < header))) {
		complain(reading, REASON_MALFORMED);
		return;
	}
	reading->tuple.src = reading_address(ip + 12, 4);
	reading->tuple.dst = reading_address(ip + 16, 4);
	reading->tuple.protocol = ip[9];
	reading->hops = ip[8];
	reading->id = number(ip + 4);
	if (cursor->quoted && header > cursor->left) {
		complain(reading, REASON_MALFORMED);
		if (number(ip + 6) & 0x1fff)
			complain(reading, REASON_FRAGMENT); /* both are true */
		return;
	}
	if (!cursor->quoted) {
		cursor->left = number(ip + 2);
		read_options(reading, ip + 20, header - 20);
	}
	skip(cursor, header);
	read_part(reading, cursor, (number(ip + 6) & 0x1fff) * 8u, number(ip + 6) & 0x2000);
}

static void read_fragment_header(struct reading *reading, struct cursor *cursor)
{
	const uint8_t *header = cursor->at;

	if (reading->part != PART_WHOLE || reading->atomic) {
		complain(reading, REASON_MALFORMED);
		return;
	}
	reading->id = number(header + 4) << 16 | number(header + 6);
	skip(cursor, 8);
	read_part(reading, cursor, number(header + 2) & 0xfff8, number(header + 2) & 1);
	reading->atomic = reading->part == PART_WHOLE;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

static void read_extension(struct reading *reading, struct cursor *cursor, unsigned int count)
{
	const uint8_t *header = cursor->at;
	uint8_t protocol = reading->tuple.protocol;

	if (count == CHAIN_MAX || cursor->left < 8 || (protocol == IPPROTO_HOPOPTS && count)) {
		complain(reading, REASON_MALFORMED);
		return;
	}
	if (protocol == IPPROTO_ROUTING && header[3])
		complain(reading, REASON_SOURCE_ROUTE);
	reading->tuple.protocol = header[0];
	if (protocol == IPPROTO_FRAGMENT)
		read_fragment_header(reading, cursor);
	else if (header[1] * 8u + 8 > cursor->left)
		complain(reading, REASON_MALFORMED);
	else
		skip(cursor, header[1] * 8u + 8);
}

static void read_ipv6(struct reading *reading, struct cursor *cursor)
{
	const uint8_t *ip = cursor->at;

	if (cursor->left < 40 || (!cursor->quoted && 40 + number(ip + 4) > cursor->left)) {
		complain(reading, REASON_MALFORMED);
		return;
	}
	if (!cursor->quoted)
		cursor->left = 40 + number(ip + 4);
	reading->tuple.src = reading_address(ip + 8, 6);
	reading->tuple.dst = reading_address(ip + 24, 6);
	reading->tuple.protocol = ip[6];
	reading->hops = ip[7];
	skip(cursor, 40);
	for (unsigned int count = 0; is_extension(reading->tuple.protocol); count++) {
		read_extension(reading, cursor, count);
		if (reading->wrong || reading->part == PART_LATER)
			return;
	}
}

static enum role icmp_role(unsigned int version, uint8_t type)
{
	if (type == (version == 4 ? 8 : 128))
		return ROLE_ASK;
	if (type == (version == 4 ? 0 : 129))
		return ROLE_ANSWER;
	if (version == 4 ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4)
		return ROLE_ERROR;
	return ROLE_OTHER;
}

/* Bytes of the header without which a packet of that protocol is none. */
static size_t header_size(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 12;
	case IPPROTO_UDP:
	case UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	}
	return 0;
}

static void read_icmp(struct reading *reading, const struct cursor *cursor)
{
	struct tuple *tuple = &reading->tuple;

	reading->icmp = cursor->at[0];
	tuple->role = icmp_role(reading->version, reading->icmp);
	if (tuple->role == ROLE_ASK)
		tuple->sport = (uint16_t)number(cursor->at + 4);
	if (tuple->role == ROLE_ANSWER)
		tuple->dport = (uint16_t)number(cursor->at + 4);
	reading->quote.bytes = cursor->at + 8;
	reading->quote.size = cursor->left - 8;
}

static void read_transport(struct reading *reading, const struct cursor *cursor)
{
	struct tuple *tuple = &reading->tuple;
	size_t header = header_size(tuple->protocol);
	bool icmp = tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6;

	if (cursor->quoted)
		header = 8; /* RFC 792: so much an error must quote, and need not more */
	if (cursor->left < header) {
		complain(reading, REASON_MALFORMED);
		return;
	}
	if (!header_size(tuple->protocol))
		return;
	if (icmp) {
		if ((tuple->protocol == IPPROTO_ICMP) != (reading->version == 4))
			complain(reading, REASON_MALFORMED);
		read_icmp(reading, cursor);
		return;
	}
	tuple->sport = (uint16_t)number(cursor->at);
	tuple->dport = (uint16_t)number(cursor->at + 2);
	if (tuple->protocol != IPPROTO_TCP)
		return;
	tuple->role = ROLE_TCP;
	if (cursor->quoted)
		return;
	reading->flags = cursor->at[13] & (TH_FIN | TH_SYN | TH_RST | TH_ACK);
	if (cursor->at[12] / 16 < 5 || cursor->at[12] / 16 * 4u > cursor->left)
		complain(reading, REASON_MALFORMED);
}

static void read_ip(struct reading *reading, struct cursor *cursor)
{
	if (reading->version == 4)
		read_ipv4(reading, cursor);
	else
		read_ipv6(reading, cursor);
	if (!(reading->wrong & ~(1u << REASON_SOURCE_ROUTE | 1u << REASON_FRAGMENT)) &&
	    reading->part != PART_LATER)
		read_transport(reading, cursor);
	/* a first part without all of its headers is no part that one can judge by */
	if (reading->wrong & 1u << REASON_MALFORMED && reading->part == PART_FIRST)
		complain(reading, REASON_FRAGMENT);
}

struct reading reading_packet(const uint8_t *bytes, size_t size, bool ethernet)
{
	struct reading reading = {};
	struct cursor cursor = { bytes, size, false };
	unsigned int type = 0;

	if (ethernet) {
		type = size > ETHERNET ? number(bytes + 12) : 0;
		reading.arp = type == ARP;
		if (reading.arp)
			return reading;
		skip(&cursor, size > ETHERNET ? ETHERNET : size);
	}
	reading.version = cursor.left ? cursor.at[0] / 16 : 0;
	if ((reading.version != 4 && reading.version != 6) ||
	    (ethernet && type != (reading.version == 4 ? 0x0800 : 0x86dd))) {
		reading.version = 0;
		complain(&reading, REASON_NOT_IP);
		return reading;
	}
	read_ip(&reading, &cursor);
	return reading;
}

struct reading reading_quote(const struct reading *error)
{
	struct reading quote = { .version = error->version };
	struct cursor cursor = { error->quote.bytes, error->quote.size, true };

	if (!cursor.left || cursor.at[0] / 16 != quote.version)
		complain(&quote, REASON_MALFORMED);
	else
		read_ip(&quote, &cursor);
	return quote;
}
