/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a gate can be loaded without touching the machine: a network namespace with two TUN
 * devices, and pin, state and run directories of this process alone.
 */
#ifndef ACLGATE_TEST_SANDBOX_H
#define ACLGATE_TEST_SANDBOX_H

#define SANDBOX_WG  "wg0"  /* guarded */
#define SANDBOX_LAN "lan0" /* not guarded */

/* What is missing to make one, or NULL. */
const char *sandbox_missing(void);

/*
 * Runs @inside in a sandbox, in a process of its own, and returns what it returned, or 1. Nothing
 * is left behind, whatever became of it; what a sandbox left that was killed is swept as well.
 */
int sandbox_run(int (*inside)(const void *), const void *argument);

#endif
