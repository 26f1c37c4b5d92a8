/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between keeper and exporter: what an exporter cannot find out without capabilities.
 *
 * A SEQPACKET socket. The exporter sends a `struct answer_request`; the keeper answers with one
 * message, a `struct answer_body` and descriptors (SCM_RIGHTS), and where there are more of them than
 * a message takes, with further ones that are a `struct answer_head` and the rest. Both sides belong
 * to one build, or do not talk: the one that meets another says nothing but its own head.
 *
 * Descriptors, in this order, as many as the body says:
 *   ids	the file `ids` of the state directory, open for reading
 *   devices	maps of counters (lib/counters.h) that were opened with BPF_F_RDONLY; where nftables
 *   rules	counts, one sealed memfd each, of struct gate_device_counters and gate_rule_counters
 *
 * An exporter that somebody has taken over can read these counters, the names of devices and rules,
 * and what the body says, as often as the keeper lets it (server.h). It can change nothing: the maps
 * are open for reading and know no other way, the file's mode keeps it from opening it anew, and the
 * keeper takes nothing from it but the wish for an answer.
 */
#ifndef ACLGATE_ANSWER_H
#define ACLGATE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "build.h"
#include "counters.h"
#include "gate.h"
#include "repair.h"
#include "state.h"

#define ANSWER_SOCKET "exporter.sock" /* in the run directory */

#define ANSWER_MAGIC 0x61636c64

struct answer_head {
	uint32_t magic; /* ANSWER_MAGIC */
	uint32_t pad;
	uint64_t number; /* of the request, as the exporter counts them */
	uint8_t build[BUILD_ID];
	uint8_t pad_build[4];
};

struct answer_request {
	struct answer_head head;
};

/* What the keeper has seen and done itself. */
struct answer_keeper {
	uint32_t pending; /* devices that wait for approval */
	uint64_t repairs[REPAIR_MAX];
};

struct answer_body {
	struct answer_head head;
	int32_t error; /* 0; -ENOENT: nothing is loaded; else why it cannot be read */
	bool guarded;  /* `guard` could be read */
	bool ids;      /* there is such a file */
	bool counted;  /* by nftables: one descriptor for all devices, one for all rules */
	uint32_t devices, rules; /* descriptors of each */
	struct gate_status status;
	struct guard_status guard; /* also where nothing is loaded */
	struct answer_keeper keeper;
};

#define ANSWER_DESCRIPTORS (1 + GATE_DEVICE_CHUNKS + GATE_RULE_CHUNKS)

struct answer {
	struct answer_body body;
	int fds[ANSWER_DESCRIPTORS];
	uint32_t count;
};

/* What the head of our own messages is. */
struct answer_head answer_head(uint64_t number);

/* Is it from a program of our build? */
bool answer_is_ours(const struct answer_head *head);

/* The keeper's: reads everything. What could not be read is in body.error. */
void answer_make(const struct state *state, const struct answer_keeper *keeper,
		 struct answer *ret_answer);

/* ... and never waits. 0, or a negative errno after which the client is to be dropped. */
int answer_send(int socket, const struct answer *answer, uint64_t number);

/*
 * The exporter's: asks, and waits for at most @milliseconds. -ETIMEDOUT; -ECONNRESET: the keeper has
 * gone; -EPROTO: what came is no answer; -ESTALE: it is of another build.
 */
int answer_ask(int socket, uint64_t number, int milliseconds, struct answer *ret_answer);

/*
 * Hands over the counters, after a look at each descriptor: it is what it should be, and open for
 * reading only. -EPROTO: it is not.
 */
int answer_counters(struct answer *answer, struct counters *ret_counters);

/* The descriptor of the ids, still the answer's; -1: there is none. -EPROTO: it is no such file. */
int answer_ids(const struct answer *answer);

void answer_close(struct answer *answer);

#endif
