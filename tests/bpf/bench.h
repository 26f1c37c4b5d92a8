/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A gate on the test bench: a policy is loaded the way aclctl does it, then packets run through the
 * programs one by one, and what each of them changed is read from the counters. There is one bench
 * a process; what goes wrong with it fails the test.
 */
#ifndef ACLGATE_TEST_BENCH_H
#define ACLGATE_TEST_BENCH_H

#include <stdbool.h>

#include "abi.h"
#include "check.h"
#include "ids.h"
#include "packet.h"

/*
 * Where a packet meets the gate: the programs of wg0, or of another guarded interface aside.
 * lan.json guards the LAN port, and that is the one: what comes from the LAN is then E1 or E2.
 */
enum place {
	AT_INGRESS,	      /* comes in through wg0 */
	AT_INGRESS_MARKED,    /* ... and brings our marks */
	AT_INGRESS_ASIDE,     /* comes in through the one aside */
	AT_EGRESS_JUDGED,     /* E1: came from wg0, judged there, leaves through it */
	AT_EGRESS_REPLY,      /* ... as an answer */
	AT_EGRESS_UNMARKED,   /* E2: the same, but somebody took the mark away */
	AT_EGRESS_LAN,	      /* E3: from an interface without programs, that of some devices */
	AT_EGRESS_LAN_MARKED, /* ... with our mark */
	AT_EGRESS_LAN_REPLY,  /* ... with both */
	AT_EGRESS_ELSEWHERE,  /* E3: from another one, which no device is bound to */
	AT_EGRESS_ELSEWHERE_MARKED,
	AT_EGRESS_SELF,	       /* E4: from this box */
	AT_EGRESS_SELF_MARKED, /* ... with our mark; an IPv6 fragment: the kernel lost its origin */
	AT_ASIDE_JUDGED,       /* E1: came from wg0, leaves through the one aside */
	AT_ASIDE_REPLY,
	AT_ASIDE_UNMARKED,
	AT_ASIDE_ELSEWHERE,
	AT_ASIDE_SELF,
	PLACE_MAX
};

enum direction place_direction(enum place place);

/* The slot of the interface whose programs are meant. */
uint32_t place_slot(enum place place);

/* Nobody of ours has judged the packet before: it counts for a rule. */
bool place_is_first(enum place place);

/* How a packet is put before the programs. */
struct form {
	unsigned int version;	  /* 4, 6 */
	unsigned int link_header; /* 0, PACKET_ETHERNET */
};

/* What became of a packet. */
struct verdict {
	bool passed;
	bool audited;	       /* although no rule allows it */
	unsigned int bookings; /* counters that rose: 1 */
	enum direction direction;
	enum reason reason;
	uint32_t device; /* counter id */
	uint64_t packets, bytes;
	uint64_t length;	    /* of the packet, without the Ethernet header */
	uint32_t mark_before, mark; /* and what the programs made of it */
	uint64_t created, deleted;  /* flows */
	unsigned int credits;	    /* rules whose counters rose: 0, 1 */
	uint32_t rule;		    /* counter id of the last of them */
	unsigned int events;
	struct gate_event event; /* the last of them */
};

/* Loads the programs, and nothing for them to judge by. */
void bench_open(void);
void bench_close(void);

/* ... and then house.json. */
void bench_open_house(void);

/* A policy file of this directory; the policy that is loaded already is not loaded again. */
void bench_load(const char *name);

/* The same file, in which the first @from is replaced. */
struct edit {
	const char *from;
	const char *to;
};

void bench_load_edited(const char *name, const struct edit *edit);

/* Returns 0, or -EINVAL where it is no policy. */
int bench_load_text(const char *text);

uint32_t bench_generation(void);

/* That of the loaded policy. */
const struct table *bench_table(void);
uint32_t bench_device(const char *name);
uint32_t bench_rule(uint32_t number);
uint64_t bench_rule_packets(uint32_t rule);

/* @segments: of a packet that GRO put together, else 0. */
void bench_run(const struct packet *packet, enum place place, const struct form *form,
	       unsigned int segments, struct verdict *ret_verdict);

/* Before the early drop of an interface where the packet comes in. */
void bench_early(const struct packet *packet, enum place place, const struct form *form,
		 struct verdict *ret_verdict);

/* As bench_run() for bytes, which are a packet of that form. */
void bench_run_bytes(const uint8_t *bytes, size_t size, enum place place, const struct form *form,
		     struct verdict *ret_verdict);

/* Whether it passed, and nothing else: for many packets. */
bool bench_passes(const struct packet *packet, enum place place, const struct form *form);

/* A dry run. */
struct trace {
	bool passed;
	uint32_t words[TRACE_MAX];
};

void bench_trace(const struct packet *packet, enum place place, const struct form *form,
		 struct trace *ret_trace);

/* By the policy in another slot than the live one. */
void bench_trace_slot(const struct packet *packet, uint32_t slot, const struct form *form,
		      struct trace *ret_trace);

/* The slot of the generation that is live. */
uint32_t bench_live_slot(void);

struct gate_totals bench_totals(void);

/* A digest of all that programs write, with the events not yet taken, which it takes. */
uint64_t bench_fingerprint(void);

/*
 * Collection of what is over, which a load starts and the bench stops: the tests are about what
 * packets do.
 */
void bench_collector_start(void);

/* What the gate remembers (memory.c). It is there from the first policy on. */

void bench_memory_open(const char *pins);
void bench_memory_close(void);

/* How many there are, and the end of them all; devices have their quotas back. */
size_t bench_flows(void);
size_t bench_fragments(void);
void bench_flows_clear(void);

/* Puts flows and fragments aside, and back as they were: a policy may be loaded in between. */
struct saved_element {
	int shard;
	uint8_t key[40];   /* as large as the largest */
	uint8_t value[48]; /* likewise */
};

#define SAVED_MAX 8

struct saved_flows {
	struct saved_element items[SAVED_MAX];
	size_t count;
};

void bench_flows_save(struct saved_flows *ret_saved);
void bench_flows_restore(const struct saved_flows *saved);

/* So many seconds pass for every flow and fragment. */
void bench_flows_age(unsigned int seconds);

/* How many flows are in the quota of a device. */
uint32_t bench_quota(uint32_t device);

/* Every device has as many flows and fragments in its quotas as there are of it. */
bool bench_quotas_are_exact(void);

/* A digest of flows, fragments and quotas. */
uint64_t bench_memory_fingerprint(void);

/* Events (events.c). */

void bench_events_open(const char *pins);
void bench_events_close(void);

/* Takes all of them; returns how many there were, the last of them in *ret_last. */
unsigned int bench_events_take(struct gate_event *ret_last);

/* What the verifier went through for a program, by direction; DIRECTION_MAX: the collector. */
uint32_t bench_verified(enum direction program, unsigned int link_header);

#endif
