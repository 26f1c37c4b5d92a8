/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The suites of this directory; each runs in a process and sandbox of its own. */
#ifndef ACLGATE_TEST_SUITES_H
#define ACLGATE_TEST_SUITES_H

#include <check.h>

/* Seconds for one test: a shared machine may be slow. */
#define TIMEOUT 50

Suite *packet_suite(void);     /* bpf/packet.h: what is a packet at all */
Suite *flow_suite(void);       /* bpf/flow.h: what is part of a connection */
Suite *judge_suite(void);      /* bpf/judge.h: ports, and rules over very many devices */
Suite *source_suite(void);     /* bpf/gate.bpf.c: who speaks where, in both directions */
Suite *error_suite(void);      /* bpf/gate.bpf.c: ICMP errors */
Suite *generation_suite(void); /* what a new policy does to flows */
Suite *limits_suite(void);     /* full tables, and what the verifier says */
Suite *random_suite(void);     /* the programs against table_judge() */

#endif
