// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets that are given as bytes. */
#include <errno.h>
#include <string.h>

#include "capture.h"
#include "inquiry.h"
#include "mem.h"
#include "probe.h"

static bool is_ingress(const struct options *options)
{
	return options->direction && !strcmp(options->direction, "ingress");
}

const char *trace_bytes_misuse(const struct options *options)
{
	if (!options->interface || !options->direction)
		return "--packet and --pcap need --interface and --direction";
	if (!is_ingress(options) && strcmp(options->direction, "egress"))
		return "--direction is ingress or egress";
	if (options->tcp_flags || options->fragment || options->sport)
		return "--syn, --ack, --rst, --fin, --frag and --sport belong to SRC and DST";
	if (is_ingress(options) && (options->from || options->judged))
		return "--from and --judged belong to --direction egress";
	if (options->judged && !options->packet)
		return "--judged belongs to --packet";
	return NULL;
}

static int named_interface(struct inquiry *inquiry, struct meeting *meeting)
{
	const char *name = inquiry->options->interface;
	int interface = gate_status_find(&inquiry->status, name);

	if (interface < 0) {
		diag_error(&inquiry->diag, PLACE_NONE, "\"%s\" is not guarded", name);
		return interface;
	}
	meeting->interface = (size_t)interface;
	meeting->direction = is_ingress(inquiry->options) ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	return inquiry_load(inquiry, (size_t)interface);
}

/*
 * Where a packet that leaves came from: as it is said, or as the policy says of its source. Then
 * what comes from a guarded interface was let in there.
 */
static int leave_from(struct inquiry *inquiry, struct verdict *verdict)
{
	const struct options *options = inquiry->options;
	struct origin origin = {};

	if (verdict->meeting.direction == DIRECTION_INGRESS)
		return 0;
	if (!options->from && verdict->headers.version)
		origin = trace_origin_of(&inquiry->checked.table, &inquiry->status,
					 verdict->headers.src);
	if (options->from && trace_origin_named(&inquiry->status, options->from, &origin)) {
		diag_error(&inquiry->diag, PLACE_NONE, "there is no interface \"%s\"",
			   options->from);
		return -ENODEV;
	}
	verdict->meeting.ingress_ifindex = origin.ifindex;
	verdict->meeting.judged = options->judged || (!options->from && origin.guarded);
	return 0;
}

static const char *hex_problem(int error)
{
	switch (error) {
	case -ENODATA:
		return "--packet: there is no byte in it";
	case -E2BIG:
		return "--packet: no packet is that large";
	}
	return "--packet: two hexadecimal digits a byte; spaces and colons may stand between bytes";
}

/* The bytes as they are; only what is too large for a test run is cut. */
static struct sight sight_of(const struct frame *frame, size_t link)
{
	struct sight sight = {
		.bytes = frame->bytes,
		.size = frame->size,
		.wire_size = frame->size,
		.network = link,
		.ethernet = link,
		.ethertype =
			PROBE_IPV4, /* without a link header nothing says so, and it must be IP */
	};

	if (link && frame->size >= link)
		sight.ethertype = (uint16_t)(frame->bytes[12] << 8 | frame->bytes[13]);
	return sight;
}

int trace_packet(struct inquiry *inquiry)
{
	struct frame given = {}, frame = {};
	struct verdict verdict = {};
	struct sight sight;
	size_t link;
	int error = probe_parse_hex(inquiry->options->packet, &given);

	if (error) {
		diag_error(&inquiry->diag, PLACE_NONE, "%s", hex_problem(error));
		return -EINVAL;
	}
	error = named_interface(inquiry, &verdict.meeting);
	if (!error) {
		link = inquiry->trace.interfaces[verdict.meeting.interface].link;
		sight = sight_of(&given, link);
		verdict.headers = sight_headers(&sight);
		error = leave_from(inquiry, &verdict);
	}
	if (!error)
		error = probe_fit(&sight, link, &frame);
	if (!error)
		inquiry_ask(inquiry, &frame, &verdict);
	frame_free(&frame);
	frame_free(&given);
	return error;
}

/* Zeroes stand where bytes are missing: no verdict can be told from those. */
static void note_missing(const struct sight *sight, struct verdict *verdict)
{
	if (sight->size >= sight->wire_size)
		return;
	verdict->note = "truncated";
	if (!verdict->headers.whole)
		verdict->error = "truncated within its headers";
}

static int ask_captured(struct inquiry *inquiry, const struct captured *captured,
			struct verdict *verdict)
{
	size_t link = inquiry->trace.interfaces[verdict->meeting.interface].link;
	struct frame frame = {};
	int error;

	verdict->time = captured->time;
	verdict->headers = sight_headers(&captured->sight);
	note_missing(&captured->sight, verdict);
	error = leave_from(inquiry, verdict);
	if (error)
		return error;
	if (probe_fit(&captured->sight, link, &frame))
		verdict->error = "neither IPv4 nor IPv6: not on this interface";
	inquiry_ask(inquiry, &frame, verdict);
	frame_free(&frame);
	return 0;
}

static int ask_all(struct inquiry *inquiry, struct capture *capture, const struct meeting *meeting)
{
	struct captured captured;
	uint64_t number = 0;
	int more, error = 0;

	while (!error && (more = capture_next(capture, &captured)) > 0) {
		struct verdict verdict = { .meeting = *meeting, .number = ++number };

		error = ask_captured(inquiry, &captured, &verdict);
	}
	if (!error && more < 0) {
		diag_error(&inquiry->diag, PLACE_NONE, "%s: behind packet %llu: %s",
			   inquiry->options->capture, (unsigned long long)number,
			   capture_message(capture));
		return more;
	}
	return error;
}

int trace_capture(struct inquiry *inquiry)
{
	_free_ char *message = NULL;
	struct meeting meeting = {};
	struct capture *capture;
	int error = capture_open(inquiry->options->capture, &capture, &message);

	if (error) {
		diag_error(&inquiry->diag, PLACE_NONE, "%s", message);
		return error;
	}
	error = named_interface(inquiry, &meeting);
	/* the tables of another policy must stay; else loads need not wait for us */
	if (!inquiry->options->policy)
		mem_closep(&inquiry->lock);
	if (!error)
		error = ask_all(inquiry, capture, &meeting);
	capture_close(capture);
	return error;
}
