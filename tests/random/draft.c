// SPDX-License-Identifier: GPL-2.0-or-later
#include "draft.h"

#include <netinet/in.h>
#include <string.h>

#include "reading.h"

#define UDPLITE 136

static void put(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static size_t put_icmp(const struct draft *draft, uint8_t *at)
{
	at[0] = draft->icmp;
	put(at + 4, draft->id);
	memcpy(at + 8, draft->quote, draft->quote_size);
	return 8 + draft->quote_size;
}

static size_t put_transport(const struct draft *draft, uint8_t *at)
{
	put(at, draft->sport);
	put(at + 2, draft->dport);
	switch (draft->protocol) {
	case IPPROTO_TCP:
		at[12] = 5 << 4;
		at[13] = draft->flags;
		return 20;
	case IPPROTO_UDP:
	case UDPLITE:
		put(at + 4, (unsigned int)(8 + draft->body));
		return 8;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 12;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		memset(at, 0, 4);
		return put_icmp(draft, at);
	}
	return 8;
}

size_t draft_payload(const struct draft *draft)
{
	uint8_t bytes[DRAFT_MAX];

	return put_transport(draft, bytes) + draft->body;
}

/* The bytes behind the IP headers that this part has. */
static size_t put_payload(const struct draft *draft, uint8_t *at)
{
	uint8_t whole[DRAFT_MAX] = {};
	size_t size = put_transport(draft, whole) + draft->body;
	size_t first = draft->at < size ? draft->at : size;
	size_t length = draft->length && first + draft->length < size ? draft->length :
									size - first;

	memcpy(at, whole + first, length);
	return length;
}

static size_t put_ipv4(const struct draft *draft, uint8_t *ip)
{
	size_t header = 20 + draft->options_size;
	size_t size = header + put_payload(draft, ip + header);

	ip[0] = (uint8_t)(4 << 4 | header / 4);
	put(ip + 2, (unsigned int)size);
	put(ip + 4, draft->datagram);
	put(ip + 6, draft->part ? draft->at / 8 | (draft->more ? 0x2000u : 0u) : 0x4000u);
	ip[8] = draft->hops;
	ip[9] = draft->protocol;
	address_bytes(draft->src, ip + 12);
	address_bytes(draft->dst, ip + 16);
	memcpy(ip + 20, draft->options, draft->options_size);
	return size;
}

/* Returns where the next one begins; @next: who is told what stands there. */
static uint8_t *put_extension(const struct draft *draft, uint8_t type, uint8_t **next, uint8_t *at)
{
	**next = type;
	*next = at;
	if (type == IPPROTO_ROUTING)
		at[3] = draft->left;
	if (type == IPPROTO_FRAGMENT) {
		put(at + 2, draft->part ? draft->at | draft->more : 0);
		put(at + 4, draft->datagram >> 16);
		put(at + 6, draft->datagram);
	}
	return at + 8;
}

static size_t put_ipv6(const struct draft *draft, uint8_t *ip)
{
	uint8_t *next = ip + 6, *at = ip + 40;
	size_t size;

	ip[0] = 6 << 4;
	ip[7] = draft->hops;
	reading_bytes(draft->src, ip + 8);
	reading_bytes(draft->dst, ip + 24);
	for (size_t i = 0; i < draft->chain_count; i++)
		at = put_extension(draft, draft->chain[i], &next, at);
	if (draft->part)
		at = put_extension(draft, IPPROTO_FRAGMENT, &next, at);
	*next = draft->protocol;
	size = (size_t)(at - ip) + put_payload(draft, at);
	put(ip + 4, (unsigned int)(size - 40));
	return size;
}

size_t draft_build(const struct draft *draft, uint8_t bytes[DRAFT_MAX])
{
	bool ipv4 = address_is_ipv4(draft->src);
	uint8_t *ip = bytes;
	size_t size;

	memset(bytes, 0, DRAFT_MAX);
	if (draft->ethernet) {
		memcpy(bytes, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
		put(bytes + 12, draft->arp ? 0x0806 : ipv4 ? 0x0800 : 0x86dd);
		ip += 14;
	}
	size = ipv4 ? put_ipv4(draft, ip) : put_ipv6(draft, ip);
	return (size_t)(ip - bytes) + size;
}
