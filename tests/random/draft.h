/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet by its fields, as an honest sender writes it, or a part of a datagram. */
#ifndef ACLGATE_TEST_DRAFT_H
#define ACLGATE_TEST_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

#define DRAFT_MAX     2048 /* bytes that hold any of them */
#define DRAFT_CHAIN   9
#define DRAFT_QUOTE   128
#define DRAFT_OPTIONS 8

struct draft {
	address_t src, dst;
	bool ethernet;
	bool arp;
	uint8_t protocol;
	uint16_t sport, dport;
	uint8_t flags; /* TCP */
	uint8_t icmp;
	uint8_t hops;
	uint16_t id;		    /* of an echo */
	size_t body;		    /* bytes behind the transport header */
	uint8_t chain[DRAFT_CHAIN]; /* IPv6 extension headers */
	size_t chain_count;
	uint8_t left;			/* segments, of the routing headers in it */
	uint8_t options[DRAFT_OPTIONS]; /* IPv4 */
	size_t options_size;
	uint8_t quote[DRAFT_QUOTE];
	size_t quote_size;
	bool part; /* of a datagram: the bytes from `at` on */
	uint32_t datagram;
	uint32_t at;
	uint32_t length; /* 0: all that is left */
	bool more;
};

size_t draft_build(const struct draft *draft, uint8_t bytes[DRAFT_MAX]);

/* How many bytes the whole datagram has behind the IP headers. */
size_t draft_payload(const struct draft *draft);

#endif
