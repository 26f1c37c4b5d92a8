/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens to a packet (DESIGN, ARCHITECTURE.md: the numbered list), told again without any
 * cleverness: what the programs are held against. It has its own list of flows, its own parts of
 * datagrams and its own clock; all of them are looked through from end to end.
 */
#ifndef ACLGATE_TEST_NAIVE_H
#define ACLGATE_TEST_NAIVE_H

#include "opinion.h"

/* A packet before the gate. */
struct meeting {
	const uint8_t *bytes;
	size_t size;
	bool ethernet;
	enum direction direction;
	unsigned int slot; /* of the guarded interface: 0 is wg0, 1 is wg1 */
	enum origin from;  /* egress: which interface it came in by; not FROM_LOST */
	uint32_t mark;
	bool sent; /* by a process: of this box it has a socket, which none of a test run has */
};

struct verdict {
	unsigned int reasons; /* bit 1 << reason for each that is true; REASON_NONE: it passes */
	bool audited;	      /* ... and passes all the same */
	bool known;	      /* part of a flow */
	bool reply;	      /* ... against its direction */
	bool link;
	bool renewed;	 /* its flow was judged again */
	uint32_t rule;	 /* number, or NOBODY */
	uint32_t device; /* of the sender, or NOBODY */
	uint32_t mark;
	bool sent; /* by a process: of this box it has a socket, which none of a test run has */
};

bool verdict_passes(const struct verdict *verdict);

struct naive_flow {
	struct tuple tuple; /* of its first packet */
	enum flow_kind kind;
	enum flow_state state;
	bool answered, opener_closed, other_closed, over;
	bool by_self; /* what answers is this box itself, and no longer what NAT may hide behind it */
	uint64_t last; /* ns of naive_now() */
	uint32_t generation;
	uint32_t rule;
	uint32_t device[2]; /* opener, other */
	uint32_t owner;	    /* counter id: devices come and go with policies */
	unsigned int slot;  /* of the interface that its first packet met */
};

/* What the first part of a datagram said. */
struct naive_part {
	struct tuple tuple;
	unsigned int version;
	uint8_t protocol; /* that the header of an IPv4 packet states */
	uint32_t id, end;
	enum origin from;
	uint64_t last;
	uint32_t owner;
	bool audited; /* it passed all the same: who owns it is not said */
};

struct naive {
	const struct checked *checked; /* NULL: no policy */
	const uint32_t *ids;	       /* counter id of each device of it */
	uint32_t generation;
	int64_t loaded;		 /* seconds since the epoch */
	uint64_t skipped;	 /* ns that passed beside those that really did */
	uint64_t skipped_before; /* ... until the policy was loaded: its deadlines know none */
	struct naive_flow *flows;
	size_t flows_count, flows_capacity;
	struct naive_part *parts;
	size_t parts_count, parts_capacity;
	unsigned int disagreements; /* of clauses and table */
};

void naive_judge(struct naive *naive, const struct meeting *meeting, struct verdict *ret_verdict);

uint64_t naive_now(const struct naive *naive);

/* Whether it is a matter of moments if something has timed out. */
bool naive_is_on_edge(const struct naive *naive);

bool naive_flow_is_over(const struct naive *naive, const struct naive_flow *flow);
bool naive_part_is_over(const struct naive *naive, const struct naive_part *part);

/* Forgets what is over: until then it counts in quotas. */
void naive_collect(struct naive *naive);

/* What a device, by counter id, has of its quotas. */
uint32_t naive_flows(const struct naive *naive, uint32_t owner);
uint32_t naive_parts(const struct naive *naive, uint32_t owner);

void naive_free(struct naive *naive);

#endif
