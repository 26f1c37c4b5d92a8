// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"

#define CLOCK_PERIOD 250000 /* us */
#define CLOCK_LEEWAY 50000  /* us, by which the loop may shift it to wake up less often */

static const struct {
	int protocol;
	uint32_t groups;
} families[] = {
	{ NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_TC | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR },
	{ NETLINK_NETFILTER, 1u << (NFNLGRP_NFTABLES - 1) },
};

#define FAMILIES ARRAY_SIZE(families)

struct watch {
	void (*changed)(void *context);
	void *context;
	sd_event_source *sockets[FAMILIES];
	sd_event_source *clock;
};

/* All that is there, unread: a socket that has lost something (ENOBUFS) says so like any other. */
static int on_message(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct watch *watch = context;
	char start[64];

	(void)source;
	(void)events;
	while (recv(fd, start, sizeof(start), MSG_DONTWAIT | MSG_TRUNC) >= 0 || errno == ENOBUFS ||
	       errno == EINTR)
		;
	watch->changed(watch->context);
	return 0;
}

static int on_clock(sd_event_source *source, uint64_t time, void *context)
{
	struct watch *watch = context;

	watch->changed(watch->context);
	sd_event_source_set_time(source, time + CLOCK_PERIOD);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int listen_to(sd_event *loop, struct watch *watch, size_t family)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK,
				       .nl_groups = families[family].groups };
	_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
				families[family].protocol);
	int error;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	error = sd_event_add_io(loop, &watch->sockets[family], fd, EPOLLIN, on_message, watch);
	if (error < 0)
		return error;
	return sd_event_source_set_io_fd_own(watch->sockets[family], 1) < 0 ? -EINVAL :
									      (TAKE_FD(fd), 0);
}

int watch_start(sd_event *loop, void (*changed)(void *context), void *context,
		struct watch **ret_watch)
{
	struct watch *watch = mem_alloc(sizeof(*watch));
	int error = 0;

	watch->changed = changed;
	watch->context = context;
	for (size_t i = 0; i < FAMILIES && error >= 0; i++)
		error = listen_to(loop, watch, i);
	if (error >= 0)
		error = sd_event_add_time_relative(loop, &watch->clock, CLOCK_MONOTONIC,
						   CLOCK_PERIOD, CLOCK_LEEWAY, on_clock, watch);
	if (error < 0) {
		watch_stop(watch);
		return error;
	}
	*ret_watch = watch;
	return 0;
}

void watch_stop(struct watch *watch)
{
	for (size_t i = 0; i < FAMILIES; i++)
		sd_event_source_disable_unref(watch->sockets[i]);
	sd_event_source_disable_unref(watch->clock);
	free(watch);
}
