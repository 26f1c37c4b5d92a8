/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate without BPF: a policy as a table of nftables, in the kernel. What is there to know of it
 * stands in the comment of its set of guarded interfaces.
 */
#ifndef ACLGATE_NFT_GATE_H
#define ACLGATE_NFT_GATE_H

#include "abi.h"
#include "counters.h"
#include "generation.h"

/*
 * Replaces the policy in one transaction: packets meet the old one or the new one. Returns 0, or a
 * negative errno and an error in @diag, and what was there is there.
 */
int nft_gate_load(const struct gate_policy *policy, uint32_t number, struct diag *diag);

struct nft_gate {
	bool stands; /* as it was loaded; else what is told is what is left of it */
	struct gate_generation generation; /* number, features, loaded, sha256 */
	char interfaces[GATE_GUARDED_MAX][16];
	size_t interfaces_count;
};

/* -EPERM without CAP_NET_ADMIN. Where there is none nothing stands, and it returns 0. */
int nft_gate_read(struct nft_gate *ret_gate);

/* Returns 0, also where there was none. */
int nft_gate_remove(void);

/*
 * What it has counted, by the ids of @state. Devices: ingress is what came from them, egress what
 * went to them; why a packet was dropped is known of all devices together, and booked as that of id 0.
 */
int nft_gate_count(const struct state *state, struct counted *ret_counted);

#endif
