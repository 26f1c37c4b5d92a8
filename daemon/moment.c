// SPDX-License-Identifier: GPL-2.0-or-later
#include "moment.h"

#include <time.h>

uint64_t moment_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}
