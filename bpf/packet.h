/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet, as far as a verdict needs it. Headers are copied out with bpf_skb_load_bytes, because
 * they may lie outside the linear area; every offset is checked against the length that the IP
 * header states, so that Ethernet padding is never read as a header.
 */
#ifndef ACLGATE_PACKET_H
#define ACLGATE_PACKET_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

const volatile __u32 link_header; /* bytes in front of the IP header: 14 on Ethernet, else 0 */

enum packet_kind {
	KIND_PORTLESS,	   /* a protocol without ports */
	KIND_TCP,	   /* tcp_flags are set */
	KIND_DATAGRAM,	   /* UDP, SCTP */
	KIND_ECHO_REQUEST, /* sport is the identifier */
	KIND_ECHO_REPLY,   /* dport is the identifier */
	KIND_ICMP_ERROR,   /* quotes another packet behind its eight bytes */
	KIND_ICMP_OTHER,
	KIND_ARP, /* no IP at all */
};

enum fragment {
	FRAGMENT_NOT,
	FRAGMENT_ATOMIC, /* IPv6: has the header, and is whole (RFC 6946) */
	FRAGMENT_FIRST,
	FRAGMENT_MIDDLE,
	FRAGMENT_LAST,
};

struct packet {
	struct gate_address src;
	struct gate_address dst;
	__be16 sport;
	__be16 dport;
	__u8 version; /* 4, 6; 0 until the addresses are known */
	__u8 protocol;
	__u8 kind;
	union {
		__u8 tcp_flags;
		__u8 icmp_type;
	};
	__u32 transport; /* offset of the transport header, or of a later fragment's data */
	__u32 end;	 /* offset behind the IP packet */
	__be32 fragment_id;
	__u16 fragment_at; /* where a later fragment begins, and where the first one ends */
	__u8 fragment;	   /* enum fragment */
	__u8 hop_limit;
};

static __always_inline bool same_address(const struct gate_address *one,
					 const struct gate_address *other)
{
	return one->word[0] == other->word[0] && one->word[1] == other->word[1];
}

/* IPv4 written as IPv6, ::ffff:a.b.c.d (RFC 4291, 2.5.5.2): on the wire it is nobody's. */
static __always_inline bool is_mapped(const struct gate_address *addr)
{
	return !addr->word[0] && (__be32)addr->word[1] == bpf_htonl(0xffff);
}

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define TCP_HEADER_MIN	 20
#define UDP_HEADER	 8
#define SCTP_HEADER	 12
#define ICMP_HEADER	 8
#define IPV4_HEADER_MIN	 20
#define IPV6_HEADER	 40
#define EXTENSIONS_MAX	 7
#define IPV4_OPTIONS_MAX 40 /* bytes, and so at most as many options */

#define IPV4_MORE	     0x2000
#define IPV4_OFFSET	     0x1fff
#define FRAGMENT_HEADER	     8
#define EXTENSION_HEADER_MIN 8
#define IPV6_MORE	     0x0001
#define IPV6_OFFSET	     0xfff8
#define DATAGRAM_MAX	     65535

struct ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 total_length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 src;
	__be32 dst;
};

struct ipv6 {
	__be32 version_class_label;
	__be16 payload_length;
	__u8 next;
	__u8 hop_limit;
	struct gate_address src;
	struct gate_address dst;
};

struct ipv6_fragment_header {
	__u8 next;
	__u8 reserved;
	__be16 offset; /* in bytes, IPV6_MORE */
	__be32 id;
};

struct ipv6_extension {
	__u8 next;
	__u8 length; /* in 8 bytes, not counting the first; AH: in 4 bytes, minus 2 */
	__u8 type;
	__u8 segments_left;
};

static __always_inline int load(struct __sk_buff *skb, __u32 offset, void *to, __u32 size)
{
	return bpf_skb_load_bytes(skb, offset, to, size);
}

/*
 * Functions without `static` are verified by themselves, once, and not at every call: their
 * arguments are checked for NULL because the verifier cannot know better.
 */

/* RFC 791, 3.1: the two source routes move the destination after we judged it. */
__noinline int ipv4_options(struct __sk_buff *skb, __u32 at, __u32 end)
{
	for (int i = 0; i < IPV4_OPTIONS_MAX && at < end; i++) {
		__u8 option[2] = {};

		if (load(skb, at, option, 1))
			return REASON_MALFORMED;
		if (option[0] == 0) /* end of list */
			return REASON_NONE;
		if (option[0] == 1) { /* no operation */
			at++;
			continue;
		}
		if (option[0] == 131 || option[0] == 137)
			return REASON_SOURCE_ROUTE;
		if (at + 2 > end || load(skb, at, option, 2) || option[1] < 2)
			return REASON_MALFORMED;
		at += option[1];
	}
	return at <= end ? REASON_NONE : REASON_MALFORMED;
}

static __always_inline bool is_later_fragment(const struct packet *packet)
{
	return packet->fragment >= FRAGMENT_MIDDLE;
}

/* @offset: in bytes. */
static __always_inline __u8 fragment_of(__u32 offset, bool more)
{
	if (!offset)
		return more ? FRAGMENT_FIRST : FRAGMENT_NOT;
	return more ? FRAGMENT_MIDDLE : FRAGMENT_LAST;
}

/* @data: offset of the fragment's data. Receivers disagree about what is odd here. */
static __always_inline int fragment_check(struct packet *packet, __u32 data)
{
	__u32 size = packet->end - data;

	if (packet->fragment < FRAGMENT_FIRST)
		return REASON_NONE;
	if (!size || (packet->fragment != FRAGMENT_LAST && size % 8))
		return REASON_FRAGMENT;
	if (packet->fragment == FRAGMENT_FIRST)
		packet->fragment_at = size;
	else if (packet->fragment_at + size > DATAGRAM_MAX)
		return REASON_FRAGMENT;
	return REASON_NONE;
}

static __always_inline int packet_ipv4(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	struct ipv4 ip;
	__u32 header, total;
	int reason;

	if (load(skb, at, &ip, sizeof(ip)))
		return REASON_MALFORMED;
	header = (ip.version_ihl & 0xf) * 4;
	total = bpf_ntohs(ip.total_length);
	if (header < IPV4_HEADER_MIN || total < header || total > skb->len - at)
		return REASON_MALFORMED;
	packet->version = 4;
	packet->src.word[0] = ip.src;
	packet->dst.word[0] = ip.dst;
	packet->protocol = ip.protocol;
	packet->hop_limit = ip.ttl;
	packet->transport = at + header;
	packet->end = at + total;
	packet->fragment_id = ip.id;
	packet->fragment_at = (bpf_ntohs(ip.fragment) & IPV4_OFFSET) * 8;
	packet->fragment = fragment_of(packet->fragment_at, ip.fragment & bpf_htons(IPV4_MORE));
	reason = fragment_check(packet, packet->transport);
	if (reason || header == IPV4_HEADER_MIN)
		return reason;
	return ipv4_options(skb, at + IPV4_HEADER_MIN, at + header);
}

/* RFC 8200, 4.5 */
static __always_inline int ipv6_fragment(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6_fragment_header header;
	__u16 field;

	if (packet->fragment || packet->transport + sizeof(header) > packet->end ||
	    load(skb, packet->transport, &header, sizeof(header)))
		return REASON_MALFORMED;
	field = bpf_ntohs(header.offset);
	packet->fragment_id = header.id;
	packet->fragment_at = field & IPV6_OFFSET;
	packet->fragment = fragment_of(packet->fragment_at, field & IPV6_MORE);
	if (!packet->fragment)
		packet->fragment = FRAGMENT_ATOMIC;
	packet->protocol = header.next;
	packet->transport += FRAGMENT_HEADER;
	return packet->transport > packet->end ? REASON_MALFORMED : REASON_NONE;
}

/* All but the fragment header have this form. */
static __always_inline int ipv6_extension(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6_extension extension;

	if (packet->transport + EXTENSION_HEADER_MIN > packet->end ||
	    load(skb, packet->transport, &extension, sizeof(extension)))
		return REASON_MALFORMED;
	if (packet->protocol == IPPROTO_ROUTING && extension.segments_left)
		return REASON_SOURCE_ROUTE;
	packet->transport += (extension.length + 1) * 8;
	packet->protocol = extension.next;
	return packet->transport > packet->end ? REASON_MALFORMED : REASON_NONE;
}

/*
 * Walks to the transport header, or to what ends the chain: ESP, AH, no-next-header, the data of a
 * later fragment. @quoted: the packet may be cut off, so its length says nothing.
 */
__noinline int ipv6_extensions(struct __sk_buff *skb, struct packet *packet, __u32 quoted)
{
	if (!packet)
		return REASON_MALFORMED;
	for (int i = 0; i <= EXTENSIONS_MAX; i++) {
		int reason;

		switch (packet->protocol) {
		case IPPROTO_FRAGMENT:
			if (i == EXTENSIONS_MAX)
				return REASON_MALFORMED;
			reason = ipv6_fragment(skb, packet);
			if (!reason && !quoted)
				reason = fragment_check(packet, packet->transport);
			if (!reason && is_later_fragment(packet))
				return REASON_NONE;
			break;
		case IPPROTO_HOPOPTS:
			if (i)
				return REASON_MALFORMED; /* RFC 8200, 4.1: only at the front */
			reason = ipv6_extension(skb, packet);
			break;
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			reason = ipv6_extension(skb, packet);
			break;
		default:
			return REASON_NONE;
		}
		if (reason)
			return reason;
	}
	return REASON_MALFORMED;
}

static __always_inline int packet_ipv6(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	struct ipv6 ip;
	__u32 total;

	if (load(skb, at, &ip, sizeof(ip)))
		return REASON_MALFORMED;
	total = IPV6_HEADER + bpf_ntohs(ip.payload_length);
	if (total > skb->len - at)
		return REASON_MALFORMED;
	packet->version = 6;
	packet->src = ip.src;
	packet->dst = ip.dst;
	packet->protocol = ip.next;
	packet->hop_limit = ip.hop_limit;
	packet->transport = at + IPV6_HEADER;
	packet->end = at + total;
	return ipv6_extensions(skb, packet, false);
}

static __always_inline int packet_tcp(struct __sk_buff *skb, struct packet *packet)
{
	__u8 header[TCP_HEADER_MIN];
	__u32 length;

	if (packet->transport + sizeof(header) > packet->end ||
	    load(skb, packet->transport, header, sizeof(header)))
		return REASON_MALFORMED;
	length = (header[12] >> 4) * 4;
	if (length < TCP_HEADER_MIN || packet->transport + length > packet->end)
		return REASON_MALFORMED;
	packet->kind = KIND_TCP;
	packet->tcp_flags = header[13];
	__builtin_memcpy(&packet->sport, header, 2);
	__builtin_memcpy(&packet->dport, header + 2, 2);
	return REASON_NONE;
}

static __always_inline int packet_ports(struct __sk_buff *skb, struct packet *packet, __u32 header)
{
	__be16 ports[2];

	if (packet->transport + header > packet->end ||
	    load(skb, packet->transport, ports, sizeof(ports)))
		return REASON_MALFORMED;
	packet->kind = KIND_DATAGRAM;
	packet->sport = ports[0];
	packet->dport = ports[1];
	return REASON_NONE;
}

/* RFC 792 and RFC 4443; redirects, source quench and router messages are no errors to us. */
static __always_inline __u8 icmp_kind(__u8 version, __u8 type)
{
	if (version == 4) {
		switch (type) {
		case 8:
			return KIND_ECHO_REQUEST;
		case 0:
			return KIND_ECHO_REPLY;
		case 3:	 /* destination unreachable, and fragmentation needed */
		case 11: /* time exceeded */
		case 12: /* parameter problem */
			return KIND_ICMP_ERROR;
		}
		return KIND_ICMP_OTHER;
	}
	if (type == 128)
		return KIND_ECHO_REQUEST;
	if (type == 129)
		return KIND_ECHO_REPLY;
	/* unreachable, packet too big, time exceeded, parameter problem */
	return type >= 1 && type <= 4 ? KIND_ICMP_ERROR : KIND_ICMP_OTHER;
}

static __always_inline int packet_icmp(struct __sk_buff *skb, struct packet *packet)
{
	__u8 header[ICMP_HEADER];

	if (packet->transport + sizeof(header) > packet->end ||
	    load(skb, packet->transport, header, sizeof(header)))
		return REASON_MALFORMED;
	packet->icmp_type = header[0];
	packet->kind = icmp_kind(packet->version, header[0]);
	if (packet->kind == KIND_ECHO_REQUEST)
		__builtin_memcpy(&packet->sport, header + 4, 2);
	if (packet->kind == KIND_ECHO_REPLY)
		__builtin_memcpy(&packet->dport, header + 4, 2);
	return REASON_NONE;
}

static __always_inline int packet_transport(struct __sk_buff *skb, struct packet *packet)
{
	switch (packet->protocol) {
	case IPPROTO_TCP:
		return packet_tcp(skb, packet);
	case IPPROTO_UDP:
		return packet_ports(skb, packet, UDP_HEADER);
	case IPPROTO_SCTP:
	case IPPROTO_DCCP: /* rules know no ports of these two, but flows do */
	case IPPROTO_UDPLITE:
		return packet_ports(skb, packet,
				    packet->protocol == IPPROTO_UDPLITE ? UDP_HEADER : SCTP_HEADER);
	case IPPROTO_ICMP:
		return packet->version == 4 ? packet_icmp(skb, packet) : REASON_MALFORMED;
	case IPPROTO_ICMPV6:
		return packet->version == 6 ? packet_icmp(skb, packet) : REASON_MALFORMED;
	}
	packet->kind = KIND_PORTLESS;
	return REASON_NONE;
}

/*
 * The version comes from the packet itself: skb->protocol is not set under BPF_PROG_TEST_RUN of
 * raw IP bytes.
 */
static __always_inline int packet_ip(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	__u8 version;

	if (load(skb, at, &version, sizeof(version)))
		return REASON_NOT_IP;
	version >>= 4;
	if (version == 4)
		return packet_ipv4(skb, at, packet);
	return version == 6 ? packet_ipv6(skb, at, packet) : REASON_NOT_IP;
}

/*
 * A first fragment must hold every header (RFC 7112; RFC 1858 for IPv4): the ports that it does not
 * have would come in a later one, which nobody judges.
 */
static __always_inline int packet_whole(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	int reason = packet_ip(skb, at, packet);

	if (reason || is_later_fragment(packet))
		return reason;
	reason = packet_transport(skb, packet);
	return reason && packet->fragment == FRAGMENT_FIRST ? REASON_FRAGMENT : reason;
}

/* The frame in front of the IP header: what it says must be what follows. */
static __always_inline int packet_ethernet(struct __sk_buff *skb, struct packet *packet)
{
	__u8 frame[15];

	if (skb->vlan_present || load(skb, 0, frame, sizeof(frame)))
		return REASON_NOT_IP;
	if (frame[12] == 0x08 && frame[13] == 0x06)
		packet->kind = KIND_ARP;
	else if (!(frame[12] == 0x08 && frame[13] == 0x00 && frame[14] >> 4 == 4) &&
		 !(frame[12] == 0x86 && frame[13] == 0xdd && frame[14] >> 4 == 6))
		return REASON_NOT_IP;
	return REASON_NONE;
}

/*
 * Returns a reason to drop, or REASON_NONE. Not inlined: the headers on its stack are gone before we
 * judge. Not static: what follows is verified once, and not for every way through the headers.
 */
__noinline int packet_parse(struct __sk_buff *skb, struct packet *packet)
{
	int reason = REASON_NONE;

	if (!packet)
		return REASON_MALFORMED;
	if (link_header)
		reason = packet_ethernet(skb, packet);
	if (reason || packet->kind == KIND_ARP)
		return reason;
	return packet_whole(skb, link_header, packet);
}

/* The ports of a quoted packet, of which an ICMP error need only carry eight bytes (RFC 792). */
static __always_inline int packet_quoted_ports(struct __sk_buff *skb, struct packet *quoted)
{
	__u8 header[ICMP_HEADER];

	if (quoted->transport + sizeof(header) > quoted->end ||
	    load(skb, quoted->transport, header, sizeof(header)))
		return REASON_MALFORMED;
	switch (quoted->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_UDPLITE:
		__builtin_memcpy(&quoted->sport, header, 2);
		__builtin_memcpy(&quoted->dport, header + 2, 2);
		return REASON_NONE;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if ((quoted->protocol == IPPROTO_ICMP) != (quoted->version == 4))
			return REASON_MALFORMED;
		quoted->kind = icmp_kind(quoted->version, header[0]);
		if (quoted->kind == KIND_ECHO_REQUEST)
			__builtin_memcpy(&quoted->sport, header + 4, 2);
		else if (quoted->kind == KIND_ECHO_REPLY)
			__builtin_memcpy(&quoted->dport, header + 4, 2);
		else
			return REASON_NO_STATE;
	}
	return REASON_NONE;
}

/*
 * The packet that an ICMP error quotes. Its stated length is that of the packet when it was sent,
 * so it is not held against what is there.
 */
static __always_inline int packet_quoted(struct __sk_buff *skb, const struct packet *error,
					 struct packet *quoted)
{
	__u32 at = error->transport + ICMP_HEADER;
	int reason = REASON_NONE;

	quoted->version = error->version;
	quoted->end = error->end;
	if (error->version == 4) {
		struct ipv4 ip;

		if (at + sizeof(ip) > error->end || load(skb, at, &ip, sizeof(ip)) ||
		    ip.version_ihl >> 4 != 4 || (ip.version_ihl & 0xf) * 4 < IPV4_HEADER_MIN)
			return REASON_MALFORMED;
		quoted->src.word[0] = ip.src;
		quoted->dst.word[0] = ip.dst;
		quoted->protocol = ip.protocol;
		quoted->transport = at + (ip.version_ihl & 0xf) * 4;
		if (quoted->transport > error->end)
			return REASON_MALFORMED;
		quoted->fragment_id = ip.id;
		quoted->fragment_at = (bpf_ntohs(ip.fragment) & IPV4_OFFSET) * 8;
		quoted->fragment = fragment_of(quoted->fragment_at,
					       ip.fragment & bpf_htons(IPV4_MORE));
	} else {
		struct ipv6 ip;

		if (at + sizeof(ip) > error->end || load(skb, at, &ip, sizeof(ip)) ||
		    bpf_ntohl(ip.version_class_label) >> 28 != 6)
			return REASON_MALFORMED;
		quoted->src = ip.src;
		quoted->dst = ip.dst;
		quoted->protocol = ip.next;
		quoted->transport = at + IPV6_HEADER;
		reason = ipv6_extensions(skb, quoted, true);
	}
	if (reason || is_later_fragment(quoted))
		return reason;
	return packet_quoted_ports(skb, quoted);
}

#endif
