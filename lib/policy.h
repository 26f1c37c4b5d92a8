/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy as it is written: names, not addresses. Every word knows its place. Words are
 * strings of the documents, which the policy owns; the sources must outlive it.
 */
#ifndef ACLGATE_POLICY_H
#define ACLGATE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"
#include "arena.h"
#include "diag.h"
#include "source.h"

struct json_document;

struct word {
	const char *text; /* NULL: not there */
	place_t place;
};

struct words {
	struct word *items;
	size_t count;
	place_t place; /* of the list; PLACE_NONE: not there */
};

/* A number, or a string that stands for one. */
struct quantity {
	const char *text; /* NULL: it is a number */
	double number;
	place_t place;
	bool given;
};

/* Everything with a name begins with it (lib/index.h). */
struct policy_host {
	struct word name;
	struct word value; /* an address or prefix */
};

struct policy_group {
	struct word name;
	struct words members;
};

#define DEVICE_NONE UINT32_MAX /* where an index into policy->devices stands */

struct policy_device {
	struct word name;
	struct words addresses;
	struct words routes;
	struct words tags;
	struct word user;
	struct word interface;
	struct word public_key;
	bool unapproved; /* `"approved": false` */
	bool self;
	bool unread; /* not all that it has could be read: what it lacks is not told */
};

struct policy_interface {
	struct word name;
	struct word nat_as;
	bool dhcp;
	bool xdp;
};

/* An entry of `acls`, or of `grants`: those have no action, and their ports stand in `ip`. */
struct policy_rule {
	place_t place;
	bool grant;
	size_t number; /* in its section, from 0 */
	struct word name;
	struct word expires; /* RFC 3339 */
	struct word action;
	struct words ip;
	struct words users; /* only where `sources` stands beside it: both must match */
	struct words src;
	struct words dst;
	struct word protocol;
};

struct policy_test {
	place_t place;
	struct word src;
	struct word protocol;
	struct words accept;
	struct words deny;
};

struct policy {
	struct json_document *documents[2]; /* policy, inventory */
	struct arena arena;		    /* of the lists of words */
	place_t inventory;		    /* where the inventory begins; PLACE_NONE without one */
	struct policy_host *hosts;
	size_t hosts_count, hosts_capacity;
	struct policy_group *groups;
	size_t groups_count;
	struct policy_group *tag_owners;
	size_t tag_owners_count;
	struct policy_group *ipsets; /* members are operations: "add …", "remove …" */
	size_t ipsets_count;
	struct policy_device *devices;
	size_t devices_count, devices_capacity;
	struct policy_rule *rules;
	size_t rules_count;
	struct policy_test *tests;
	size_t tests_count, tests_capacity;
	struct policy_interface *interfaces;
	size_t interfaces_count;
	place_t interfaces_place; /* of the list, if there is one */
	struct word mode;
	struct quantity timeouts[TIMEOUT_MAX];
	struct quantity flows_per_device;
	struct quantity mark_bit;
};

/*
 * Reads the policy and, if @inventory is not NULL, the inventory. Returns 0, or -EINVAL where a
 * file is no JSON document; everything else that is wrong is an error in @diag, and the rest of the
 * policy is there to be checked further.
 */
int policy_parse(const struct source *file, const struct source *inventory, struct diag *diag,
		 struct policy *ret_policy);

/* What the rules say is in a ruleset, and nobody asks for how it was written: it is most of it. */
void policy_drop_rules(struct policy *policy);

void policy_free(struct policy *policy);

#endif
