/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What trace tells of one packet. */
#ifndef ACLGATE_VERDICT_H
#define ACLGATE_VERDICT_H

#include "headers.h"
#include "names.h"
#include "trace.h"

struct verdict {
	struct headers headers;
	struct meeting meeting;
	struct trace_answer answer;
	const char *interface;
	const char *error; /* NULL: it was answered */
	const char *note;  /* NULL: nothing is special about the packet */
	uint64_t number;   /* in a capture, from 1; else 0 */
	uint64_t time;	   /* microseconds since the epoch, in a capture */
};

/* A line for each thing that is known. */
void verdict_print(const struct verdict *verdict, const struct names *names);

/* All of it in one line, tabs in between. */
void verdict_print_line(const struct verdict *verdict, const struct names *names);

/*
 * {"packet":…,"interface":"wg0","direction":"ingress","allowed":false,"reason":"acl","rule":null,
 *  "device":"vps","flow":false,"reply":false,"link":false,"audited":false}
 *
 * @rule and @packet as names_json_rule() and json_out_headers() have them; "device" may be null. In
 * a capture "number" and "time", in seconds since the epoch, stand in front. "note" only where there
 * is one; "error" in place of all from "allowed" on where there is no answer.
 */
void verdict_print_json(const struct verdict *verdict, const struct names *names);

#endif
