// SPDX-License-Identifier: GPL-2.0-or-later
#include "flows.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "gate.h"
#include "headers.h"
#include "json_out.h"
#include "mem.h"
#include "names.h"
#include "ports.h"

#define SECOND 1000000000u

/* All that is told, read before anything is printed. */
struct view {
	struct gate_status status;
	struct names names;
	struct flow *flows;
	size_t count;
};

static int view_open(const struct state *state, struct view *view)
{
	int error = gate_status_bpf(state, &view->status);

	if (!error)
		error = ids_read(state, &view->names.ids);
	if (!error)
		error = flows_read(state, &view->status.generation.settings, &view->flows,
				   &view->count);
	return error;
}

static void view_close(struct view *view)
{
	names_free(&view->names);
	free(view->flows);
}

static int compare(const void *left, const void *right, void *context)
{
	const struct flow *one = left, *other = right;
	const struct names *names = context;
	int devices = strcmp(names_device(names, one->opener.device),
			     names_device(names, other->opener.device));

	if (devices)
		return devices;
	return (one->idle > other->idle) - (one->idle < other->idle);
}

/* Keeps those that have the device on either side. */
static void keep_device(struct view *view, uint32_t device)
{
	size_t kept = 0;

	for (size_t i = 0; i < view->count; i++)
		if (view->flows[i].opener.device == device || view->flows[i].other.device == device)
			view->flows[kept++] = view->flows[i];
	view->count = kept;
}

static bool is_echo(const struct flow *flow)
{
	return flow->protocol == IPPROTO_ICMP || flow->protocol == IPPROTO_ICMPV6;
}

static bool is_current(const struct view *view, const struct flow *flow)
{
	return flow->generation == view->status.generation.number;
}

/* "windows-machine 192.168.77.10:50000" */
static const char *end_text(const struct view *view, const struct flow_end *end, char text[192])
{
	char address[ADDRESS_TEXT];

	snprintf(text, 192, "%.100s %s", names_device(&view->names, end->device),
		 headers_format_end(end->address, end->port, address));
	return text;
}

static void print_flow(const struct view *view, const struct flow *flow)
{
	char number[8], opener[192], other[192];

	printf("%-9s %-42s %-42s %-11s %-7s %6" PRIu64 " %6" PRIu64 "  %s",
	       protocol_name(flow->protocol, number), end_text(view, &flow->opener, opener),
	       end_text(view, &flow->other, other), flow_state_name(flow->state),
	       flow_kind_name(flow->kind), flow->idle / SECOND, flow->left / SECOND,
	       names_rule(&view->names, flow->rule));
	if (is_echo(flow))
		printf("  id %u", flow->echo);
	printf("%s\n", is_current(view, flow) ? "" : "  not judged by the running policy yet");
}

static void print_text(const struct view *view)
{
	if (view->count)
		printf("%-9s %-42s %-42s %-11s %-7s %6s %6s  %s\n", "protocol", "opener", "other",
		       "state", "kind", "idle s", "left s", "rule");
	for (size_t i = 0; i < view->count; i++)
		print_flow(view, &view->flows[i]);
}

static void print_json_end(const struct view *view, const char *key, const struct flow_end *end)
{
	char text[ADDRESS_TEXT];

	printf(",\"%s\":{\"address\":\"%s\"", key, address_format(end->address, text));
	if (end->port)
		printf(",\"port\":%u", end->port);
	printf(",\"device\":");
	names_json_device(&view->names, end->device);
	printf("}");
}

static void print_json_flow(const struct view *view, const struct flow *flow)
{
	char number[8];

	printf("{\"protocol\":\"%s\"", protocol_name(flow->protocol, number));
	print_json_end(view, "opener", &flow->opener);
	print_json_end(view, "other", &flow->other);
	if (is_echo(flow))
		printf(",\"echo\":%u", flow->echo);
	printf(",\"state\":\"%s\",\"kind\":\"%s\",\"rule\":", flow_state_name(flow->state),
	       flow_kind_name(flow->kind));
	names_json_rule(&view->names, flow->rule);
	printf(",\"generation\":%u,\"current\":%s,\"idle_seconds\":%" PRIu64
	       ",\"left_seconds\":%" PRIu64 "}",
	       flow->generation, is_current(view, flow) ? "true" : "false", flow->idle / SECOND,
	       flow->left / SECOND);
}

/*
 * {"schema_version":1,"generation":7,"flows":[{"protocol":"tcp",
 *  "opener":{"address":"10.0.0.1","port":40000,"device":"pc"},"other":{…},"state":"established",
 *  "kind":"judged","rule":{"rule":"acls[0]"},"generation":7,"current":true,"idle_seconds":3,
 *  "left_seconds":86397}]}
 *
 * "echo", the identifier, stands in place of ports; "device" and "rule" may be null.
 */
static void print_json(const struct view *view)
{
	printf("{\"schema_version\":%d,\"generation\":%u,\"flows\":[", JSON_SCHEMA_VERSION,
	       view->status.generation.number);
	for (size_t i = 0; i < view->count; i++) {
		printf(i ? "," : "");
		print_json_flow(view, &view->flows[i]);
	}
	printf("]}\n");
}

static int show(struct view *view, const struct options *options)
{
	uint32_t device;

	if (options->device) {
		if (!names_find_device(&view->names, options->device, &device)) {
			print_error("no policy has named a device \"%s\"", options->device);
			return EXIT_USAGE;
		}
		keep_device(view, device);
	}
	if (view->count)
		qsort_r(view->flows, view->count, sizeof(*view->flows), compare, &view->names);
	if (options->json)
		print_json(view);
	else
		print_text(view);
	return EXIT_DONE;
}

int command_flows(const struct options *options, char **arguments)
{
	struct state state = state_get();
	struct view view = {};
	int error = view_open(&state, &view);
	int code = error ? print_unreadable(error) : show(&view, options);

	(void)arguments;
	view_close(&view);
	return code;
}
