/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chance that can be repeated: the same seed, the same numbers. */
#ifndef ACLGATE_TEST_DICE_H
#define ACLGATE_TEST_DICE_H

#include <stdbool.h>
#include <stdint.h>

/* $ACLGATE_TEST_SEED, or one that was never before. */
uint64_t dice_seed(void);

/* Returns where the dice stood before: start there again to go on as if nothing had been. */
uint64_t dice_start(uint64_t seed);

uint64_t dice_bits(void);

/* 0 … sides - 1 */
unsigned int dice(unsigned int sides);

/* True once in so many times. */
bool dice_once_in(unsigned int times);

#endif
