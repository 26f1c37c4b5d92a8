// SPDX-License-Identifier: GPL-2.0-or-later
#include "peers.h"

#include <stdlib.h>
#include <string.h>

#include "inventory.h"
#include "mem.h"

static int by_key(const void *one, const void *other)
{
	const struct device_key *a = one, *b = other;
	int order = memcmp(a->key, b->key, KEY_BYTES);

	return order ? order : (a->device > b->device) - (a->device < b->device);
}

static void read_keys(struct peers *peers, struct diag *diag)
{
	const struct policy *policy = peers->policy;
	struct device_key *keys = mem_alloc(policy->devices_count * sizeof(*keys));
	size_t count = 0;

	for (size_t i = 0; i < policy->devices_count; i++) {
		const struct word *word = &policy->devices[i].public_key;

		keys[count].device = (uint32_t)i;
		if (word->text && !key_parse(word->text, keys[count].key))
			count++;
		else if (word->text)
			diag_error(diag, word->place,
				   "\"%s\" is not a public key as \"wg show\" prints it",
				   word->text);
	}
	if (count)
		qsort(keys, count, sizeof(*keys), by_key);
	for (size_t i = 1; i < count; i++)
		if (!memcmp(keys[i - 1].key, keys[i].key, KEY_BYTES))
			diag_error(diag, policy->devices[keys[i].device].public_key.place,
				   "this is the key of \"%s\" as well",
				   policy->devices[keys[i - 1].device].name.text);
	peers->keys = keys;
	peers->keys_count = count;
}

/* This box has no peer on itself. */
static uint32_t device_of_key(const struct peers *peers, const uint8_t key[KEY_BYTES])
{
	size_t at = key_search(peers->keys, peers->keys_count, sizeof(*peers->keys), key);

	if (at == peers->keys_count || memcmp(peers->keys[at].key, key, KEY_BYTES) ||
	    peers->policy->devices[peers->keys[at].device].self)
		return DEVICE_NONE;
	return peers->keys[at].device;
}

static const char *name_of(const struct peers *peers, const struct wireguard_peer *peer)
{
	return peers->wireguard->interfaces[peer->interface].name;
}

static bool is_guarded(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < inventory_interfaces(policy); i++)
		if (!strcmp(inventory_interface(policy, i), name))
			return true;
	return false;
}

static bool is_any_read(const struct wireguard *wireguard)
{
	for (size_t i = 0; i < wireguard->interfaces_count; i++)
		if (!wireguard->interfaces[i].error)
			return true;
	return false;
}

/* The key may be on an interface that could not be read. */
static bool may_be_unread(const struct peers *peers, const struct policy_device *device)
{
	const struct wireguard *wireguard = peers->wireguard;

	for (size_t i = 0; i < wireguard->interfaces_count; i++) {
		const struct wireguard_interface *interface = &wireguard->interfaces[i];

		if (interface->error &&
		    (device->interface.text ? !strcmp(interface->name, device->interface.text) :
					      is_guarded(peers->policy, interface->name)))
			return true;
	}
	return false;
}

/* Where it is, and where else: of the peers with this key those that its entry does not exclude. */
struct found {
	const struct wireguard_peer *peer, *second, *elsewhere;
};

static struct found find_key(const struct peers *peers, const struct device_key *key)
{
	const struct policy_device *device = &peers->policy->devices[key->device];
	const struct wireguard *wireguard = peers->wireguard;
	const struct wireguard_peer *peer = wireguard_find(wireguard, key->key);
	struct found found = {};

	for (; peer && peer < wireguard->peers + wireguard->peers_count &&
	       !memcmp(peer->key, key->key, KEY_BYTES);
	     peer++) {
		if (device->interface.text && strcmp(device->interface.text, name_of(peers, peer)))
			found.elsewhere = peer;
		else if (!found.peer)
			found.peer = peer;
		else
			found.second = peer;
	}
	return found;
}

static void warn_absent(const struct peers *peers, const struct policy_device *device,
			const struct found *found, struct diag *diag)
{
	const char *name = device->name.text;

	if (device->unapproved)
		return;
	if (found->second)
		diag_warning(
			diag, device->public_key.place,
			"the key of \"%s\" is on \"%s\" and on \"%s\": until \"interface\" says "
			"which counts, nothing comes from it",
			name, name_of(peers, found->peer), name_of(peers, found->second));
	else if (found->elsewhere)
		diag_warning(
			diag, device->public_key.place,
			"\"%s\" speaks on \"%s\", and its key is on \"%s\": nothing comes from "
			"it",
			name, device->interface.text, name_of(peers, found->elsewhere));
	else
		diag_warning(diag, device->public_key.place,
			     "no WireGuard interface has the key of \"%s\": nothing comes from it",
			     name);
}

static void identify_device(struct peers *peers, const struct device_key *key, struct diag *diag)
{
	const struct policy_device *device = &peers->policy->devices[key->device];
	struct device_peer *identity = &peers->devices[key->device];
	struct found found;

	if (device->self)
		return;
	found = find_key(peers, key);
	if (found.peer && !found.second) {
		identity->standing = STANDING_FOUND;
		identity->peer = (uint32_t)(found.peer - peers->wireguard->peers);
	} else if (found.peer || !may_be_unread(peers, device)) {
		identity->standing = STANDING_ABSENT;
		warn_absent(peers, device, &found, diag);
	}
}

static struct peer_identity identify_peer(const struct peers *peers, uint32_t number)
{
	const struct wireguard_peer *peer = &peers->wireguard->peers[number];
	uint32_t device = device_of_key(peers, peer->key);

	if (device == DEVICE_NONE)
		return (struct peer_identity){ device,
					       is_guarded(peers->policy, name_of(peers, peer)) ?
						       ROLE_PENDING :
						       ROLE_OUTSIDE };
	return (struct peer_identity){ device, peers->devices[device].peer == number ?
						       ROLE_DEVICE :
						       ROLE_MISPLACED };
}

/* Devices without a key are behind the peer that WireGuard routes them to, whoever that is. */
static void mark_written(struct peers *peers, uint32_t device)
{
	const struct policy_device *entry = &peers->policy->devices[device];

	for (size_t i = 0; i < entry->addresses.count; i++) {
		const struct peer_route *route;
		struct prefix prefix;

		if (prefix_parse(entry->addresses.items[i].text, &prefix))
			continue;
		route = peers_route_of(peers, device, &prefix);
		if (route && !peers_route_is_default(peers, route) &&
		    peers->identities[route->peer].role == ROLE_PENDING)
			peers->identities[route->peer].role = ROLE_WRITTEN;
	}
}

static void identify_online(struct peers *peers, struct diag *diag)
{
	const struct wireguard *wireguard = peers->wireguard;
	const struct policy *policy = peers->policy;

	for (size_t i = 0; i < peers->keys_count; i++)
		identify_device(peers, &peers->keys[i], diag);
	peers->identities = mem_alloc(wireguard->peers_count * sizeof(*peers->identities));
	for (size_t i = 0; i < wireguard->peers_count; i++)
		peers->identities[i] = identify_peer(peers, (uint32_t)i);
	peers_collect_routes(peers);
	for (size_t i = 0; i < policy->devices_count; i++)
		if (!policy->devices[i].self && !policy->devices[i].public_key.text)
			mark_written(peers, (uint32_t)i);
}

static void warn_unread(const struct peers *peers, struct diag *diag)
{
	const struct wireguard *wireguard = peers->wireguard;

	for (size_t i = 0; i < wireguard->interfaces_count; i++) {
		const struct wireguard_interface *interface = &wireguard->interfaces[i];

		if (interface->error &&
		    (peers->keys_count || is_guarded(peers->policy, interface->name)))
			diag_warning(diag, PLACE_NONE,
				     "cannot read the peers of \"%s\" (%s): devices there count as "
				     "they are written, and nobody there is found to be pending",
				     interface->name, strerror(-interface->error));
	}
}

void peers_identify(const struct policy *policy, const struct wireguard *wireguard,
		    struct diag *diag, struct peers *ret_peers)
{
	struct peers peers = { .policy = policy };

	peers.devices = mem_alloc(policy->devices_count * sizeof(*peers.devices));
	for (size_t i = 0; i < policy->devices_count; i++)
		peers.devices[i].peer = PEER_NONE;
	read_keys(&peers, diag);
	if (wireguard) {
		peers.wireguard = wireguard;
		warn_unread(&peers, diag);
	}
	if (wireguard && is_any_read(wireguard))
		identify_online(&peers, diag);
	*ret_peers = peers;
}

void peers_free(struct peers *peers)
{
	for (size_t i = 0; peers->devices && i < peers->policy->devices_count; i++)
		set_free(&peers->devices[i].behind);
	free(peers->keys);
	free(peers->identities);
	free(peers->devices);
	free(peers->routes);
	*peers = (struct peers){};
}
