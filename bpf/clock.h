/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The coarse monotonic clock, in ns: what `last` of flows and fragments is measured with. It moves
 * once a tick, as jiffies do, which cost nothing to read: so it is asked once a tick. A CPU that asks
 * in the middle of a tick may be one tick behind.
 */
#ifndef ACLGATE_CLOCK_H
#define ACLGATE_CLOCK_H

#include "maps.h"

static __always_inline __u64 clock_now(void)
{
	__u64 jiffies = bpf_jiffies64();
	__u32 zero = 0;
	struct clock *clock = bpf_map_lookup_elem(&clocks, &zero);

	if (!clock)
		return bpf_ktime_get_coarse_ns();
	if (clock->jiffies != jiffies) {
		clock->now = bpf_ktime_get_coarse_ns();
		clock->jiffies = jiffies;
	}
	return clock->now;
}

#endif
