// SPDX-License-Identifier: GPL-2.0-or-later
#include "dice.h"

#include <stdlib.h>
#include <sys/random.h>

uint64_t dice_seed(void)
{
	const char *given = getenv("ACLGATE_SEED");
	uint32_t seed = 1;

	if (given)
		return strtoull(given, NULL, 10);
	if (getrandom(&seed, sizeof(seed), 0) < 0)
		return 1;
	return seed;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t dice_throw(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t dice_roll(struct dice *dice, uint32_t sides)
{
	return (uint32_t)((dice_throw(dice) >> 32) * sides >> 32);
}

bool dice_chance(struct dice *dice, unsigned int percent)
{
	return dice_roll(dice, 100) < percent;
}
