// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "inventory.h"
#include "mem.h"
#include "peers.h"

static int compare_route(const struct peers *peers, const struct peer_route *route,
			 uint32_t interface, const struct prefix *prefix)
{
	const struct prefix *allowed = &peers->wireguard->allowed[route->allowed];

	if (route->interface != interface)
		return route->interface < interface ? -1 : 1;
	if (allowed->first != prefix->first)
		return allowed->first < prefix->first ? -1 : 1;
	return (allowed->bits > prefix->bits) - (allowed->bits < prefix->bits);
}

static int by_route(const void *one, const void *other, void *context)
{
	const struct peer_route *a = one, *b = other;
	const struct peers *peers = context;

	return compare_route(peers, a, b->interface, &peers->wireguard->allowed[b->allowed]);
}

void peers_collect_routes(struct peers *peers)
{
	const struct wireguard *wireguard = peers->wireguard;
	size_t count = 0;

	peers->routes = mem_alloc(wireguard->allowed_count * sizeof(*peers->routes));
	for (size_t i = 0; i < wireguard->peers_count; i++) {
		const struct wireguard_peer *peer = &wireguard->peers[i];

		for (uint32_t j = peer->first; j < peer->first + peer->count; j++) {
			peers->routes[count++] = (struct peer_route){ peer->interface, j,
								      (uint32_t)i };
			peers->lengths[wireguard->allowed[j].bits] = true;
		}
	}
	peers->routes_count = count;
	if (count)
		qsort_r(peers->routes, count, sizeof(*peers->routes), by_route, peers);
}

static const struct peer_route *find_exact(const struct peers *peers, uint32_t interface,
					   const struct prefix *prefix)
{
	size_t low = 0, high = peers->routes_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_route(peers, &peers->routes[middle], interface, prefix);

		if (!order)
			return &peers->routes[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static const struct peer_route *find_route(const struct peers *peers, uint32_t interface,
					   const struct prefix *prefix)
{
	unsigned int least = address_is_ipv4(prefix->first) ? 96 : 0;

	for (unsigned int bits = prefix->bits + 1; bits-- > least;) {
		struct prefix wider = { prefix->first, bits };
		const struct peer_route *route;

		if (!peers->lengths[bits])
			continue;
		wider.first = bits ? prefix->first & ADDRESS_MAX << (128 - bits) : 0;
		route = find_exact(peers, interface, &wider);
		if (route)
			return route;
	}
	return NULL;
}

const struct wireguard_interface *peers_interface(const struct peers *peers, uint32_t device)
{
	const struct wireguard *wireguard = peers->wireguard;
	const struct policy_device *entry = &peers->policy->devices[device];
	const char *name = entry->interface.text;

	if (peers->devices[device].standing == STANDING_FOUND)
		return &wireguard->interfaces[wireguard->peers[peers->devices[device].peer]
						      .interface];
	if (!name && inventory_interfaces(peers->policy) == 1)
		name = inventory_interface(peers->policy, 0);
	for (size_t i = 0; name && wireguard && i < wireguard->interfaces_count; i++)
		if (!strcmp(name, wireguard->interfaces[i].name) && !wireguard->interfaces[i].error)
			return &wireguard->interfaces[i];
	return NULL;
}

const struct peer_route *peers_route_of(const struct peers *peers, uint32_t device,
					const struct prefix *prefix)
{
	const struct wireguard_interface *interface = peers_interface(peers, device);

	return interface ? find_route(peers, (uint32_t)(interface - peers->wireguard->interfaces),
				      prefix) :
			   NULL;
}

bool peers_route_is_default(const struct peers *peers, const struct peer_route *route)
{
	return prefix_is_default(&peers->wireguard->allowed[route->allowed]);
}

static const struct set *behind(struct peers *peers, uint32_t device)
{
	const struct words *routes = &peers->policy->devices[device].routes;
	struct device_peer *identity = &peers->devices[device];
	struct prefix prefix;

	for (size_t i = 0; i < routes->count && !identity->asked; i++)
		if (!prefix_parse(routes->items[i].text, &prefix))
			set_append_prefix(&identity->behind, &prefix);
	if (!identity->asked)
		set_normalise(&identity->behind);
	identity->asked = true;
	return &identity->behind;
}

bool peers_behind(struct peers *peers, uint32_t device, const struct prefix *prefix)
{
	const struct set *set = behind(peers, device);
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->ranges[middle].last < prefix->first)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->ranges[low].first <= prefix->first &&
	       set->ranges[low].last >= prefix_last(prefix);
}

/* Who has no key is whoever WireGuard takes for it, unless that is somebody else. */
static bool may_be_written(struct peers *peers, const struct peer_route *route,
			   const struct prefix *prefix)
{
	const struct peer_identity *identity = route ? &peers->identities[route->peer] : NULL;

	if (!identity)
		return true;
	switch (identity->role) {
	case ROLE_DEVICE:
	case ROLE_MISPLACED:
		return peers_behind(peers, identity->device, prefix);
	case ROLE_PENDING:
		return peers_route_is_default(peers, route);
	default:
		return true;
	}
}

static void warn_elsewhere(const struct peers *peers, const struct peer_route *route,
			   uint32_t device, const struct prefix *prefix, const struct word *word,
			   struct diag *diag)
{
	const char *name = peers->policy->devices[device].name.text;
	uint32_t other = route ? peers->identities[route->peer].device : DEVICE_NONE;
	char address[ADDRESS_TEXT], key[KEY_TEXT];

	prefix_format(prefix, address);
	if (!route)
		diag_warning(diag, word->place,
			     "WireGuard routes %s to nobody, and not to \"%s\": it counts as "
			     "nobody's",
			     address, name);
	else if (other != DEVICE_NONE)
		diag_warning(diag, word->place,
			     "WireGuard routes %s to \"%s\", and not to \"%s\": it counts as "
			     "nobody's",
			     address, peers->policy->devices[other].name.text, name);
	else
		diag_warning(diag, word->place,
			     "WireGuard routes %s to the key %s, and not to \"%s\": it counts as "
			     "nobody's",
			     address, key_format(peers->wireguard->peers[route->peer].key, key),
			     name);
}

bool peers_confirm(struct peers *peers, uint32_t device, const struct prefix *prefix,
		   const struct word *word, struct diag *diag)
{
	const struct device_peer *identity = &peers->devices[device];
	const struct policy_device *entry = &peers->policy->devices[device];
	const struct peer_route *route;
	bool own;

	if (entry->self || (entry->public_key.text && identity->standing == STANDING_WRITTEN))
		return true;
	if (identity->standing == STANDING_ABSENT)
		return false; /* which was told */
	route = peers_route_of(peers, device, prefix);
	own = identity->standing == STANDING_FOUND ? route && route->peer == identity->peer :
						     may_be_written(peers, route, prefix);
	if (!own && !entry->unapproved)
		warn_elsewhere(peers, route, device, prefix, word, diag);
	return own;
}
