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

/* Where a packet meets the gate. */
enum place {
	AT_INGRESS,	       /* comes in through wg0 */
	AT_INGRESS_MARKED,     /* ... and brings our mark */
	AT_INGRESS_ASIDE,      /* comes in through another guarded interface */
	AT_EGRESS_JUDGED,      /* E1: came from wg0, judged there, leaves through it */
	AT_EGRESS_UNMARKED,    /* E2: the same, but somebody took the mark away */
	AT_EGRESS_LAN,	       /* E3: from an interface without programs, that of some devices */
	AT_EGRESS_LAN_MARKED,  /* ... with our mark */
	AT_EGRESS_ELSEWHERE,   /* E3: from another one, which no device is bound to */
	AT_EGRESS_SELF,	       /* E4: from this box */
	AT_EGRESS_SELF_MARKED, /* ... with our mark */
	PLACE_MAX
};

enum direction place_direction(enum place place);

/* How a packet is put before the programs. */
struct form {
	unsigned int version;	  /* 4, 6 */
	unsigned int link_header; /* 0, PACKET_ETHERNET */
};

/* What became of a packet. */
struct verdict {
	bool passed;
	unsigned int bookings; /* counters that rose: 1 */
	enum direction direction;
	enum reason reason;
	uint32_t device; /* counter id */
	uint64_t packets, bytes;
	uint64_t length;	    /* of the packet, without the Ethernet header */
	uint32_t mark_before, mark; /* and what the programs made of it */
	uint64_t created, deleted;  /* flows */
};

/* Loads the programs, and nothing for them to judge by. */
void bench_open(void);
void bench_close(void);

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

/* The same for bytes, which are a packet of that form. */
void bench_run_bytes(const uint8_t *bytes, size_t size, enum place place, const struct form *form,
		     struct verdict *ret_verdict);

/* Whether it passed, and nothing else: for many packets. */
bool bench_passes(const struct packet *packet, enum place place, const struct form *form);

struct gate_flow_counters bench_flow_counters(void);

/* How many there are, and the end of them all. */
size_t bench_flows(void);
void bench_flows_clear(void);

/* Puts flows aside, and back as they were: for them another policy may be loaded in between. */
struct saved_flow {
	int shard;
	struct gate_flow6_key key; /* of either version */
	struct gate_flow flow;
};

#define SAVED_FLOWS_MAX 4

struct saved_flows {
	struct saved_flow items[SAVED_FLOWS_MAX];
	size_t count;
};

void bench_flows_save(struct saved_flows *ret_saved);
void bench_flows_restore(const struct saved_flows *saved);

/* So many seconds pass for every flow. */
void bench_flows_age(unsigned int seconds);

/* What the verifier went through for a program, by direction; DIRECTION_MAX: the collector. */
uint32_t bench_verified(enum direction program, unsigned int link_header);

#endif
