// SPDX-License-Identifier: GPL-2.0-or-later
#include "invent.h"

#include <netinet/in.h>
#include <stdio.h>
#include <time.h>

#include "dice.h"
#include "mem.h"
#include "timeout.h"

/* Addresses are 10.0.h.l and fd00::hll: a number of twelve bits. */
#define WORLD_BITS 12

struct world {
	FILE *out;
	const struct recipe *recipe;
};

/* What a recipe says of a device beside its addresses. */
struct trait {
	bool renamed; /* its addresses belong to another device now */
	bool unapproved;
	const char *interface;
};

static struct trait trait_of(const struct recipe *recipe, unsigned int device)
{
	static const char *const interfaces[] = { "wg0", "wg0", "wg0", "wg1", "wg1", "lan0" };
	uint64_t before = dice_start(recipe->devices[device]);
	struct trait trait = {
		.renamed = dice_once_in(6),
		.unapproved = dice_once_in(10),
		.interface = interfaces[dice(ARRAY_SIZE(interfaces))],
	};

	dice_start(before);
	return trait;
}

static void write_name(const struct world *world, unsigned int device)
{
	fprintf(world->out, "%s%u", trait_of(world->recipe, device).renamed ? "e" : "d", device);
}

static void write_address(FILE *out, unsigned int number, bool ipv4)
{
	if (ipv4)
		fprintf(out, "10.0.%u.%u", number >> 8, number & 255);
	else
		fprintf(out, "fd00::%x", number);
}

/* "address/length", of @bits fixed bits of the world. */
static void write_prefix(FILE *out, bool ipv4, bool bracketed)
{
	unsigned int bits = dice(WORLD_BITS + 1);
	unsigned int number = dice(1u << WORLD_BITS) >> (WORLD_BITS - bits) << (WORLD_BITS - bits);

	fprintf(out, "%s", bracketed && !ipv4 ? "[" : "");
	write_address(out, number, ipv4);
	fprintf(out, "%s/%u", bracketed && !ipv4 ? "]" : "", (ipv4 ? 32 : 128) - WORLD_BITS + bits);
}

static void write_routes(const struct world *world)
{
	fprintf(world->out, ", \"routes\": [");
	if (dice_once_in(8)) {
		fprintf(world->out, "\"%s\"", dice_once_in(2) ? "0.0.0.0/0" : "::/0");
	} else {
		fprintf(world->out, "\"");
		write_prefix(world->out, dice_once_in(2), false);
		fprintf(world->out, "\"");
	}
	fprintf(world->out, "]");
}

/* No two devices have the same address. */
static void write_device(const struct world *world, unsigned int i)
{
	unsigned int room = (1u << WORLD_BITS) / world->recipe->devices_count;
	struct trait trait = trait_of(world->recipe, i);

	fprintf(world->out, "\t\t\"");
	write_name(world, i);
	fprintf(world->out, "\": { \"addresses\": [\"");
	write_address(world->out, i * room + dice(room), true);
	if (!dice_once_in(8)) {
		fprintf(world->out, "\", \"");
		write_address(world->out, i * room + dice(room), false);
	}
	fprintf(world->out, "\"], \"interface\": \"%s\"", trait.interface);
	if (dice_once_in(3))
		write_routes(world);
	if (dice_once_in(3))
		fprintf(world->out, ", \"user\": \"u%u@x\"", dice(3));
	if (dice_once_in(3))
		fprintf(world->out, ", \"tags\": [\"tag:t%u\"]", dice(2));
	if (trait.unapproved)
		fprintf(world->out, ", \"approved\": false");
	fprintf(world->out, " },\n");
}

static void write_host(const struct world *world, unsigned int i)
{
	bool ipv4 = dice_once_in(2);

	fprintf(world->out, "\t\t\"h%u\": \"", i);
	if (dice_once_in(8))
		fprintf(world->out, "%s", ipv4 ? "0.0.0.0/0" : "::/0");
	else if (dice_once_in(2))
		write_address(world->out, dice(1u << WORLD_BITS), ipv4);
	else
		write_prefix(world->out, ipv4, false);
	fprintf(world->out, "\",\n");
}

static void write_selector(const struct world *world, bool destination)
{
	switch (dice(8)) {
	case 0:
		fprintf(world->out, "*");
		break;
	case 1:
		fprintf(world->out, "u%u@x", dice(3));
		break;
	case 2:
		fprintf(world->out, "tag:t%u", dice(2));
		break;
	case 3:
		fprintf(world->out, "group:g%u", dice(2));
		break;
	case 4:
		write_prefix(world->out, dice_once_in(2), destination);
		break;
	case 5:
		fprintf(world->out, "h%u", dice(world->recipe->hosts_count));
		break;
	default:
		write_name(world, dice(world->recipe->devices_count));
	}
}

static unsigned int some_port(void)
{
	return dice_once_in(10) ? 65535 - dice(3) : 1 + dice(30);
}

static void write_ports(const struct world *world, bool has_ports)
{
	unsigned int low = some_port(), high = some_port();

	if (!has_ports || dice_once_in(5))
		fprintf(world->out, ":*");
	else if (dice_once_in(2))
		fprintf(world->out, ":%u-%u", low < high ? low : high, low < high ? high : low);
	else if (dice_once_in(2))
		fprintf(world->out, ":%u,%u", low, high);
	else
		fprintf(world->out, ":%u", low);
}

/* Soon enough for the clock of a test; now and then too late. */
static void write_expiry(const struct world *world)
{
	static const int seconds[] = { -100, 60, 100, 300, 2000 };
	time_t when = time(NULL) + seconds[dice(ARRAY_SIZE(seconds))];
	struct tm tm;
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &tm));
	fprintf(world->out, "\"expires\": \"%s\", ", text);
}

static void write_rule(const struct world *world)
{
	static const char *const protocols[] = { "tcp",	   "tcp", "udp", "sctp", "icmp",
						 "icmpv6", "gre", "4",	 "136",	 "dccp" };
	unsigned int protocol = dice(ARRAY_SIZE(protocols));
	bool named = dice_once_in(2);

	fprintf(world->out, "\t\t{ \"action\": \"accept\", \"src\": [");
	for (unsigned int i = 0, count = 1 + dice(2); i < count; i++) {
		fprintf(world->out, "%s\"", i ? ", " : "");
		write_selector(world, false);
		fprintf(world->out, "\"");
	}
	fprintf(world->out, "], ");
	if (dice_once_in(5))
		write_expiry(world);
	if (named)
		fprintf(world->out, "\"proto\": \"%s\", ", protocols[protocol]);
	fprintf(world->out, "\"dst\": [");
	for (unsigned int i = 0, count = 1 + dice(3); i < count; i++) {
		fprintf(world->out, "%s\"", i ? ", " : "");
		write_selector(world, true);
		write_ports(world, !named || protocol < 4);
		fprintf(world->out, "\"");
	}
	fprintf(world->out, "] },\n");
}

/* No timeout is so short that the test itself is slow beside it. */
static void write_timeouts(const struct world *world)
{
	fprintf(world->out, "\t\"timeouts\": {");
	for (enum timeout i = 0; i < TIMEOUT_MAX; i++)
		if (dice_once_in(3))
			fprintf(world->out, " \"%s\": %u,", timeout_name(i), 20 + dice(200));
	fprintf(world->out, " },\n");
}

static void write_interface(const struct world *world, const char *name)
{
	unsigned int device = dice(world->recipe->devices_count);

	fprintf(world->out, " { \"name\": \"%s\"", name);
	if (dice_once_in(2))
		fprintf(world->out, ", \"dhcp\": true");
	if (dice_once_in(2) && !trait_of(world->recipe, device).unapproved) {
		fprintf(world->out, ", \"natAs\": \"");
		write_name(world, device);
		fprintf(world->out, "\"");
	}
	fprintf(world->out, " },");
}

static void write_settings(const struct world *world)
{
	uint64_t before = dice_start(world->recipe->settings);

	fprintf(world->out, "\t\"interfaces\": [");
	write_interface(world, "wg0");
	write_interface(world, "wg1");
	fprintf(world->out, " ],\n");
	if (dice_once_in(2))
		write_timeouts(world);
	if (dice_once_in(3))
		fprintf(world->out, "\t\"limits\": { \"flowsPerDevice\": %u },\n", 16 + dice(8));
	if (dice_once_in(8))
		fprintf(world->out, "\t\"mode\": \"audit\",\n");
	dice_start(before);
}

static void write_world(const struct world *world)
{
	uint64_t before = dice_start(world->recipe->world);

	fprintf(world->out, "\t\"devices\": {\n");
	if (dice_once_in(2))
		fprintf(world->out, "\t\t\"box\": { \"self\": true },\n");
	for (unsigned int i = 0; i < world->recipe->devices_count; i++)
		write_device(world, i);
	fprintf(world->out, "\t},\n\t\"hosts\": {\n");
	for (unsigned int i = 0; i < world->recipe->hosts_count; i++)
		write_host(world, i);
	fprintf(world->out, "\t},\n\t\"tagOwners\": { \"tag:t0\": [], \"tag:t1\": [] },\n"
			    "\t\"groups\": { \"group:g0\": [\"u0@x\"],"
			    " \"group:g1\": [\"u1@x\", \"u2@x\"] },\n");
	dice_start(before);
}

struct recipe invent_recipe(bool crowded)
{
	struct recipe recipe = {
		.world = dice_bits(),
		.settings = dice_bits(),
		.devices_count = crowded ? INVENT_DEVICES_MAX : 2 + dice(8),
		.rules_count = crowded ? INVENT_RULES_MAX : 3 + dice(12),
		.hosts_count = 1 + dice(6),
	};

	for (unsigned int i = 0; i < INVENT_DEVICES_MAX; i++)
		recipe.devices[i] = dice_bits();
	for (unsigned int i = 0; i < INVENT_RULES_MAX; i++)
		recipe.rules[i] = dice_bits();
	return recipe;
}

void invent_change(struct recipe *recipe)
{
	for (unsigned int i = 0, count = 2 + recipe->rules_count / 3; i < count; i++)
		recipe->rules[dice(recipe->rules_count)] = dice_bits();
	if (dice_once_in(2))
		recipe->devices[dice(recipe->devices_count)] = dice_bits();
	if (dice_once_in(3))
		recipe->settings = dice_bits();
}

char *invent_policy(const struct recipe *recipe)
{
	struct world world = { .recipe = recipe };
	char *text = NULL;
	size_t size;

	world.out = open_memstream(&text, &size);
	fprintf(world.out, "{\n");
	write_settings(&world);
	write_world(&world);
	fprintf(world.out, "\t\"acls\": [\n");
	for (unsigned int i = 0; i < recipe->rules_count; i++) {
		uint64_t before = dice_start(recipe->rules[i]);

		write_rule(&world);
		dice_start(before);
	}
	fprintf(world.out, "\t],\n}\n");
	fclose(world.out);
	return text;
}
