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
#include "policy.h"
#include "set.h"

/* The router itself, as the kernel tells; offline there is none of it. */
struct box {
	address_t *addresses;
	size_t count;
};

#define DEVICE_NONE UINT32_MAX

/* Addresses that are a device's: its own, or a route behind it. */
struct owner {
	struct prefix prefix;
	uint32_t device; /* index into policy->devices, or DEVICE_NONE for a bare address of the box
			  */
	uint32_t speaks; /* GATE_SPEAKS_… of bpf/abi.h */
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
	struct index users;   /* of devices by the word `user` */
	struct owner *owners; /* sorted by first address, the wider one first */
	size_t owners_count, owners_capacity;
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

void inventory_free(struct inventory *inventory);

#endif
