// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet.h"

#include <stdlib.h>
#include <string.h>

#define IPV4_HEADER    20
#define IPV6_HEADER    40
#define DONT_FRAGMENT  0x4000
#define MORE_FRAGMENTS 0x2000
#define HOPS	       64

/* IPv4, IPv6 */
static const uint8_t icmp_types[ICMP_MAX][2] = {
	[ECHO_REPLY] = { 0, 129 },
	[ECHO_REQUEST] = { 8, 128 },
	[UNREACHABLE] = { 3, 1 },
	[TOO_BIG] = { 3, 2 },
	[TIME_EXCEEDED] = { 11, 3 },
	[PARAMETER_PROBLEM] = { 12, 4 },
	[REDIRECT] = { 5, 137 },
	[ROUTER_SOLICITATION] = { 10, 133 },
	[ROUTER_ADVERTISEMENT] = { 9, 134 },
	[QUENCH_OR_NEIGHBOUR] = { 4, 135 },
	[TIMESTAMP_OR_MLD] = { 13, 130 },
	[UNASSIGNED_ERROR] = { 6, 5 },
	[NEIGHBOUR_ADVERTISEMENT] = { 255, 136 },
	[LISTENER_REPORT] = { 255, 131 },
	[LISTENER_DONE] = { 255, 132 },
	[LISTENER_REPORT_2] = { 255, 143 },
};

/* What is written so far. */
struct writer {
	uint8_t *bytes;
	size_t size;
	unsigned int version;
};

static uint8_t *room(struct writer *writer, size_t size)
{
	uint8_t *at = writer->bytes + writer->size;

	if (writer->size + size > PACKET_MAX)
		abort();
	memset(at, 0, size);
	writer->size += size;
	return at;
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The value of a lie, or the truth. */
static unsigned int say(const struct packet *packet, enum lie_kind kind, unsigned int truth)
{
	for (size_t i = 0; i < 2; i++)
		if (packet->lies[i].kind == kind)
			return (unsigned int)packet->lies[i].value;
	return truth;
}

static address_t end_address(const struct end *end, unsigned int version)
{
	return end->host == HOST_LITERAL ? end->address : host_address(end->host, version);
}

enum shape packet_shape(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return SHAPE_TCP;
	case IPPROTO_UDP:
		return SHAPE_UDP;
	case IPPROTO_SCTP:
		return SHAPE_SCTP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return SHAPE_ICMP;
	}
	return SHAPE_RAW;
}

address_t packet_src(const struct packet *packet, unsigned int version)
{
	return end_address(&packet->src, version);
}

address_t packet_dst(const struct packet *packet, unsigned int version)
{
	return end_address(&packet->dst, version);
}

static uint8_t protocol_number(const struct packet *packet, unsigned int version)
{
	if (packet->protocol != PROTOCOL_ICMP)
		return (uint8_t)packet->protocol;
	return version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

static void build_tcp(const struct packet *packet, struct writer *writer)
{
	uint8_t *header = room(writer, PACKET_TCP_MIN);

	put16(header, packet->sport);
	put16(header + 2, packet->dport);
	header[12] = (uint8_t)(say(packet, DATA_OFFSET, PACKET_TCP_MIN / 4) << 4);
	header[13] = packet->flags;
	put16(header + 14, 0xffff); /* window */
}

static void build_udp(const struct packet *packet, struct writer *writer)
{
	uint8_t *header = room(writer, 8);

	put16(header, packet->sport);
	put16(header + 2, packet->dport);
	put16(header + 4, (unsigned int)(8 + packet->body));
}

static void build_sctp(const struct packet *packet, struct writer *writer)
{
	uint8_t *header = room(writer, 12);

	put16(header, packet->sport);
	put16(header + 2, packet->dport);
}

static size_t build_ip(const struct packet *packet, struct writer *writer);

static void build_quoted(const struct packet *error, struct writer *writer)
{
	size_t transport = build_ip(error->quoted, writer);
	size_t end = transport + 8 - (size_t)error->missing;

	if (end < writer->size)
		writer->size = end;
	else
		room(writer, end - writer->size);
}

static void build_icmp(const struct packet *packet, struct writer *writer)
{
	uint8_t *header = room(writer, 8);

	header[0] = icmp_types[packet->icmp][writer->version == 6];
	if (packet->icmp == ECHO_REQUEST || packet->icmp == ECHO_REPLY)
		put16(header + 4, packet->id);
	if (packet->icmp == TOO_BIG && writer->version == 4)
		header[1] = 4; /* fragmentation needed */
	if (packet->quoted)
		build_quoted(packet, writer);
}

static void build_transport(const struct packet *packet, struct writer *writer)
{
	switch (packet->shape) {
	case SHAPE_RAW:
		room(writer, 8);
		break;
	case SHAPE_TCP:
		build_tcp(packet, writer);
		break;
	case SHAPE_UDP:
		build_udp(packet, writer);
		break;
	case SHAPE_SCTP:
		build_sctp(packet, writer);
		break;
	case SHAPE_ICMP:
		build_icmp(packet, writer);
		break;
	case SHAPE_NOTHING:
		break;
	}
	room(writer, packet->body);
}

static uint8_t hops(const struct packet *packet)
{
	return packet->hops ? packet->hops : HOPS;
}

static unsigned int fragment_field4(const struct piece *piece)
{
	if (!piece->is)
		return DONT_FRAGMENT;
	return piece->at / 8u | (piece->more ? MORE_FRAGMENTS : 0);
}

static void build_ipv4(const struct packet *packet, struct writer *writer)
{
	uint8_t *header = room(writer, IPV4_HEADER);
	unsigned int words = (unsigned int)(IPV4_HEADER + packet->options_size) / 4;

	header[0] = (uint8_t)(say(packet, VERSION, 4) << 4 | say(packet, HEADER_WORDS, words));
	put16(header + 4, packet->piece.id);
	put16(header + 6, say(packet, FRAGMENT, fragment_field4(&packet->piece)));
	header[8] = hops(packet);
	header[9] = protocol_number(packet, 4);
	address_bytes(packet_src(packet, 4), header + 12);
	address_bytes(packet_dst(packet, 4), header + 16);
	if (packet->options_size)
		memcpy(room(writer, packet->options_size), packet->options, packet->options_size);
}

static void build_extension(const struct extension *extension, uint8_t next, struct writer *writer)
{
	uint8_t *header = room(writer, 8);

	header[0] = next;
	header[1] = extension->claimed;
	if (extension->type == IPPROTO_ROUTING)
		header[2] = extension->routing;
	else if (extension->type != IPPROTO_FRAGMENT)
		header[2] = 1; /* PadN over the rest */
	header[3] = extension->type == IPPROTO_ROUTING || extension->type == IPPROTO_FRAGMENT ?
			    extension->left :
			    4;
}

static void build_piece(const struct piece *piece, uint8_t next, struct writer *writer)
{
	uint8_t *header = room(writer, 8);

	header[0] = next;
	put16(header + 2, piece->at | (piece->more ? 1 : 0));
	put16(header + 4, piece->id >> 16);
	put16(header + 6, piece->id & 0xffff);
}

static void build_ipv6(const struct packet *packet, struct writer *writer)
{
	uint8_t *header = room(writer, IPV6_HEADER);
	size_t count = packet->extensions_count;
	uint8_t transport = protocol_number(packet, 6);
	uint8_t last = packet->piece.is ? IPPROTO_FRAGMENT : transport;

	header[0] = (uint8_t)(say(packet, VERSION, 6) << 4);
	header[6] = count ? packet->extensions[0].type : last;
	header[7] = hops(packet);
	address_bytes(packet_src(packet, 6), header + 8);
	address_bytes(packet_dst(packet, 6), header + 24);
	for (size_t i = 0; i < count; i++)
		build_extension(&packet->extensions[i],
				i + 1 < count ? packet->extensions[i + 1].type : last, writer);
	if (packet->piece.is)
		build_piece(&packet->piece, transport, writer);
}

/* Returns where the transport header begins. */
static size_t build_ip(const struct packet *packet, struct writer *writer)
{
	size_t start = writer->size, transport;
	uint8_t *header = writer->bytes + start;
	unsigned int length;

	if (writer->version == 4)
		build_ipv4(packet, writer);
	else
		build_ipv6(packet, writer);
	transport = writer->size;
	build_transport(packet, writer);
	length = (unsigned int)(writer->size - start) - (writer->version == 4 ? 0 : IPV6_HEADER);
	length = say(packet, LENGTH, length + say(packet, LENGTH_BY, 0));
	put16(writer->version == 4 ? header + 2 : header + 4, length);
	return transport;
}

static void build_ethernet(const struct packet *packet, struct writer *writer)
{
	unsigned int tag = say(packet, VLAN, 0);
	uint8_t *header = room(writer, PACKET_ETHERNET - 2);

	memcpy(header, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	if (tag) {
		put16(room(writer, 2), tag);
		put16(room(writer, 2), 7); /* VLAN 7 */
	}
	put16(room(writer, 2), say(packet, ETHERTYPE, writer->version == 4 ? 0x0800 : 0x86dd));
}

size_t packet_build(const struct packet *packet, unsigned int version, unsigned int link_header,
		    uint8_t *bytes)
{
	struct writer writer = { .bytes = bytes, .version = version };

	if (link_header)
		build_ethernet(packet, &writer);
	build_ip(packet, &writer);
	room(&writer, say(packet, PADDING, 0));
	return writer.size - say(packet, CUT, 0);
}
