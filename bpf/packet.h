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

enum packet_kind {
	KIND_PORTLESS,	   /* a protocol without ports */
	KIND_TCP,	   /* tcp_flags are set */
	KIND_DATAGRAM,	   /* UDP, SCTP */
	KIND_ECHO_REQUEST, /* sport is the identifier */
	KIND_ECHO_REPLY,   /* dport is the identifier */
	KIND_ICMP_ERROR,   /* quotes another packet behind its eight bytes */
	KIND_ICMP_OTHER,
};

struct packet {
	struct gate_address src;
	struct gate_address dst;
	__be16 sport;
	__be16 dport;
	__u8 version; /* 4, 6; 0 until the addresses are known */
	__u8 protocol;
	__u8 kind;
	__u8 tcp_flags;
	__u32 transport; /* offset of the transport header */
	__u32 end;	 /* offset behind the IP packet */
};

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
#define EXTENSIONS_MAX	 8
#define IPV4_OPTIONS_MAX 40 /* bytes, and so at most as many options */

#define IPV4_FRAGMENT 0x3fff /* more-fragments bit and offset */
#define IPV4_OFFSET   0x1fff

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

static __always_inline int packet_ipv4(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	struct ipv4 ip;
	__u32 header, total;

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
	packet->transport = at + header;
	packet->end = at + total;
	if (ip.fragment & bpf_htons(IPV4_FRAGMENT))
		return REASON_FRAGMENT;
	if (header == IPV4_HEADER_MIN)
		return REASON_NONE;
	return ipv4_options(skb, at + IPV4_HEADER_MIN, at + header);
}

/* Walks to the transport header, or to what ends the chain: ESP, AH, no-next-header. */
__noinline int ipv6_extensions(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet)
		return REASON_MALFORMED;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		struct ipv6_extension extension;

		switch (packet->protocol) {
		case IPPROTO_FRAGMENT:
			return REASON_FRAGMENT;
		case IPPROTO_HOPOPTS:
			if (i)
				return REASON_MALFORMED; /* RFC 8200, 4.1: only at the front */
			break;
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			break;
		default:
			return REASON_NONE;
		}
		if (load(skb, packet->transport, &extension, sizeof(extension)))
			return REASON_MALFORMED;
		if (packet->protocol == IPPROTO_ROUTING && extension.segments_left)
			return REASON_SOURCE_ROUTE;
		packet->transport += (extension.length + 1) * 8;
		if (packet->transport > packet->end)
			return REASON_MALFORMED;
		packet->protocol = extension.next;
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
	packet->transport = at + IPV6_HEADER;
	packet->end = at + total;
	return ipv6_extensions(skb, packet);
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
static __always_inline int packet_parse_ip(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	__u8 version;
	int reason;

	if (load(skb, at, &version, sizeof(version)))
		return REASON_NOT_IP;
	version >>= 4;
	if (version == 4)
		reason = packet_ipv4(skb, at, packet);
	else if (version == 6)
		reason = packet_ipv6(skb, at, packet);
	else
		return REASON_NOT_IP;
	return reason ? reason : packet_transport(skb, packet);
}

/* The frame in front of the IP header: what it says must be what follows. */
static __always_inline int packet_ethernet(struct __sk_buff *skb)
{
	__u8 frame[15];

	if (skb->vlan_present || load(skb, 0, frame, sizeof(frame)))
		return REASON_NOT_IP;
	if (frame[12] == 0x08 && frame[13] == 0x00 && frame[14] >> 4 == 4)
		return REASON_NONE;
	if (frame[12] == 0x86 && frame[13] == 0xdd && frame[14] >> 4 == 6)
		return REASON_NONE;
	return REASON_NOT_IP;
}

/*
 * @link: bytes in front of the IP header, 0 or 14. Returns a reason to drop, or REASON_NONE. Not
 * inlined: the headers on its stack are gone before we judge.
 */
static __noinline int packet_parse(struct __sk_buff *skb, __u32 link, struct packet *packet)
{
	int reason = link ? packet_ethernet(skb) : REASON_NONE;

	return reason ? reason : packet_parse_ip(skb, link, packet);
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

		if (load(skb, at, &ip, sizeof(ip)) || ip.version_ihl >> 4 != 4 ||
		    (ip.version_ihl & 0xf) * 4 < IPV4_HEADER_MIN)
			return REASON_MALFORMED;
		quoted->src.word[0] = ip.src;
		quoted->dst.word[0] = ip.dst;
		quoted->protocol = ip.protocol;
		quoted->transport = at + (ip.version_ihl & 0xf) * 4;
		if (ip.fragment & bpf_htons(IPV4_OFFSET))
			return REASON_FRAGMENT;
	} else {
		struct ipv6 ip;

		if (load(skb, at, &ip, sizeof(ip)) || bpf_ntohl(ip.version_class_label) >> 28 != 6)
			return REASON_MALFORMED;
		quoted->src = ip.src;
		quoted->dst = ip.dst;
		quoted->protocol = ip.next;
		quoted->transport = at + IPV6_HEADER;
		reason = ipv6_extensions(skb, quoted);
	}
	return reason ? reason : packet_quoted_ports(skb, quoted);
}

#endif
