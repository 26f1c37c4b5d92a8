// SPDX-License-Identifier: GPL-2.0-or-later
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "digest.h"
#include "mem.h"
#include "moment.h"

#define HUNG_PAUSE 5000000 /* us: whoever does not answer holds us up for a second or more */

static int by_value(const void *one, const void *other)
{
	address_t a = *(const address_t *)one, b = *(const address_t *)other;

	return a < b ? -1 : a > b;
}

/* An interface by its name; another one of that name is another place. */
static void add_interface(const char *name, FILE *out)
{
	uint32_t ifindex = if_nametoindex(name);

	fwrite(&ifindex, sizeof(ifindex), 1, out);
}

static int write_addresses(FILE *out)
{
	struct box box = {};
	int error = box_read_addresses(&box);

	if (error)
		return error;
	qsort(box.addresses, box.count, sizeof(*box.addresses), by_value);
	fwrite(box.addresses, sizeof(*box.addresses), box.count, out);
	box_free(&box);
	return 0;
}

static size_t find_tunnel(const struct place *place, const char *name)
{
	size_t i = 0;

	while (i < place->tunnels_count && strcmp(place->tunnels[i].name, name))
		i++;
	return i;
}

static int read_wireguard(const struct place *place, struct wireguard *ret_wireguard)
{
	const char *hung[PLACE_TUNNELS];
	size_t count = 0;

	for (size_t i = 0; i < place->tunnels_count; i++)
		if (moment_now() < place->tunnels[i].hung)
			hung[count++] = place->tunnels[i].name;
	return wireguard_read_but(hung, count, ret_wireguard);
}

/* What it tells, or told last. */
static void write_tunnel(const struct wireguard *wireguard, uint32_t number,
			 const struct place *before, struct place *place, FILE *out)
{
	const struct wireguard_interface *interface = &wireguard->interfaces[number];
	size_t known = find_tunnel(before, interface->name);
	uint8_t sha256[32] = {};
	uint64_t hung = 0;

	if (!interface->error)
		wireguard_digest(wireguard, number, sha256);
	else if (known < before->tunnels_count)
		memcpy(sha256, before->tunnels[known].sha256, sizeof(sha256));
	if (interface->error == -ETIMEDOUT) {
		hung = known < before->tunnels_count ? before->tunnels[known].hung : 0;
		hung = hung > moment_now() ? hung : moment_now() + HUNG_PAUSE;
	}
	place->unread |= interface->error != 0;
	fwrite(sha256, sizeof(sha256), 1, out);
	if (place->tunnels_count == PLACE_TUNNELS)
		return;
	memcpy(place->tunnels[place->tunnels_count].name, interface->name, IFNAMSIZ);
	memcpy(place->tunnels[place->tunnels_count].sha256, sha256, sizeof(sha256));
	place->tunnels[place->tunnels_count++].hung = hung;
}

static int write_place(const struct wanted *wanted, const struct place *before, struct place *place,
		       FILE *out)
{
	struct wireguard wireguard = {};
	int error = write_addresses(out);

	if (!error)
		error = read_wireguard(before, &wireguard);
	for (uint32_t i = 0; i < wireguard.interfaces_count; i++)
		write_tunnel(&wireguard, i, before, place, out);
	wireguard_free(&wireguard);
	for (size_t i = 0; i < wanted->guarded_count; i++)
		add_interface(wanted->guarded[i], out);
	for (size_t i = 0; i < wanted->outside_count; i++)
		add_interface(wanted->outside[i], out);
	return error;
}

int place_read(const struct wanted *wanted, struct place *place)
{
	_free_ char *bytes = NULL;
	size_t size;
	struct place next = {};
	FILE *out = open_memstream(&bytes, &size);
	int error = out ? write_place(wanted, place, &next, out) : -errno;

	if (out && fclose(out) && !error)
		error = -errno;
	if (error)
		return error;
	digest_bytes(bytes, size, next.sha256);
	*place = next;
	return 0;
}
