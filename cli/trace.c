// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "box.h"
#include "capture.h"
#include "digest.h"
#include "json_out.h"
#include "mem.h"
#include "verdict.h"

/* Where nothing else is said: the first dynamic port (RFC 6335), and the identifier of an echo. */
#define SPORT_DEFAULT 49152
#define ECHO_DEFAULT  1

/* All that a question needs, and how the answers are so far. */
struct inquiry {
	const struct options *options;
	struct state state;
	struct gate_status status;
	struct box box;
	struct checked checked;
	struct names names;
	struct trace trace;
	struct diag diag;
	int lock;
	size_t answers;
	bool answered; /* all of them */
	bool allowed;
};

static const char *const fragment_names[] = {
	[PROBE_FIRST] = "first",
	[PROBE_LATER] = "later",
};

static bool is_ingress(const struct options *options)
{
	return options->direction && !strcmp(options->direction, "ingress");
}

/* What is wrong with the options of a packet that is given as bytes; NULL: nothing. */
static const char *misuse_of_bytes(const struct options *options)
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

static bool is_number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && value <= max;
}

static const char *misuse_of_ends(const struct options *options)
{
	if (options->interface || options->direction || options->judged)
		return "--interface, --direction and --judged belong to --packet and --pcap";
	if (options->fragment && strcmp(options->fragment, "first") &&
	    strcmp(options->fragment, "later"))
		return "--frag is first or later";
	if (options->sport && !is_number(options->sport, UINT16_MAX))
		return "--sport is a number up to 65535";
	return NULL;
}

static const char *misuse(const struct options *options, char **arguments)
{
	bool ends = arguments[0] && arguments[1];
	int forms = (arguments[0] != NULL) + !!options->packet + !!options->capture;

	if (forms != 1 || (arguments[0] && !ends))
		return "usage: aclctl trace SRC DST:PORT[/PROTO], or aclctl trace --packet HEX, "
		       "or aclctl trace --pcap FILE";
	return ends ? misuse_of_ends(options) : misuse_of_bytes(options);
}

/* One verdict, among those of an array in JSON. */
static void tell(struct inquiry *inquiry, const struct verdict *verdict)
{
	const struct options *options = inquiry->options;

	if (options->json && inquiry->answers)
		printf(",");
	else if (inquiry->answers && !options->capture)
		printf("\n");
	inquiry->answers++;
	if (options->json)
		verdict_print_json(verdict, &inquiry->names);
	else if (options->capture)
		verdict_print_line(verdict, &inquiry->names);
	else
		verdict_print(verdict, &inquiry->names);
	inquiry->answered = inquiry->answered && !verdict->error;
	inquiry->allowed = inquiry->allowed && !verdict->error && verdict->answer.allowed;
}

/* Runs it, unless there is an error in @verdict already, and tells. */
static void ask(struct inquiry *inquiry, const struct frame *frame, struct verdict *verdict)
{
	int error = 0;

	verdict->interface = inquiry->status.interfaces[verdict->meeting.interface].interface.name;
	if (!verdict->error && frame->size < PROBE_SIZE_MIN)
		verdict->error = "too short: the kernel runs a program only on 15 bytes or more";
	if (!verdict->error)
		error = trace_run(&inquiry->trace, &verdict->meeting, frame, &verdict->answer);
	if (error)
		verdict->error = strerror(-error);
	tell(inquiry, verdict);
}

static int load_programs(struct inquiry *inquiry, size_t interface)
{
	if (!inquiry->trace.interfaces[interface].loaded &&
	    !trace_is_running_build(&inquiry->status, interface))
		print_error("on \"%s\" runs another build of aclgate, which may decide otherwise: "
			    "load the policy again",
			    inquiry->status.interfaces[interface].interface.name);
	return trace_load(&inquiry->trace, interface, &inquiry->diag);
}

/* A packet of two ends. */

/* The first address of an IP version, and whether there are more of it. False: there is none. */
static bool first_of(const struct set *set, bool v4, address_t *ret_address, bool *more)
{
	size_t found = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct range *range = &set->ranges[i];

		if (address_is_ipv4(range->first) != v4)
			continue;
		if (!found++)
			*ret_address = range->first;
		*more = *more || found > 1 || range->last != range->first;
	}
	return found;
}

static struct probe probe_of(const struct options *options, const struct asked *asked)
{
	bool icmp = asked->protocol == IPPROTO_ICMP || asked->protocol == IPPROTO_ICMPV6;
	struct probe probe = {
		.protocol = asked->protocol,
		.dport = asked->port,
		.tcp_flags = options->tcp_flags ? options->tcp_flags : PROBE_TCP_SYN,
	};

	if (options->sport)
		probe.sport = (uint16_t)strtoul(options->sport, NULL, 10);
	else if (icmp)
		probe.sport = ECHO_DEFAULT;
	else if (protocol_has_ports(asked->protocol))
		probe.sport = SPORT_DEFAULT;
	for (enum probe_fragment i = PROBE_FIRST; i <= PROBE_LATER; i++)
		if (options->fragment && !strcmp(options->fragment, fragment_names[i]))
			probe.fragment = i;
	return probe;
}

/* Where a packet of that pair meets the gate. */
static int meet(struct inquiry *inquiry, address_t src, address_t dst, struct meeting *ret_meeting)
{
	const struct table *table = &inquiry->checked.table;
	const char *from = inquiry->options->from;
	char src_text[ADDRESS_TEXT], dst_text[ADDRESS_TEXT];
	struct origin origin;

	if (!from)
		origin = trace_origin_of(table, &inquiry->status, src);
	else if (trace_origin_named(&inquiry->status, from, &origin)) {
		diag_error(&inquiry->diag, PLACE_NONE, "there is no interface \"%s\"", from);
		return -ENODEV;
	}
	if (trace_meet(table, &inquiry->status, &origin, dst, ret_meeting))
		return 0;
	diag_error(&inquiry->diag, PLACE_NONE,
		   "%s to %s never meets the gate: neither end is behind a guarded interface",
		   address_format(src, src_text), address_format(dst, dst_text));
	return -ENOENT;
}

static int ask_pair(struct inquiry *inquiry, const struct probe *probe)
{
	struct verdict verdict = {};
	struct frame frame;
	int error = meet(inquiry, probe->src, probe->dst, &verdict.meeting);
	size_t link;

	if (!error)
		error = load_programs(inquiry, verdict.meeting.interface);
	if (error)
		return error;
	link = inquiry->trace.interfaces[verdict.meeting.interface].link;
	frame = probe_build(probe, link);
	verdict.headers = headers_read(frame.bytes + link, frame.size - link);
	ask(inquiry, &frame, &verdict);
	frame_free(&frame);
	return 0;
}

/* One packet for each IP version. ICMP is IPv4's alone, ICMPv6 the other's. */
static int ask_versions(struct inquiry *inquiry, const struct asked *asked, bool *ret_more)
{
	struct probe probe = probe_of(inquiry->options, asked);
	bool more = false;
	int error = 0;

	for (int v6 = 0; v6 < 2 && !error; v6++) {
		bool unmatched = asked->protocol == (v6 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

		if (!unmatched && first_of(&asked->from, !v6, &probe.src, &more) &&
		    first_of(&asked->to, !v6, &probe.dst, &more))
			error = ask_pair(inquiry, &probe);
	}
	*ret_more = more;
	return error;
}

static int ask_asked(struct inquiry *inquiry, const struct asked *asked)
{
	bool more;
	int error = ask_versions(inquiry, asked, &more);

	if (error)
		return error;
	if (!inquiry->answers) {
		diag_error(&inquiry->diag, PLACE_NONE,
			   "there is no such packet: the two have no IP version in common that "
			   "has this protocol");
		return -EADDRNOTAVAIL;
	}
	if (more)
		diag_note(&inquiry->diag, PLACE_NONE,
			  "of several addresses the first was taken: ask about another one by its "
			  "number");
	return 0;
}

static int trace_ends(struct inquiry *inquiry, char **arguments)
{
	struct asked asked = {};
	int error = asked_parse(&inquiry->checked.inventory, arguments, &inquiry->diag, &asked);

	if (!error && inquiry->options->tcp_flags && asked.protocol != IPPROTO_TCP) {
		diag_error(&inquiry->diag, PLACE_NONE,
			   "only TCP has --syn, --ack, --rst and --fin");
		error = -EINVAL;
	}
	if (!error)
		error = ask_asked(inquiry, &asked);
	asked_free(&asked);
	return error;
}

/* Packets that are given as bytes. */

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
	return load_programs(inquiry, (size_t)interface);
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

static int trace_packet(struct inquiry *inquiry)
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
		ask(inquiry, &frame, &verdict);
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
	ask(inquiry, &frame, verdict);
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

static int trace_capture(struct inquiry *inquiry)
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

/* The copies that names are looked up in: are they of what is running? */
static void compare_copies(const struct inquiry *inquiry)
{
	uint8_t sha256[32];

	digest_sources(&inquiry->checked.sources, sha256);
	if (memcmp(sha256, inquiry->status.generation.sha256, sizeof(sha256)))
		print_error("the running policy is not the stored one: names and places are those "
			    "of the stored one");
}

/* The policy that questions are about, and the names of its devices and rules. */
static int open_policy(struct inquiry *inquiry)
{
	const struct options *options = inquiry->options;
	int code;

	/* it may have been loaded with --interface, of which the copy says nothing */
	if (!options->policy && inquiry->status.interfaces_count == 1)
		inquiry->checked.interface = inquiry->status.interfaces[0].interface.name;
	code = asked_policy(options, &inquiry->box, &inquiry->checked);
	if (code)
		return code;
	if (ids_read(&inquiry->state, &inquiry->names.ids)) {
		print_error("%s/ids: cannot be read", inquiry->state.dir);
		return EXIT_REJECTED;
	}
	if (!options->policy) {
		compare_copies(inquiry);
	} else if (trace_beside(&inquiry->trace, &inquiry->checked.table, &inquiry->names.ids,
				&inquiry->diag, &inquiry->trace.slot)) {
		return EXIT_REJECTED;
	}
	names_learn(&inquiry->names, &inquiry->checked.table);
	return EXIT_DONE;
}

static int inquiry_open(struct inquiry *inquiry)
{
	int error = gate_status_bpf(&inquiry->state, &inquiry->status);

	if (error)
		return print_unreadable(error);
	inquiry->lock = state_lock(&inquiry->state);
	if (inquiry->lock < 0) {
		print_error("%s: %s", inquiry->state.run, strerror(-inquiry->lock));
		return exit_code_of(inquiry->lock);
	}
	error = box_read(&inquiry->box);
	if (error) {
		print_error("cannot read this machine's addresses: %s", strerror(-error));
		return EXIT_REJECTED;
	}
	return open_policy(inquiry);
}

static void inquiry_close(struct inquiry *inquiry)
{
	trace_close(&inquiry->trace);
	names_free(&inquiry->names);
	checked_free(&inquiry->checked);
	box_free(&inquiry->box);
	diag_free(&inquiry->diag);
	mem_closep(&inquiry->lock);
}

static int exit_of(const struct inquiry *inquiry, int error)
{
	if (error == -EPERM || error == -EACCES)
		return EXIT_PRIVILEGE;
	if (error == -EINVAL || error == -E2BIG || error == -ENODEV || error == -ENOENT)
		return EXIT_USAGE;
	if (error || !inquiry->answered)
		return EXIT_REJECTED;
	return inquiry->allowed || inquiry->options->capture ? EXIT_DONE : EXIT_REJECTED;
}

/* In JSON: {"schema_version":1,"packets":[…],"answered":true,"allowed":true}, both of all. */
static int trace(struct inquiry *inquiry, char **arguments)
{
	const struct options *options = inquiry->options;
	int error;

	inquiry->answered = inquiry->allowed = true;
	if (options->json)
		printf("{\"schema_version\":%d,\"packets\":[", JSON_SCHEMA_VERSION);
	if (options->packet)
		error = trace_packet(inquiry);
	else
		error = options->capture ? trace_capture(inquiry) : trace_ends(inquiry, arguments);
	if (options->json)
		printf("],\"answered\":%s,\"allowed\":%s}\n",
		       !error && inquiry->answered ? "true" : "false",
		       !error && inquiry->allowed ? "true" : "false");
	return exit_of(inquiry, error);
}

int command_trace(const struct options *options, char **arguments)
{
	const char *wrong = misuse(options, arguments);
	struct inquiry inquiry = { .options = options, .state = state_get(), .lock = -1 };
	int code;

	if (wrong) {
		print_error("%s", wrong);
		return EXIT_USAGE;
	}
	inquiry.trace.state = &inquiry.state;
	inquiry.trace.status = &inquiry.status;
	code = inquiry_open(&inquiry);
	if (code == EXIT_DONE)
		code = trace(&inquiry, arguments);
	print_diag(&inquiry.diag, &inquiry.checked.sources);
	inquiry_close(&inquiry);
	return code;
}
