// SPDX-License-Identifier: GPL-2.0-or-later
#include "parcel.h"

#include <netinet/in.h>
#include <string.h>

#define UDPLITE	 136
#define MARK	 8  /* bytes */
#define CHUNK	 28 /* bytes of SCTP's INIT, with a parameter that is the mark */
#define INIT	 1
#define ASSOC	 0x01020304u /* tag of every association */
#define LATER	 512	     /* where the second fragment begins, behind the IP headers */
#define CUT_BODY 700

static const char magic[] = "ACLG";

static void put(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_long(uint8_t *at, uint32_t value)
{
	put(at, value >> 16);
	put(at + 2, value);
}

static void put_mark(const struct parcel *parcel, uint8_t *at)
{
	memcpy(at, magic, 4);
	put_long(at + 4, parcel->number);
}

static uint32_t sum(const uint8_t *bytes, size_t size)
{
	uint32_t total = 0;

	for (size_t i = 0; i < size; i++)
		total += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return total;
}

static unsigned int folded(uint32_t total)
{
	total = (total & 0xffff) + (total >> 16);
	return ~(total + (total >> 16)) & 0xffff;
}

/* RFC 9260, appendix A. */
static uint32_t crc32c(const uint8_t *bytes, size_t size)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/* An association begins with INIT, which stands alone (RFC 9260, 3.3.2). */
static void put_chunk(uint8_t *sctp)
{
	uint8_t *chunk = sctp + 12;

	chunk[0] = INIT;
	put(chunk + 2, CHUNK);
	put_long(chunk + 4, ASSOC);
	put_long(chunk + 8, 65536);
	put(chunk + 12, 1);
	put(chunk + 14, 1);
}

static void put_sctp_sum(uint8_t *sctp, size_t size)
{
	uint32_t crc = crc32c(sctp, size);

	memcpy(sctp + 8, &crc, sizeof(crc)); /* its least byte first: as this machine has it */
}

/* Where the checksum stands that covers the addresses as well, or 0. */
static size_t sum_at(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case UDPLITE:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	}
	return 0;
}

static void put_sums(const struct draft *draft, uint8_t *ip, size_t size)
{
	bool ipv4 = address_is_ipv4(draft->src);
	size_t header = ipv4 ? 20 : 40, at = sum_at(draft->protocol);
	uint8_t *payload = ip + header;
	uint32_t total = sum(payload, size - header);
	uint8_t protocol = draft->protocol;

	if (draft->protocol == IPPROTO_SCTP)
		put_sctp_sum(payload, size - header);
	if (!at)
		return;
	if (protocol ==
	    UDPLITE) /* conntrack takes it for this one: udplite_error() in the kernel */
		protocol = IPPROTO_UDP;
	if (protocol != IPPROTO_ICMP)
		total += sum(ipv4 ? ip + 12 : ip + 8, ipv4 ? 8 : 32) + protocol +
			 (uint32_t)(size - header);
	put(payload + at, folded(total));
}

static void put_header_sum(uint8_t *ip)
{
	put(ip + 10, 0);
	put(ip + 10, folded(sum(ip, 20)));
}

/* @first, @last: bytes of the payload that this part has. */
static void cut_ipv4(struct parcel *parcel, const uint8_t *whole, size_t part, size_t first,
		     size_t last)
{
	uint8_t *ip = parcel->bytes[part];

	memcpy(ip, whole, 20);
	memcpy(ip + 20, whole + 20 + first, last - first);
	parcel->sizes[part] = 20 + last - first;
	put(ip + 2, (unsigned int)parcel->sizes[part]);
	put(ip + 4, parcel->number);
	put(ip + 6, (unsigned int)first / 8 | (part + 1 < PARCEL_PARTS ? 0x2000u : 0));
	put_header_sum(ip);
}

static void cut_ipv6(struct parcel *parcel, const uint8_t *whole, size_t part, size_t first,
		     size_t last)
{
	uint8_t *ip = parcel->bytes[part];

	memcpy(ip, whole, 40);
	memset(ip + 40, 0, 8);
	ip[40] = whole[6];
	ip[6] = IPPROTO_FRAGMENT;
	put(ip + 42, (unsigned int)first | (part + 1 < PARCEL_PARTS));
	put_long(ip + 44, parcel->number);
	memcpy(ip + 48, whole + 40 + first, last - first);
	parcel->sizes[part] = 48 + last - first;
	put(ip + 4, (unsigned int)parcel->sizes[part] - 40);
}

static void cut(struct parcel *parcel, const uint8_t *whole, size_t size)
{
	bool ipv4 = address_is_ipv4(parcel->draft.src);
	size_t payload = size - (ipv4 ? 20 : 40);
	const size_t ends[] = { 0, LATER, payload };

	for (size_t part = 0; part < PARCEL_PARTS; part++)
		(ipv4 ? cut_ipv4 : cut_ipv6)(parcel, whole, part, ends[part], ends[part + 1]);
	parcel->count = PARCEL_PARTS;
}

size_t parcel_body(uint8_t protocol)
{
	return protocol == IPPROTO_SCTP ? CHUNK : MARK;
}

void parcel_seal(struct parcel *parcel, bool as_two)
{
	struct draft *draft = &parcel->draft;
	size_t header = address_is_ipv4(draft->src) ? 20 : 40, size;
	uint8_t whole[DRAFT_MAX];

	draft->body = as_two ? CUT_BODY : parcel_body(draft->protocol);
	size = draft_build(draft, whole);
	put_mark(parcel, whole + size - MARK);
	put_mark(parcel, whole + size - (as_two ? draft->body : MARK));
	if (draft->protocol == IPPROTO_SCTP)
		put_chunk(whole + header);
	put_sums(draft, whole, size);
	if (as_two) {
		cut(parcel, whole, size);
		return;
	}
	if (header == 20)
		put_header_sum(whole);
	memcpy(parcel->bytes[0], whole, size);
	parcel->sizes[0] = size;
	parcel->count = 1;
}

unsigned int parcel_marks(const struct parcel *parcel)
{
	return (unsigned int)parcel->count;
}

unsigned int parcel_find(const struct parcel *parcel, const uint8_t *bytes, size_t size,
			 unsigned int *others)
{
	const uint8_t *end = bytes + size, *at = bytes;
	unsigned int found = 0;
	uint8_t mark[MARK];

	put_mark(parcel, mark);
	while ((at = memmem(at, (size_t)(end - at), magic, 4)) && end - at >= MARK) {
		if (memcmp(at, mark, MARK))
			(*others)++;
		else
			found++;
		at += MARK;
	}
	return found;
}
