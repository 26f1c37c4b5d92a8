// SPDX-License-Identifier: GPL-2.0-or-later
#include "nft.h"

const struct nft_field_info nft_fields[NFT_FIELD_MAX] = {
	[NFT_FIELD_IIFNAME] = { "iifname", "ifname", 16 },
	[NFT_FIELD_OIFNAME] = { "oifname", "ifname", 16 },
	[NFT_FIELD_OIF] = { "oif", "iface_index", 4 },
	[NFT_FIELD_MARK] = { "meta mark", "mark", 4 },
};
