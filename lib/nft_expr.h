/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the model of nft.h and libnftnl; only nft_commit.c includes it. */
#ifndef ACLGATE_NFT_EXPR_H
#define ACLGATE_NFT_EXPR_H

#include <libnftnl/rule.h>

#include "nft.h"

/* Adds the expressions of one statement to a rule. */
void nft_expr_add(struct nftnl_rule *rule, const struct nft_statement *statement);

/* nft's number for the type of a key: nft(8) lists a set by it. Concatenations: six bits a field. */
uint32_t nft_key_type(const struct nft_key *key);

/* Of one field that is in host order. nft(8) is told, or lists such a set backwards. */
bool nft_key_is_host(const struct nft_key *key);

/* Bytes of a key in registers and in set elements. */
uint32_t nft_key_size(const struct nft_key *key);

#endif
