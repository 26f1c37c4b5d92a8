// SPDX-License-Identifier: GPL-2.0-or-later
#include "nft_link.h"

#include <netinet/in.h>

#include "mem.h"

/* RFC 4861, 11.2: 255 proves that no router forwarded it; RFC 2710, RFC 3810: 1 that none will. */
#define HOP_LIMIT_NEIGHBOUR 255
#define HOP_LIMIT_LISTENER  1

#define ROUTER_ADVERTISEMENT 134

static const uint8_t discovery[] = { 133, ROUTER_ADVERTISEMENT, 135, 136 };
static const uint8_t listener[] = { 130, 131, 132, 143 };

#define DHCP_INTERFACES "link_dhcp"

#define IS_UDP nft_is(NFT_FIELD_L4PROTO, IPPROTO_UDP, "meta l4proto udp")

/* Sets of addresses that have a meaning on every link; NULL: none. */
static const char *const neighbours[] = { "::", "fe80::/10", NULL };
static const char *const nobody[] = { "0.0.0.0", NULL };
static const char *const broadcast[] = { "255.255.255.255", NULL };
static const char *const link_local[] = { "fe80::/10", NULL };
static const char *const dhcp_servers[] = { "fe80::/10", "ff02::1:2", NULL };

/* Those addresses, single or not, are in one set, so that there is one rule. */
static struct nft_addresses add_addresses(struct nft_builder *builder, const char *name,
					  const char *const *texts, enum family family)
{
	struct nft_key key = NFT_KEY(family == FAMILY_IP4 ? NFT_FIELD_IP_SADDR :
							    NFT_FIELD_IP6_SADDR);
	struct nft_addresses addresses = { .name = name };
	size_t number = nft_add_set(builder, name, &key);
	struct nft_set *set = &builder->table.sets[number];

	for (; *texts; texts++) {
		struct prefix prefix = {};

		prefix_parse(*texts, &prefix);
		set->has_intervals |= prefix.bits < 128;
		nft_put_range(nft_add_element(set), 0,
			      &(struct range){ prefix.first, prefix_last(&prefix) });
	}
	nft_sort(set);
	addresses.sets[family][set->has_intervals] = number + 1;
	return addresses;
}

/* Multicast that stays on the link, ff?2::/16, and link-local addresses. */
static struct nft_addresses add_near(struct nft_builder *builder)
{
	struct nft_addresses near = add_addresses(builder, "link_near", link_local, FAMILY_IP6);
	struct nft_set *set = &builder->table.sets[near.sets[FAMILY_IP6][1] - 1];

	for (unsigned int flags = 0; flags < 16; flags++) {
		struct prefix prefix = { (address_t)(0xff02 | flags << 4) << 112, 16 };

		nft_put_range(nft_add_element(set), 0,
			      &(struct range){ prefix.first, prefix_last(&prefix) });
	}
	nft_sort(set);
	return near;
}

/* A neighbour of ours: on this link, and nobody who takes the address of this box. */
static void add_sources(const struct nft_link *link)
{
	struct nft_builder *builder = link->builder;
	struct nft_addresses all = add_addresses(builder, "link_sources", neighbours, FAMILY_IP6);
	struct nft_addresses none = add_addresses(builder, "link_nobody", nobody, FAMILY_IP4);
	struct nft_then then = NFT_THEN(nft_jump("link_passed"));
	size_t chain = nft_add_chain(builder, "link_passed");

	NFT_RULE(builder, chain, nft_count(NFT_LINK_COUNTER), nft_jump("passed"));
	chain = nft_add_chain(builder, "link_source");
	nft_ask(builder, chain, &all, NFT_SOURCE, &then);
	nft_ask(builder, chain, &none, NFT_SOURCE, &then);
	nft_ask(builder, chain, link->bound, NFT_SOURCE, &then);
}

static void add_icmp(const struct nft_link *link, size_t chain, uint8_t type, uint32_t hop_limit,
		     struct nft_statement then)
{
	struct nft_builder *builder = link->builder;

	NFT_RULE(builder, chain, nft_is_family(FAMILY_IP6),
		 nft_is(NFT_FIELD_L4PROTO, IPPROTO_ICMPV6, "meta l4proto ipv6-icmp"),
		 nft_is(NFT_FIELD_ICMP_TYPE, type, nft_name(builder, "icmpv6 type %u", type)),
		 nft_is(NFT_FIELD_HOPLIMIT, hop_limit,
			nft_name(builder, "ip6 hoplimit %u", hop_limit)),
		 then);
}

static struct nft_addresses of_one_version(const struct nft_addresses *addresses,
					   enum family family)
{
	struct nft_addresses one = *addresses;
	enum family other = family == FAMILY_IP4 ? FAMILY_IP6 : FAMILY_IP4;

	one.sets[other][0] = one.sets[other][1] = 0;
	return one;
}

static struct nft_statement is_port(enum nft_field field, uint32_t port,
				    struct nft_builder *builder)
{
	return nft_is(
		field, port,
		nft_name(builder, "udp %s %u", field == NFT_FIELD_SPORT ? "sport" : "dport", port));
}

/* The guarded interfaces behind which this box gives addresses away. */
static void add_dhcp_interfaces(const struct nft_link *link)
{
	struct nft_builder *builder = link->builder;
	struct nft_key key = NFT_KEY(NFT_FIELD_IIFNAME);
	size_t number = nft_add_set(builder, DHCP_INTERFACES, &key);

	for (size_t slot = 0; slot < link->table->interfaces_count; slot++)
		if (link->table->settings.dhcp & 1u << slot)
			nft_put_name(nft_add_element(&builder->table.sets[number]), 0,
				     link->table->interfaces[slot]);
	nft_sort(&builder->table.sets[number]);
}

static void add_dhcp4(const struct nft_link *link, size_t in, size_t out)
{
	struct nft_builder *builder = link->builder;
	struct nft_addresses all = add_addresses(builder, "link_broadcast", broadcast, FAMILY_IP4);
	struct nft_then then = { { IS_UDP, is_port(NFT_FIELD_SPORT, 68, builder),
				   is_port(NFT_FIELD_DPORT, 67, builder) },
				 { nft_jump("link_source") } };
	struct nft_addresses own = of_one_version(link->own, FAMILY_IP4);

	nft_ask(builder, in, &all, NFT_DESTINATION, &then);
	nft_ask(builder, in, &own, NFT_DESTINATION, &then);
	NFT_RULE(builder, out, nft_is_family(FAMILY_IP4), IS_UDP,
		 is_port(NFT_FIELD_SPORT, 67, builder), is_port(NFT_FIELD_DPORT, 68, builder),
		 nft_jump("link_passed"));
}

/* The two ends of DHCPv6, of which one rule cannot ask at a time. */
static void add_dhcp6_ends(const struct nft_link *link, const struct nft_addresses *local)
{
	struct nft_builder *builder = link->builder;
	struct nft_addresses servers = add_addresses(builder, "link_dhcp_servers", dhcp_servers,
						     FAMILY_IP6);
	struct nft_then then = NFT_THEN(nft_jump("link_source"));
	struct nft_addresses own = of_one_version(link->own, FAMILY_IP6);
	size_t chain = nft_add_chain(builder, "link_dhcp6_in");

	nft_ask(builder, chain, &servers, NFT_DESTINATION, &then);
	nft_ask(builder, chain, &own, NFT_DESTINATION, &then);
	chain = nft_add_chain(builder, "link_dhcp6_out");
	nft_ask(builder, chain, local, NFT_DESTINATION, &NFT_THEN(nft_jump("link_passed")));
}

static void add_dhcp6(const struct nft_link *link, const struct nft_addresses *local, size_t in,
		      size_t out)
{
	struct nft_builder *builder = link->builder;

	nft_ask(builder, in, local, NFT_SOURCE,
		&(struct nft_then){ { IS_UDP, is_port(NFT_FIELD_SPORT, 546, builder),
				      is_port(NFT_FIELD_DPORT, 547, builder) },
				    { nft_jump("link_dhcp6_in") } });
	nft_ask(builder, out, local, NFT_SOURCE,
		&(struct nft_then){ { IS_UDP, is_port(NFT_FIELD_SPORT, 547, builder),
				      is_port(NFT_FIELD_DPORT, 546, builder) },
				    { nft_jump("link_dhcp6_out") } });
}

/* Returns whether there is any. */
static bool add_dhcp(const struct nft_link *link)
{
	struct nft_addresses local;
	size_t in, out;

	if (!link->table->settings.dhcp)
		return false;
	local = add_addresses(link->builder, "link_local", link_local, FAMILY_IP6);
	add_dhcp_interfaces(link);
	add_dhcp6_ends(link, &local);
	in = nft_add_chain(link->builder, "link_dhcp_in");
	out = nft_add_chain(link->builder, "link_dhcp_out");
	add_dhcp4(link, in, out);
	add_dhcp6(link, &local, in, out);
	return true;
}

static void add_neighbour(const struct nft_link *link)
{
	struct nft_addresses near = add_near(link->builder);
	struct nft_addresses own = of_one_version(link->own, FAMILY_IP6);
	struct nft_then then = NFT_THEN(nft_jump("link_source"));
	size_t chain = nft_add_chain(link->builder, "link_neighbour");

	nft_ask(link->builder, chain, &near, NFT_DESTINATION, &then);
	nft_ask(link->builder, chain, &own, NFT_DESTINATION, &then);
}

void nft_link_build(const struct nft_link *link)
{
	struct nft_builder *builder = link->builder;
	bool has_dhcp;
	size_t in, out;

	add_sources(link);
	add_neighbour(link);
	has_dhcp = add_dhcp(link);
	in = nft_add_chain(builder, "link_in");
	out = nft_add_chain(builder, "link_out");
	nft_ask(builder, in, link->own, NFT_SOURCE, &NFT_THEN(nft_verdict(NFT_DO_RETURN)));
	for (size_t i = 0; i < ARRAY_SIZE(discovery); i++) {
		/* a guarded host says where it is; it does not tell where the network is */
		if (discovery[i] != ROUTER_ADVERTISEMENT)
			add_icmp(link, in, discovery[i], HOP_LIMIT_NEIGHBOUR,
				 nft_jump("link_neighbour"));
		add_icmp(link, out, discovery[i], HOP_LIMIT_NEIGHBOUR, nft_jump("link_passed"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(listener); i++) {
		add_icmp(link, in, listener[i], HOP_LIMIT_LISTENER, nft_jump("link_source"));
		add_icmp(link, out, listener[i], HOP_LIMIT_LISTENER, nft_jump("link_passed"));
	}
	if (!has_dhcp)
		return;
	NFT_RULE(builder, in, IS_UDP, nft_lookup(NFT_KEY(NFT_FIELD_IIFNAME), DHCP_INTERFACES),
		 nft_jump("link_dhcp_in"));
	NFT_RULE(builder, out, IS_UDP, nft_lookup(NFT_KEY(NFT_FIELD_OIFNAME), DHCP_INTERFACES),
		 nft_jump("link_dhcp_out"));
}
