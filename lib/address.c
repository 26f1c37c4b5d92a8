// SPDX-License-Identifier: GPL-2.0-or-later
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

bool address_is_ipv4(address_t address)
{
	return address >= ADDRESS_IPV4 && address <= ADDRESS_IPV4_LAST;
}

bool address_is_host(address_t address)
{
	unsigned int first = address_is_ipv4(address) ? address >> 24 & 0xff :
							(unsigned int)(address >> 120);

	if (address_is_ipv4(address))
		return first != 0 && first != 127 &&
		       (first < 224 || (first >= 240 && address != ADDRESS_IPV4_LAST));
	return address > 1 && first != 0xff;
}

unsigned int address_bytes(address_t address, uint8_t bytes[16])
{
	unsigned int count = address_is_ipv4(address) ? 4 : 16;

	for (unsigned int i = 0; i < count; i++)
		bytes[i] = (uint8_t)(address >> (8 * (count - 1 - i)));
	return count;
}

address_t address_from_bytes(const uint8_t *bytes, unsigned int count)
{
	address_t address = count == 4 ? ADDRESS_IPV4 >> 32 : 0;

	for (unsigned int i = 0; i < count; i++)
		address = address << 8 | bytes[i];
	return address;
}

int address_parse(const char *text, address_t *ret_address)
{
	uint8_t bytes[16];
	address_t address;

	if (inet_pton(AF_INET, text, bytes) == 1) {
		*ret_address = address_from_bytes(bytes, 4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return -EINVAL;
	address = address_from_bytes(bytes, 16);
	if (address_is_ipv4(address))
		return -EINVAL;
	*ret_address = address;
	return 0;
}

static int length_parse(const char *text, unsigned int max, unsigned int *ret_length)
{
	unsigned int length = 0;

	if (!*text || (text[0] == '0' && text[1]) || strlen(text) > 3)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		length = length * 10 + (unsigned int)(*text - '0');
	}
	if (length > max)
		return -EINVAL;
	*ret_length = length;
	return 0;
}

static address_t host_mask(unsigned int bits)
{
	return bits ? bits == 128 ? 0 : ADDRESS_MAX >> bits : ADDRESS_MAX;
}

int prefix_parse(const char *text, struct prefix *ret_prefix)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix prefix = { .bits = 128 };
	char address[ADDRESS_TEXT];
	unsigned int base, bits;

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	if (address_parse(address, &prefix.first))
		return -EINVAL;
	if (slash) {
		base = address_is_ipv4(prefix.first) ? 96 : 0;
		if (length_parse(slash + 1, 128 - base, &bits))
			return -EINVAL;
		prefix.bits = base + bits;
	}
	*ret_prefix = prefix;
	ret_prefix->first &= ~host_mask(prefix.bits);
	return ret_prefix->first == prefix.first ? 0 : -EADDRNOTAVAIL;
}

address_t prefix_last(const struct prefix *prefix)
{
	return prefix->first | host_mask(prefix->bits);
}

bool prefix_is_default(const struct prefix *prefix)
{
	return prefix->bits == (address_is_ipv4(prefix->first) ? 96 : 0);
}

const char *address_format(address_t address, char text[ADDRESS_TEXT])
{
	uint8_t bytes[16];
	int family = address_bytes(address, bytes) == 4 ? AF_INET : AF_INET6;

	return inet_ntop(family, bytes, text, ADDRESS_TEXT);
}

const char *prefix_format(const struct prefix *prefix, char text[ADDRESS_TEXT])
{
	unsigned int bits = prefix->bits - (address_is_ipv4(prefix->first) ? 96 : 0);
	size_t length;

	address_format(prefix->first, text);
	length = strlen(text);
	if (prefix->bits < 128)
		snprintf(text + length, ADDRESS_TEXT - length, "/%u", bits);
	return text;
}
