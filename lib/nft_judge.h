/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the policy allows, as sets of an nft table and two chains that look a connection up in them:
 *
 *   original   by the packet that opened it, as it came in
 *   reversed   by its answer, the other way round: the opener's packet as it goes out, after NAT
 *
 * Both jump to the chain `passed` where a rule allows it, and return where none does.
 */
#ifndef ACLGATE_NFT_JUDGE_H
#define ACLGATE_NFT_JUDGE_H

#include "diag.h"
#include "nft_build.h"
#include "profile.h"

/* Of a policy. Memory of the kernel: about 200 bytes for each. */
#define NFT_ELEMENTS_MAX 2000000

/* A source of more pieces than this has a chain of its own. */
#define NFT_EXPANDED_MAX 8

/* Which tuple of the connection is asked about. */
enum way {
	WAY_ORIGINAL,
	WAY_REVERSED,
	WAYS
};

struct opener;

struct nft_judge {
	struct nft_builder *builder;
	const struct table *table;
	const struct segments *segments;
	int64_t now; /* seconds since the epoch */
	struct profiles profiles;
	struct opener *openers; /* one for each profile */
};

/*
 * Returns 0, or -E2BIG with an error in @diag. In any case the caller frees what is in @judge, of
 * which builder, table, segments and now are set before. The table must outlive the builder.
 */
int nft_judge_build(struct nft_judge *judge, struct diag *diag);

/*
 * The chain that asks what is open to a device of `natAs`, whatever the source is; NULL: nothing.
 * @wide: by its coarse class.
 */
const char *nft_judge_chain(const struct nft_judge *judge, const struct gate_identity *identity,
			    bool wide, enum family family);

void nft_judge_free(struct nft_judge *judge);

#endif
