// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict.h"

#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "json_out.h"
#include "reason.h"

static const char *word_of(const struct verdict *verdict)
{
	return verdict->error ? "error" : verdict->answer.allowed ? "allow" : "deny";
}

static const char *reason_of(const struct verdict *verdict)
{
	return verdict->error ? verdict->error : reason_name(verdict->answer.reason);
}

static const char *flow_of(const struct verdict *verdict)
{
	const struct trace_answer *answer = &verdict->answer;

	if (answer->flow)
		return answer->reply ? "answers one that is there" : "part of one that is there";
	if (answer->link)
		return "none: an Ethernet link needs it to live";
	if (answer->audited)
		return "none: what only audit mode lets pass makes none";
	if (!answer->allowed)
		return "none";
	return verdict->meeting.judged ? "a new one, for what NAT made of it" : "a new one";
}

void verdict_print(const struct verdict *verdict, const struct names *names)
{
	char text[HEADERS_TEXT];

	printf("verdict  %s\n", word_of(verdict));
	printf("reason   %s%s\n", reason_of(verdict),
	       verdict->answer.audited ? " (audit mode: it passes all the same)" : "");
	printf("packet   %s\n", headers_format(&verdict->headers, text));
	printf("at       %s of %s\n", direction_name(verdict->meeting.direction),
	       verdict->interface);
	if (verdict->error)
		return;
	printf("rule     ");
	names_print_rule(names, verdict->answer.rule, "  ");
	printf("\ndevice   %s\n", names_device(names, verdict->answer.device));
	printf("flow     %s\n", flow_of(verdict));
}

void verdict_print_line(const struct verdict *verdict, const struct names *names)
{
	char text[HEADERS_TEXT], when[TIME_TEXT];

	printf("%" PRIu64 "\t%s\t%s\t%s\t%s\t", verdict->number, format_time(verdict->time, when),
	       headers_format(&verdict->headers, text), word_of(verdict), reason_of(verdict));
	names_print_rule(names, verdict->answer.rule, "\t");
	printf("%s%s\n", verdict->note ? "\t" : "", verdict->note ? verdict->note : "");
}

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

static void print_json_answer(const struct verdict *verdict, const struct names *names)
{
	const struct trace_answer *answer = &verdict->answer;

	printf(",\"allowed\":%s,\"reason\":\"%s\",\"rule\":", truth(answer->allowed),
	       reason_name(answer->reason));
	names_json_rule(names, answer->rule);
	printf(",\"device\":");
	names_json_device(names, answer->device);
	printf(",\"flow\":%s,\"reply\":%s,\"link\":%s,\"audited\":%s", truth(answer->flow),
	       truth(answer->reply), truth(answer->link), truth(answer->audited));
}

void verdict_print_json(const struct verdict *verdict, const struct names *names)
{
	printf("{");
	if (verdict->number)
		printf("\"number\":%" PRIu64 ",\"time\":%" PRIu64 ".%06u,", verdict->number,
		       verdict->time / 1000000, (unsigned int)(verdict->time % 1000000));
	printf("\"packet\":");
	json_out_headers(&verdict->headers, stdout);
	printf(",\"interface\":");
	json_out_string(verdict->interface, stdout);
	printf(",\"direction\":\"%s\"", direction_name(verdict->meeting.direction));
	if (verdict->note) {
		printf(",\"note\":");
		json_out_string(verdict->note, stdout);
	}
	if (verdict->error) {
		printf(",\"error\":");
		json_out_string(verdict->error, stdout);
	} else {
		print_json_answer(verdict, names);
	}
	printf("}");
}
