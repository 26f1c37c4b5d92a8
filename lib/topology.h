/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands over, under and beside an interface, so that its packets would not meet the gate. */
#ifndef ACLGATE_TOPOLOGY_H
#define ACLGATE_TOPOLOGY_H

#include <stdbool.h>

/*
 * Why an interface of this network namespace cannot be guarded, as the rest of a sentence that
 * begins with its name:
 *
 *   is a port of the bridge "br0": guard that one instead
 *   belongs to the VRF "red", where nothing can be guarded
 *   is a VRF, whose packets go around the gate
 *   is a bridge, and br_netfilter shows its packets to nftables before the gate: set … to 0
 *   carries the VLAN "lan0.10", whose packets go around the gate
 *   is in the flowtable "inet filter ft", whose packets go around the gate
 *   stands on "lan1", which is in the flowtable "inet filter ft", whose packets go around the gate
 *
 * The last one is for bridges, bonds and VLANs: a flowtable takes packets from a port before they
 * get to the interface above it.
 *
 * @bpf: it is to be guarded by programs; what nftables shows too early is no obstacle to a policy in
 * nftables.
 *
 * Not seen: a macvlan, VLAN or the like that was moved to another namespace (its packets still pass
 * tc's hooks of the interface below), the ports of HSR and PRP, which have neither master nor link,
 * and what rules of tc or nft redirect (mirred, fwd).
 *
 * Returns 0, with *ret_obstacle NULL where nothing is in the way, else a text that the caller
 * frees: the first obstacle. Otherwise a negative errno: -ENODEV where no interface has that name
 * (alternative names are none), -EPERM without CAP_NET_ADMIN, -EAGAIN as netlink_dump(). A kernel
 * without nf_tables has no flowtables.
 */
int topology_check(const char *interface, bool bpf, char **ret_obstacle);

#endif
