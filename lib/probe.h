/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets to ask the programs about: made of a few fields, written in hexadecimal, or captured
 * elsewhere. What comes out fits the interface that it is for.
 */
#ifndef ACLGATE_PROBE_H
#define ACLGATE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "headers.h"

#define PROBE_ETHERNET 14 /* bytes of a link header, where there is one */

#define PROBE_IPV4 0x0800 /* ethertypes */
#define PROBE_IPV6 0x86dd

#define PROBE_TCP_FIN 0x01
#define PROBE_TCP_SYN 0x02
#define PROBE_TCP_RST 0x04
#define PROBE_TCP_ACK 0x10

enum probe_fragment {
	PROBE_WHOLE,
	PROBE_FIRST, /* of a longer datagram; it has all headers */
	PROBE_LATER, /* without ports */
};

/* Both addresses are of one IP version. ICMP is an echo request, whose identifier is @sport. */
struct probe {
	address_t src;
	address_t dst;
	uint16_t sport;
	uint16_t dport;
	uint8_t protocol;
	uint8_t tcp_flags;
	enum probe_fragment fragment;
};

/* As on a link: @link bytes, 0 or PROBE_ETHERNET, stand in front of the IP header. */
struct frame {
	uint8_t *bytes;
	size_t size;
	size_t link;
};

/* The packet as a sender would write it, checksums aside: nobody looks at them. */
struct frame probe_build(const struct probe *probe, size_t link);

/*
 * Hexadecimal digits, with spaces, tabs, line ends and colons anywhere between bytes. Returns 0,
 * -EINVAL for other characters or half a byte, -ENODATA for no byte at all, -E2BIG over
 * PROBE_SIZE_MAX.
 */
int probe_parse_hex(const char *text, struct frame *ret_frame);

/* The largest packet that IP knows, in its frame. */
#define PROBE_SIZE_MAX (65535 + PROBE_ETHERNET)

/* What was seen of a packet, on some link. */
struct sight {
	const uint8_t *bytes;
	size_t size;	    /* bytes that are there */
	size_t wire_size;   /* ... and that there were on the link */
	size_t network;	    /* offset of what the link carried */
	uint16_t ethertype; /* of that */
	bool ethernet;	    /* it begins with an Ethernet header */
};

struct headers sight_headers(const struct sight *sight);

/*
 * The frame as it would be on a link with a header of @link bytes. Missing bytes are zeroes. One
 * that is larger than the kernel takes for a test is made shorter by a multiple of eight bytes, and
 * says so itself: no verdict depends on it. Returns 0, or -EPROTOTYPE for a frame that a link
 * without header cannot carry: it is neither IPv4 nor IPv6.
 */
int probe_fit(const struct sight *sight, size_t link, struct frame *ret_frame);

/* The kernel runs no program on less. */
#define PROBE_SIZE_MIN 15

void frame_free(struct frame *frame);

#endif
