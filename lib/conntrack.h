/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connections that this kernel's conntrack knows, as ctnetlink lists them. */
#ifndef ACLGATE_CONNTRACK_H
#define ACLGATE_CONNTRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "address.h"

/*
 * What a packet is called. Ports are in host order, and 0 where the protocol has none. An echo has
 * its id as the port of the side that asks, and 0 as that of the side that answers.
 */
struct tuple {
	address_t src;
	address_t dst;
	uint16_t sport;
	uint16_t dport;
};

struct connection {
	struct tuple original; /* packets of the opener, before NAT */
	struct tuple reply;    /* answers, as they come in: still to the address after NAT */
	uint8_t protocol;
	enum flow_state state;
};

/*
 * All connections of both IP versions in this network namespace, in no order. The states are those
 * of our flows: FLOW_ESTABLISHED means that both sides spoke, for TCP that the handshake is over as
 * well. TCP that was picked up in the middle is FLOW_OPENING while only one side was heard, and its
 * "opener" is whoever spoke first since then: judge it before you believe it.
 *
 * Left out, for no flow of ours can stand for them: other zones than the default one, whose
 * addresses may mean somebody else; ICMP other than echo; IPv4-mapped addresses in IPv6 packets.
 *
 * A connection that begins or ends meanwhile may be there or not; one may be there twice when the
 * kernel changes the size of its hash table. Where nothing in the namespace uses conntrack (an nft
 * rule with `ct` or nat, iptables -m conntrack) the kernel does not track, and there are none: 0.
 *
 * Returns 0, and the caller frees *ret_connections, which may be NULL for none. Otherwise a
 * negative errno: -EOPNOTSUPP where the kernel has no ctnetlink, nor a module for it; -EPERM
 * without CAP_NET_ADMIN in the user namespace that owns ours; -EAGAIN as netlink_dump().
 */
int conntrack_read(struct connection **ret_connections, size_t *ret_count);

/*
 * What packets of the opener are called after NAT. Returns whether that is another name than
 * before.
 */
bool connection_is_translated(const struct connection *connection, struct tuple *ret_after);

#endif
