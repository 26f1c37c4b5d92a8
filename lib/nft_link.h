/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 2. What an Ethernet link needs to live, as bpf/link.h has it: chains `link_in` and `link_out`, which
 * jump to `passed`. ARP and other frames never come to a table of this family.
 */
#ifndef ACLGATE_NFT_LINK_H
#define ACLGATE_NFT_LINK_H

#include "nft_addresses.h"

#define NFT_LINK_COUNTER "link"

struct nft_link {
	struct nft_builder *builder;
	const struct table *table;
	const struct nft_addresses *own;   /* addresses of this box */
	const struct nft_addresses *bound; /* to guarded interfaces */
};

void nft_link_build(const struct nft_link *link);

#endif
