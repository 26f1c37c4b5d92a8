/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections from before the gate. Without them, one whose opener is silent would be cut: what the
 * other side sends opens nothing.
 */
#ifndef ACLGATE_SEED_H
#define ACLGATE_SEED_H

#include "diag.h"
#include "generation.h"
#include "kernel.h"

/*
 * Makes a flow of each connection that conntrack knows and the generation allows. Where the kernel
 * has no conntrack that is a note in @diag. Returns 0 or a negative errno, with an error in @diag.
 */
int seed_flows(const struct kernel_programs *programs, const struct generation *generation,
	       struct diag *diag);

#endif
