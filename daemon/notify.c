// SPDX-License-Identifier: GPL-2.0-or-later
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

static int notified = -1;

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);

	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	if (*path == '@')
		address.sun_path[0] = '\0';
	notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notified < 0 || connect(notified, (const struct sockaddr *)&address, size))
		return -errno;
	return 0;
}

static int on_watchdog(sd_event_source *source, uint64_t time, void *context)
{
	const uint64_t *interval = context;

	(void)time;
	notify_send("WATCHDOG=1");
	sd_event_source_set_time_relative(source, *interval);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int notify_open(sd_event *loop)
{
	static uint64_t interval;
	const char *path = getenv("NOTIFY_SOCKET");
	int error = path ? connect_to(path) : 0;
	int wanted = sd_watchdog_enabled(0, &interval);

	if (error || wanted <= 0)
		return error ? error : wanted;
	interval /= 2;
	error = sd_event_add_time_relative(loop, NULL, CLOCK_MONOTONIC, interval, 1000, on_watchdog,
					   &interval);
	return error < 0 ? error : 0;
}

void notify_send(const char *text)
{
	if (notified >= 0)
		send(notified, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}
