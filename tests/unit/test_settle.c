// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random inventories and random peers: whatever WireGuard says, nobody speaks for a device with a
 * key but its peer, a peer of nobody speaks for nobody, and nothing is an error.
 */
#include "settle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "dice.h"
#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "told.h"
#include "unit.h"
#include "wireguard_build.h"

#define TRIALS	4000
#define HOSTS	16 /* 10.0.0.0 … 10.0.0.15, the last one is this box's */
#define DEVICES 5

struct trial {
	struct dice dice;
	char *policy;
	address_t address;
	struct box box;
	struct checked checked;
	bool addressed[DEVICES]; /* it has "addresses" */
};

static void print_prefix(struct dice *dice, FILE *out)
{
	unsigned int bits = 28 + dice_roll(dice, 5);

	if (dice_chance(dice, 10))
		fprintf(out, "0.0.0.0/0");
	else
		fprintf(out, "10.0.0.%u/%u", dice_roll(dice, HOSTS) & ~0u << (32 - bits), bits);
}

/* Not a single address, which would clash with another's. */
static void print_routes(struct dice *dice, FILE *out)
{
	static const char *const routes[] = { "10.0.0.0/28", "10.0.0.0/29", "10.0.0.8/29",
					      "10.0.0.4/30", "10.0.0.0/24", "0.0.0.0/0" };

	fprintf(out, ",\"routes\":[");
	for (uint32_t i = 0, count = dice_roll(dice, 3); i < count; i++)
		fprintf(out, "%s\"%s\"", i ? "," : "", routes[dice_roll(dice, ARRAY_SIZE(routes))]);
	fprintf(out, "]");
}

static void print_device(struct trial *trial, unsigned int number, FILE *out)
{
	static const char *const places[] = { "wg0", "wg1", "lan0" };
	struct dice *dice = &trial->dice;
	uint8_t key[KEY_BYTES];
	char text[KEY_TEXT];
	bool keyed = dice_chance(dice, 70);

	memset(key, 'a' + (int)number, sizeof(key));
	fprintf(out, "%s\"%c\":{\"approved\":%s", number ? "," : "", 'a' + (int)number,
		dice_chance(dice, 85) ? "true" : "false");
	if (keyed)
		fprintf(out, ",\"publicKey\":\"%s\"", key_format(key, text));
	if (!keyed || dice_chance(dice, 30))
		fprintf(out, ",\"interface\":\"%s\"", places[dice_roll(dice, 3)]);
	trial->addressed[number] = !keyed || dice_chance(dice, 50);
	if (trial->addressed[number])
		fprintf(out, ",\"addresses\":[\"10.0.0.%u\",\"10.0.0.%u\"]", 1 + 2 * number,
			2 + 2 * number);
	print_routes(dice, out);
	fprintf(out, "}");
}

static char *generate(struct trial *trial)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "{\"acls\":[],\"interfaces\":[\"wg0\",\"wg1\"],\"devices\":{");
	for (unsigned int i = 0; i < DEVICES; i++)
		print_device(trial, i, out);
	fprintf(out, "}}");
	fclose(out);
	return text;
}

/* Within an interface an allowed IP is one peer's. */
static bool is_free(const struct wireguard *wireguard, const struct prefix *prefix)
{
	for (size_t i = 0; i < wireguard->peers_count; i++) {
		const struct wireguard_peer *peer = &wireguard->peers[i];

		for (uint32_t j = peer->first; j < peer->first + peer->count; j++)
			if (peer->interface == wireguard->interfaces_count - 1 &&
			    wireguard->allowed[j].first == prefix->first &&
			    wireguard->allowed[j].bits == prefix->bits)
				return false;
	}
	return true;
}

static void add_allowed(struct trial *trial)
{
	struct wireguard *wireguard = &trial->box.wireguard;
	_free_ char *text = NULL;
	struct prefix prefix;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	print_prefix(&trial->dice, out);
	fclose(out);
	ck_assert_int_eq(prefix_parse(text, &prefix), 0);
	if (is_free(wireguard, &prefix))
		wireguard_add_allowed(wireguard, prefix.first, prefix.bits);
}

/* Keys a … e are those of devices, x, y and z nobody's. wg2 is not guarded. */
static void generate_peers(struct trial *trial)
{
	static const char *const names[] = { "wg0", "wg1", "wg2" };
	static const char keys[] = "abcdexyz";
	struct wireguard *wireguard = &trial->box.wireguard;
	uint8_t key[KEY_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		wireguard_begin(wireguard, names[i]);
		for (const char *letter = keys; *letter; letter++) {
			if (dice_chance(&trial->dice, 60))
				continue;
			memset(key, *letter, sizeof(key));
			wireguard_add_peer(wireguard, key);
			for (uint32_t j = dice_roll(&trial->dice, 4); j; j--)
				add_allowed(trial);
		}
	}
	wireguard_finish(wireguard);
}

/* The longest match, without any index. */
static const struct wireguard_peer *route(const struct wireguard *wireguard, uint32_t interface,
					  address_t address, unsigned int *ret_bits)
{
	const struct wireguard_peer *best = NULL;

	*ret_bits = 0;
	for (size_t i = 0; i < wireguard->peers_count; i++) {
		const struct wireguard_peer *peer = &wireguard->peers[i];

		for (uint32_t j = peer->first; j < peer->first + peer->count; j++) {
			const struct prefix *prefix = &wireguard->allowed[j];

			if (peer->interface != interface || address < prefix->first ||
			    address > prefix_last(prefix) || prefix->bits < *ret_bits)
				continue;
			best = peer;
			*ret_bits = prefix->bits;
		}
	}
	return best;
}

/* The narrowest one around it; of equal ones the first. */
static const struct owner *owner_of(const struct inventory *inventory, address_t address)
{
	const struct owner *best = NULL;

	for (size_t i = 0; i < inventory->owners_count; i++) {
		const struct owner *owner = &inventory->owners[i];

		if (address >= owner->prefix.first && address <= prefix_last(&owner->prefix) &&
		    (!best || owner->prefix.bits > best->prefix.bits))
			best = owner;
	}
	return best;
}

/* The device that a packet from there is taken for; DEVICE_NONE: it is refused. */
static uint32_t taken_for(const struct inventory *inventory, address_t address, uint32_t slot)
{
	const struct owner *owner = owner_of(inventory, address);

	if (!owner || owner->speaks & (GATE_SPEAKS_REJECTED | GATE_SPEAKS_SELF) ||
	    !(owner->speaks & slot))
		return DEVICE_NONE;
	return owner->device;
}

/* What is wrong, or NULL. */
static const char *check(const struct trial *trial, uint32_t interface, address_t address)
{
	const struct inventory *inventory = &trial->checked.inventory;
	const struct policy_device *devices = trial->checked.policy.devices;
	uint32_t device = taken_for(inventory, address, 1u << interface);
	unsigned int bits;
	const struct wireguard_peer *peer = route(&trial->box.wireguard, interface, address, &bits);
	bool nobody = peer && peer->key[0] >= 'x';
	bool keyed = device != DEVICE_NONE && devices[device].public_key.text;

	if (address == trial->address)
		return device == DEVICE_NONE ? NULL : "this box's address is a device's";
	if (keyed && (!peer || peer->key[0] != devices[device].name.text[0]))
		return "a device with a key, and packets of another peer";
	if (device != DEVICE_NONE && devices[device].unapproved)
		return "a device that is not approved";
	if (nobody && device != DEVICE_NONE && bits > 96 &&
	    inventory->peers.identities[peer - trial->box.wireguard.peers].role == ROLE_PENDING)
		return "a device, and packets of a peer of nobody";
	return NULL;
}

/* And who has a key alone gets what it has there, if nobody else has it. */
static const char *check_granted(const struct trial *trial, uint32_t interface, address_t address)
{
	const struct inventory *inventory = &trial->checked.inventory;
	const struct wireguard *wireguard = &trial->box.wireguard;
	uint32_t number = (uint32_t)(address - notation_address("10.0.0.0"));
	unsigned int bits, other_bits;
	const struct wireguard_peer *peer = route(wireguard, interface, address, &bits);
	const struct peer_identity *identity;

	if (!peer || bits != 128 || address == trial->address)
		return NULL;
	identity = &inventory->peers.identities[peer - wireguard->peers];
	if (identity->role != ROLE_DEVICE || trial->addressed[identity->device] ||
	    trial->checked.policy.devices[identity->device].unapproved ||
	    (number && (number - 1) / 2 < DEVICES && trial->addressed[(number - 1) / 2]))
		return NULL;
	for (uint32_t i = 0; i < wireguard->interfaces_count; i++)
		if (i != interface && route(wireguard, i, address, &other_bits) &&
		    other_bits == 128)
			return NULL;
	return taken_for(inventory, address, 1u << interface) == identity->device ?
		       NULL :
		       "a device with a key, and not its address";
}

/* Of a trial that went wrong: "wg0 a 10.0.0.4/30", a line for each allowed IP. */
static void print_peers(const struct wireguard *wireguard)
{
	char text[ADDRESS_TEXT];

	for (size_t i = 0; i < wireguard->peers_count; i++) {
		const struct wireguard_peer *peer = &wireguard->peers[i];

		for (uint32_t j = peer->first; j < peer->first + peer->count; j++)
			fprintf(stderr, "%s %c %s\n", wireguard->interfaces[peer->interface].name,
				peer->key[0], prefix_format(&wireguard->allowed[j], text));
	}
}

static void check_all(const struct trial *trial, uint64_t seed)
{
	for (uint32_t interface = 0; interface < 2; interface++)
		for (address_t i = 0; i < HOSTS + 4; i++) {
			address_t address = notation_address("10.0.0.0") + i;
			const char *wrong = check(trial, interface, address);
			char text[ADDRESS_TEXT];

			if (!wrong && i)
				wrong = check_granted(trial, interface, address);
			if (wrong)
				print_peers(&trial->box.wireguard);
			ck_assert_msg(!wrong, "ACLGATE_SEED=%" PRIu64 ": %s on wg%u: %s\n%s", seed,
				      address_format(address, text), interface, wrong,
				      trial->policy);
		}
}

static void try(uint64_t seed)
{
	struct trial trial = { .dice = { seed }, .address = notation_address("10.0.0.15") };
	_free_ char *findings = NULL;

	trial.policy = generate(&trial);
	trial.box.addresses = &trial.address;
	trial.box.count = 1;
	generate_peers(&trial);
	pipeline(&trial.checked, trial.policy, NULL, &trial.box, STAGE_COMPILE);
	findings = told(&trial.checked.diag, &trial.checked.sources);
	ck_assert_msg(!trial.checked.diag.errors, "ACLGATE_SEED=%" PRIu64 ": %s\n%s", seed,
		      findings, trial.policy);
	check_all(&trial, seed);
	checked_free(&trial.checked);
	wireguard_free(&trial.box.wireguard);
	free(trial.policy);
}

START_TEST(settled)
{
	uint64_t seed = dice_seed();

	for (uint64_t i = 0; i < TRIALS; i++)
		try(seed + i);
}
END_TEST

/* What went wrong once. */
static const uint64_t found[] = {
	1860137791, /* two peers of devices without keys have one network in the route of one with */
};

START_TEST(settled_since)
{
	try(found[_i]);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("settle");

	unit_add(suite, settled, 1);
	unit_add(suite, settled_since, ARRAY_SIZE(found));
	return suite;
}
