// SPDX-License-Identifier: GPL-2.0-or-later
#include "naive.h"

/* An IP packet that is as long as it says, and what its transport header tells. */
struct reading {
	const uint8_t *ip;
	size_t length;
	unsigned int version;
	address_t src, dst;
	uint8_t protocol;
	size_t transport; /* offset */
	uint16_t port;
	bool opens; /* may be the first one of a flow */
	bool stray; /* ... but is not what a connection begins with */
};

static unsigned int word(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static bool read_options(const uint8_t *at, size_t size)
{
	while (size && at[0]) {
		size_t length = at[0] == 1 ? 1 : size < 2 ? 0 : at[1];

		if (at[0] == 131 || at[0] == 137 || length > size || (at[0] != 1 && length < 2))
			return false;
		at += length;
		size -= length;
	}
	return true;
}

static bool read_ipv4(struct reading *reading, size_t size)
{
	size_t header = size < 20 ? 0 : (reading->ip[0] & 15) * 4u;

	if (header < 20)
		return false;
	reading->length = word(reading->ip + 2);
	if (reading->length > size || reading->length < header)
		return false;
	if (word(reading->ip + 6) & 0x3fff)
		return false;
	reading->src = address_from_bytes(reading->ip + 12, 4);
	reading->dst = address_from_bytes(reading->ip + 16, 4);
	reading->protocol = reading->ip[9];
	reading->transport = header;
	return read_options(reading->ip + 20, header - 20);
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

static bool read_extensions(struct reading *reading)
{
	for (unsigned int count = 0; is_extension(reading->protocol); count++) {
		const uint8_t *at = reading->ip + reading->transport;
		size_t left = reading->length - reading->transport;

		if (count == 7 || reading->protocol == IPPROTO_FRAGMENT || left < 8 ||
		    left < at[1] * 8u + 8)
			return false;
		if (reading->protocol == IPPROTO_HOPOPTS && count)
			return false;
		if (reading->protocol == IPPROTO_ROUTING && at[3])
			return false;
		reading->protocol = at[0];
		reading->transport += at[1] * 8u + 8;
	}
	return true;
}

static bool read_ipv6(struct reading *reading, size_t size)
{
	if (size < 40)
		return false;
	reading->length = 40 + word(reading->ip + 4);
	if (reading->length > size)
		return false;
	reading->src = address_from_bytes(reading->ip + 8, 16);
	reading->dst = address_from_bytes(reading->ip + 24, 16);
	reading->protocol = reading->ip[6];
	reading->transport = 40;
	return read_extensions(reading);
}

static bool read_tcp(struct reading *reading, const uint8_t *at, size_t left)
{
	unsigned int flags;

	if (left < 20 || at[12] / 16 < 5 || at[12] / 16 * 4u > left)
		return false;
	flags = at[13] & (SYN | ACK | RST | FIN);
	reading->opens = flags == SYN || flags == ACK;
	reading->stray = flags == ACK;
	reading->port = (uint16_t)word(at + 2);
	return true;
}

static bool read_icmp(struct reading *reading, const uint8_t *at, size_t left)
{
	bool six = reading->version == 6;

	if (left < 8 || reading->protocol != (six ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return false;
	reading->opens = at[0] == (six ? 128 : 8);
	return true;
}

static bool read_transport(struct reading *reading)
{
	const uint8_t *at = reading->ip + reading->transport;
	size_t left = reading->length - reading->transport;

	reading->opens = true;
	switch (reading->protocol) {
	case IPPROTO_TCP:
		return read_tcp(reading, at, left);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return read_icmp(reading, at, left);
	case IPPROTO_UDP:
		reading->port = left < 8 ? 0 : (uint16_t)word(at + 2);
		return left >= 8;
	case IPPROTO_SCTP:
		reading->port = left < 12 ? 0 : (uint16_t)word(at + 2);
		return left >= 12;
	case IPPROTO_UDPLITE:
		return left >= 8; /* these two have ports, of which rules know nothing */
	case IPPROTO_DCCP:
		return left >= 12;
	}
	return true;
}

static bool read_packet(const uint8_t *bytes, size_t size, const struct form *form,
			struct reading *reading)
{
	reading->ip = bytes + form->link_header;
	reading->version = reading->ip[0] / 16;
	if (reading->version != 4 && reading->version != 6)
		return false;
	if (form->link_header && word(bytes + 12) != (reading->version == 4 ? 0x0800 : 0x86dd))
		return false;
	if (!(reading->version == 4 ? read_ipv4(reading, size - form->link_header) :
				      read_ipv6(reading, size - form->link_header)))
		return false;
	return read_transport(reading);
}

struct gate_identity naive_identity(const struct table *table, address_t address)
{
	for (size_t i = 0; i < table->addresses_count; i++)
		if (table->addresses[i].prefix.first == address)
			return table->addresses[i].identity;
	for (size_t i = 0; i < table->prefixes_count; i++)
		if (table->prefixes[i].prefix.first <= address &&
		    prefix_last(&table->prefixes[i].prefix) >= address)
			return table->prefixes[i].identity;
	return (struct gate_identity){ .coarse = GATE_COARSE, .speaks = GATE_SPEAKS_OUTSIDE };
}

/* 6, for what comes in through slot 0. */
static enum reason bind_source(const struct table *table, const struct reading *reading)
{
	struct gate_identity src = naive_identity(table, reading->src);

	if (reading->src == reading->dst || src.speaks & GATE_SPEAKS_SELF)
		return REASON_SPOOFED_SOURCE;
	if (src.speaks & GATE_SPEAKS_REJECTED)
		return REASON_UNAPPROVED;
	if (!src.device)
		return REASON_UNKNOWN_SOURCE;
	return src.speaks & 1 ? REASON_NONE : REASON_SPOOFED_SOURCE;
}

enum reason naive_judge(const struct table *table, const uint8_t *bytes, size_t size,
			const struct form *form)
{
	struct reading reading = {};
	enum reason reason;
	uint32_t rule;

	if (!read_packet(bytes, size, form, &reading))
		return REASON_MALFORMED;
	reason = bind_source(table, &reading);
	if (reason)
		return reason;
	if (!reading.opens)
		return REASON_NO_STATE;
	reason = table_judge(table, reading.src, reading.dst, reading.protocol, reading.port,
			     &rule);
	return reason == REASON_ACL && reading.stray ? REASON_NO_STATE : reason;
}

static bool is_header(enum reason reason)
{
	return reason == REASON_NOT_IP || reason == REASON_MALFORMED ||
	       reason == REASON_SOURCE_ROUTE || reason == REASON_FRAGMENT;
}

/* What an ICMP error quotes is not read here: it may be malformed where we say no_state. */
bool naive_agrees(enum reason naive, const struct verdict *verdict)
{
	if (verdict->passed != (naive == REASON_NONE) || verdict->bookings != 1)
		return false;
	if (naive == REASON_MALFORMED || naive == REASON_NO_STATE)
		return verdict->reason == naive || is_header(verdict->reason);
	return verdict->reason == naive;
}
