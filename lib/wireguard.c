// SPDX-License-Identifier: GPL-2.0-or-later
#include "wireguard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "mem.h"
#include "wireguard_build.h"

void wireguard_begin(struct wireguard *wireguard, const char *name)
{
	struct wireguard_interface *interface;

	wireguard->interfaces = mem_grow(wireguard->interfaces, wireguard->interfaces_count,
					 &wireguard->interfaces_capacity,
					 sizeof(*wireguard->interfaces));
	interface = &wireguard->interfaces[wireguard->interfaces_count++];
	*interface = (struct wireguard_interface){};
	snprintf(interface->name, sizeof(interface->name), "%s", name);
}

struct wireguard_peer *wireguard_add_peer(struct wireguard *wireguard, const uint8_t key[KEY_BYTES])
{
	struct wireguard_peer *peer;

	wireguard->peers = mem_grow(wireguard->peers, wireguard->peers_count,
				    &wireguard->peers_capacity, sizeof(*wireguard->peers));
	peer = &wireguard->peers[wireguard->peers_count++];
	*peer = (struct wireguard_peer){ .interface = (uint32_t)wireguard->interfaces_count - 1,
					 .first = (uint32_t)wireguard->allowed_count };
	memcpy(peer->key, key, KEY_BYTES);
	return peer;
}

int wireguard_add_allowed(struct wireguard *wireguard, address_t address, unsigned int bits)
{
	struct prefix prefix = { .bits = bits };

	if (bits > 128)
		return -EBADMSG;
	prefix.first = bits ? address & ADDRESS_MAX << (128 - bits) : 0;
	if (address_is_ipv4(address) != address_is_ipv4(prefix.first))
		return 0;
	wireguard->allowed = mem_grow(wireguard->allowed, wireguard->allowed_count,
				      &wireguard->allowed_capacity, sizeof(*wireguard->allowed));
	wireguard->allowed[wireguard->allowed_count++] = prefix;
	wireguard->peers[wireguard->peers_count - 1].count++;
	return 0;
}

void wireguard_forget(struct wireguard *wireguard)
{
	uint32_t last = (uint32_t)wireguard->interfaces_count - 1;

	while (wireguard->peers_count &&
	       wireguard->peers[wireguard->peers_count - 1].interface == last)
		wireguard->allowed_count = wireguard->peers[--wireguard->peers_count].first;
}

void wireguard_fail(struct wireguard *wireguard, int error)
{
	wireguard_forget(wireguard);
	wireguard->interfaces[wireguard->interfaces_count - 1].error = error;
}

static int by_key(const void *one, const void *other)
{
	const struct wireguard_peer *a = one, *b = other;
	int order = memcmp(a->key, b->key, KEY_BYTES);

	return order ? order : (a->interface > b->interface) - (a->interface < b->interface);
}

static int by_prefix(const void *one, const void *other)
{
	const struct prefix *a = one, *b = other;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->bits < b->bits ? -1 : a->bits > b->bits;
}

static void drop_broken(struct wireguard *wireguard)
{
	size_t kept = 0;

	for (size_t i = 1; i < wireguard->peers_count; i++)
		if (!by_key(&wireguard->peers[i - 1], &wireguard->peers[i]))
			wireguard->interfaces[wireguard->peers[i].interface].error = -EBADMSG;
	for (size_t i = 0; i < wireguard->peers_count; i++)
		if (!wireguard->interfaces[wireguard->peers[i].interface].error)
			wireguard->peers[kept++] = wireguard->peers[i];
	wireguard->peers_count = kept;
}

void wireguard_finish(struct wireguard *wireguard)
{
	for (size_t i = 0; i < wireguard->peers_count; i++)
		if (wireguard->peers[i].count > 1)
			qsort(&wireguard->allowed[wireguard->peers[i].first],
			      wireguard->peers[i].count, sizeof(*wireguard->allowed), by_prefix);
	if (wireguard->peers_count)
		qsort(wireguard->peers, wireguard->peers_count, sizeof(*wireguard->peers), by_key);
	drop_broken(wireguard);
}

/* Each peer and allowed IP in a fixed size, so that no two readings are written alike. */
static void write_peer(const struct wireguard *wireguard, const struct wireguard_peer *peer,
		       FILE *out)
{
	fwrite(peer->key, KEY_BYTES, 1, out);
	fwrite(&peer->count, sizeof(peer->count), 1, out);
	for (uint32_t j = peer->first; j < peer->first + peer->count; j++) {
		fwrite(&wireguard->allowed[j].first, sizeof(address_t), 1, out);
		fwrite(&wireguard->allowed[j].bits, sizeof(unsigned int), 1, out);
	}
}

void wireguard_digest(const struct wireguard *wireguard, uint32_t interface, uint8_t ret_sha256[32])
{
	_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	fwrite(&wireguard->interfaces[interface], sizeof(*wireguard->interfaces), 1, out);
	for (size_t i = 0; i < wireguard->peers_count; i++)
		if (wireguard->peers[i].interface == interface)
			write_peer(wireguard, &wireguard->peers[i], out);
	if (fclose(out))
		abort();
	digest_bytes(text, size, ret_sha256);
}

const struct wireguard_peer *wireguard_find(const struct wireguard *wireguard,
					    const uint8_t key[KEY_BYTES])
{
	size_t at = key_search(wireguard->peers, wireguard->peers_count, sizeof(*wireguard->peers),
			       key);

	if (at == wireguard->peers_count || memcmp(wireguard->peers[at].key, key, KEY_BYTES))
		return NULL;
	return &wireguard->peers[at];
}

void wireguard_free(struct wireguard *wireguard)
{
	free(wireguard->interfaces);
	free(wireguard->peers);
	free(wireguard->allowed);
	*wireguard = (struct wireguard){};
}
