// SPDX-License-Identifier: GPL-2.0-or-later
#include "nft_icmp.h"

#include <netinet/in.h> /* before linux/netfilter.h, which would bring another one */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <stdlib.h>

#include "mem.h"

/* RFC 792 and RFC 4443: redirects and source quench are no errors to us. */
static const struct {
	uint8_t protocol;
	const char *is_icmp, *type;
	const char *chain, *errors, *told, *same, *same_ranges;
	int echo[2];
	int error_types[5]; /* ends with -1 */
} versions[FAMILIES] = {
	{ IPPROTO_ICMP,
	  "meta l4proto icmp",
	  "icmp",
	  "icmp_ip4",
	  "icmp_error_ip4",
	  "told_ip4",
	  "same_device_ip4",
	  "same_device_ip4_ranges",
	  { 8, 0 },
	  { 3, 11, 12, -1 } },
	{ IPPROTO_ICMPV6,
	  "meta l4proto ipv6-icmp",
	  "icmpv6",
	  "icmp_ip6",
	  "icmp_error_ip6",
	  "told_ip6",
	  "same_device_ip6",
	  "same_device_ip6_ranges",
	  { 128, 129 },
	  { 1, 2, 3, 4, -1 } },
};

struct nft_statement nft_is_state(uint32_t bits, const char *text)
{
	struct nft_statement statement = nft_is(NFT_FIELD_CT_STATE, 0, text);

	statement.mask = bits;
	statement.invert = true;
	return statement;
}

static struct nft_statement is_related(void)
{
	return nft_is_state(NF_CT_STATE_BIT(IP_CT_RELATED), "ct state related");
}

static struct nft_statement is_icmp(enum family family)
{
	return nft_is(NFT_FIELD_L4PROTO, versions[family].protocol, versions[family].is_icmp);
}

static void return_type(struct nft_builder *builder, size_t chain, enum family family, int type)
{
	NFT_RULE(builder, chain, is_icmp(family),
		 nft_is(NFT_FIELD_ICMP_TYPE, (uint32_t)type,
			nft_name(builder, "%s type %d", versions[family].type, type)),
		 nft_verdict(NFT_DO_RETURN));
}

static void add_types(const struct nft_icmp *icmp, enum family family)
{
	struct nft_builder *builder = icmp->builder;
	size_t chain = nft_add_chain(builder, versions[family].errors);

	for (const int *type = versions[family].error_types; *type >= 0; type++)
		return_type(builder, chain, family, *type);
	NFT_RULE(builder, chain, icmp->refused[0], icmp->refused[1]);
	chain = nft_add_chain(builder, versions[family].chain);
	NFT_RULE(builder, chain, is_related(), nft_jump(versions[family].errors));
	NFT_RULE(builder, chain, is_related(), nft_verdict(NFT_DO_RETURN));
	for (size_t i = 0; i < 2; i++)
		return_type(builder, chain, family, versions[family].echo[i]);
	NFT_RULE(builder, chain, icmp->refused[0], icmp->refused[1]);
}

/* Who tells, and the destination of the packet that is quoted: what was sent to either side. */
static struct nft_key told_key(enum family family, enum ip_conntrack_dir direction)
{
	static const enum nft_field fields[FAMILIES][IP_CT_DIR_MAX] = {
		{ NFT_FIELD_CT_ORIGINAL_SADDR, NFT_FIELD_CT_REPLY_SADDR },
		{ NFT_FIELD_CT_ORIGINAL_SADDR6, NFT_FIELD_CT_REPLY_SADDR6 },
	};

	return NFT_KEY(family == FAMILY_IP4 ? NFT_FIELD_IP_SADDR : NFT_FIELD_IP6_SADDR,
		       fields[family][direction]);
}

/* The addresses of each device. */
static struct set *devices_of(const struct nft_icmp *icmp)
{
	struct set *devices = mem_alloc(icmp->table->devices_count * sizeof(*devices));

	for (size_t i = 0; i < icmp->segments->count; i++) {
		const struct segment *segment = &icmp->segments->items[i];
		const struct gate_identity *identity = segment->identity;

		if (identity->device &&
		    !(identity->speaks & (GATE_SPEAKS_SELF | GATE_SPEAKS_REJECTED)))
			set_append(&devices[identity->device - 1], segment->first, segment->last);
	}
	return devices;
}

/* Numbers of sets + 1; [1]: of ranges. */
struct same {
	size_t sets[2];
};

static void add_same(struct nft_builder *builder, struct same *same, enum family family,
		     const struct range *teller, const struct range *quoted)
{
	struct nft_key key = told_key(family, IP_CT_DIR_REPLY);
	bool ranges = teller->first != teller->last || quoted->first != quoted->last;
	struct nft_element *element;

	if (!same->sets[ranges]) {
		same->sets[ranges] = 1 + nft_add_set(builder,
						     ranges ? versions[family].same_ranges :
							      versions[family].same,
						     &key);
		builder->table.sets[same->sets[ranges] - 1].has_intervals = ranges;
	}
	element = nft_add_element(&builder->table.sets[same->sets[ranges] - 1]);
	nft_put_range(element, nft_put_range(element, 0, teller), quoted);
}

static void add_device(struct nft_builder *builder, struct same *same, enum family family,
		       const struct set *device)
{
	struct pieces pieces;

	pieces_of(device, family, &pieces);
	for (size_t i = 0; i < pieces.count; i++)
		for (size_t j = 0; j < pieces.count; j++)
			add_same(builder, same, family, &pieces.items[i], &pieces.items[j]);
	pieces_free(&pieces);
}

/*
 * 8. An error comes from the device of the quoted destination: nobody injects errors into the
 * connections of others. nftables cannot compare two addresses, so that the pairs are a set, and who
 * is of no device tells nothing, not even of itself.
 */
static void add_told(const struct nft_icmp *icmp, enum family family, const struct same *same)
{
	static const char *const texts[] = { "ct direction original", "ct direction reply" };
	struct nft_builder *builder = icmp->builder;
	size_t chain = nft_add_chain(builder, versions[family].told);

	for (size_t i = 0; i < 2; i++) {
		struct nft_set *set;

		if (!same->sets[i])
			continue;
		set = &builder->table.sets[same->sets[i] - 1];
		nft_sort(set);
		for (enum ip_conntrack_dir way = 0; way < IP_CT_DIR_MAX; way++)
			NFT_RULE(builder, chain, nft_is_family(family),
				 nft_is(NFT_FIELD_CT_DIRECTION, way, texts[way]),
				 nft_lookup(told_key(family, way), set->name),
				 nft_verdict(NFT_DO_RETURN));
	}
	NFT_RULE(builder, chain, icmp->refused[0], icmp->refused[1]);
}

void nft_icmp_build(const struct nft_icmp *icmp)
{
	struct set *devices = devices_of(icmp);

	for (size_t i = 0; i < icmp->table->devices_count; i++)
		set_normalise(&devices[i]);
	for (enum family family = 0; family < FAMILIES; family++) {
		struct same same = {};

		for (size_t i = 0; i < icmp->table->devices_count; i++)
			add_device(icmp->builder, &same, family, &devices[i]);
		add_types(icmp, family);
		add_told(icmp, family, &same);
	}
	for (size_t i = 0; i < icmp->table->devices_count; i++)
		set_free(&devices[i]);
	free(devices);
}

void nft_icmp_ask(struct nft_builder *builder, size_t chain)
{
	for (enum family family = 0; family < FAMILIES; family++)
		NFT_RULE(builder, chain, nft_is_family(family), is_icmp(family),
			 nft_jump(versions[family].chain));
}

void nft_icmp_ask_told(struct nft_builder *builder, size_t chain)
{
	for (enum family family = 0; family < FAMILIES; family++)
		NFT_RULE(builder, chain, nft_is_family(family), is_icmp(family), is_related(),
			 nft_jump(versions[family].told));
}
