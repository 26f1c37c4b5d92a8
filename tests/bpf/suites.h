/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The suites of this directory; each runs in a process and sandbox of its own. */
#ifndef ACLGATE_TEST_SUITES_H
#define ACLGATE_TEST_SUITES_H

#include <check.h>

/* Seconds for one test: a shared machine may be slow. */
#define TIMEOUT 50

Suite *packet_suite(void);     /* bpf/packet.h: what is a packet at all */
Suite *flow_suite(void);       /* bpf/flow.h: what is part of a connection */
Suite *fast_suite(void);       /* bpf/fast.h: the short way of the same packets */
Suite *early_suite(void);      /* bpf/early.h: what XDP takes */
Suite *judge_suite(void);      /* bpf/judge.h: ports, and rules over very many devices */
Suite *source_suite(void);     /* bpf/gate.bpf.c: who speaks where, in both directions */
Suite *error_suite(void);      /* bpf/error.h: ICMP errors */
Suite *fragment_suite(void);   /* bpf/fragment.h: parts of datagrams */
Suite *link_suite(void);       /* bpf/link.h: what an Ethernet link needs */
Suite *nat_suite(void);	       /* learned flows, natAs */
Suite *audit_suite(void);      /* what audit lets pass */
Suite *timeouts_suite(void);   /* how long a policy lets flows live */
Suite *quota_suite(void);      /* how many flows a device may have */
Suite *events_suite(void);     /* what is told, and how often */
Suite *dry_suite(void);	       /* programs that change nothing */
Suite *hostile_suite(void);    /* what an attacker would try */
Suite *generation_suite(void); /* what a new policy does to flows */
Suite *limits_suite(void);     /* full tables, and what the verifier says */

Suite *pressure_suite(void); /* loads, floods and the collector under traffic */

#endif
