/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which device is behind which peer of WireGuard. */
#ifndef ACLGATE_PEERS_H
#define ACLGATE_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "diag.h"
#include "policy.h"
#include "set.h"
#include "wireguard.h"

#define PEER_NONE UINT32_MAX

/* Of a device. */
enum key_standing {
	STANDING_WRITTEN, /* no key, or none that could be looked for: as the inventory says */
	STANDING_FOUND,	  /* it is behind the peer of this key */
	STANDING_ABSENT, /* its key is nowhere, or where the device does not speak: it is nobody */
};

/* Of a peer. */
enum peer_role {
	ROLE_DEVICE,	/* it is that of a device */
	ROLE_MISPLACED, /* it has the key of a device that does not speak on this interface */
	ROLE_WRITTEN,	/* WireGuard routes the address of a device without a key to it */
	ROLE_PENDING,	/* none of these, on a guarded interface */
	ROLE_OUTSIDE,	/* none of these, elsewhere */
};

struct peer_identity {
	uint32_t device; /* whose key it has, index into policy->devices, or DEVICE_NONE */
	enum peer_role role;
};

struct device_key {
	uint8_t key[KEY_BYTES];
	uint32_t device;
};

/* An allowed IP of a peer. */
struct peer_route {
	uint32_t interface;
	uint32_t allowed; /* index into wireguard->allowed */
	uint32_t peer;
};

struct peers {
	const struct policy *policy;
	const struct wireguard *wireguard; /* NULL offline */
	struct device_key *keys;	   /* sorted */
	size_t keys_count;
	struct peer_identity *identities; /* one for each of wireguard->peers */
	struct device_peer {
		enum key_standing standing;
		uint32_t peer;	   /* index into wireguard->peers where it is found, or PEER_NONE */
		struct set behind; /* its routes, once somebody asked */
		bool asked;
	} * devices;		   /* one for each of policy->devices */
	struct peer_route *routes; /* allowed IPs by interface and prefix */
	size_t routes_count;
	bool lengths[129]; /* that allowed IPs have */
};

/*
 * Tells what is wrong with keys, and what is odd about peers: the former are errors, the latter
 * never, for whoever changes WireGuard must not be able to keep a policy from being loaded.
 * @wireguard may be NULL; both must outlive the peers.
 */
void peers_identify(const struct policy *policy, const struct wireguard *wireguard,
		    struct diag *diag, struct peers *ret_peers);

/* Fills in where WireGuard sends what. */
void peers_collect_routes(struct peers *peers);

/* Where it sends packets to @prefix on the interface of a device, by longest match: NULL, nowhere. */
const struct peer_route *peers_route_of(const struct peers *peers, uint32_t device,
					const struct prefix *prefix);

bool peers_route_is_default(const struct peers *peers, const struct peer_route *route);

/* The interface of WireGuard where a device speaks, or its entry says so: NULL for none. */
const struct wireguard_interface *peers_interface(const struct peers *peers, uint32_t device);

/* Does a prefix lie in the routes of a device, as its entry names them? */
bool peers_behind(struct peers *peers, uint32_t device, const struct prefix *prefix);

/*
 * Is @prefix, which @device's entry has at @word, its own? An address that WireGuard routes to
 * somebody else is not, and a warning says so.
 */
bool peers_confirm(struct peers *peers, uint32_t device, const struct prefix *prefix,
		   const struct word *word, struct diag *diag);

void peers_free(struct peers *peers);

#endif
