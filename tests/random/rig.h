/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs on a test rig: loaded twice, once as they run and once dry. What a dry run says of a
 * packet costs one system call; reading counters around each would cost hundreds.
 */
#ifndef ACLGATE_TEST_RIG_H
#define ACLGATE_TEST_RIG_H

#include "naive.h"

/* What the programs say. */
struct outcome {
	bool passes, dry_passes;
	enum reason reason; /* the rest is of the dry run */
	bool audited, known, reply, link;
	uint32_t rule; /* counter ids */
	uint32_t device;
	uint32_t mark, dry_mark;
};

/* Loads the programs. Whatever goes wrong here ends the process. */
void rig_open(void);
void rig_close(void);

/* The addresses of this box: wg0's and the LAN's, IPv4 and IPv6. */
#define RIG_ADDRESSES 4
extern const char *const rig_addresses[RIG_ADDRESSES];

/* Returns 0 with the policy enforced, or -EINVAL where it is none. The caller frees @ret_checked. */
int rig_load(const char *text, struct checked *ret_checked, uint32_t *ret_generation);

/* Counter ids. */
uint32_t rig_device(const struct checked *checked, uint32_t device);
uint32_t rig_rule(const struct checked *checked, uint32_t rule);

/* Returns false where BPF_PROG_TEST_RUN does not take such a packet: nothing was run. */
bool rig_run(const struct meeting *meeting, struct outcome *ret_outcome);

/* Time passes for flows, parts of datagrams and rules. */
void rig_pass(uint64_t ns);

/* What is over by @naive's clock goes, as the collector would have it. */
void rig_collect(const struct naive *naive);

void rig_clear(void);

/* What is wrong with the tables by @naive's lights, or NULL. The caller frees it. */
char *rig_check(const struct naive *naive);

/* Packets that passed and, by reason, that did not; since the rig was opened, of all devices. */
struct rig_tally {
	uint64_t passed, audited;
	uint64_t dropped[REASON_MAX];
};

struct rig_tally rig_tally(void);

#endif
