// SPDX-License-Identifier: GPL-2.0-or-later
#include "settle.h"

#include <stdio.h>
#include <stdlib.h>

static int by_prefix(const void *one, const void *other)
{
	const struct owner *a = one, *b = other;

	if (a->prefix.first != b->prefix.first)
		return a->prefix.first < b->prefix.first ? -1 : 1;
	if (a->prefix.bits != b->prefix.bits)
		return a->prefix.bits < b->prefix.bits ? -1 : 1;
	if (a->claim != b->claim)
		return a->claim < b->claim ? -1 : 1;
	if (a->refused != b->refused)
		return a->refused ? 1 : -1;
	return a->device < b->device ? -1 : a->device > b->device;
}

static const char *owner_name(const struct inventory *inventory, const struct owner *owner)
{
	return owner->device == DEVICE_NONE ? "this box" :
					      inventory->policy->devices[owner->device].name.text;
}

static bool is_same_prefix(const struct owner *one, const struct owner *other)
{
	return one->prefix.first == other->prefix.first && one->prefix.bits == other->prefix.bits;
}

/* Sorted, an address that two devices claim stands twice in a row. Routes may: the first wins. */
static void check_owners(const struct inventory *inventory, struct diag *diag)
{
	char text[ADDRESS_TEXT];

	for (size_t i = 1; i < inventory->owners_count; i++) {
		const struct owner *a = &inventory->owners[i - 1], *b = &inventory->owners[i];
		const struct policy_device *device;

		if (!is_same_prefix(a, b) || a->prefix.bits != 128 || a->device == b->device ||
		    b->claim != CLAIM_WRITTEN)
			continue;
		device = &inventory->policy
				  ->devices[b->device == DEVICE_NONE ? a->device : b->device];
		diag_error(diag, device->name.place, "%s belongs to \"%s\" and to \"%s\"",
			   address_format(a->prefix.first, text), owner_name(inventory, a),
			   owner_name(inventory, b));
	}
}

/* What was settled before, as the stack of prefixes around the next one. */
struct settling {
	struct inventory *inventory;
	struct diag *diag;
	size_t kept; /* of inventory->owners */
	const struct owner *around[129];
	size_t depth;
};

/* IPv6's ::/0 does not contain IPv4, although the mapped form lies inside. */
static const struct owner *parent_of(struct settling *settling, const struct owner *owner)
{
	while (settling->depth &&
	       prefix_last(&settling->around[settling->depth - 1]->prefix) < owner->prefix.first)
		settling->depth--;
	for (size_t i = settling->depth; i; i--)
		if (address_is_ipv4(settling->around[i - 1]->prefix.first) ==
		    address_is_ipv4(owner->prefix.first))
			return settling->around[i - 1];
	return NULL;
}

static void keep(struct settling *settling, const struct owner *owner)
{
	struct owner *kept = &settling->inventory->owners[settling->kept];
	bool first = !settling->depth ||
		     !is_same_prefix(settling->around[settling->depth - 1], owner);

	*kept = *owner;
	if (kept->refused)
		kept->device = DEVICE_NONE;
	settling->kept++;
	if (first)
		settling->around[settling->depth++] = kept;
}

/* Who has it in the inventory keeps it; unless that was refused, and told, say so. */
static void warn_taken(const struct settling *settling, const struct owner *has,
		       const struct owner *key)
{
	const struct policy_device *device = &settling->inventory->policy->devices[key->device];
	char text[ADDRESS_TEXT];

	if (has->refused || has->device == key->device || device->unapproved)
		return;
	diag_warning(settling->diag, device->public_key.place,
		     "WireGuard routes %s to \"%s\", but it belongs to \"%s\": as \"%s\" it is not "
		     "known",
		     prefix_format(&key->prefix, text), device->name.text,
		     owner_name(settling->inventory, has), device->name.text);
}

/* Several devices have it by their keys, on several interfaces: nobody gets it. */
static bool settle_keys(const struct settling *settling, const struct owner *group, size_t count,
			struct owner *ret_owner)
{
	const struct policy_device *devices = settling->inventory->policy->devices;
	struct owner owner = group[0];
	char text[ADDRESS_TEXT];

	for (size_t i = 1; i < count && group[i].claim == CLAIM_KEY; i++) {
		if (group[i].device == owner.device)
			continue;
		diag_warning(settling->diag, devices[group[i].device].public_key.place,
			     "WireGuard routes %s to \"%s\" and to \"%s\": it counts as nobody's",
			     prefix_format(&owner.prefix, text), devices[owner.device].name.text,
			     devices[group[i].device].name.text);
		owner.refused = true;
		owner.speaks |= group[i].speaks | GATE_SPEAKS_REJECTED;
	}
	*ret_owner = owner;
	return true;
}

/* Where the owner around it does not speak, packets of such a peer are spoofed anyway. */
static bool cuts(const struct owner *parent, const struct owner *owner)
{
	return parent->speaks & owner->speaks & ~GATE_SPEAKS_REJECTED;
}

static void warn_unnamed(const struct settling *settling, const struct owner *owner)
{
	const struct policy_device *device = &settling->inventory->policy->devices[owner->device];
	char text[ADDRESS_TEXT];

	if (!device->unapproved)
		diag_warning(settling->diag, device->public_key.place,
			     "WireGuard routes %s to \"%s\", which does not name it under \"%s\": "
			     "nothing comes from there",
			     prefix_format(&owner->prefix, text), device->name.text,
			     owner->prefix.bits == 128 ? "addresses" : "routes");
}

/*
 * A network that is cut out of the rest of the world, or stands by itself, is as what nobody named:
 * answers of the hosts there must not stop because some peer claims to have them.
 */
static bool settle_nobody(const struct owner *parent, const struct owner *group, size_t count,
			  struct owner *ret_owner)
{
	struct owner owner = group[0];

	for (size_t i = 1; i < count; i++)
		owner.speaks |= group[i].speaks;
	if (parent && !cuts(parent, &owner))
		return false;
	if (owner.prefix.bits < 128 && !parent)
		return false;
	if (owner.prefix.bits < 128 && parent->speaks & GATE_SPEAKS_OUTSIDE) {
		owner.device = DEVICE_NONE;
		owner.speaks = GATE_SPEAKS_OUTSIDE;
	}
	*ret_owner = owner;
	return true;
}

/* Only out of routes of a device with a key: of others nobody knows what is behind which peer. */
static bool settle_hole(const struct settling *settling, const struct owner *parent,
			const struct owner *group, size_t count, struct owner *ret_owner)
{
	struct owner owner = group[0];

	for (size_t i = 1; i < count; i++)
		owner.speaks |= group[i].speaks;
	*ret_owner = owner;
	return parent && parent->device != DEVICE_NONE && cuts(parent, &owner) &&
	       settling->inventory->peers.devices[parent->device].standing == STANDING_FOUND;
}

/* All that claim one prefix, the strongest first. */
static void settle(struct settling *settling, const struct owner *group, size_t count)
{
	const struct owner *parent = parent_of(settling, group);
	struct owner owner = group[0];
	bool stays = false;

	switch (group[0].claim) {
	case CLAIM_WRITTEN:
		for (size_t i = 1; i < count && group[i].claim <= CLAIM_KEY; i++)
			if (group[i].claim == CLAIM_KEY)
				warn_taken(settling, &owner, &group[i]);
		for (size_t i = 0; i < count && group[i].claim == CLAIM_WRITTEN; i++)
			keep(settling, &group[i]);
		return;
	case CLAIM_KEY:
		stays = settle_keys(settling, group, count, &owner);
		break;
	case CLAIM_UNNAMED:
		warn_unnamed(settling, &owner);
		stays = settle_nobody(parent, group, count, &owner);
		break;
	case CLAIM_NOBODY:
		stays = settle_nobody(parent, group, count, &owner);
		break;
	case CLAIM_HOLE:
		stays = settle_hole(settling, parent, group, count, &owner);
		break;
	}
	if (stays)
		keep(settling, &owner);
}

/* In place: what is kept of a group is never more than it had. */
void settle_owners(struct inventory *inventory, struct diag *diag)
{
	struct settling settling = { .inventory = inventory, .diag = diag };
	size_t first = 0;

	if (inventory->owners_count)
		qsort(inventory->owners, inventory->owners_count, sizeof(*inventory->owners),
		      by_prefix);
	check_owners(inventory, diag);

	for (size_t i = 1; i <= inventory->owners_count; i++) {
		if (i < inventory->owners_count &&
		    is_same_prefix(&inventory->owners[first], &inventory->owners[i]))
			continue;
		settle(&settling, &inventory->owners[first], i - first);
		first = i;
	}
	inventory->owners_count = settling.kept;
}
