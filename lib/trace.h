/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gate would do with a packet: the same programs, loaded once more so that they change
 * nothing, with the tables that are loaded, or with those of another policy beside them. What only
 * comes of changes is not foretold: `flow_quota` and `flow_table_full`.
 */
#ifndef ACLGATE_TRACE_H
#define ACLGATE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "gate.h"
#include "kernel.h"
#include "probe.h"

/* Where a packet meets the gate. */
struct meeting {
	size_t interface; /* index into gate_status.interfaces */
	enum direction direction;
	uint32_t ingress_ifindex; /* egress: where it came in; 0: it is from this box */
	bool judged;		  /* egress: a program of ours let it in there */
};

/* Where a packet comes from. */
struct origin {
	uint32_t ifindex; /* 0: this box */
	bool guarded;
	size_t interface; /* ... then: index into gate_status.interfaces */
};

/* "self", or an interface. Returns 0, or -ENODEV. */
int trace_origin_named(const struct gate_status *status, const char *name,
		       struct origin *ret_origin);

/* Where the policy says that @src speaks. */
struct origin trace_origin_of(const struct table *table, const struct gate_status *status,
			      address_t src);

/*
 * A packet from there to @dst meets the gate where it comes in, or else where @dst speaks. False
 * where neither is guarded: it never does.
 */
bool trace_meet(const struct table *table, const struct gate_status *status,
		const struct origin *origin, address_t dst, struct meeting *ret_meeting);

/* Is what runs there this very build? Otherwise answers may differ from it. */
bool trace_is_running_build(const struct gate_status *status, size_t interface);

struct trace_answer {
	bool allowed;
	enum reason reason; /* where `audited`: of the refusal that is not enforced */
	uint32_t rule;	    /* counter ids; 0: none */
	uint32_t device;
	bool flow; /* part of one that is there */
	bool reply;
	bool link;
	bool audited;
};

/* Zeroed but for the first three. The caller holds the lock of state_lock() while it loads. */
struct trace {
	const struct state *state;
	const struct gate_status *status;
	uint32_t slot; /* of the generation to judge by; 0: the live one */
	struct {
		bool loaded;
		size_t link; /* bytes in front of the IP header */
		struct kernel_programs programs;
	} interfaces[GATE_GUARDED_MAX];
};

/* Loads the programs for an interface, where they are not yet. Errors are in @diag. */
int trace_load(struct trace *trace, size_t interface, struct diag *diag);

/* Of an interface that is loaded. Returns 0, or a negative errno of the test run. */
int trace_run(const struct trace *trace, const struct meeting *meeting, const struct frame *frame,
	      struct trace_answer *ret_answer);

void trace_close(struct trace *trace);

/*
 * Puts another policy beside the live one, into the slot that the next load will fill; @ids gets
 * what it has no ids for. The caller holds the lock until the last question is answered. Returns 0
 * and the slot, or a negative errno and an error in @diag: -ENODEV where the policy guards an
 * interface that is not guarded.
 */
int trace_beside(const struct trace *trace, const struct table *table, struct ids *ids,
		 struct diag *diag, uint32_t *ret_slot);

#endif
