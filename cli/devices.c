// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "asked.h"
#include "box.h"
#include "counters.h"
#include "ids.h"
#include "json_out.h"
#include "mem.h"
#include "pending.h"

#define TEXT 32 /* bytes of a time or an amount */

/* All that is told, read before anything is printed. */
struct view {
	struct box box;
	struct checked checked;
	struct pending pending;
	struct ids ids;
	struct gate_device_counters *counters; /* by id */
	uint32_t counters_count;
	int64_t now;
};

/* A line: a device, or a peer of none. */
struct line {
	const char *name; /* NULL: no device has the key */
	const char *state;
	const struct wireguard_peer *peer; /* NULL: none is known */
	const struct pending_peer
		*pending; /* since when; NULL: it is not, or not yet in the list */
	char *addresses;  /* "10.0.0.1,fd00::/64", and the same as strings of JSON */
	char *json_addresses;
	uint64_t drops;
	bool counted; /* there are drops to tell */
};

static enum exit_code view_open(const struct options *options, struct view *view)
{
	struct state state = state_get();
	enum exit_code code;
	int error = ids_read(&state, &view->ids);

	if (!error)
		error = counters_of_devices(&state, &view->ids, &view->counters,
					    &view->counters_count);
	if (!error)
		error = pending_read(&state, &view->pending);
	if (!error)
		error = box_read(&view->box);
	if (error)
		return (enum exit_code)print_unreadable(error);
	code = asked_policy(options, &view->box, &view->checked);
	view->now = time(NULL);
	return code;
}

static void view_close(struct view *view)
{
	pending_free(&view->pending);
	ids_free(&view->ids);
	free(view->counters);
	checked_free(&view->checked);
	box_free(&view->box);
}

static const char *interface_of(const struct view *view, const struct wireguard_peer *peer)
{
	return view->box.wireguard.interfaces[peer->interface].name;
}

static const struct pending_peer *pending_of(const struct view *view,
					     const struct wireguard_peer *peer)
{
	return pending_get(&view->pending, peer->key, interface_of(view, peer));
}

static uint64_t drops_of(struct view *view, const char *name)
{
	uint32_t id = ids_get(&view->ids, IDS_DEVICE, name);
	uint64_t drops = 0;

	if (id >= view->counters_count)
		return 0;
	for (enum direction direction = 0; direction < DIRECTION_MAX; direction++)
		for (enum reason reason = 0; reason < REASON_MAX; reason++)
			drops += view->counters[id].dropped_packets[direction][reason];
	return drops;
}

/* By its key; without one the peer that WireGuard routes its first address to. */
static const struct wireguard_peer *peer_of(const struct view *view, uint32_t number)
{
	const struct peers *peers = &view->checked.inventory.peers;
	const struct peer_route *route;
	const address_t *addresses;
	struct prefix prefix = { .bits = 128 };

	if (peers->devices[number].peer != PEER_NONE)
		return &peers->wireguard->peers[peers->devices[number].peer];
	if (peers->policy->devices[number].public_key.text || !peers->identities ||
	    !inventory_addresses(&view->checked.inventory, number, &addresses))
		return NULL;
	prefix.first = addresses[0];
	route = peers_route_of(peers, number, &prefix);
	return route && peers->identities[route->peer].role == ROLE_WRITTEN ?
		       &peers->wireguard->peers[route->peer] :
		       NULL;
}

static const char *state_of(const struct view *view, uint32_t number, const struct line *line)
{
	const struct policy_device *device = &view->checked.policy.devices[number];
	const address_t *addresses;

	if (device->self)
		return "self";
	if (device->unapproved)
		return line->peer && device->public_key.text ? "pending" : "unapproved";
	if (view->checked.inventory.peers.devices[number].standing == STANDING_ABSENT)
		return "no peer";
	if (!inventory_addresses(&view->checked.inventory, number, &addresses))
		return "no address";
	return "allowed";
}

static void add_prefix(FILE *text, FILE *json, const struct prefix *prefix)
{
	char address[ADDRESS_TEXT];

	prefix_format(prefix, address);
	fprintf(text, "%s%s", ftell(text) ? "," : "", address);
	fprintf(json, "%s\"%s\"", ftell(json) ? "," : "", address);
}

/* Of a device those that count, of a peer of none its allowed IPs. */
static void list_addresses(const struct view *view, uint32_t device, struct line *line)
{
	size_t text_size, json_size, count = 0;
	FILE *text = open_memstream(&line->addresses, &text_size);
	FILE *json = open_memstream(&line->json_addresses, &json_size);
	const address_t *addresses;

	if (!text || !json)
		abort();
	if (device != DEVICE_NONE)
		count = inventory_addresses(&view->checked.inventory, device, &addresses);
	for (size_t i = 0; i < count; i++)
		add_prefix(text, json, &(struct prefix){ addresses[i], 128 });
	for (uint32_t i = 0; device == DEVICE_NONE && i < line->peer->count; i++)
		add_prefix(text, json, &view->box.wireguard.allowed[line->peer->first + i]);
	fclose(text);
	fclose(json);
}

static void ago(const struct view *view, const struct wireguard_peer *peer, char text[TEXT])
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	int64_t seconds = peer ? view->now - peer->handshake : 0;
	size_t i = 0;

	if (!peer || !peer->handshake) {
		strcpy(text, peer ? "never" : "-");
		return;
	}
	seconds = seconds < 0 ? 0 : seconds;
	while (i + 1 < ARRAY_SIZE(units) && seconds < units[i].seconds)
		i++;
	snprintf(text, TEXT, "%" PRId64 " %s ago", seconds / units[i].seconds, units[i].unit);
}

static void amount(const struct wireguard_peer *peer, uint64_t bytes, char text[TEXT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double rest = (double)bytes;
	size_t i = 0;

	for (; rest >= 1024 && i + 1 < ARRAY_SIZE(units); i++)
		rest /= 1024;
	if (peer)
		snprintf(text, TEXT, i ? "%.1f %s" : "%.0f %s", rest, units[i]);
	else
		strcpy(text, "-");
}

/* Those of this box fill lines, and "ip address" tells them. */
static const char *addresses_text(const struct line *line)
{
	return *line->addresses && strcmp(line->state, "self") ? line->addresses : "-";
}

static void print_text(const struct view *view, const struct line *line)
{
	char key[KEY_TEXT] = "-", handshake[TEXT], received[TEXT], sent[TEXT], drops[24] = "-";
	char since[40] = "";
	time_t time = line->pending ? (time_t)line->pending->since : 0;

	if (line->peer)
		key_format(line->peer->key, key);
	ago(view, line->peer, handshake);
	amount(line->peer, line->peer ? line->peer->received : 0, received);
	amount(line->peer, line->peer ? line->peer->sent : 0, sent);
	if (line->counted)
		snprintf(drops, sizeof(drops), "%" PRIu64, line->drops);
	if (line->pending)
		strftime(since, sizeof(since), " since %Y-%m-%d %H:%M:%S", localtime(&time));
	printf("%-15s %-44s %-19s %-10s %9s %9s %6s  %s%s\n", line->name ? line->name : "-", key,
	       addresses_text(line), handshake, received, sent, drops, line->state, since);
}

static void print_json_peer(const struct view *view, const struct wireguard_peer *peer)
{
	char key[KEY_TEXT];

	if (!peer) {
		printf("null");
		return;
	}
	printf("{\"key\":\"%s\",\"interface\":", key_format(peer->key, key));
	json_out_string(interface_of(view, peer), stdout);
	printf(",\"last_handshake\":%" PRId64 ",\"received_bytes\":%" PRIu64
	       ",\"sent_bytes\":%" PRIu64 "}",
	       peer->handshake, peer->received, peer->sent);
}

/*
 * {"name":"imac","state":"allowed","addresses":["10.0.0.2"],"dropped_packets":0,"peer":{"key":"…",
 *  "interface":"wg0","last_handshake":1790000000,"received_bytes":1,"sent_bytes":2}}
 *
 * "since" where it is pending; "name" is null for a peer of no device, "peer" where none is known.
 */
static void print_json(const struct view *view, const struct line *line)
{
	static const char *separator = "";

	printf("%s{\"name\":", separator);
	if (line->name)
		json_out_string(line->name, stdout);
	else
		printf("null");
	printf(",\"state\":\"%s\",\"addresses\":[%s]", line->state, line->json_addresses);
	if (line->pending)
		printf(",\"since\":%" PRId64, line->pending->since);
	if (line->counted)
		printf(",\"dropped_packets\":%" PRIu64, line->drops);
	printf(",\"peer\":");
	print_json_peer(view, line->peer);
	printf("}");
	separator = ",";
}

typedef void print_line(const struct view *view, const struct line *line);

static void tell(const struct view *view, uint32_t device, struct line *line, print_line *print)
{
	_free_ char *addresses = NULL, *json_addresses = NULL;

	list_addresses(view, device, line);
	addresses = line->addresses;
	json_addresses = line->json_addresses;
	print(view, line);
}

/* The devices as the inventory has them, then those that nobody named. */
static void tell_all(struct view *view, print_line *print)
{
	const struct policy *policy = &view->checked.policy;
	const struct peers *peers = &view->checked.inventory.peers;

	for (uint32_t i = 0; i < policy->devices_count; i++) {
		struct line line = { .name = policy->devices[i].name.text, .counted = true };

		line.peer = peer_of(view, i);
		line.state = state_of(view, i, &line);
		line.drops = drops_of(view, line.name);
		if (!strcmp(line.state, "pending"))
			line.pending = pending_of(view, line.peer);
		tell(view, i, &line, print);
	}
	for (uint32_t i = 0; peers->identities && i < peers->wireguard->peers_count; i++) {
		struct line line = { .peer = &peers->wireguard->peers[i], .state = "pending" };

		if (peers->identities[i].role != ROLE_PENDING)
			continue;
		line.pending = pending_of(view, line.peer);
		tell(view, DEVICE_NONE, &line, print);
	}
}

static void tell_unread(const struct view *view)
{
	for (size_t i = 0; i < view->box.wireguard.interfaces_count; i++)
		if (view->box.wireguard.interfaces[i].error)
			print_error("cannot read the peers of %s: %s",
				    view->box.wireguard.interfaces[i].name,
				    strerror(-view->box.wireguard.interfaces[i].error));
}

static void show(struct view *view, bool json)
{
	if (json)
		printf("{\"schema_version\":%d,\"devices\":[", JSON_SCHEMA_VERSION);
	else
		printf("%-15s %-44s %-19s %-10s %9s %9s %6s  %s\n", "name", "key", "addresses",
		       "handshake", "received", "sent", "drops", "state");
	tell_all(view, json ? print_json : print_text);
	if (json)
		printf("]}\n");
	tell_unread(view);
}

int command_devices(const struct options *options, char **arguments)
{
	struct view view = {};
	enum exit_code code = view_open(options, &view);

	(void)arguments;
	if (code == EXIT_DONE)
		show(&view, options->json);
	view_close(&view);
	return code;
}
