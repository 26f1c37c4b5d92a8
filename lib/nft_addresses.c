// SPDX-License-Identifier: GPL-2.0-or-later
#include "nft_addresses.h"

#include <linux/netfilter.h>

#include "mem.h"

static const enum nft_field fields[NFT_ENDS][FAMILIES] = {
	[NFT_SOURCE] = { NFT_FIELD_IP_SADDR, NFT_FIELD_IP6_SADDR },
	[NFT_DESTINATION] = { NFT_FIELD_IP_DADDR, NFT_FIELD_IP6_DADDR },
	[NFT_OPENER] = { NFT_FIELD_CT_ORIGINAL_SADDR, NFT_FIELD_CT_ORIGINAL_SADDR6 },
	[NFT_OPENER_OUTSIDE] = { NFT_FIELD_CT_REPLY_DADDR, NFT_FIELD_CT_REPLY_DADDR6 },
	[NFT_ANSWERER] = { NFT_FIELD_CT_REPLY_SADDR, NFT_FIELD_CT_REPLY_SADDR6 },
};

const char *nft_family_name(enum family family)
{
	return family == FAMILY_IP4 ? "ip4" : "ip6";
}

struct nft_statement nft_is_family(enum family family)
{
	return nft_is(NFT_FIELD_NFPROTO, family == FAMILY_IP4 ? NFPROTO_IPV4 : NFPROTO_IPV6,
		      family == FAMILY_IP4 ? "meta nfproto ipv4" : "meta nfproto ipv6");
}

size_t nft_put_range(struct nft_element *element, size_t at, const struct range *range)
{
	uint8_t low[16], high[16];
	unsigned int size = address_bytes(range->first, low);

	address_bytes(range->last, high);
	return nft_put(element, at, low, high, size);
}

static struct nft_key key_of(const struct nft_addresses *addresses, enum nft_end end,
			     enum family family)
{
	if (addresses->has_interface)
		return NFT_KEY(NFT_FIELD_IIFNAME, fields[end][family]);
	return NFT_KEY(fields[end][family]);
}

static struct nft_set *set_of(struct nft_builder *builder, struct nft_addresses *addresses,
			      enum family family, bool ranges)
{
	struct nft_key key = key_of(addresses, NFT_SOURCE, family);
	size_t *number = &addresses->sets[family][ranges];
	struct nft_set *set;

	if (*number)
		return &builder->table.sets[*number - 1];
	*number = 1 + nft_add_set(builder,
				  nft_name(builder, "%s_%s%s", addresses->name,
					   nft_family_name(family), ranges ? "_ranges" : ""),
				  &key);
	set = &builder->table.sets[*number - 1];
	set->has_intervals = ranges;
	set->has_counters = addresses->has_counters;
	return set;
}

static void add_pieces(struct nft_builder *builder, struct nft_addresses *addresses,
		       const struct set *set, const char *interface, const char *comment)
{
	for (enum family family = 0; family < FAMILIES; family++) {
		struct pieces pieces;

		pieces_of(set, family, &pieces);
		for (size_t i = 0; i < pieces.count; i++) {
			const struct range *range = &pieces.items[i];
			struct nft_element *element = nft_add_element(
				set_of(builder, addresses, family, range->first != range->last));
			size_t at = interface ? nft_put_name(element, 0, interface) : 0;

			nft_put_range(element, at, range);
			element->comment = comment;
		}
		pieces_free(&pieces);
	}
}

static void sort(struct nft_builder *builder, const struct nft_addresses *addresses)
{
	for (enum family family = 0; family < FAMILIES; family++)
		for (size_t i = 0; i < 2; i++)
			if (addresses->sets[family][i])
				nft_sort(&builder->table.sets[addresses->sets[family][i] - 1]);
}

void nft_addresses_add(struct nft_builder *builder, struct nft_addresses *addresses,
		       const struct segments *segments, const struct nft_choice *choice)
{
	_set_ struct set set = {};

	for (size_t i = 0; i < segments->count; i++) {
		const struct segment *segment = &segments->items[i];

		if (choice->holds(segment->identity, choice->slot))
			set_append(&set, segment->first, segment->last);
	}
	set_normalise(&set);
	add_pieces(builder, addresses, &set, choice->interface, NULL);
	sort(builder, addresses);
}

void nft_addresses_add_devices(struct nft_builder *builder, struct nft_addresses *addresses,
			       const struct segments *segments, char *const *devices)
{
	addresses->has_counters = true;
	for (size_t i = 0, next; i < segments->count; i = next) {
		uint32_t device = segments->items[i].identity->device;
		struct range range = { segments->items[i].first, 0 };
		struct set set = { .ranges = &range, .count = 1 };

		for (next = i + 1; next < segments->count; next++)
			if (segments->items[next].identity->device != device)
				break;
		range.last = segments->items[next - 1].last;
		if (device)
			add_pieces(builder, addresses, &set, NULL, devices[device - 1]);
	}
	sort(builder, addresses);
}

void nft_ask(struct nft_builder *builder, size_t chain, const struct nft_addresses *addresses,
	     enum nft_end end, const struct nft_then *then)
{
	for (enum family family = 0; family < FAMILIES; family++) {
		for (size_t i = 0; i < 2; i++) {
			size_t set = addresses->sets[family][i];

			if (set)
				NFT_RULE(builder, chain, nft_is_family(family), then->before[0],
					 then->before[1], then->before[2],
					 nft_lookup(key_of(addresses, end, family),
						    builder->table.sets[set - 1].name),
					 then->after[0], then->after[1]);
		}
	}
}
