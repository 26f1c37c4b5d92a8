// SPDX-License-Identifier: GPL-2.0-or-later
#include "nft_dump.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>

int nft_dump(uint8_t family, uint16_t request, uint16_t answer, const struct netlink_dump *list,
	     void *context)
{
	const struct nfgenmsg header = { .nfgen_family = family };
	struct netlink_dump dump = *list;

	dump.protocol = NETLINK_NETFILTER;
	dump.request = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | request);
	dump.answer = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | answer);
	dump.header = &header;
	dump.header_size = sizeof(header);
	return netlink_dump(&dump, context);
}

const char *nft_dump_family(const void *header)
{
	switch (((const struct nfgenmsg *)header)->nfgen_family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_NETDEV:
		return "netdev";
	default:
		return "?";
	}
}
