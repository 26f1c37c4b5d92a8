// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "digest.h"
#include "counters.h"
#include "gate.h"
#include "json_out.h"
#include "load.h"
#include "marks.h"
#include "reason.h"

/* All that status tells, read before anything is printed. */
struct view {
	struct gate_status status;
	struct ids ids;
	struct gate_device_counters *devices; /* by id, 0 is for packets of no device */
	uint32_t devices_count;
	bool stored; /* the copies in the state directory are those of the running policy */
};

static bool is_stored(const struct state *state, const struct gate_generation *generation)
{
	struct sources sources = {};
	uint8_t sha256[32];
	bool same = !load_read_copies(state, &sources);

	digest_sources(&sources, sha256);
	sources_free(&sources);
	return same && !memcmp(sha256, generation->sha256, sizeof(sha256));
}

static int view_open(const struct state *state, struct view *view)
{
	int error = gate_status(state, &view->status);

	if (!error)
		error = ids_read(state, &view->ids);
	if (!error)
		error = counters_of_devices(state, &view->ids, &view->devices,
					    &view->devices_count);
	if (!error)
		view->stored = is_stored(state, &view->status.generation);
	return error;
}

static void view_close(struct view *view)
{
	ids_free(&view->ids);
	free(view->devices);
}

static void each_drop(const struct view *view,
		      void (*tell)(const char *device, enum direction direction, enum reason reason,
				   uint64_t packets))
{
	for (uint32_t id = 0; id < view->devices_count; id++)
		for (enum direction direction = 0; direction < DIRECTION_MAX; direction++)
			for (enum reason reason = 1; reason < REASON_MAX; reason++)
				if (view->devices[id].dropped_packets[direction][reason])
					tell(ids_device(&view->ids, id), direction, reason,
					     view->devices[id].dropped_packets[direction][reason]);
}

static void print_drop(const char *device, enum direction direction, enum reason reason,
		       uint64_t packets)
{
	printf("  %-20s %-8s %-18s %" PRIu64 "\n", device, direction_name(direction),
	       reason_name(reason), packets);
}

static void print_devices(const struct view *view)
{
	printf("\n  %-20s %15s %15s %15s\n", "device", "packets passed", "audited", "dropped");
	for (uint32_t id = 0; id < view->devices_count; id++) {
		const struct gate_device_counters *device = &view->devices[id];
		uint64_t passed = 0, audited = 0, dropped = 0;

		for (enum direction direction = 0; direction < DIRECTION_MAX; direction++) {
			passed += device->passed_packets[direction];
			audited += device->audited_packets[direction];
			for (enum reason reason = 0; reason < REASON_MAX; reason++)
				dropped += device->dropped_packets[direction][reason];
		}
		printf("  %-20s %15" PRIu64 " %15" PRIu64 " %15" PRIu64 "\n",
		       ids_device(&view->ids, id), passed, audited, dropped);
	}
}

static const char *early_text(enum early early)
{
	switch (early) {
	case EARLY_NATIVE:
		return ", early drop by XDP in the driver";
	case EARLY_GENERIC:
		return ", early drop by generic XDP";
	default:
		return "";
	}
}

static const char *early_name(enum early early)
{
	switch (early) {
	case EARLY_NATIVE:
		return "native";
	case EARLY_GENERIC:
		return "generic";
	default:
		return "none";
	}
}

static uint8_t mark_bit(const struct gate_status *status)
{
	return status->interfaces_count ? status->interfaces[0].interface.mark_bit : GATE_MARK_BIT;
}

static uint32_t mark_bits(const struct gate_status *status)
{
	return GATE_MARK_JUDGED_AT(mark_bit(status)) | GATE_MARK_REPLY_AT(mark_bit(status));
}

static void print_mark_user(const char *sentence, void *context)
{
	const struct gate_status *status = context;

	printf("warning: others use the mark bits %u and %u: %s\n", mark_bit(status),
	       mark_bit(status) + 1, sentence);
}

static void print_guard(const struct gate_status *status)
{
	if (status->guard_error)
		printf("guard: %s\n", strerror(-status->guard_error));
	else if (!status->guard.stands)
		printf("guard: not there, so a new interface of that name is open; \"aclctl guard on\" puts it up\n");
	else
		printf("guard: kept out %" PRIu64 " packets, and kept in %" PRIu64 "\n",
		       status->guard.unjudged, status->guard.unarmed);
	for (size_t i = 0; i < status->guard.guard.count; i++)
		if (gate_status_find(status, status->guard.guard.places[i].name) < 0)
			printf("%s: shut by the guard; the policy does not guard it\n",
			       status->guard.guard.places[i].name);
}

/* What there is beside nftables only where programs enforce. */
static void print_programs(struct gate_status *status)
{
	print_guard(status);
	marks_find(mark_bits(status), print_mark_user, status);
	printf("flows: %" PRIu64 " of %u\n",
	       (uint64_t)(status->totals.flows_created - status->totals.flows_deleted),
	       2 * GATE_FLOWS_MAX);
}

static void print_text(struct view *view)
{
	const struct gate_generation *generation = &view->status.generation;
	time_t loaded = (time_t)generation->loaded;
	char hash[DIGEST_TEXT], when[32];

	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime(&loaded));
	printf("generation %u, policy %.12s, loaded %s%s\n", generation->number,
	       digest_format(generation->sha256, hash), when,
	       view->status.backend == BACKEND_NFT ? ", by nftables" : "");
	if (!view->stored)
		printf("the running policy is not the stored one\n");
	if (generation->features & GATE_AUDIT)
		printf("audit mode: what only the policy refuses is counted, and passes\n");
	for (size_t i = 0; i < view->status.interfaces_count; i++)
		printf("%s: %s%s\n", view->status.interfaces[i].interface.name,
		       gate_enforcement_text(view->status.interfaces[i].enforcement),
		       early_text(view->status.interfaces[i].early));
	if (view->status.backend == BACKEND_BPF)
		print_programs(&view->status);
	print_devices(view);
	if (view->status.totals.events_lost)
		printf("\nevents lost: %" PRIu64 "\n", (uint64_t)view->status.totals.events_lost);
	printf("\n  dropped packets\n");
	each_drop(view, print_drop);
}

static void print_json_drop(const char *device, enum direction direction, enum reason reason,
			    uint64_t packets)
{
	static const char *separator = "";

	printf("%s{\"device\":", separator);
	json_out_string(device, stdout);
	printf(",\"direction\":\"%s\",\"reason\":\"%s\",\"packets\":%" PRIu64 "}",
	       direction_name(direction), reason_name(reason), packets);
	separator = ",";
}

/* Packets of all devices. */
static uint64_t audited(const struct view *view)
{
	uint64_t packets = 0;

	for (uint32_t id = 0; id < view->devices_count; id++)
		packets += view->devices[id].audited_packets[DIRECTION_INGRESS] +
			   view->devices[id].audited_packets[DIRECTION_EGRESS];
	return packets;
}

static void print_json_mark_user(const char *sentence, void *context)
{
	bool *more = context;

	printf("%s", *more ? "," : "");
	json_out_string(sentence, stdout);
	*more = true;
}

static void print_json_mark_users(const struct gate_status *status)
{
	bool more = false;

	printf(",\"mark_bit\":%u,\"mark_users\":[", mark_bit(status));
	marks_find(mark_bits(status), print_json_mark_user, &more);
	printf("]");
}

/* Ends the object of the guard with the interfaces that it shuts, and the policy does not guard. */
static void print_json_shut(const struct gate_status *status)
{
	const char *separator = "";

	printf(",\"shut\":[");
	for (size_t i = 0; i < status->guard.guard.count; i++) {
		const char *name = status->guard.guard.places[i].name;

		if (gate_status_find(status, name) >= 0)
			continue;
		printf("%s", separator);
		json_out_string(name, stdout);
		separator = ",";
	}
	printf("]}");
}

static void print_json(const struct view *view)
{
	const struct gate_generation *generation = &view->status.generation;
	char hash[DIGEST_TEXT];

	printf("{\"schema_version\":%d,\"backend\":\"%s\",\"enforced\":%s,\"audit\":%s,\"generation\":%u,\"sha256\":\"%s\","
	       "\"loaded\":%" PRIu64 ",\"stored\":%s,\"flows\":%" PRIu64 ",\"interfaces\":[",
	       JSON_SCHEMA_VERSION, view->status.backend == BACKEND_NFT ? "nft" : "bpf",
	       gate_status_enforced(&view->status) ? "true" : "false",
	       generation->features & GATE_AUDIT ? "true" : "false", generation->number,
	       digest_format(generation->sha256, hash), (uint64_t)generation->loaded,
	       view->stored ? "true" : "false",
	       (uint64_t)(view->status.totals.flows_created - view->status.totals.flows_deleted));
	for (size_t i = 0; i < view->status.interfaces_count; i++) {
		printf("%s{\"name\":", i ? "," : "");
		json_out_string(view->status.interfaces[i].interface.name, stdout);
		printf(",\"enforced\":%s,\"xdp\":\"%s\",\"state\":\"%s\"}",
		       view->status.interfaces[i].enforcement == ENFORCED ? "true" : "false",
		       early_name(view->status.interfaces[i].early),
		       gate_enforcement_text(view->status.interfaces[i].enforcement));
	}
	printf("],\"guard\":{\"stands\":%s,\"unjudged\":%" PRIu64 ",\"unarmed\":%" PRIu64,
	       view->status.guard.stands ? "true" : "false", view->status.guard.unjudged,
	       view->status.guard.unarmed);
	print_json_shut(&view->status);
	print_json_mark_users(&view->status);
	printf(",\"events_lost\":%" PRIu64 ",\"audited\":%" PRIu64 ",\"dropped\":[",
	       (uint64_t)view->status.totals.events_lost, audited(view));
	each_drop(view, print_json_drop);
	printf("]}\n");
}

static int print_shut(const struct guard_status *guard)
{
	fprintf(stderr, "aclctl: nothing is loaded, and the gate is shut: nothing passes through");
	for (size_t i = 0; i < guard->guard.count; i++)
		fprintf(stderr, "%s %s", i ? "," : "", guard->guard.places[i].name);
	fprintf(stderr, "\n");
	return EXIT_UNENFORCED;
}

/* Nothing is said of a gate that could not be looked at. */
static int not_readable(const struct options *options, int error)
{
	struct guard_status guard;
	int unknown = error == -ENOENT ? guard_read(0, &guard) : error;

	if (unknown)
		return print_unreadable(unknown);
	if (options->json)
		printf("{\"schema_version\":%d,\"enforced\":false,\"guard\":{\"stands\":%s}}\n",
		       JSON_SCHEMA_VERSION, guard.stands ? "true" : "false");
	if (guard.stands)
		return print_shut(&guard);
	print_error("nothing is loaded, and nothing is shut");
	return EXIT_UNENFORCED;
}

int command_status(const struct options *options, char **arguments)
{
	struct state state = state_get();
	struct view view = {};
	int error = view_open(&state, &view), code;

	(void)arguments;
	if (error) {
		code = not_readable(options, error);
	} else {
		if (options->json)
			print_json(&view);
		else
			print_text(&view);
		code = gate_status_enforced(&view.status) ? EXIT_DONE : EXIT_UNENFORCED;
	}
	view_close(&view);
	return code;
}
