// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "netlink.h"

/* The first filter of a dump: the kernel lists them in the order in which packets meet them. */
struct first {
	bool found;
	uint16_t priority;
	uint32_t handle;
};

static void forget(void *context)
{
	*(struct first *)context = (struct first){};
}

static int on_filter(const void *header, const struct nlattr *const *attributes, void *context)
{
	const struct tcmsg *filter = header;
	struct first *first = context;

	(void)attributes;
	/* an entry without a handle announces the priority, not a filter in it */
	if (!first->found && filter->tcm_handle)
		*first = (struct first){ true, (uint16_t)(filter->tcm_info >> 16),
					 filter->tcm_handle };
	return 0;
}

bool filter_is_first(uint32_t ifindex, enum direction direction, uint16_t priority, uint32_t handle)
{
	const struct tcmsg hook = {
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction == DIRECTION_INGRESS ?
							     TC_H_MIN_INGRESS :
							     TC_H_MIN_EGRESS),
	};
	const struct netlink_dump filters = {
		.protocol = NETLINK_ROUTE,
		.request = RTM_GETTFILTER,
		.answer = RTM_NEWTFILTER,
		.header = &hook,
		.header_size = sizeof(hook),
		.begin = forget,
		.each = on_filter,
	};
	struct first first;

	return !netlink_dump(&filters, &first) && first.found && first.priority == priority &&
	       first.handle == handle;
}
