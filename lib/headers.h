/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a packet says of itself, for people to read. The gate has its own, stricter reading of it
 * (bpf/packet.h), and this one decides nothing.
 */
#ifndef ACLGATE_HEADERS_H
#define ACLGATE_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "address.h"

struct headers {
	address_t src;
	address_t dst;
	uint16_t sport;	 /* 0 where there are none; of an echo request the identifier */
	uint16_t dport;	 /* of an echo reply the identifier */
	uint8_t version; /* 4, 6; 0: it is no IP packet, and nothing else is set */
	uint8_t protocol;
	uint8_t tcp_flags;
	uint8_t icmp_type;
	bool later; /* a fragment without ports */
	bool whole; /* all headers were there */
};

/* @bytes: from the IP header on. */
struct headers headers_read(const uint8_t *bytes, size_t size);

struct headers headers_of_event(const struct gate_event *event);

/* Is it an echo request or reply? */
bool headers_is_echo(const struct headers *headers);

/* Of a bit of tcp_flags, 0 … 7: "FIN". */
const char *headers_flag_name(unsigned int bit);

#define HEADERS_TEXT 192 /* bytes that hold any of them as text */

/* "tcp 10.0.0.1:40000 > 10.0.0.2:22 SYN ACK", "icmp 10.0.0.1 > 10.0.0.2 echo request 7", "-". */
const char *headers_format(const struct headers *headers, char text[HEADERS_TEXT]);

/* "10.0.0.1:22", "[fd00::1]:22"; without the port where it is 0. */
const char *headers_format_end(address_t address, uint16_t port, char text[ADDRESS_TEXT]);

#endif
