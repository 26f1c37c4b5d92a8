// SPDX-License-Identifier: GPL-2.0-or-later
#include "inquiry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "asked.h"
#include "digest.h"
#include "json_out.h"
#include "mem.h"

static const char *misuse(const struct options *options, char **arguments)
{
	bool ends = arguments[0] && arguments[1];
	int forms = (arguments[0] != NULL) + !!options->packet + !!options->capture;

	if (forms != 1 || (arguments[0] && !ends))
		return "usage: aclctl trace SRC DST:PORT[/PROTO], or aclctl trace --packet HEX, "
		       "or aclctl trace --pcap FILE";
	return ends ? trace_ends_misuse(options) : trace_bytes_misuse(options);
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

void inquiry_ask(struct inquiry *inquiry, const struct frame *frame, struct verdict *verdict)
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

int inquiry_load(struct inquiry *inquiry, size_t interface)
{
	if (!inquiry->trace.interfaces[interface].loaded &&
	    !trace_is_running_build(&inquiry->status, interface))
		print_error("on \"%s\" runs another build of aclgate, which may decide otherwise: "
			    "load the policy again",
			    inquiry->status.interfaces[interface].interface.name);
	return trace_load(&inquiry->trace, interface, &inquiry->diag);
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
		return EXIT_USAGE;
	}
	if (!options->policy) {
		compare_copies(inquiry);
	} else if (trace_beside(&inquiry->trace, &inquiry->checked.table, &inquiry->names.ids,
				&inquiry->diag, &inquiry->trace.slot)) {
		return EXIT_USAGE;
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
		return EXIT_USAGE;
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
	if (error || !inquiry->answered) /* which is not "denied" */
		return EXIT_USAGE;
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
