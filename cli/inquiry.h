/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `aclctl trace` asks: trace.c, and the two forms of a packet, trace_ends.c and trace_bytes.c. */
#ifndef ACLGATE_INQUIRY_H
#define ACLGATE_INQUIRY_H

#include "box.h"
#include "check.h"
#include "command.h"
#include "names.h"
#include "trace.h"
#include "verdict.h"

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

/* Runs the frame, unless there is an error in @verdict already, and tells. */
void inquiry_ask(struct inquiry *inquiry, const struct frame *frame, struct verdict *verdict);

/* Returns 0, or a negative errno with an error in inquiry->diag, as all below. */
int inquiry_load(struct inquiry *inquiry, size_t interface);

/* SRC DST:PORT[/PROTO]: the packet between these two. The first says what is wrong, or NULL. */
const char *trace_ends_misuse(const struct options *options);
int trace_ends(struct inquiry *inquiry, char **arguments);

/* --packet HEX, and --pcap FILE: packets as they are. */
const char *trace_bytes_misuse(const struct options *options);
int trace_packet(struct inquiry *inquiry);
int trace_capture(struct inquiry *inquiry);

#endif
