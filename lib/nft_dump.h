/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that nftables gives. */
#ifndef ACLGATE_NFT_DUMP_H
#define ACLGATE_NFT_DUMP_H

#include "netlink.h"

/*
 * As netlink_dump(), of NFT_MSG_GET… @request with NFT_MSG_NEW… as answer, in a family NFPROTO_… or in
 * all of them, NFPROTO_UNSPEC. @list says who hears it: `begin`, `each` and `strings`; the header that
 * `each` gets is a struct nfgenmsg.
 */
int nft_dump(uint8_t family, uint16_t request, uint16_t answer, const struct netlink_dump *list,
	     void *context);

/* What `nft` calls the family of an answer: "inet". */
const char *nft_dump_family(const void *header);

#endif
