/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the bytes of a packet say: read from front to back, with everything in memory. */
#ifndef ACLGATE_TEST_READING_H
#define ACLGATE_TEST_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "address.h"

/* What a packet is to a connection. */
enum role {
	ROLE_PLAIN, /* belongs to a connection by addresses, protocol and ports */
	ROLE_TCP,   /* ... and has flags */
	ROLE_ASK,   /* echo request: the identifier is the source port */
	ROLE_ANSWER,
	ROLE_ERROR, /* of ICMP, about another packet */
	ROLE_OTHER, /* all else of ICMP */
};

enum part {
	PART_WHOLE,
	PART_FIRST,
	PART_LATER,
};

/* Who talks to whom. */
struct tuple {
	address_t src, dst;
	uint16_t sport, dport;
	uint8_t protocol;
	enum role role;
};

struct reading {
	unsigned int wrong; /* bit 1 << reason for all that is wrong with it; 0: nothing */
	bool arp;
	unsigned int version;
	struct tuple tuple; /* of a later part: no ports, and the role is not known */
	uint8_t flags;	    /* TCP */
	uint8_t icmp;	    /* type */
	uint8_t hops;	    /* hop limit */
	enum part part;
	bool atomic; /* it has a fragment header, and is whole */
	uint32_t id; /* of the datagram */
	uint32_t at; /* where this part begins in it */
	uint32_t end;
	struct {
		const uint8_t *bytes;
		size_t size;
	} quote; /* what an error is about */
};

/* @ethernet: a frame, not an IP packet. */
struct reading reading_packet(const uint8_t *bytes, size_t size, bool ethernet);

/*
 * An address of the wire. Elsewhere one that maps IPv4 into IPv6 (RFC 4291, 2.5.5.2) stands for the
 * IPv4 address; on the wire it is nobody's and in no rule, and reading_is_mapped() tells it.
 */
address_t reading_address(const uint8_t *bytes, unsigned int version);
void reading_bytes(address_t address, uint8_t bytes[16]); /* the other way */
bool reading_is_mapped(address_t address);

/* Only the front of the quoted packet need be there. */
struct reading reading_quote(const struct reading *error);

#endif
