// SPDX-License-Identifier: GPL-2.0-or-later
/* A packet of two ends, as it would be on the wire. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "inquiry.h"
#include "probe.h"

/* Where nothing else is said: the first dynamic port (RFC 6335), and the identifier of an echo. */
#define SPORT_DEFAULT 49152
#define ECHO_DEFAULT  1

static const char *const fragment_names[] = {
	[PROBE_FIRST] = "first",
	[PROBE_LATER] = "later",
};

static bool is_number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && value <= max;
}

const char *trace_ends_misuse(const struct options *options)
{
	if (options->interface || options->direction || options->judged)
		return "--interface and --direction belong to --packet and --pcap, --judged to "
		       "--packet";
	if (options->fragment && strcmp(options->fragment, "first") &&
	    strcmp(options->fragment, "later"))
		return "--frag is first or later";
	if (options->sport && !is_number(options->sport, UINT16_MAX))
		return "--sport is a number up to 65535";
	return NULL;
}

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
		error = inquiry_load(inquiry, verdict.meeting.interface);
	if (error)
		return error;
	link = inquiry->trace.interfaces[verdict.meeting.interface].link;
	frame = probe_build(probe, link);
	verdict.headers = headers_read(frame.bytes + link, frame.size - link);
	inquiry_ask(inquiry, &frame, &verdict);
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

int trace_ends(struct inquiry *inquiry, char **arguments)
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
