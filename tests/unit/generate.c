// SPDX-License-Identifier: GPL-2.0-or-later
#include "generate.h"

#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "select.h"

#define DEVICES_FEW  14
#define DEVICES_MANY 140 /* more than TABLE_NARROW_MAX: "*" becomes wide */
#define USERS	     4
#define GROUPS	     3
#define TAGS	     4
#define HOSTS	     5
#define IPSETS	     3

struct generator {
	struct dice *dice;
	FILE *out;
	uint32_t devices;
	address_t *used; /* addresses that are somebody's already */
	size_t used_count, used_capacity;
};

static const address_t ends[] = {
	0,
	1,
	ADDRESS_IPV4 - 1,
	ADDRESS_IPV4,
	ADDRESS_IPV4 + 1,
	ADDRESS_IPV4 + 0x7fffffff,
	ADDRESS_IPV4 + 0x80000000,
	ADDRESS_IPV4_LAST,
	ADDRESS_IPV4_LAST + 1,
	ADDRESS_MAX - 1,
	ADDRESS_MAX,
};

address_t generate_address(struct dice *dice)
{
	static const address_t lan4 = ADDRESS_IPV4 + 0x0a000000; /* 10.0.0.0 */
	static const address_t lan6 = (address_t)0xfd77 << 112;	 /* fd77:: */
	uint32_t kind = dice_roll(dice, 10);

	if (kind < 4)
		return lan4 + dice_roll(dice, 64);
	if (kind < 6)
		return lan4 + dice_roll(dice, 1024);
	if (kind < 8)
		return lan6 + dice_roll(dice, 256);
	if (kind < 9)
		return ends[dice_roll(dice, ARRAY_SIZE(ends))];
	return lan4 + dice_roll(dice, 1u << 20);
}

static struct prefix random_prefix(struct dice *dice)
{
	static const unsigned int lengths4[] = { 0, 1, 8, 12, 16, 22, 24, 26, 28, 29, 30, 31 };
	static const unsigned int lengths6[] = { 0,  1,	 8,  16,  48,  64,  79,	 80,
						 81, 95, 96, 112, 120, 124, 126, 127 };
	struct prefix prefix = { generate_address(dice), 0 };

	prefix.bits = address_is_ipv4(prefix.first) ?
			      96 + lengths4[dice_roll(dice, ARRAY_SIZE(lengths4))] :
			      lengths6[dice_roll(dice, ARRAY_SIZE(lengths6))];
	prefix.first &= prefix.bits ? ADDRESS_MAX << (128 - prefix.bits) : 0;
	return prefix;
}

/* One that a device may have: not unspecified, loopback or multicast. */
static bool is_ordinary(address_t address)
{
	uint32_t octet = (uint32_t)(address >> 24 & 0xff);

	if (address_is_ipv4(address))
		return octet != 0 && octet != 127 && octet < 224;
	return address > 1 && address >> 120 != 0xff;
}

static struct prefix put_prefix(struct generator *generator)
{
	struct prefix prefix = random_prefix(generator->dice);
	char text[ADDRESS_TEXT];

	fprintf(generator->out, "%s", prefix_format(&prefix, text));
	return prefix;
}

static void put_route(struct generator *generator)
{
	struct prefix prefix = random_prefix(generator->dice);
	char text[ADDRESS_TEXT];

	while (!is_ordinary(prefix.first) && !prefix_is_default(&prefix))
		prefix = random_prefix(generator->dice);
	fprintf(generator->out, "%s", prefix_format(&prefix, text));
}

static void put_address(struct generator *generator, address_t address)
{
	char text[ADDRESS_TEXT];

	fprintf(generator->out, "%s", address_format(address, text));
}

/* No two devices may have the same. */
static address_t unused_address(struct generator *generator)
{
	for (;;) {
		address_t address = generate_address(generator->dice);
		size_t i = 0;

		if (!is_ordinary(address))
			continue;
		while (i < generator->used_count && generator->used[i] != address)
			i++;
		if (i < generator->used_count)
			continue;
		generator->used = mem_grow(generator->used, generator->used_count,
					   &generator->used_capacity, sizeof(*generator->used));
		generator->used[generator->used_count++] = address;
		return address;
	}
}

static const char *separator(uint32_t i)
{
	return i ? ", " : "";
}

static void put_device(struct generator *generator, uint32_t number, bool self, bool interfaces)
{
	static const char *const names[] = { "wg0", "lan0", "eth9" };
	struct dice *dice = generator->dice;
	uint32_t addresses = 1 + dice_roll(dice, 3), routes = dice_roll(dice, 4);

	fprintf(generator->out, "%s\n  \"d%u\": { \"addresses\": [", separator(number), number);
	for (uint32_t i = 0; i < addresses; i++) {
		fprintf(generator->out, "%s\"", separator(i));
		put_address(generator, unused_address(generator));
		fprintf(generator->out, "\"");
	}
	fprintf(generator->out, "], \"routes\": [");
	if (dice_chance(dice, 5)) {
		fprintf(generator->out, "\"0.0.0.0/0\", \"::/0\"");
		routes = 0;
	}
	for (uint32_t i = 0; i < routes && dice_chance(dice, 40); i++) {
		fprintf(generator->out, "%s\"", separator(i));
		put_route(generator);
		fprintf(generator->out, "\"");
	}
	fprintf(generator->out, "]");
	if (dice_chance(dice, 60))
		fprintf(generator->out, ", \"user\": \"u%u@x\"", dice_roll(dice, USERS));
	if (dice_chance(dice, 25))
		fprintf(generator->out, ", \"tags\": [\"tag:t%u\"]", dice_roll(dice, TAGS));
	if (interfaces)
		fprintf(generator->out, ", \"interface\": \"%s\"", names[dice_roll(dice, 3)]);
	if (self)
		fprintf(generator->out, ", \"self\": true");
	else if (dice_chance(dice, 10))
		fprintf(generator->out, ", \"approved\": false");
	fprintf(generator->out, " }");
}

static void put_devices(struct generator *generator)
{
	struct dice *dice = generator->dice;
	bool interfaces = dice_chance(dice, 30);
	uint32_t self = dice_chance(dice, 50) ? dice_roll(dice, generator->devices) : UINT32_MAX;

	if (interfaces)
		fprintf(generator->out, "\"interfaces\": [\"wg0\", \"lan0\"],\n");
	fprintf(generator->out, "\"devices\": {");
	for (uint32_t i = 0; i < generator->devices; i++)
		put_device(generator, i, i == self, interfaces);
	fprintf(generator->out, "\n},\n");
}

/* Somewhere in a prefix, in its first part if it is a large one. */
static address_t address_in(struct dice *dice, const struct prefix *prefix)
{
	address_t offset = dice_roll(dice, 1u << 16);
	address_t most = prefix_last(prefix) - prefix->first;

	return prefix->first + (offset < most ? offset : most);
}

/* Each has a hole of one address or a prefix, and takes from the one before it. */
static void put_ipsets(struct generator *generator)
{
	FILE *out = generator->out;

	fprintf(out, "\"ipsets\": {");
	for (uint32_t i = 0; i < IPSETS; i++) {
		struct prefix prefix;

		fprintf(out, "%s\"ipset:s%u\": [\"", separator(i), i);
		prefix = put_prefix(generator);
		fprintf(out, "\", \"remove ");
		if (dice_chance(generator->dice, 70))
			put_address(generator, address_in(generator->dice, &prefix));
		else
			put_prefix(generator);
		if (i && dice_chance(generator->dice, 50))
			fprintf(out, "\", \"ipset:s%u", i - 1);
		if (dice_chance(generator->dice, 30))
			fprintf(out, "\", \"add h%u", dice_roll(generator->dice, HOSTS));
		fprintf(out, "\"]");
	}
	fprintf(out, "},\n");
}

static void put_names(struct generator *generator)
{
	FILE *out = generator->out;

	fprintf(out, "\"tagOwners\": {");
	for (uint32_t i = 0; i < TAGS; i++)
		fprintf(out, "%s\"tag:t%u\": []", separator(i), i);
	fprintf(out, "},\n\"groups\": {");
	for (uint32_t i = 0; i < GROUPS; i++)
		fprintf(out, "%s\"group:g%u\": [\"u%u@x\", \"u%u@x\"]", separator(i), i,
			dice_roll(generator->dice, USERS), dice_roll(generator->dice, USERS));
	fprintf(out, "},\n\"hosts\": {");
	for (uint32_t i = 0; i < HOSTS; i++) {
		fprintf(out, "%s\"h%u\": \"", separator(i), i);
		put_prefix(generator);
		fprintf(out, "\"");
	}
	fprintf(out, "},\n");
	put_ipsets(generator);
}

static void put_autogroup(struct generator *generator, enum side side)
{
	static const char *const names[] = { "member", "tagged", "internet" };

	fprintf(generator->out, "autogroup:%s",
		names[dice_roll(generator->dice, side == SIDE_SOURCE ? 2 : 3)]);
}

static void put_selector(struct generator *generator, enum side side)
{
	struct dice *dice = generator->dice;
	uint32_t kind = dice_roll(dice, 22);

	if (kind < 2)
		fprintf(generator->out, "*");
	else if (kind == 20)
		fprintf(generator->out, "ipset:s%u", dice_roll(dice, IPSETS));
	else if (kind == 21)
		put_autogroup(generator, side);
	else if (kind < 4)
		fprintf(generator->out, "u%u@x", dice_roll(dice, USERS));
	else if (kind < 6)
		fprintf(generator->out, "group:g%u", dice_roll(dice, GROUPS));
	else if (kind < 8)
		fprintf(generator->out, "tag:t%u", dice_roll(dice, TAGS));
	else if (kind < 9)
		fprintf(generator->out, "h%u", dice_roll(dice, HOSTS));
	else if (kind < 11)
		put_address(generator, generate_address(dice));
	else if (kind < 14)
		put_prefix(generator);
	else
		fprintf(generator->out, "d%u", dice_roll(dice, generator->devices));
}

static void put_port(struct generator *generator)
{
	static const char *const ends_of_ports[] = { "1", "65535", "1-65535", "65534-65535",
						     "1-2" };
	struct dice *dice = generator->dice;
	uint32_t low = 1 + dice_roll(dice, 40);

	if (dice_chance(dice, 15))
		fprintf(generator->out, "%s",
			ends_of_ports[dice_roll(dice, ARRAY_SIZE(ends_of_ports))]);
	else if (dice_chance(dice, 50))
		fprintf(generator->out, "%u", low);
	else
		fprintf(generator->out, "%u-%u", low, low + dice_roll(dice, 20));
}

static void put_ports(struct generator *generator)
{
	uint32_t count = 1 + dice_roll(generator->dice, 4);

	if (dice_chance(generator->dice, 25)) {
		fprintf(generator->out, "*");
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		fprintf(generator->out, "%s", i ? "," : "");
		put_port(generator);
	}
}

/* Most rules stay. One date is past: such a rule matches nothing. */
static void put_expiry(struct generator *generator)
{
	static const char *const times[] = { "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z",
					     "2030-06-15T12:00:00+02:00" };

	if (dice_chance(generator->dice, 20))
		fprintf(generator->out, ", \"expires\": \"%s\"",
			times[dice_roll(generator->dice, 3)]);
}

static void put_selectors(struct generator *generator, enum side side)
{
	uint32_t count = 1 + dice_roll(generator->dice, 3);

	fprintf(generator->out, "[");
	for (uint32_t i = 0; i < count; i++) {
		fprintf(generator->out, "%s\"", separator(i));
		put_selector(generator, side);
		fprintf(generator->out, "\"");
	}
	fprintf(generator->out, "]");
}

/* "selector:ports"; @ports: whether the protocol has them. */
static void put_destinations(struct generator *generator, bool ports)
{
	uint32_t count = 1 + dice_roll(generator->dice, 3);

	fprintf(generator->out, "[");
	for (uint32_t i = 0; i < count; i++) {
		fprintf(generator->out, "%s\"", separator(i));
		put_selector(generator, SIDE_DESTINATION);
		fprintf(generator->out, ":");
		if (ports)
			put_ports(generator);
		else
			fprintf(generator->out, "*");
		fprintf(generator->out, "\"");
	}
	fprintf(generator->out, "]");
}

/* @device: where it is one, the rule is about that alone, so that each gets a class of its own. */
static void put_rule(struct generator *generator, uint32_t device)
{
	static const char *const protocols[] = { "tcp",	      "udp", "sctp", "icmp",
						 "ipv6-icmp", "gre", "99" };
	struct dice *dice = generator->dice;
	uint32_t protocol = dice_chance(dice, 60) ? UINT32_MAX : dice_roll(dice, 7);

	fprintf(generator->out, "  { \"action\": \"accept\", \"src\": ");
	if (device != UINT32_MAX)
		fprintf(generator->out, "[\"d%u\"]", device);
	else
		put_selectors(generator, SIDE_SOURCE);
	fprintf(generator->out, ", \"dst\": ");
	put_destinations(generator, protocol == UINT32_MAX || protocol < 3);
	if (protocol != UINT32_MAX)
		fprintf(generator->out, ", \"proto\": \"%s\"", protocols[protocol]);
	put_expiry(generator);
	fprintf(generator->out, " },\n");
}

/* Of a user, to the same user's devices. */
static void put_self_rule(struct generator *generator)
{
	fprintf(generator->out, "  { \"action\": \"accept\", \"src\": [\"group:g%u\", \"u%u@x\"], ",
		dice_roll(generator->dice, GROUPS), dice_roll(generator->dice, USERS));
	fprintf(generator->out, "\"dst\": [\"autogroup:self:");
	put_ports(generator);
	fprintf(generator->out, "\"]");
	put_expiry(generator);
	fprintf(generator->out, " },\n");
}

static void put_grant(struct generator *generator)
{
	static const char *const services[] = {
		"*",	  "tcp:1-20", "udp:5,7",     "icmp:*",
		"igmp:*", "sctp:3",   "ipv6-icmp:*", "11-13,65535"
	};
	struct dice *dice = generator->dice;

	fprintf(generator->out, "  { \"src\": ");
	put_selectors(generator, SIDE_SOURCE);
	fprintf(generator->out, ", \"dst\": [\"d%u\", \"group:g%u\"], \"ip\": [\"%s\", \"%s\"]",
		dice_roll(dice, generator->devices), dice_roll(dice, GROUPS),
		services[dice_roll(dice, ARRAY_SIZE(services))],
		services[dice_roll(dice, ARRAY_SIZE(services))]);
	put_expiry(generator);
	fprintf(generator->out, " },\n");
}

static void put_rules(struct generator *generator, bool one_for_each)
{
	uint32_t rules = 1 + dice_roll(generator->dice, 25);
	uint32_t grants = dice_roll(generator->dice, 6);

	fprintf(generator->out, "\"acls\": [\n");
	for (uint32_t i = 0; i < rules; i++)
		put_rule(generator, UINT32_MAX);
	if (dice_chance(generator->dice, 50))
		put_self_rule(generator);
	for (uint32_t i = 0; one_for_each && i < generator->devices; i++)
		put_rule(generator, i);
	fprintf(generator->out, "],\n\"grants\": [\n");
	for (uint32_t i = 0; i < grants; i++)
		put_grant(generator);
	fprintf(generator->out, "],\n");
}

char *generate_policy(struct dice *dice)
{
	char *text = NULL;
	size_t size = 0;
	struct generator generator = { .dice = dice, .out = open_memstream(&text, &size) };
	bool many = dice_chance(dice, 15);

	generator.devices = 1 + dice_roll(dice, DEVICES_FEW);
	if (many)
		generator.devices += DEVICES_MANY - DEVICES_FEW;
	fprintf(generator.out, "{\n");
	put_devices(&generator);
	put_names(&generator);
	put_rules(&generator, many);
	fprintf(generator.out, "}\n");
	fclose(generator.out);
	free(generator.used);
	return text;
}
