/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is who: the devices of a policy and the addresses that are theirs.
 */
#ifndef ACLGATE_INVENTORY_H
#define ACLGATE_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "address.h"
#include "diag.h"
#include "index.h"
#include "peers.h"
#include "policy.h"
#include "set.h"
#include "wireguard.h"

/* The router itself, as the kernel tells; offline there is none of it. */
struct box {
	address_t *addresses;
	size_t count;
	struct wireguard wireguard;
};

/* Why an address is somebody's, the strongest first: lib/settle.h. */
enum claim_kind {
	CLAIM_WRITTEN, /* the inventory, or this box, has it */
	CLAIM_KEY,     /* WireGuard routes it to the device's key */
	CLAIM_UNNAMED, /* ... and the inventory does not say that it is one of its */
	CLAIM_NOBODY,  /* WireGuard routes it to the key of no device that counts */
	CLAIM_HOLE,    /* ... whose peer is that of a device without a key */
};

/* Addresses that are a device's: its own, or a route behind it. */
struct owner {
	struct prefix prefix;
	uint32_t
		device; /* index into policy->devices, or DEVICE_NONE for a bare address of the box,
			    or one that is nobody's */
	uint32_t speaks; /* GATE_SPEAKS_… of bpf/abi.h */
	uint32_t order;	 /* the inventory's before sorting */
	uint8_t claim;	 /* enum claim_kind */
	bool route;	 /* not an address of the device itself */
	bool refused;	 /* WireGuard routes it to somebody else */
};

/* What an ipset holds, found out once: select.c. */
struct ipset {
	enum {
		IPSET_UNKNOWN,
		IPSET_OPEN, /* being found out: whoever meets it again is inside itself */
		IPSET_KNOWN,
		IPSET_WRONG, /* and that was told */
	} state;
	struct set set;
};

struct inventory {
	const struct policy *policy;
	const struct box *box;		       /* may be NULL */
	const char *outside[GATE_OUTSIDE_MAX]; /* unguarded interfaces that devices are bound to */
	size_t outside_count;
	struct index devices, hosts, groups, tags, ipsets;
	struct index users; /* of devices by the word `user` */
	struct peers peers;
	struct owner *owners; /* sorted by first address, the wider one first */
	size_t owners_count, owners_capacity;
	address_t *addresses;	  /* of devices: those of the n-th from address_firsts[n] on */
	uint32_t *address_firsts; /* and one more, where the last ones end */
	size_t unknown;		  /* approved devices that have none */
	bool peered;		  /* what addresses there are depends on WireGuard */
	struct ipset *ipset_sets; /* one for each of policy->ipsets */
	struct set reachable;	  /* what "*" means as source: approved devices and their routes */
};

/*
 * Checks devices, hosts and groups. Errors are in @diag; what is left can be asked. Policy and box
 * must outlive the inventory.
 */
void inventory_build(const struct policy *policy, const struct box *box, struct diag *diag,
		     struct inventory *ret_inventory);

/* The guarded interfaces: as the policy says, or wg0. */
size_t inventory_interfaces(const struct policy *policy);
const char *inventory_interface(const struct policy *policy, size_t slot);

/* What is wrong with the name of a device or host, "is empty"; NULL: nothing. */
const char *inventory_name_fault(const char *name);

/* Those of a device that count, approved or not. Returns how many. */
size_t inventory_addresses(const struct inventory *inventory, uint32_t device,
			   const address_t **ret_addresses);

bool inventory_is_interface_name(const char *name);

/* Returns 0, or a negative errno and an error in @diag. */
int inventory_parse_prefix(const struct word *word, struct diag *diag, struct prefix *ret_prefix);

void inventory_free(struct inventory *inventory);

#endif
