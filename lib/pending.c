// SPDX-License-Identifier: GPL-2.0-or-later
#include "pending.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"

static int compare(const struct pending_peer *peer, const uint8_t key[KEY_BYTES],
		   const char *interface)
{
	int order = memcmp(peer->key, key, KEY_BYTES);

	return order ? order : strcmp(peer->interface, interface);
}

static int by_key(const void *one, const void *other)
{
	const struct pending_peer *b = other;

	return compare(one, b->key, b->interface);
}

static void add(struct pending *pending, const struct pending_peer *peer)
{
	pending->peers = mem_grow(pending->peers, pending->count, &pending->capacity,
				  sizeof(*pending->peers));
	pending->peers[pending->count++] = *peer;
}

static void sort(struct pending *pending)
{
	if (pending->count)
		qsort(pending->peers, pending->count, sizeof(*pending->peers), by_key);
}

/* The four words of a line, at their spaces: a name has none. */
static int read_line(char *line, struct pending_peer *peer)
{
	char *key = strtok(line, " \n"), *interface = strtok(NULL, " \n");
	char *since = strtok(NULL, " \n"), *name = strtok(NULL, " \n"), *end;

	if (!name || strtok(NULL, "\n") || key_parse(key, peer->key) ||
	    strlen(interface) >= sizeof(peer->interface))
		return -EBADMSG;
	strcpy(peer->interface, interface);
	errno = 0;
	peer->since = strtoll(since, &end, 10);
	if (*end || errno)
		return -EBADMSG;
	peer->name = strcmp(name, "-") ? mem_strdup(name) : NULL;
	return 0;
}

int pending_read(const struct state *state, struct pending *ret_pending)
{
	_free_ char *path = state_path(state->dir, PENDING_FILE);
	_free_ char *line = NULL;
	FILE *file = fopen(path, "re");
	struct pending pending = {};
	size_t size = 0;
	int error = 0;

	if (!file && errno != ENOENT)
		return -errno;
	while (file && !error && getline(&line, &size, file) > 0) {
		struct pending_peer peer = {};

		error = read_line(line, &peer);
		if (!error)
			add(&pending, &peer);
	}
	if (file && !error && ferror(file))
		error = -EIO;
	if (file)
		fclose(file);
	if (error) {
		pending_free(&pending);
		return error;
	}
	sort(&pending);
	*ret_pending = pending;
	return 0;
}

const struct pending_peer *pending_get(const struct pending *pending, const uint8_t key[KEY_BYTES],
				       const char *interface)
{
	size_t low = 0, high = pending->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(&pending->peers[middle], key, interface);

		if (!order)
			return &pending->peers[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* A device that is not approved waits under its name. */
static bool is_pending(const struct inventory *inventory, uint32_t number, const char **ret_name)
{
	const struct peer_identity *identity = &inventory->peers.identities[number];
	const struct policy_device *device;

	*ret_name = NULL;
	if (identity->role == ROLE_PENDING)
		return true;
	if (identity->role != ROLE_DEVICE)
		return false;
	device = &inventory->policy->devices[identity->device];
	*ret_name = device->name.text;
	return device->unapproved;
}

static void find_now(const struct inventory *inventory, const struct pending *before, int64_t now,
		     struct pending *pending)
{
	const struct wireguard *wireguard = inventory->peers.wireguard;

	for (uint32_t i = 0; i < wireguard->peers_count; i++) {
		const struct wireguard_peer *peer = &wireguard->peers[i];
		struct pending_peer found = { .since = now };
		const struct pending_peer *known;
		const char *name;

		if (!is_pending(inventory, i, &name))
			continue;
		memcpy(found.key, peer->key, KEY_BYTES);
		strcpy(found.interface, wireguard->interfaces[peer->interface].name);
		known = pending_get(before, found.key, found.interface);
		if (known)
			found.since = known->since;
		found.name = name ? mem_strdup(name) : NULL;
		add(pending, &found);
	}
}

static bool is_unread(const struct wireguard *wireguard, const char *interface)
{
	for (size_t i = 0; i < wireguard->interfaces_count; i++)
		if (!strcmp(wireguard->interfaces[i].name, interface))
			return wireguard->interfaces[i].error;
	return false;
}

void pending_find(const struct inventory *inventory, const struct pending *before, int64_t now,
		  struct pending *ret_pending)
{
	const struct wireguard *wireguard = inventory->peers.wireguard;
	struct pending pending = {};

	if (inventory->peers.identities)
		find_now(inventory, before, now, &pending);
	for (size_t i = 0; wireguard && i < before->count; i++) {
		struct pending_peer peer = before->peers[i];

		if (!is_unread(wireguard, peer.interface))
			continue;
		peer.name = peer.name ? mem_strdup(peer.name) : NULL;
		add(&pending, &peer);
	}
	sort(&pending);
	*ret_pending = pending;
}

static bool is_same(const struct pending *one, const struct pending *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++) {
		const char *a = one->peers[i].name, *b = other->peers[i].name;

		if (by_key(&one->peers[i], &other->peers[i]) ||
		    one->peers[i].since != other->peers[i].since ||
		    (a && b ? strcmp(a, b) != 0 : a != b))
			return false;
	}
	return true;
}

static int write_file(const struct state *state, const struct pending *pending)
{
	_free_ char *path = state_path(state->dir, PENDING_FILE);
	_free_ char *text = NULL;
	char key[KEY_TEXT];
	size_t size = 0;
	FILE *out;

	if (!pending->count)
		return unlink(path) && errno != ENOENT ? -errno : 0;
	out = open_memstream(&text, &size);
	if (!out)
		abort();
	for (size_t i = 0; i < pending->count; i++) {
		const struct pending_peer *peer = &pending->peers[i];

		fprintf(out, "%s %s %" PRId64 " %s\n", key_format(peer->key, key), peer->interface,
			peer->since, peer->name ? peer->name : "-");
	}
	if (fclose(out))
		abort();
	return state_write(state, PENDING_FILE, text, size);
}

/* A list that cannot be read is made anew: what is in it is only a time. */
int pending_store(const struct state *state, const struct inventory *inventory, int64_t now)
{
	struct pending before = {}, pending = {};
	bool read = !pending_read(state, &before);
	int error = 0;

	pending_find(inventory, &before, now, &pending);
	if (!read || !is_same(&before, &pending))
		error = write_file(state, &pending);
	pending_free(&before);
	pending_free(&pending);
	return error;
}

void pending_free(struct pending *pending)
{
	for (size_t i = 0; i < pending->count; i++)
		free(pending->peers[i].name);
	free(pending->peers);
	*pending = (struct pending){};
}
