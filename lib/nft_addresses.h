/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list of addresses in an nft table: a hash set of single ones and an interval set of ranges, for
 * each IP version. Those that would be empty are left out, with the rules that ask them.
 */
#ifndef ACLGATE_NFT_ADDRESSES_H
#define ACLGATE_NFT_ADDRESSES_H

#include "flatten.h"
#include "nft_build.h"

struct nft_addresses {
	const char *name;
	bool has_interface; /* each address is bound to one */
	bool has_counters;
	size_t sets[FAMILIES][2]; /* in the table, + 1; [1]: of ranges */
};

/* Which addresses are meant. */
struct nft_choice {
	bool (*holds)(const struct gate_identity *identity, uint32_t slot);
	uint32_t slot;
	const char *interface; /* with has_interface: on this one */
};

void nft_addresses_add(struct nft_builder *builder, struct nft_addresses *addresses,
		       const struct segments *segments, const struct nft_choice *choice);

/* The addresses of all devices, each with a counter and the device's name. */
void nft_addresses_add_devices(struct nft_builder *builder, struct nft_addresses *addresses,
			       const struct segments *segments, char *const *devices);

/* What is looked up, of the packet or of its connection. */
enum nft_end {
	NFT_SOURCE,
	NFT_DESTINATION,
	NFT_OPENER,	    /* of the connection, before NAT */
	NFT_OPENER_OUTSIDE, /* ... as its peer sees it */
	NFT_ANSWERER,	    /* as it answers, before NAT */
	NFT_ENDS
};

struct nft_then {
	struct nft_statement before[3]; /* goes on to the look-up only where they hold */
	struct nft_statement after[2];	/* where the address is in the list */
};

#define NFT_THEN(...) ((struct nft_then){ .after = { __VA_ARGS__ } })

/* Adds a rule for each set of the list. */
void nft_ask(struct nft_builder *builder, size_t chain, const struct nft_addresses *addresses,
	     enum nft_end end, const struct nft_then *then);

/* Goes on only where the packet is of that IP version. */
struct nft_statement nft_is_family(enum family family);

/* "ip4", "ip6": how names end. */
const char *nft_family_name(enum family family);

/* Writes the next field of a key, as nft_put(). */
size_t nft_put_range(struct nft_element *element, size_t at, const struct range *range);

#endif
