/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a packet through the gate, told again without any cleverness: what the programs are
 * held against. It knows nothing of flows.
 */
#ifndef ACLGATE_TEST_NAIVE_H
#define ACLGATE_TEST_NAIVE_H

#include "bench.h"

/* What the table says of an address, by looking at all of it. */
struct gate_identity naive_identity(const struct table *table, address_t address);

/*
 * The reason for bytes that come in through wg0 while there are no flows. REASON_MALFORMED stands
 * for every reason that is in the headers: which of them is told first does not matter.
 */
enum reason naive_judge(const struct table *table, const uint8_t *bytes, size_t size,
			const struct form *form);

/* Whether the programs said the same of these bytes. */
bool naive_agrees(enum reason naive, const struct verdict *verdict);

#endif
