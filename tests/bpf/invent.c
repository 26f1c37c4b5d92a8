// SPDX-License-Identifier: GPL-2.0-or-later
#include "invent.h"

#include <netinet/in.h>
#include <stdio.h>

#include "dice.h"
#include "mem.h"
#include "ports.h"

/* Addresses are 10.0.h.l and fd00::hll: a number of twelve bits. */
#define WORLD_BITS 12

struct world {
	FILE *out;
	unsigned int devices;
	unsigned int hosts;
	unsigned int rules;
};

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

static void write_routes(struct world *world)
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
static void write_device(struct world *world, unsigned int i)
{
	unsigned int room = (1u << WORLD_BITS) / world->devices;

	fprintf(world->out, "\t\t\"d%u\": { \"addresses\": [\"", i);
	write_address(world->out, i * room + dice(room), true);
	fprintf(world->out, "\", \"");
	write_address(world->out, i * room + dice(room), false);
	fprintf(world->out, "\"]");
	if (dice_once_in(3))
		write_routes(world);
	if (dice_once_in(3))
		fprintf(world->out, ", \"user\": \"u%u@x\"", dice(3));
	if (dice_once_in(3))
		fprintf(world->out, ", \"tags\": [\"tag:t%u\"]", dice(2));
	if (dice_once_in(5))
		fprintf(world->out, ", \"interface\": \"lan0\"");
	if (dice_once_in(10))
		fprintf(world->out, ", \"approved\": false");
	fprintf(world->out, " },\n");
}

static void write_host(struct world *world, unsigned int i)
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

static void write_selector(struct world *world, bool destination)
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
		fprintf(world->out, "h%u", dice(world->hosts));
		break;
	default:
		fprintf(world->out, "d%u", dice(world->devices));
	}
}

static unsigned int some_port(void)
{
	return dice_once_in(10) ? 65535 - dice(3) : 1 + dice(30);
}

static void write_ports(struct world *world, bool has_ports)
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

static void write_rule(struct world *world)
{
	static const char *const protocols[] = {
		"tcp", "udp", "sctp", "icmp", "icmpv6", "gre", "4"
	};
	unsigned int protocol = dice(ARRAY_SIZE(protocols));
	bool named = dice_once_in(2);

	fprintf(world->out, "\t\t{ \"action\": \"accept\", \"src\": [");
	for (unsigned int i = 0, count = 1 + dice(2); i < count; i++) {
		fprintf(world->out, "%s\"", i ? ", " : "");
		write_selector(world, false);
		fprintf(world->out, "\"");
	}
	fprintf(world->out, "], ");
	if (named)
		fprintf(world->out, "\"proto\": \"%s\", ", protocols[protocol]);
	fprintf(world->out, "\"dst\": [");
	for (unsigned int i = 0, count = 1 + dice(3); i < count; i++) {
		fprintf(world->out, "%s\"", i ? ", " : "");
		write_selector(world, true);
		write_ports(world, !named || protocol < 3);
		fprintf(world->out, "\"");
	}
	fprintf(world->out, "] },\n");
}

char *invent_policy(bool crowded)
{
	struct world world = {
		.devices = crowded ? 100 : 2 + dice(8),
		.hosts = 1 + dice(6),
		.rules = crowded ? 60 : 1 + dice(10),
	};
	char *text = NULL;
	size_t size;

	world.out = open_memstream(&text, &size);
	fprintf(world.out, "{\n\t\"devices\": {\n");
	if (dice_once_in(2))
		fprintf(world.out, "\t\t\"box\": { \"self\": true },\n");
	for (unsigned int i = 0; i < world.devices; i++)
		write_device(&world, i);
	fprintf(world.out, "\t},\n\t\"hosts\": {\n");
	for (unsigned int i = 0; i < world.hosts; i++)
		write_host(&world, i);
	fprintf(world.out, "\t},\n\t\"tagOwners\": { \"tag:t0\": [], \"tag:t1\": [] },\n"
			   "\t\"groups\": { \"group:g0\": [\"u0@x\"],"
			   " \"group:g1\": [\"u1@x\", \"u2@x\"] },\n\t\"acls\": [\n");
	for (unsigned int i = 0; i < world.rules; i++)
		write_rule(&world);
	fprintf(world.out, "\t],\n}\n");
	fclose(world.out);
	return text;
}
