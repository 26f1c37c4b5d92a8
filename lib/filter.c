// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter.h"

#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <time.h>

/* The first filter of a dump: the kernel lists them in the order in which packets meet them. */
struct first {
	bool found;
	uint16_t priority;
	uint32_t handle;
};

static int on_filter(const struct nlmsghdr *message, void *context)
{
	const struct tcmsg *filter = mnl_nlmsg_get_payload(message);
	struct first *first = context;

	/* an entry without a handle announces the priority, not a filter in it */
	if (first->found || message->nlmsg_type != RTM_NEWTFILTER || !filter->tcm_handle)
		return MNL_CB_OK;
	*first = (struct first){ true, (uint16_t)(filter->tcm_info >> 16), filter->tcm_handle };
	return MNL_CB_OK;
}

static bool ask(struct mnl_socket *socket, uint32_t ifindex, enum direction direction)
{
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct tcmsg *filter;

	message->nlmsg_type = RTM_GETTFILTER;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	filter = mnl_nlmsg_put_extra_header(message, sizeof(*filter));
	filter->tcm_ifindex = (int)ifindex;
	filter->tcm_parent = TC_H_MAKE(
		TC_H_CLSACT, direction == DIRECTION_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
	return mnl_socket_sendto(socket, message, message->nlmsg_len) > 0;
}

static bool read_answer(struct mnl_socket *socket, struct first *first)
{
	char buffer[32768]; /* as libmnl advises for dumps */
	int more = MNL_CB_OK;

	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (size < 0)
			return false;
		more = mnl_cb_run(buffer, (size_t)size, 0, 0, on_filter, first);
	}
	return more == MNL_CB_STOP;
}

bool filter_is_first(uint32_t ifindex, enum direction direction, uint16_t priority, uint32_t handle)
{
	struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
	struct first first = {};
	bool known;

	if (!socket)
		return false;
	known = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) >= 0 &&
		ask(socket, ifindex, direction) && read_answer(socket, &first);
	mnl_socket_close(socket);
	return known && first.found && first.priority == priority && first.handle == handle;
}
