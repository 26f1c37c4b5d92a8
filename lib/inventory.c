// SPDX-License-Identifier: GPL-2.0-or-later
#include "inventory.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "ids.h"
#include "mem.h"
#include "owners.h"

static const char default_interface[] = "wg0";

size_t inventory_interfaces(const struct policy *policy)
{
	return policy->interfaces_count ? policy->interfaces_count : 1;
}

const char *inventory_interface(const struct policy *policy, size_t slot)
{
	return policy->interfaces_count ? policy->interfaces[slot].name.text : default_interface;
}

/* Once in the policy and once in the inventory; twice in one file is a duplicate key, and was told. */
static void check_twice(const struct inventory *inventory, const struct index *index,
			const char *what, struct diag *diag)
{
	place_t second = inventory->policy->inventory;

	for (size_t i = 1; i < index->count; i++)
		if (!strcmp(index->items[i - 1]->text, index->items[i]->text) &&
		    index->items[i - 1]->place < second && index->items[i]->place >= second)
			diag_error(diag, index->items[i]->place, "%s \"%s\" is defined twice", what,
				   index->items[i]->text);
}

/* Because it means something else in a rule, or in our files. */
const char *inventory_name_fault(const char *name)
{
	struct prefix prefix;

	if (!*name)
		return "is empty";
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return "has a space or a control character in it";
	if (strpbrk(name, ":@*/\""))
		return "has one of : @ * / \" in it";
	if (!strcmp(name, IDS_UNKNOWN))
		return "is what packets of no device are counted under";
	return prefix_parse(name, &prefix) == -EINVAL ? NULL : "is an address";
}

static void check_name(const struct word *name, const char *what, struct diag *diag)
{
	const char *fault = inventory_name_fault(name->text);

	if (fault)
		diag_error(diag, name->place, "the name of a %s %s", what, fault);
}

static void check_names(const struct inventory *inventory, struct diag *diag)
{
	for (size_t i = 0; i < inventory->devices.count; i++)
		check_name(inventory->devices.items[i], "device", diag);
	check_twice(inventory, &inventory->devices, "device", diag);
	check_twice(inventory, &inventory->hosts, "host", diag);
	for (size_t i = 0; i < inventory->hosts.count; i++) {
		const struct word *name = inventory->hosts.items[i];

		check_name(name, "host", diag);
		if (index_find(&inventory->devices, name->text))
			diag_error(diag, name->place, "\"%s\" is a device and a host", name->text);
	}
}

bool inventory_is_interface_name(const char *name)
{
	return *name && strlen(name) < IFNAMSIZ && !strpbrk(name, "/ \t\n");
}

static void check_interfaces(const struct policy *policy, struct diag *diag)
{
	const struct policy_interface *interfaces = policy->interfaces;

	if (policy->interfaces_count > GATE_GUARDED_MAX)
		diag_error(diag, policy->interfaces_place, "%zu interfaces, and %d are the limit",
			   policy->interfaces_count, GATE_GUARDED_MAX);
	for (size_t i = 0; i < policy->interfaces_count; i++) {
		const struct word *name = &interfaces[i].name;

		if (!inventory_is_interface_name(name->text))
			diag_error(diag, name->place, "\"%s\" cannot be the name of an interface",
				   name->text);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(name->text, interfaces[j].name.text))
				diag_error(diag, name->place, "\"%s\" stands here twice",
					   name->text);
	}
}

int inventory_parse_prefix(const struct word *word, struct diag *diag, struct prefix *ret_prefix)
{
	int error = prefix_parse(word->text, ret_prefix);
	char network[ADDRESS_TEXT];

	if (error == -EADDRNOTAVAIL)
		diag_error(diag, word->place, "%s contains non-network bits set: the network is %s",
			   word->text, prefix_format(ret_prefix, network));
	else if (error)
		diag_error(diag, word->place, "\"%s\" is not an address or prefix", word->text);
	return error;
}

static void check_hosts(const struct policy *policy, struct diag *diag)
{
	struct prefix prefix;

	for (size_t i = 0; i < policy->hosts_count; i++)
		inventory_parse_prefix(&policy->hosts[i].value, diag, &prefix);
}

static void check_groups(const struct policy *policy, struct diag *diag)
{
	for (size_t i = 0; i < policy->groups_count; i++) {
		const struct words *members = &policy->groups[i].members;

		for (size_t j = 0; j < members->count; j++) {
			const struct word *member = &members->items[j];

			if (!strncmp(member->text, "group:", 6))
				diag_error(diag, member->place,
					   "groups[\"%s\"]: \"%s\": "
					   "group members cannot be recursive",
					   policy->groups[i].name.text, member->text);
			else if (!strchr(member->text, '@'))
				diag_error(diag, member->place,
					   "\"%s\" is not a user: a user has an '@'", member->text);
		}
	}
}

static void check_tags(const struct inventory *inventory, struct diag *diag)
{
	const struct policy *policy = inventory->policy;

	for (size_t i = 0; i < policy->devices_count; i++) {
		const struct words *tags = &policy->devices[i].tags;

		for (size_t j = 0; j < tags->count; j++)
			if (!index_find(&inventory->tags, tags->items[j].text))
				diag_error(diag, tags->items[j].place, "tag not found: \"%s\"",
					   tags->items[j].text);
	}
}

#define INDEX(items, count, word) \
	index_build(items, count, sizeof(*(items)), offsetof(__typeof__(*(items)), word))

void inventory_build(const struct policy *policy, const struct box *box, struct diag *diag,
		     struct inventory *ret_inventory)
{
	struct inventory inventory = {
		.policy = policy,
		.box = box,
		.devices = INDEX(policy->devices, policy->devices_count, name),
		.users = INDEX(policy->devices, policy->devices_count, user),
		.hosts = INDEX(policy->hosts, policy->hosts_count, name),
		.groups = INDEX(policy->groups, policy->groups_count, name),
		.tags = INDEX(policy->tag_owners, policy->tag_owners_count, name),
		.ipsets = INDEX(policy->ipsets, policy->ipsets_count, name),
	};

	inventory.ipset_sets = mem_alloc(policy->ipsets_count * sizeof(*inventory.ipset_sets));
	check_names(&inventory, diag);
	check_interfaces(policy, diag);
	check_hosts(policy, diag);
	check_groups(policy, diag);
	check_tags(&inventory, diag);
	peers_identify(policy, box ? &box->wireguard : NULL, diag, &inventory.peers);
	owners_collect(&inventory, diag);
	*ret_inventory = inventory;
}

size_t inventory_addresses(const struct inventory *inventory, uint32_t device,
			   const address_t **ret_addresses)
{
	const uint32_t *firsts = &inventory->address_firsts[device];

	*ret_addresses = &inventory->addresses[firsts[0]];
	return firsts[1] - firsts[0];
}

void inventory_free(struct inventory *inventory)
{
	index_free(&inventory->devices);
	index_free(&inventory->users);
	index_free(&inventory->hosts);
	index_free(&inventory->groups);
	index_free(&inventory->tags);
	index_free(&inventory->ipsets);
	for (size_t i = 0; inventory->policy && i < inventory->policy->ipsets_count; i++)
		set_free(&inventory->ipset_sets[i].set);
	free(inventory->ipset_sets);
	peers_free(&inventory->peers);
	free(inventory->owners);
	free(inventory->addresses);
	free(inventory->address_firsts);
	set_free(&inventory->reachable);
	*inventory = (struct inventory){};
}
