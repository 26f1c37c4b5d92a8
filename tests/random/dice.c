// SPDX-License-Identifier: GPL-2.0-or-later
#include "dice.h"

#include <stdlib.h>
#include <sys/random.h>

static uint64_t state;

uint64_t dice_seed(void)
{
	const char *given = getenv("ACLGATE_TEST_SEED");
	uint32_t seed;

	if (given)
		return strtoull(given, NULL, 0);
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		abort();
	return seed;
}

uint64_t dice_start(uint64_t seed)
{
	uint64_t before = state;

	state = seed;
	return before;
}

/* SplitMix64 (Steele, Lea, Flood 2014) */
uint64_t dice_bits(void)
{
	uint64_t bits = state += UINT64_C(0x9e3779b97f4a7c15);

	bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
	return bits ^ bits >> 31;
}

unsigned int dice(unsigned int sides)
{
	return (unsigned int)((dice_bits() >> 32) * sides >> 32);
}

bool dice_once_in(unsigned int times)
{
	return !dice(times);
}
