// SPDX-License-Identifier: GPL-2.0-or-later
#include "inventory.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "ids.h"
#include "mem.h"

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

static bool is_interface_name(const char *name)
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

		if (!is_interface_name(name->text))
			diag_error(diag, name->place, "\"%s\" cannot be the name of an interface",
				   name->text);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(name->text, interfaces[j].name.text))
				diag_error(diag, name->place, "\"%s\" stands here twice",
					   name->text);
	}
}

/* The slot of an unguarded interface. */
static uint32_t outside_slot(struct inventory *inventory, const struct word *name,
			     struct diag *diag)
{
	size_t slot = 0;

	while (slot < inventory->outside_count && strcmp(inventory->outside[slot], name->text))
		slot++;
	if (slot == GATE_OUTSIDE_MAX) {
		diag_error(diag, name->place,
			   "devices are bound to more than %d unguarded interfaces",
			   GATE_OUTSIDE_MAX);
		return 0;
	}
	if (slot == inventory->outside_count)
		inventory->outside[inventory->outside_count++] = name->text;
	return 1u << (GATE_GUARDED_MAX + slot);
}

static uint32_t device_speaks(struct inventory *inventory, const struct policy_device *device,
			      struct diag *diag)
{
	size_t guarded = inventory_interfaces(inventory->policy);

	if (device->self)
		return GATE_SPEAKS_SELF;
	if (!device->interface.text && guarded == 1)
		return 1u;
	if (!device->interface.text) {
		diag_error(diag, device->name.place,
			   "device \"%s\" needs \"interface\": several interfaces are guarded",
			   device->name.text);
		return 0;
	}
	for (size_t slot = 0; slot < guarded && slot < GATE_GUARDED_MAX; slot++)
		if (!strcmp(inventory_interface(inventory->policy, slot), device->interface.text))
			return 1u << slot;
	return outside_slot(inventory, &device->interface, diag);
}

static void own(struct inventory *inventory, const struct prefix *prefix, uint32_t device,
		uint32_t speaks)
{
	inventory->owners = mem_grow(inventory->owners, inventory->owners_count,
				     &inventory->owners_capacity, sizeof(*inventory->owners));
	inventory->owners[inventory->owners_count++] =
		(struct owner){ .prefix = *prefix, .device = device, .speaks = speaks };
}

static int parse_prefix(const struct word *word, struct diag *diag, struct prefix *ret_prefix)
{
	int error = prefix_parse(word->text, ret_prefix);

	if (error == -EADDRNOTAVAIL)
		diag_error(diag, word->place, "%s contains non-network bits set", word->text);
	else if (error)
		diag_error(diag, word->place, "\"%s\" is not an address or prefix", word->text);
	return error;
}

/*
 * What is behind this box does not speak as the box; and an exit node has the rest of the world
 * behind it, but is not the only way there.
 */
static uint32_t route_speaks(const struct policy_device *device, const struct prefix *route,
			     uint32_t speaks)
{
	if (device->self)
		return (speaks & ~GATE_SPEAKS_SELF) | GATE_SPEAKS_OUTSIDE;
	return prefix_is_default(route) ? speaks | GATE_SPEAKS_OUTSIDE : speaks;
}

static void own_route(struct inventory *inventory, uint32_t number, const struct word *word,
		      uint32_t speaks, struct diag *diag)
{
	const struct policy_device *device = &inventory->policy->devices[number];
	struct prefix prefix;

	if (parse_prefix(word, diag, &prefix))
		return;
	if (!address_is_host(prefix.first) && !prefix_is_default(&prefix))
		diag_error(diag, word->place, "%s cannot be behind a device", word->text);
	else
		own(inventory, &prefix, number, route_speaks(device, &prefix, speaks));
}

static void check_device(const struct policy_device *device, struct diag *diag)
{
	if (device->self && device->unapproved)
		diag_error(diag, device->name.place,
			   "\"%s\" is this box: it needs no approval, and cannot lack it",
			   device->name.text);
	if (device->user.text && !strchr(device->user.text, '@'))
		diag_error(diag, device->user.place, "\"%s\" is not a user: a user has an '@'",
			   device->user.text);
	if (device->interface.text && !is_interface_name(device->interface.text))
		diag_error(diag, device->interface.place,
			   "\"%s\" cannot be the name of an interface", device->interface.text);
}

static void own_device(struct inventory *inventory, uint32_t number, struct diag *diag)
{
	const struct policy_device *device = &inventory->policy->devices[number];
	uint32_t speaks = device_speaks(inventory, device, diag);
	struct prefix prefix;

	check_device(device, diag);
	if (device->unapproved)
		speaks |= GATE_SPEAKS_REJECTED;
	for (size_t i = 0; i < device->addresses.count; i++) {
		const struct word *word = &device->addresses.items[i];

		if (parse_prefix(word, diag, &prefix))
			continue;
		if (prefix.bits < 128)
			diag_error(diag, word->place,
				   "an address of a device is one address; "
				   "a network behind it belongs under \"routes\"");
		else if (!address_is_host(prefix.first))
			diag_error(diag, word->place, "%s cannot be the address of a device",
				   word->text);
		else
			own(inventory, &prefix, number, speaks);
	}
	for (size_t i = 0; i < device->routes.count; i++)
		own_route(inventory, number, &device->routes.items[i], speaks, diag);
	if (!device->addresses.count && !device->public_key.text && !device->self)
		diag_error(diag, device->name.place, "device \"%s\" has no \"addresses\"",
			   device->name.text);
}

/* The addresses of the box belong to the device that is marked "self", if there is one. */
static void own_box(struct inventory *inventory, const struct box *box, struct diag *diag)
{
	const struct policy *policy = inventory->policy;
	uint32_t self = DEVICE_NONE;

	for (size_t i = 0; i < policy->devices_count; i++) {
		if (!policy->devices[i].self)
			continue;
		if (self != DEVICE_NONE)
			diag_error(diag, policy->devices[i].name.place,
				   "\"%s\" is \"self\" as well: only one device is this box",
				   policy->devices[self].name.text);
		self = (uint32_t)i;
	}
	for (size_t i = 0; box && i < box->count; i++) {
		struct prefix prefix = { box->addresses[i], 128 };

		own(inventory, &prefix, self, GATE_SPEAKS_SELF);
	}
}

static int by_prefix(const void *one, const void *other)
{
	const struct owner *a = one, *b = other;

	if (a->prefix.first != b->prefix.first)
		return a->prefix.first < b->prefix.first ? -1 : 1;
	if (a->prefix.bits != b->prefix.bits)
		return a->prefix.bits < b->prefix.bits ? -1 : 1;
	return a->device < b->device ? -1 : a->device > b->device;
}

static const char *owner_name(const struct inventory *inventory, const struct owner *owner)
{
	return owner->device == DEVICE_NONE ? "this box" :
					      inventory->policy->devices[owner->device].name.text;
}

/* Sorted, an address that two devices claim stands twice in a row. Routes may: the first wins. */
static void check_owners(const struct inventory *inventory, struct diag *diag)
{
	char text[ADDRESS_TEXT];

	for (size_t i = 1; i < inventory->owners_count; i++) {
		const struct owner *a = &inventory->owners[i - 1], *b = &inventory->owners[i];
		const struct policy_device *device;

		if (a->prefix.first != b->prefix.first || a->prefix.bits != 128 ||
		    a->device == b->device)
			continue;
		device = &inventory->policy
				  ->devices[b->device == DEVICE_NONE ? a->device : b->device];
		diag_error(diag, device->name.place, "%s belongs to \"%s\" and to \"%s\"",
			   address_format(a->prefix.first, text), owner_name(inventory, a),
			   owner_name(inventory, b));
	}
}

static void fill_reachable(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->owners_count; i++) {
		const struct owner *owner = &inventory->owners[i];

		if (owner->device == DEVICE_NONE || owner->speaks & GATE_SPEAKS_REJECTED ||
		    prefix_is_default(&owner->prefix))
			continue;
		set_append_prefix(&inventory->reachable, &owner->prefix);
	}
	set_normalise(&inventory->reachable);
}

static void check_hosts(const struct policy *policy, struct diag *diag)
{
	struct prefix prefix;

	for (size_t i = 0; i < policy->hosts_count; i++)
		parse_prefix(&policy->hosts[i].value, diag, &prefix);
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
	for (size_t i = 0; i < policy->devices_count; i++)
		own_device(&inventory, (uint32_t)i, diag);
	own_box(&inventory, box, diag);
	if (inventory.owners_count)
		qsort(inventory.owners, inventory.owners_count, sizeof(*inventory.owners),
		      by_prefix);
	check_owners(&inventory, diag);
	fill_reachable(&inventory);
	*ret_inventory = inventory;
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
	free(inventory->owners);
	set_free(&inventory->reachable);
	*inventory = (struct inventory){};
}
