/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of both IP versions in one ordered space: an IPv6 address is its number, an IPv4
 * address that of its IPv4-mapped form ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
 */
#ifndef ACLGATE_ADDRESS_H
#define ACLGATE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 address_t;

#define ADDRESS_MAX	  (~(address_t)0)
#define ADDRESS_IPV4	  ((address_t)0xffff << 32)		 /* 0.0.0.0 */
#define ADDRESS_IPV4_LAST (ADDRESS_IPV4 | (address_t)0xffffffff) /* 255.255.255.255 */

#define ADDRESS_TEXT 64 /* bytes that hold any address or prefix as text */

/* The first address, and how many of the 128 bits are fixed: an IPv4 /24 has 120. */
struct prefix {
	address_t first;
	unsigned int bits;
};

bool address_is_ipv4(address_t address);

/* No packet may come from these: unspecified, loopback, multicast, broadcast (RFC 6890). */
bool address_is_host(address_t address);

/* Returns 0, or -EINVAL. An IPv4-mapped address in IPv6 form is refused: it is never on the wire.
 */
int address_parse(const char *text, address_t *ret_address);

/*
 * "address" or "address/length". Returns 0, -EINVAL, or -EADDRNOTAVAIL where host bits are set: then
 * @ret_prefix is the network that it is in.
 */
int prefix_parse(const char *text, struct prefix *ret_prefix);

address_t prefix_last(const struct prefix *prefix);

/* The whole of one IP version: 0.0.0.0/0 or ::/0. */
bool prefix_is_default(const struct prefix *prefix);

const char *address_format(address_t address, char text[ADDRESS_TEXT]);
const char *prefix_format(const struct prefix *prefix, char text[ADDRESS_TEXT]);

/* In network byte order, as it stands in a packet: 4 or 16 bytes. Returns how many. */
unsigned int address_bytes(address_t address, uint8_t bytes[16]);
address_t address_from_bytes(const uint8_t *bytes, unsigned int count);

#endif
