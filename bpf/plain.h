/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plain packets: TCP or UDP right behind an IP header without options, whole, and in the linear area.
 * They are read in place; all others are left to packet.h.
 */
#ifndef ACLGATE_PLAIN_H
#define ACLGATE_PLAIN_H

#include "link.h"
#include "packet.h"
#include "source.h"

/* An Ethernet link's own DHCP is no matter of flows. */
static __always_inline bool is_any_dhcp(const struct packet *packet)
{
	__u16 port = bpf_ntohs(packet->dport);

	return port == DHCP4_SERVER || port == DHCP4_CLIENT || port == DHCP6_SERVER ||
	       port == DHCP6_CLIENT;
}

/* Here and below: at @at, no further than @end; @length: what the IP header leaves for it. */
static __always_inline bool plain_tcp(struct packet *packet, const __u8 *at, void *end,
				      __u32 length)
{
	__u32 size;

	if ((void *)at + TCP_HEADER_MIN > end)
		return false;
	size = (at[12] >> 4) * 4;
	packet->kind = KIND_TCP;
	packet->tcp_flags = at[13];
	return size >= TCP_HEADER_MIN && size <= length;
}

static __always_inline bool plain_transport(struct packet *packet, void *at, void *end,
					    __u32 length)
{
	if (at + UDP_HEADER > end || length < UDP_HEADER)
		return false;
	packet->sport = ((__be16 *)at)[0];
	packet->dport = ((__be16 *)at)[1];
	if (packet->protocol == IPPROTO_TCP)
		return plain_tcp(packet, at, end, length);
	packet->kind = KIND_DATAGRAM;
	return packet->protocol == IPPROTO_UDP && !(link_header && is_any_dhcp(packet));
}

static __always_inline bool plain_ipv4(struct packet *packet, void *at, void *end, __u32 length)
{
	const struct ipv4 *ip = at;
	__u32 total;

	if (at + sizeof(*ip) > end || ip->version_ihl != 0x45 ||
	    ip->fragment & bpf_htons(IPV4_MORE | IPV4_OFFSET))
		return false;
	total = bpf_ntohs(ip->total_length);
	packet->version = 4;
	packet->protocol = ip->protocol;
	packet->src.word[0] = ip->src;
	packet->dst.word[0] = ip->dst;
	return total <= length && total >= sizeof(*ip) &&
	       plain_transport(packet, at + sizeof(*ip), end, total - sizeof(*ip));
}

static __always_inline bool plain_ipv6(struct packet *packet, void *at, void *end, __u32 length)
{
	const struct ipv6 *ip = at;
	__u32 payload;

	if (at + sizeof(*ip) > end)
		return false;
	payload = bpf_ntohs(ip->payload_length);
	packet->version = 6;
	packet->protocol = ip->next;
	packet->src = ip->src;
	packet->dst = ip->dst;
	return sizeof(*ip) + payload <= length &&
	       plain_transport(packet, at + sizeof(*ip), end, payload);
}

/* @data, @end: of the frame; its type, where it has one, must say what follows. */
static __always_inline bool plain_parse(void *data, void *end, __u32 length, struct packet *packet)
{
	void *at = data + link_header;
	__be16 type;
	__u8 version;

	if (at + 1 > end)
		return false;
	type = link_header ? *(__be16 *)(data + 12) : 0;
	version = *(__u8 *)at >> 4;
	length -= link_header;
	if (version == 4)
		return (!link_header || type == bpf_htons(0x0800)) &&
		       plain_ipv4(packet, at, end, length);
	return version == 6 && (!link_header || type == bpf_htons(0x86dd)) &&
	       plain_ipv6(packet, at, end, length);
}

static __always_inline bool plain_read(struct __sk_buff *skb, struct packet *packet)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	return !(link_header && skb->vlan_present) && plain_parse(data, end, skb->len, packet);
}

#endif
