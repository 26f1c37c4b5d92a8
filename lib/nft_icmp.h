/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of ICMP is part of a connection: echo, and errors about what is open. The chains
 * `icmp_ip4` and `icmp_ip6` return for it, `told_ip4` and `told_ip6` for an error that comes from
 * whom the quoted packet was for; everything else they refuse.
 */
#ifndef ACLGATE_NFT_ICMP_H
#define ACLGATE_NFT_ICMP_H

#include "nft_addresses.h"

struct nft_icmp {
	struct nft_builder *builder;
	const struct table *table;
	const struct segments *segments;
	struct nft_statement refused[2]; /* what becomes of the rest */
};

void nft_icmp_build(const struct nft_icmp *icmp);

/* From @chain to those chains. */
void nft_icmp_ask(struct nft_builder *builder, size_t chain);
void nft_icmp_ask_told(struct nft_builder *builder, size_t chain);

/* Goes on only where conntrack says one of @bits. */
struct nft_statement nft_is_state(uint32_t bits, const char *text);

#endif
