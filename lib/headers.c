// SPDX-License-Identifier: GPL-2.0-or-later
#include "headers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "ports.h"

#define IPV4_HEADER	20
#define IPV6_HEADER	40
#define FRAGMENT_HEADER 8
#define EXTENSIONS_MAX	8

enum icmp_type {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_ECHO_REQUEST = 8,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
};

/* What has not been read yet. */
struct rest {
	const uint8_t *bytes;
	size_t size;
};

static bool skip(struct rest *rest, size_t count)
{
	if (count > rest->size)
		return false;
	rest->bytes += count;
	rest->size -= count;
	return true;
}

static uint16_t word_at(const struct rest *rest, size_t at)
{
	return (uint16_t)(rest->bytes[at] << 8 | rest->bytes[at + 1]);
}

static bool is_echo_request(const struct headers *headers)
{
	return headers->version == 4 ? headers->protocol == IPPROTO_ICMP &&
					       headers->icmp_type == ICMP4_ECHO_REQUEST :
				       headers->protocol == IPPROTO_ICMPV6 &&
					       headers->icmp_type == ICMP6_ECHO_REQUEST;
}

static bool is_echo_reply(const struct headers *headers)
{
	return headers->version == 4 ?
		       headers->protocol == IPPROTO_ICMP && headers->icmp_type == ICMP4_ECHO_REPLY :
		       headers->protocol == IPPROTO_ICMPV6 &&
			       headers->icmp_type == ICMP6_ECHO_REPLY;
}

bool headers_is_echo(const struct headers *headers)
{
	return is_echo_request(headers) || is_echo_reply(headers);
}

static bool read_ports(const struct rest *rest, size_t header, struct headers *headers)
{
	if (rest->size < header)
		return false;
	headers->sport = word_at(rest, 0);
	headers->dport = word_at(rest, 2);
	if (headers->protocol == IPPROTO_TCP)
		headers->tcp_flags = rest->bytes[13];
	return true;
}

static bool read_icmp(const struct rest *rest, struct headers *headers)
{
	if (rest->size < 8)
		return false;
	headers->icmp_type = rest->bytes[0];
	if (is_echo_request(headers))
		headers->sport = word_at(rest, 4);
	else if (is_echo_reply(headers))
		headers->dport = word_at(rest, 4);
	return true;
}

static bool read_transport(const struct rest *rest, struct headers *headers)
{
	switch (headers->protocol) {
	case IPPROTO_TCP:
		return read_ports(rest, 20, headers);
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return read_ports(rest, 8, headers);
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return read_ports(rest, 12, headers);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return read_icmp(rest, headers);
	}
	return true;
}

static bool read_ipv4(struct rest *rest, struct headers *headers)
{
	size_t length;

	if (rest->size < IPV4_HEADER)
		return false;
	length = (rest->bytes[0] & 0xfu) * 4;
	headers->version = 4;
	headers->protocol = rest->bytes[9];
	headers->src = address_from_bytes(rest->bytes + 12, 4);
	headers->dst = address_from_bytes(rest->bytes + 16, 4);
	headers->later = word_at(rest, 6) & 0x1fff;
	return length >= IPV4_HEADER && skip(rest, length);
}

/* Whether all extension headers were there. */
static bool read_extensions(struct rest *rest, struct headers *headers)
{
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		uint8_t protocol = headers->protocol;
		bool fragment = protocol == IPPROTO_FRAGMENT;

		if (!fragment && protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING &&
		    protocol != IPPROTO_DSTOPTS)
			return true;
		if (rest->size < FRAGMENT_HEADER)
			return false;
		headers->protocol = rest->bytes[0];
		if (fragment)
			headers->later = word_at(rest, 2) & 0xfff8;
		if (!skip(rest, fragment ? FRAGMENT_HEADER : (rest->bytes[1] + 1u) * 8))
			return false;
		if (headers->later)
			return true;
	}
	return false;
}

static bool read_ipv6(struct rest *rest, struct headers *headers)
{
	if (rest->size < IPV6_HEADER)
		return false;
	headers->version = 6;
	headers->protocol = rest->bytes[6];
	headers->src = address_from_bytes(rest->bytes + 8, 16);
	headers->dst = address_from_bytes(rest->bytes + 24, 16);
	skip(rest, IPV6_HEADER);
	return read_extensions(rest, headers);
}

struct headers headers_read(const uint8_t *bytes, size_t size)
{
	struct rest rest = { bytes, size };
	struct headers headers = {};
	uint8_t version = size ? bytes[0] >> 4 : 0;

	if (version == 4)
		headers.whole = read_ipv4(&rest, &headers);
	else if (version == 6)
		headers.whole = read_ipv6(&rest, &headers);
	if (headers.whole && !headers.later)
		headers.whole = read_transport(&rest, &headers);
	return headers;
}

struct headers headers_of_event(const struct gate_event *event)
{
	unsigned int bytes = event->version == 4 ? 4 : 16;

	if (!event->version)
		return (struct headers){};
	return (struct headers){
		.src = address_from_bytes((const uint8_t *)&event->src, bytes),
		.dst = address_from_bytes((const uint8_t *)&event->dst, bytes),
		.sport = ntohs(event->sport),
		.dport = ntohs(event->dport),
		.version = event->version,
		.protocol = event->protocol,
		.tcp_flags = event->tcp_flags,
		.icmp_type = event->icmp_type,
		.whole = true,
	};
}

const char *headers_format_end(address_t address, uint16_t port, char text[ADDRESS_TEXT])
{
	char bare[ADDRESS_TEXT];

	address_format(address, bare);
	if (!port)
		snprintf(text, ADDRESS_TEXT, "%.46s", bare);
	else if (address_is_ipv4(address))
		snprintf(text, ADDRESS_TEXT, "%.15s:%u", bare, port);
	else
		snprintf(text, ADDRESS_TEXT, "[%.46s]:%u", bare, port);
	return text;
}

static const char *const flag_names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };

const char *headers_flag_name(unsigned int bit)
{
	return flag_names[bit];
}

static void print_flags(uint8_t flags, FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (flags & 1u << i)
			fprintf(out, " %s", flag_names[i]);
}

static void print_ends(const struct headers *headers, FILE *out)
{
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];
	bool ports = !headers_is_echo(headers);

	fprintf(out, "%s > %s", headers_format_end(headers->src, ports ? headers->sport : 0, src),
		headers_format_end(headers->dst, ports ? headers->dport : 0, dst));
}

static void print(const struct headers *headers, FILE *out)
{
	char number[8];

	fprintf(out, "%s ", protocol_name(headers->protocol, number));
	print_ends(headers, out);
	if (headers->later)
		fprintf(out, " later fragment");
	else if (headers->protocol == IPPROTO_TCP)
		print_flags(headers->tcp_flags, out);
	else if (headers_is_echo(headers))
		fprintf(out, " echo %s %u", is_echo_request(headers) ? "request" : "reply",
			headers->sport | headers->dport);
	else if (headers->protocol == IPPROTO_ICMP || headers->protocol == IPPROTO_ICMPV6)
		fprintf(out, " type %u", headers->icmp_type);
}

const char *headers_format(const struct headers *headers, char text[HEADERS_TEXT])
{
	FILE *out = fmemopen(text, HEADERS_TEXT, "w");

	if (!headers->version || !out)
		strcpy(text, "-");
	if (!out)
		return text;
	if (headers->version)
		print(headers, out);
	fclose(out);
	return text;
}
