/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 2. What an Ethernet link needs to live, and passes without a rule: ARP, neighbour discovery,
 * multicast listeners, and DHCP with this box as the server, where the policy says so. None of it
 * can come from behind a router, and nothing of it is forwarded.
 */
#ifndef ACLGATE_LINK_H
#define ACLGATE_LINK_H

#include "source.h"

#define LINK_LOCAL	0x80fe /* fe80::/10, the first two bytes in memory order */
#define LINK_LOCAL_MASK 0xc0ff
#define LINK_GROUP	0x02ff /* ff?2::/16: multicast of link-local scope */
#define LINK_GROUP_MASK 0x0fff

/* RFC 4861, 11.2: 255 proves that no router forwarded it; RFC 2710, RFC 3810: 1 that none will. */
#define HOP_LIMIT_NEIGHBOUR 255
#define HOP_LIMIT_LISTENER  1

enum icmp6_type {
	MLD_QUERY = 130,
	MLD_REPORT,
	MLD_DONE,
	ROUTER_SOLICITATION,
	ROUTER_ADVERTISEMENT,
	NEIGHBOUR_SOLICITATION,
	NEIGHBOUR_ADVERTISEMENT,
	MLD2_REPORT = 143,
};

#define DHCP4_SERVER 67
#define DHCP4_CLIENT 68
#define DHCP6_CLIENT 546
#define DHCP6_SERVER 547
#define BROADCAST    0xffffffffu

static __always_inline bool is_unspecified(const struct gate_address *addr)
{
	return !addr->word[0] && !addr->word[1];
}

static __always_inline bool is_link_local(const struct gate_address *addr)
{
	return (addr->word[0] & LINK_LOCAL_MASK) == LINK_LOCAL;
}

static __always_inline bool is_all_dhcp_servers(const struct gate_address *addr)
{
	return addr->word[0] == bpf_cpu_to_be64(0xff02000000000000ull) &&
	       addr->word[1] == bpf_cpu_to_be64(0x10002ull);
}

static __always_inline bool is_own_address(const struct judgement *judgement,
					   const struct gate_address *addr)
{
	struct gate_identity identity = {};

	identity_get(&judgement->generation, judgement->packet.version, addr, &identity);
	return is_own(&identity);
}

/* A neighbour of ours: on this link, and nobody who takes the address of this box. */
static __always_inline bool is_neighbour(struct judgement *judgement)
{
	const struct packet *packet = &judgement->packet;

	identity_get(&judgement->generation, packet->version, &packet->src, &judgement->src);
	if (is_own(&judgement->src))
		return false;
	if (is_unspecified(&packet->src) || (packet->version == 6 && is_link_local(&packet->src)))
		return true;
	if (bind_source(&judgement->src, judgement->from))
		return false;
	judgement->device = judgement->src.device;
	return true;
}

/* Whoever is on the link itself may send it with any hop limit: this must not be forwarded. */
static __always_inline bool stays_here(const struct judgement *judgement)
{
	const struct gate_address *dst = &judgement->packet.dst;

	return is_link_local(dst) || (dst->word[0] & LINK_GROUP_MASK) == LINK_GROUP ||
	       is_own_address(judgement, dst);
}

/* A guarded host says where it is; it does not tell where the network is. */
static __always_inline bool is_neighbour_discovery(const struct judgement *judgement, int direction)
{
	const struct packet *packet = &judgement->packet;

	switch (packet->icmp_type) {
	case ROUTER_ADVERTISEMENT:
		return direction == DIRECTION_EGRESS && packet->hop_limit == HOP_LIMIT_NEIGHBOUR;
	case ROUTER_SOLICITATION:
	case NEIGHBOUR_SOLICITATION:
	case NEIGHBOUR_ADVERTISEMENT:
		return packet->hop_limit == HOP_LIMIT_NEIGHBOUR &&
		       (direction == DIRECTION_EGRESS || stays_here(judgement));
	case MLD_QUERY:
	case MLD_REPORT:
	case MLD_DONE:
	case MLD2_REPORT:
		return packet->hop_limit == HOP_LIMIT_LISTENER;
	}
	return false;
}

static __always_inline bool is_dhcp_port(const struct packet *packet, __u16 from, __u16 to)
{
	return packet->sport == bpf_htons(from) && packet->dport == bpf_htons(to);
}

static __always_inline bool is_dhcp4(const struct judgement *judgement, int direction)
{
	const struct packet *packet = &judgement->packet;

	if (direction == DIRECTION_EGRESS)
		return is_dhcp_port(packet, DHCP4_SERVER, DHCP4_CLIENT);
	return is_dhcp_port(packet, DHCP4_CLIENT, DHCP4_SERVER) &&
	       (packet->dst.word[0] == BROADCAST || is_own_address(judgement, &packet->dst));
}

static __always_inline bool is_dhcp6(const struct judgement *judgement, int direction)
{
	const struct packet *packet = &judgement->packet;

	if (!is_link_local(&packet->src))
		return false;
	if (direction == DIRECTION_EGRESS)
		return is_dhcp_port(packet, DHCP6_SERVER, DHCP6_CLIENT) &&
		       is_link_local(&packet->dst);
	return is_dhcp_port(packet, DHCP6_CLIENT, DHCP6_SERVER) &&
	       (is_all_dhcp_servers(&packet->dst) || is_link_local(&packet->dst) ||
		is_own_address(judgement, &packet->dst));
}

static __always_inline bool is_dhcp(const struct judgement *judgement, int direction)
{
	const struct gate_settings *settings = settings_get(judgement->generation.slot);
	const struct packet *packet = &judgement->packet;

	if (packet->protocol != IPPROTO_UDP || !settings ||
	    !(settings->dhcp & 1u << (own_slot & 31)))
		return false;
	return packet->version == 4 ? is_dhcp4(judgement, direction) :
				      is_dhcp6(judgement, direction);
}

static __noinline bool is_link(struct judgement *judgement, int direction)
{
	const struct packet *packet = &judgement->packet;

	if (packet->kind == KIND_ARP)
		return true;
	if (packet->fragment)
		return false; /* RFC 6980 */
	if (!(packet->version == 6 && packet->protocol == IPPROTO_ICMPV6 &&
	      is_neighbour_discovery(judgement, direction)) &&
	    !is_dhcp(judgement, direction))
		return false;
	return direction == DIRECTION_EGRESS ? judgement->from == GATE_FROM_SELF :
					       is_neighbour(judgement);
}

#endif
