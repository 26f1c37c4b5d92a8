/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets as bytes. A packet is described by its fields, for both IP versions and with or without
 * an Ethernet header at once; what is not said is what an honest sender writes. Lies are told on
 * top. No checksums: nothing under test looks at them.
 */
#ifndef ACLGATE_TEST_PACKET_H
#define ACLGATE_TEST_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"

#define PACKET_MAX	4096 /* bytes that hold any packet of the tests */
#define PACKET_ETHERNET 14
#define PACKET_TCP_MIN	20

enum {
	FIN = 0x01,
	SYN = 0x02,
	RST = 0x04,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80
};

/* What stands behind the IP header, whatever protocol that one states. */
enum shape {
	SHAPE_RAW, /* eight bytes that are no header */
	SHAPE_TCP,
	SHAPE_UDP,
	SHAPE_SCTP,
	SHAPE_ICMP,
	SHAPE_NOTHING, /* only the body, as in a later fragment */
};

/* By what they mean; the numbers differ between the IP versions. */
enum icmp {
	ECHO_REPLY,
	ECHO_REQUEST,
	UNREACHABLE,
	TOO_BIG,
	TIME_EXCEEDED,
	PARAMETER_PROBLEM,
	REDIRECT,
	ROUTER_SOLICITATION,
	ROUTER_ADVERTISEMENT,
	QUENCH_OR_NEIGHBOUR,	 /* IPv4: source quench; IPv6: neighbour solicitation */
	TIMESTAMP_OR_MLD,	 /* IPv4: timestamp request; IPv6: multicast listener query */
	UNASSIGNED_ERROR,	 /* IPv6: in the range of errors; IPv4: once was one */
	NEIGHBOUR_ADVERTISEMENT, /* IPv6 only, as those that follow */
	LISTENER_REPORT,
	LISTENER_DONE,
	LISTENER_REPORT_2, /* of version 2 */
	ICMP_MAX
};

#define PROTOCOL_ICMP 256 /* ICMP or ICMPv6, as the IP version says */

struct end {
	enum host host;
	address_t address; /* where that is HOST_LITERAL */
};

/* An IPv6 extension header of 8 * (length + 1) bytes. */
struct extension {
	uint8_t type;
	uint8_t left;	 /* segments left; of a fragment header: the low byte of its offset field */
	uint8_t routing; /* type of a routing header */
	uint8_t claimed; /* added to the length that it states */
};

/* Part of a datagram. Without a shape, `body` is how many bytes of it. */
struct piece {
	bool is;
	bool more;   /* behind it */
	uint16_t at; /* bytes, a multiple of 8 */
	uint32_t id;
};

enum lie_kind {
	TRUTH,
	VERSION,      /* the version nibble */
	HEADER_WORDS, /* IPv4: the header length field */
	LENGTH,	      /* total length, IPv6: payload length */
	LENGTH_BY,    /* ... relative to the truth */
	FRAGMENT,     /* IPv4: flags and offset */
	DATA_OFFSET,  /* TCP: the header length field */
	CUT,	      /* bytes missing at the end */
	PADDING,      /* bytes behind the IP packet */
	ETHERTYPE,    /* … */
	VLAN,	      /* a tag with this ethertype in front of the right one */
};

struct lie {
	enum lie_kind kind;
	int value;
};

struct packet {
	struct end src, dst;
	uint16_t protocol;
	enum shape shape;
	uint16_t sport, dport;
	uint8_t flags; /* TCP */
	enum icmp icmp;
	uint16_t id; /* of an echo */
	size_t body; /* bytes behind the transport header */
	const struct packet *quoted;
	int missing; /* of the IP header and eight bytes that an error must quote; negative: more */
	const char *options; /* IPv4: a multiple of four bytes */
	size_t options_size;
	const struct extension *extensions; /* IPv6 */
	size_t extensions_count;
	struct piece piece; /* IPv6: its header stands behind the extensions */
	uint8_t hops;	    /* that it may still go; 0: 64 */
	struct lie lies[2];
};

#define ENDS(SRC, DST) .src = { SRC, 0 }, .dst = { DST, 0 }

#define TCP(SRC, DST, SPORT, DPORT, FLAGS, ...)                                              \
	{                                                                                    \
		ENDS(SRC, DST), .protocol = IPPROTO_TCP, .shape = SHAPE_TCP, .sport = SPORT, \
				.dport = DPORT, .flags = FLAGS, __VA_ARGS__                  \
	}
#define UDP(SRC, DST, SPORT, DPORT, ...)                                                     \
	{                                                                                    \
		ENDS(SRC, DST), .protocol = IPPROTO_UDP, .shape = SHAPE_UDP, .sport = SPORT, \
				.dport = DPORT, __VA_ARGS__                                  \
	}
#define SCTP(SRC, DST, SPORT, DPORT, ...)                                                      \
	{                                                                                      \
		ENDS(SRC, DST), .protocol = IPPROTO_SCTP, .shape = SHAPE_SCTP, .sport = SPORT, \
				.dport = DPORT, __VA_ARGS__                                    \
	}
#define ICMP_AS(SRC, DST, PROTOCOL, TYPE, ...)                                           \
	{                                                                                \
		ENDS(SRC, DST), .protocol = PROTOCOL, .shape = SHAPE_ICMP, .icmp = TYPE, \
				__VA_ARGS__                                              \
	}
#define ICMP(SRC, DST, TYPE, ...) ICMP_AS(SRC, DST, PROTOCOL_ICMP, TYPE, __VA_ARGS__)
#define PING(SRC, DST, ID, ...)	  ICMP(SRC, DST, ECHO_REQUEST, .id = ID, __VA_ARGS__)
#define PONG(SRC, DST, ID, ...)	  ICMP(SRC, DST, ECHO_REPLY, .id = ID, __VA_ARGS__)

/* An ICMP error about a packet: it quotes the IP header and eight bytes behind it (RFC 792). */
#define ABOUT(SRC, DST, TYPE, QUOTED, ...) \
	ICMP(SRC, DST, TYPE, .quoted = &(const struct packet)QUOTED, __VA_ARGS__)

#define RAW(SRC, DST, PROTOCOL, ...)                                                  \
	{                                                                             \
		ENDS(SRC, DST), .protocol = PROTOCOL, .shape = SHAPE_RAW, __VA_ARGS__ \
	}

/* Another protocol with the bytes of a TCP SYN. */
#define DISGUISED(SRC, DST, PROTOCOL, SPORT, DPORT, ...)                                  \
	{                                                                                 \
		ENDS(SRC, DST), .protocol = PROTOCOL, .shape = SHAPE_TCP, .sport = SPORT, \
				.dport = DPORT, .flags = SYN, __VA_ARGS__                 \
	}

#define OPTIONS(TEXT) .options = (TEXT), .options_size = sizeof(TEXT) - 1
#define EXTENSIONS(...)                                                         \
	.extensions = (const struct extension[]){ __VA_ARGS__ },                \
	.extensions_count = sizeof((const struct extension[]){ __VA_ARGS__ }) / \
			    sizeof(struct extension)
#define LIES(...) .lies = { __VA_ARGS__ }

/* The first fragment of datagram @ID, and one that begins @AT bytes behind its transport header. */
#define FIRST(ID) .piece = { true, true, 0, ID }
#define LATER(SRC, DST, PROTOCOL, ID, AT, MORE, BODY, ...)                                 \
	{                                                                                  \
		ENDS(SRC, DST), .protocol = PROTOCOL, .shape = SHAPE_NOTHING,              \
				.piece = { true, MORE, AT, ID }, .body = BODY, __VA_ARGS__ \
	}

/*
 * @version: 4 or 6. @link_header: 0, or PACKET_ETHERNET for a frame. Returns how many bytes of
 * @bytes, which holds PACKET_MAX, it takes.
 */
size_t packet_build(const struct packet *packet, unsigned int version, unsigned int link_header,
		    uint8_t *bytes);

/* What belongs behind an IP header of that protocol. */
enum shape packet_shape(uint8_t protocol);

address_t packet_src(const struct packet *packet, unsigned int version);
address_t packet_dst(const struct packet *packet, unsigned int version);

#endif
