// SPDX-License-Identifier: GPL-2.0-or-later
#include "owners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "settle.h"

/* ---------------------------------------------------------------- where a device speaks */

/* The slot of an interface, as bit: 0 for one that has none. */
static uint32_t slot_of(const struct inventory *inventory, const char *name)
{
	size_t guarded = inventory_interfaces(inventory->policy);

	for (size_t slot = 0; slot < guarded && slot < GATE_GUARDED_MAX; slot++)
		if (!strcmp(inventory_interface(inventory->policy, slot), name))
			return 1u << slot;
	for (size_t slot = 0; slot < inventory->outside_count; slot++)
		if (!strcmp(inventory->outside[slot], name))
			return 1u << (GATE_GUARDED_MAX + slot);
	return 0;
}

/* The same for one that gets a slot if it has none. 0: there is none left. */
static uint32_t new_slot(struct inventory *inventory, const char *name)
{
	uint32_t slot = slot_of(inventory, name);

	if (slot || inventory->outside_count == GATE_OUTSIDE_MAX)
		return slot;
	inventory->outside[inventory->outside_count] = name;
	return 1u << (GATE_GUARDED_MAX + inventory->outside_count++);
}

static const char no_slot[] = "devices are bound to more than %d unguarded interfaces";

/* On the interface that has its key. WireGuard alone must not make a policy wrong. */
static uint32_t keyed_speaks(struct inventory *inventory, uint32_t number, struct diag *diag)
{
	const struct wireguard_interface *interface = peers_interface(&inventory->peers, number);
	uint32_t slot = new_slot(inventory, interface->name);

	if (!slot)
		diag_warning(diag, inventory->policy->devices[number].public_key.place, no_slot,
			     GATE_OUTSIDE_MAX);
	return slot;
}

static uint32_t device_speaks(struct inventory *inventory, uint32_t number, struct diag *diag)
{
	const struct policy_device *device = &inventory->policy->devices[number];
	uint32_t slot;

	if (device->self)
		return GATE_SPEAKS_SELF;
	if (inventory->peers.devices[number].standing == STANDING_FOUND)
		return keyed_speaks(inventory, number, diag);
	if (!device->interface.text && inventory_interfaces(inventory->policy) == 1)
		return 1u;
	if (!device->interface.text) {
		if (!device->public_key.text) /* else where its key is, if only that were known */
			diag_error(
				diag, device->name.place,
				"device \"%s\" needs \"interface\": several interfaces are guarded",
				device->name.text);
		return 0;
	}
	slot = new_slot(inventory, device->interface.text);
	if (!slot)
		diag_error(diag, device->interface.place, no_slot, GATE_OUTSIDE_MAX);
	return slot;
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

/* ---------------------------------------------------------------- what is written */

static void own(struct inventory *inventory, const struct owner *owner)
{
	inventory->owners = mem_grow(inventory->owners, inventory->owners_count,
				     &inventory->owners_capacity, sizeof(*inventory->owners));
	inventory->owners[inventory->owners_count] = *owner;
	inventory->owners[inventory->owners_count].order = (uint32_t)inventory->owners_count;
	inventory->owners_count++;
}

/* What WireGuard has elsewhere is refused, but for the rest of the world. */
static void own_written(struct inventory *inventory, struct owner *owner, const struct word *word,
			struct diag *diag)
{
	owner->refused = !peers_confirm(&inventory->peers, owner->device, &owner->prefix, word,
					diag);
	inventory->peered |= owner->refused;
	if (owner->refused)
		owner->speaks |= GATE_SPEAKS_REJECTED;
	if (!owner->refused || !prefix_is_default(&owner->prefix))
		own(inventory, owner);
}

static void own_route(struct inventory *inventory, uint32_t number, const struct word *word,
		      uint32_t speaks, struct diag *diag)
{
	const struct policy_device *device = &inventory->policy->devices[number];
	struct owner owner = { .device = number, .claim = CLAIM_WRITTEN, .route = true };

	if (inventory_parse_prefix(word, diag, &owner.prefix))
		return;
	owner.speaks = route_speaks(device, &owner.prefix, speaks);
	if (!address_is_host(owner.prefix.first) && !prefix_is_default(&owner.prefix))
		diag_error(diag, word->place, "%s cannot be behind a device", word->text);
	else
		own_written(inventory, &owner, word, diag);
}

static void own_address(struct inventory *inventory, uint32_t number, const struct word *word,
			uint32_t speaks, struct diag *diag)
{
	struct owner owner = { .device = number, .speaks = speaks, .claim = CLAIM_WRITTEN };

	if (prefix_parse(word->text, &owner.prefix) == -EADDRNOTAVAIL) {
		diag_error(diag, word->place,
			   "an address of a device is one address: write \"%.*s\"",
			   (int)strcspn(word->text, "/"), word->text);
		return;
	}
	if (inventory_parse_prefix(word, diag, &owner.prefix))
		return;
	if (owner.prefix.bits < 128)
		diag_error(diag, word->place,
			   "an address of a device is one address; "
			   "a network behind it belongs under \"routes\"");
	else if (!address_is_host(owner.prefix.first))
		diag_error(diag, word->place, "%s cannot be the address of a device", word->text);
	else
		own_written(inventory, &owner, word, diag);
}

/* ---------------------------------------------------------------- what WireGuard has */

/* An allowed IP of the peer of a device. */
static void own_allowed(struct inventory *inventory, uint32_t number, const struct prefix *prefix,
			uint32_t speaks)
{
	const struct policy_device *device = &inventory->policy->devices[number];
	struct owner owner = { .prefix = *prefix, .device = number, .speaks = speaks };
	bool host = prefix->bits == 128 && address_is_host(prefix->first);

	owner.claim = CLAIM_KEY;
	owner.route = !host || device->addresses.count;
	if (owner.route && !peers_behind(&inventory->peers, number, prefix)) {
		owner.claim = CLAIM_UNNAMED;
		owner.speaks |= GATE_SPEAKS_REJECTED;
	}
	own(inventory, &owner);
}

/* An allowed IP of a peer of no device, or of one that does not count there. */
static void own_nobody(struct inventory *inventory, enum peer_role role,
		       const struct prefix *prefix, uint32_t slot)
{
	struct owner owner = {
		.prefix = *prefix,
		.device = DEVICE_NONE,
		.speaks = slot | GATE_SPEAKS_REJECTED,
		.claim = role == ROLE_PENDING || role == ROLE_MISPLACED ? CLAIM_NOBODY : CLAIM_HOLE,
		.route = true,
	};

	if (slot)
		own(inventory, &owner);
}

/* A /0 is the way to the rest of the world, and no claim to it. */
static void own_peer(struct inventory *inventory, uint32_t number, const uint32_t *speaks)
{
	const struct wireguard *wireguard = inventory->peers.wireguard;
	const struct wireguard_peer *peer = &wireguard->peers[number];
	const struct peer_identity *identity = &inventory->peers.identities[number];
	uint32_t slot = slot_of(inventory, wireguard->interfaces[peer->interface].name);

	for (uint32_t i = peer->first; i < peer->first + peer->count; i++) {
		const struct prefix *prefix = &wireguard->allowed[i];

		if (prefix_is_default(prefix))
			continue;
		if (identity->role == ROLE_DEVICE)
			own_allowed(inventory, identity->device, prefix, speaks[identity->device]);
		else
			own_nobody(inventory, identity->role, prefix, slot);
	}
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
	if (device->interface.text && !inventory_is_interface_name(device->interface.text))
		diag_error(diag, device->interface.place,
			   "\"%s\" cannot be the name of an interface", device->interface.text);
	if (!device->addresses.count && !device->self && !device->public_key.text &&
	    !device->unread)
		diag_error(diag, device->name.place,
			   "device \"%s\" has neither \"addresses\" nor \"publicKey\"",
			   device->name.text);
}

/* Returns where it speaks. */
static uint32_t own_device(struct inventory *inventory, uint32_t number, struct diag *diag)
{
	const struct policy_device *device = &inventory->policy->devices[number];
	uint32_t speaks = device_speaks(inventory, number, diag);

	check_device(device, diag);
	if (device->unapproved)
		speaks |= GATE_SPEAKS_REJECTED;
	for (size_t i = 0; i < device->addresses.count; i++)
		own_address(inventory, number, &device->addresses.items[i], speaks, diag);
	for (size_t i = 0; i < device->routes.count; i++)
		own_route(inventory, number, &device->routes.items[i], speaks, diag);
	return speaks;
}

static void own_devices(struct inventory *inventory, struct diag *diag)
{
	size_t devices = inventory->policy->devices_count;
	_free_ uint32_t *speaks = mem_alloc(devices * sizeof(*speaks));

	for (size_t i = 0; i < devices; i++)
		speaks[i] = own_device(inventory, (uint32_t)i, diag);
	if (!inventory->peers.identities)
		return;
	for (size_t i = 0; i < inventory->peers.wireguard->peers_count; i++)
		own_peer(inventory, (uint32_t)i, speaks);
}

/* The addresses of the box belong to the device that is marked "self", if there is one. */
static void own_box(struct inventory *inventory, const struct box *box, struct diag *diag)
{
	const struct policy *policy = inventory->policy;
	struct owner owner = { .prefix = { .bits = 128 },
			       .device = DEVICE_NONE,
			       .speaks = GATE_SPEAKS_SELF,
			       .claim = CLAIM_WRITTEN };

	for (size_t i = 0; i < policy->devices_count; i++) {
		if (!policy->devices[i].self)
			continue;
		if (owner.device != DEVICE_NONE)
			diag_error(diag, policy->devices[i].name.place,
				   "\"%s\" is \"self\" as well: only one device is this box",
				   policy->devices[owner.device].name.text);
		owner.device = (uint32_t)i;
	}
	for (size_t i = 0; box && i < box->count; i++) {
		owner.prefix.first = box->addresses[i];
		own(inventory, &owner);
	}
}

/* ---------------------------------------------------------------- what others ask for */

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

static bool is_address(const struct owner *owner)
{
	return owner->device != DEVICE_NONE && !owner->route;
}

/* This box has what it was written to have. */
static bool is_repeated(const struct owner *owner, const struct owner *before)
{
	return before->prefix.first == owner->prefix.first && before->device == owner->device &&
	       is_address(before);
}

/* Those that are addresses, as they were written: `natAs` means the first one. */
static const struct owner **collect_addresses(const struct inventory *inventory, size_t claims)
{
	const struct owner **addresses = mem_alloc(claims * sizeof(const struct owner *));
	const struct owner *owners = inventory->owners;

	for (size_t i = 0; i < inventory->owners_count; i++)
		if (is_address(&owners[i]) && !(i && is_repeated(&owners[i], &owners[i - 1])))
			addresses[owners[i].order] = &owners[i];
	return addresses;
}

/* By device: a counting sort. @claims: how many owners there were before they were settled. */
static void fill_addresses(struct inventory *inventory, size_t claims)
{
	size_t devices = inventory->policy->devices_count;
	uint32_t *firsts = mem_alloc((devices + 2) * sizeof(*firsts)); /* firsts[n + 2]: of n */
	_free_ const struct owner **owners = collect_addresses(inventory, claims);

	for (size_t i = 0; i < claims; i++)
		if (owners[i])
			firsts[owners[i]->device + 2]++;
	for (size_t i = 2; i < devices + 2; i++)
		firsts[i] += firsts[i - 1];
	inventory->addresses = mem_alloc(firsts[devices + 1] * sizeof(*inventory->addresses));
	for (size_t i = 0; i < claims; i++)
		if (owners[i])
			inventory->addresses[firsts[owners[i]->device + 1]++] =
				owners[i]->prefix.first;
	inventory->address_firsts = firsts;
}

static bool is_unknown(const struct inventory *inventory, uint32_t number)
{
	const struct policy_device *device = &inventory->policy->devices[number];
	const address_t *addresses;

	return !device->self && !device->unapproved &&
	       !inventory_addresses(inventory, number, &addresses);
}

/* One sentence for all of them: at a boot it may be every device. */
static void tell_unknown(struct inventory *inventory, struct diag *diag)
{
	const struct policy *policy = inventory->policy;
	const struct policy_device *first = NULL;
	char others[48] = "";
	size_t more = 0;

	for (uint32_t i = 0; i < policy->devices_count; i++) {
		const struct policy_device *device = &policy->devices[i];

		inventory->peered |= device->public_key.text && !device->self;
		if (!is_unknown(inventory, i))
			continue;
		inventory->unknown++;
		if (!device->public_key.text || device->addresses.count ||
		    inventory->peers.devices[i].standing != STANDING_WRITTEN)
			continue;
		more += first != NULL;
		first = first ? first : device;
	}
	if (!first || diag->errors)
		return;
	if (more)
		snprintf(others, sizeof(others), " and of %zu more", more);
	diag_add(
		diag, inventory->box ? SEVERITY_WARNING : SEVERITY_NOTE, first->public_key.place,
		"the addresses of \"%s\"%s are known to WireGuard alone, which %s: rules that name "
		"them match nothing",
		first->name.text, others, inventory->box ? "did not tell" : "is not asked here");
}

void owners_collect(struct inventory *inventory, struct diag *diag)
{
	size_t claims;

	own_devices(inventory, diag);
	own_box(inventory, inventory->box, diag);
	claims = inventory->owners_count;
	settle_owners(inventory, diag);
	fill_reachable(inventory);
	fill_addresses(inventory, claims);
	tell_unknown(inventory, diag);
}
