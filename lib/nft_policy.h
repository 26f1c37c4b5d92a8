/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nft backend: a compiled policy as a table of nftables, for machines where BPF may not be
 * loaded. It decides what the programs of bpf/ decide, with the connections of the kernel in place
 * of our flows.
 *
 * The policy is a function of the connection: each packet, in either direction, is judged by the
 * tuples that conntrack has of it. A rule that is gone, or has expired, thus stops both directions
 * with the next packet, and nothing is remembered in a mark. As in bpf/gate.bpf.c, what comes from
 * a guarded interface is judged before DNAT, and all else that leaves through one after NAT.
 *
 * Otherwise than there:
 *   - conntrack says what is part of a connection: its TCP and SCTP have states, its timeouts are its
 *     own, there are no quotas; it does not forget a connection that the policy refused;
 *   - an ICMP error whose sender belongs to no device is refused, even about itself: nftables cannot
 *     compare two addresses;
 *   - an address of this box that comes in through an unguarded interface is refused, `natAs` or not:
 *     whom NAT hides only conntrack tells;
 *   - in audit what is out of place passes, also from a source that is nobody's;
 *   - UDP-Lite with a right checksum is invalid to kernels whose conntrack takes it for UDP
 *     (udplite_error()), unless net.netfilter.nf_conntrack_checksum is 0.
 */
#ifndef ACLGATE_NFT_POLICY_H
#define ACLGATE_NFT_POLICY_H

#include "diag.h"
#include "nft_build.h"
#include "table.h"

#define NFT_POLICY_TABLE "aclgate"

/* Behind conntrack (-200), before mangle (-150) and DNAT (-100); behind SNAT (100). */
#define NFT_POLICY_PREROUTING  (-190)
#define NFT_POLICY_FORWARD     0
#define NFT_POLICY_POSTROUTING 350

/*
 * @now: seconds since the epoch, from which timeouts count. Returns 0, or -E2BIG with an error in
 * @diag that states the limit and the number. The result keeps pointers to names in @table.
 */
int nft_policy_build(const struct table *table, int64_t now, struct diag *diag,
		     struct nft_builder *ret_builder);

#endif
