// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "command.h"
#include "digest.h"
#include "events.h"
#include "gate.h"
#include "headers.h"
#include "json_out.h"
#include "load.h"
#include "mem.h"
#include "names.h"
#include "reason.h"

/* A load writes the ids first, then the gate, then the copies: those may be a little late. */
#define RETRIES 20

/* How long a note that events were lost may wait, and how soon an unload is noticed. */
#define WAIT_MILLISECONDS 250

static const char *const kinds[] = {
	[EVENT_OPENED] = "opened",
	[EVENT_DROPPED] = "dropped",
	[EVENT_AUDITED] = "audited",
};
_Static_assert(ARRAY_SIZE(kinds) == EVENT_MAX, "a word for every kind of event");

struct monitor {
	const struct options *options;
	struct state state;
	struct events *events;
	/* what the ids of the running policy mean */
	uint32_t generation;
	struct checked checked;
	struct names names;
	char interfaces[GATE_GUARDED_MAX][16];
	unsigned int retries; /* the copies are not yet those of what runs */
	bool tried;	      /* names were read again in this turn */
	uint32_t device;      /* the one that is wanted */
	uint64_t left;	      /* events to be told */
};

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

static void handle_signals(void)
{
	const struct sigaction action = { .sa_handler =
						  end }; /* no SA_RESTART: a wait is broken off */

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void forget(struct monitor *monitor)
{
	names_free(&monitor->names);
	checked_free(&monitor->checked);
	monitor->checked = (struct checked){};
}

/* Are the copies those of what runs? Then rules have a place in them. */
static bool read_places(struct monitor *monitor, const struct gate_generation *generation)
{
	struct sources *sources = &monitor->checked.sources;
	uint8_t sha256[32];

	if (load_read_copies(&monitor->state, sources))
		return false;
	digest_sources(sources, sha256);
	if (memcmp(sha256, generation->sha256, sizeof(sha256)))
		return false;
	if (!check_sources(&monitor->checked, NULL))
		names_learn(&monitor->names, &monitor->checked.table);
	return true;
}

static int read_names(struct monitor *monitor)
{
	struct gate_status status;
	int error = gate_status_bpf(&monitor->state, &status);

	if (error)
		return error;
	forget(monitor);
	memset(monitor->interfaces, 0, sizeof(monitor->interfaces));
	for (size_t i = 0; i < status.interfaces_count; i++)
		memcpy(monitor->interfaces[status.interfaces[i].slot],
		       status.interfaces[i].interface.name, sizeof(monitor->interfaces[0]));
	if (status.interfaces_count == 1)
		monitor->checked.interface = monitor->interfaces[status.interfaces[0].slot];
	if (monitor->generation != status.generation.number)
		monitor->retries = RETRIES;
	monitor->generation = status.generation.number;
	error = ids_read(&monitor->state, &monitor->names.ids);
	if (!error && read_places(monitor, &status.generation))
		monitor->retries = 0;
	return error;
}

static bool is_unknown(const struct monitor *monitor, const struct gate_event *event)
{
	return event->device > ids_last(&monitor->names.ids, IDS_DEVICE) ||
	       event->rule > ids_last(&monitor->names.ids, IDS_RULE);
}

static const char *interface_of(const struct monitor *monitor, const struct gate_event *event)
{
	const char *name = event->slot < GATE_GUARDED_MAX ? monitor->interfaces[event->slot] : "";

	return *name ? name : "?";
}

static void print_line(const struct monitor *monitor, const struct gate_event *event)
{
	struct headers headers = headers_of_event(event);
	char text[HEADERS_TEXT], when[TIME_TEXT];

	printf("%s  %-7s %-7s %s  %-16s  %s", format_time(events_wall_clock(event->time), when),
	       kinds[event->kind], direction_name(event->direction), interface_of(monitor, event),
	       names_device(&monitor->names, event->device), headers_format(&headers, text));
	printf("  ");
	if (event->kind == EVENT_OPENED)
		names_print_rule(&monitor->names, event->rule, " ");
	else
		printf("%s", reason_name(event->reason));
	printf("\n");
}

/*
 * A line for each: {"schema_version":1,"event":"dropped","time":1700000000.123456,
 * "direction":"ingress","interface":"wg0","device":"vps","packet":{…},"length":40,"reason":"acl"}
 *
 * "event" is opened, dropped or audited; what was opened has "rule" in place of "reason". "device"
 * may be null, and so may "packet", where it was no IP. Or {"schema_version":1,"event":"lost",
 * "events":3}.
 */
static void print_json(const struct monitor *monitor, const struct gate_event *event)
{
	struct headers headers = headers_of_event(event);
	uint64_t time = events_wall_clock(event->time);

	printf("{\"schema_version\":%d,\"event\":\"%s\",\"time\":%" PRIu64 ".%06u,"
	       "\"direction\":\"%s\",\"interface\":",
	       JSON_SCHEMA_VERSION, kinds[event->kind], time / 1000000,
	       (unsigned int)(time % 1000000), direction_name(event->direction));
	json_out_string(interface_of(monitor, event), stdout);
	printf(",\"device\":");
	names_json_device(&monitor->names, event->device);
	printf(",\"packet\":");
	json_out_headers(&headers, stdout);
	printf(",\"length\":%u", event->length);
	if (event->kind == EVENT_OPENED) {
		printf(",\"rule\":");
		names_json_rule(&monitor->names, event->rule);
	} else {
		printf(",\"reason\":\"%s\"", reason_name(event->reason));
	}
	printf("}\n");
}

static void print_lost(const struct monitor *monitor, uint64_t lost)
{
	if (monitor->options->json)
		printf("{\"schema_version\":%d,\"event\":\"lost\",\"events\":%" PRIu64 "}\n",
		       JSON_SCHEMA_VERSION, lost);
	else
		print_error("%" PRIu64 " events lost", lost);
}

static void tell(const struct gate_event *event, void *context)
{
	struct monitor *monitor = context;

	if (!monitor->left || event->kind >= EVENT_MAX || event->reason >= REASON_MAX ||
	    event->direction >= DIRECTION_MAX)
		return;
	if (monitor->options->device && event->device != monitor->device)
		return;
	if (is_unknown(monitor, event) && !monitor->tried) {
		monitor->tried = true; /* once a turn, or an old gate could keep us busy with it */
		read_names(monitor);
	}
	if (monitor->options->json)
		print_json(monitor, event);
	else
		print_line(monitor, event);
	monitor->left--;
}

/* After a load, other rules stand elsewhere. */
static void keep_names(struct monitor *monitor)
{
	bool changed = events_generation(monitor->events) != monitor->generation;

	monitor->tried = false;
	if (!changed && !monitor->retries)
		return;
	monitor->retries -= monitor->retries > 0;
	read_names(monitor);
}

static int watch(struct monitor *monitor)
{
	while (!ended && monitor->left && !ferror(stdout)) {
		uint64_t lost;
		int count;

		keep_names(monitor);
		count = events_wait(monitor->events, WAIT_MILLISECONDS, tell, monitor);
		lost = events_lost(monitor->events);
		if (lost)
			print_lost(monitor, lost);
		if (count == -ENOENT) {
			print_error("the gate was unloaded: nothing is judged any more");
			return EXIT_UNENFORCED;
		}
		if (count < 0 && count != -EINTR) {
			print_error("cannot read events: %s", strerror(-count));
			return EXIT_REJECTED;
		}
	}
	return EXIT_DONE;
}

static bool parse_count(const char *text, uint64_t *ret_count)
{
	char *rest;

	*ret_count = UINT64_MAX;
	if (!text)
		return true;
	errno = 0;
	*ret_count = strtoull(text, &rest, 10);
	return *text >= '0' && *text <= '9' && !*rest && *ret_count && !errno;
}

static int open_monitor(struct monitor *monitor)
{
	int error = read_names(monitor);

	if (error)
		return print_unreadable(error);
	if (monitor->options->device &&
	    !names_find_device(&monitor->names, monitor->options->device, &monitor->device)) {
		print_error("no policy has named a device \"%s\"", monitor->options->device);
		return EXIT_USAGE;
	}
	error = events_open(&monitor->state, &monitor->events);
	if (error == -EBUSY) {
		print_error("another aclctl monitor is running: there can be one at a time");
		return EXIT_REJECTED;
	}
	return error ? print_unreadable(error) : EXIT_DONE;
}

int command_monitor(const struct options *options, char **arguments)
{
	struct monitor monitor = { .options = options, .state = state_get() };
	int code;

	(void)arguments;
	if (!parse_count(options->count, &monitor.left)) {
		print_error("--count is a number from 1 on");
		return EXIT_USAGE;
	}
	handle_signals();
	setvbuf(stdout, NULL, _IOLBF, 0);
	code = open_monitor(&monitor);
	if (code == EXIT_DONE)
		code = watch(&monitor);
	events_close(monitor.events);
	forget(&monitor);
	return code;
}
