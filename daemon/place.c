// SPDX-License-Identifier: GPL-2.0-or-later
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "box.h"
#include "digest.h"
#include "mem.h"

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

/* What one of them does not tell now, it may tell in a moment. */
static bool is_readable(const struct wireguard *wireguard)
{
	for (size_t i = 0; i < wireguard->interfaces_count; i++)
		if (wireguard->interfaces[i].error)
			return false;
	return true;
}

static int write_place(const struct wanted *wanted, struct box *box, FILE *out)
{
	int error = box_read(box);
	uint8_t peers[32];

	if (error)
		return error;
	if (!is_readable(&box->wireguard))
		return -EAGAIN;
	wireguard_digest(&box->wireguard, peers);
	fwrite(peers, sizeof(peers), 1, out);
	qsort(box->addresses, box->count, sizeof(*box->addresses), by_value);
	fwrite(box->addresses, sizeof(*box->addresses), box->count, out);
	for (size_t i = 0; i < wanted->guarded_count; i++)
		add_interface(wanted->guarded[i], out);
	for (size_t i = 0; i < wanted->outside_count; i++)
		add_interface(wanted->outside[i], out);
	return 0;
}

int place_read(const struct wanted *wanted, uint8_t ret_sha256[32])
{
	_free_ char *bytes = NULL;
	size_t size;
	struct box box = {};
	FILE *out = open_memstream(&bytes, &size);
	int error = out ? write_place(wanted, &box, out) : -errno;

	box_free(&box);
	if (out && fclose(out) && !error)
		error = -errno;
	if (!error)
		digest_bytes(bytes, size, ret_sha256);
	return error;
}
