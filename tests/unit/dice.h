/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers that come again with the same seed, on every machine. */
#ifndef ACLGATE_DICE_H
#define ACLGATE_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

/* $ACLGATE_SEED, or another one in each run. */
uint64_t dice_seed(void);

/* 0 … 2^64 - 1 */
uint64_t dice_throw(struct dice *dice);

/* 0 … @sides - 1 */
uint32_t dice_roll(struct dice *dice, uint32_t sides);

/* True in @percent of a hundred cases. */
bool dice_chance(struct dice *dice, unsigned int percent);

#endif
