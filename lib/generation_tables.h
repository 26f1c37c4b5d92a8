/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy becomes in the kernel: the tables of one slot, but for the header. */
#ifndef ACLGATE_GENERATION_TABLES_H
#define ACLGATE_GENERATION_TABLES_H

#include "generation.h"

/* As the kernel has it: with its own slots of interfaces, and the counter of the device. */
struct gate_identity generation_identity(const struct gate_policy *policy,
					 const struct gate_identity *identity);

/*
 * @ret_lines: what the header says of the tables. Returns 0 or a negative errno: -ENOSPC, where other
 * keys may help.
 */
int generation_tables(const struct state *state, const struct gate_policy *policy, uint32_t slot,
		      const struct gate_keys *keys, uint32_t ret_lines[LINES_MAX]);

#endif
