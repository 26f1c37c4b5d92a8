// SPDX-License-Identifier: GPL-2.0-or-later
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"

/* For each direction of a connection that is accepted: else one that is not read has megabytes. */
#define BUFFER (64 * 1024)

#define ATTEMPTS 10
#define PAUSE	 100000 /* us */

static int parse_port(const char *text, in_port_t *ret_port)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = htons((uint16_t)port);
	return 0;
}

int listen_parse(const char *text, struct sockaddr_storage *ret_address)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool brackets = length > 2 && text[0] == '[' && text[length - 1] == ']';
	_free_ char *host = mem_strndup(text + brackets, length - 2 * brackets);
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
	in_port_t port;

	if (!length || parse_port(colon + 1, &port))
		return -EINVAL;
	ipv4.sin_port = ipv6.sin6_port = port;
	if (brackets && inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1)
		memcpy(ret_address, &ipv6, sizeof(ipv6));
	else if (!brackets && inet_pton(AF_INET, host, &ipv4.sin_addr) == 1)
		memcpy(ret_address, &ipv4, sizeof(ipv4));
	else
		return -EINVAL;
	return 0;
}

static int try_bind(int fd, const struct sockaddr_storage *address)
{
	socklen_t size = address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
							  sizeof(struct sockaddr_in);
	int error = 0;

	for (int i = 0; i < ATTEMPTS; i++) {
		error = bind(fd, (const struct sockaddr *)address, size) ? -errno : 0;
		if (error != -EADDRINUSE)
			break;
		usleep(PAUSE);
	}
	return error;
}

int listen_open(const struct sockaddr_storage *address)
{
	_close_ int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int yes = 1, buffer = BUFFER;
	int error;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)))
		return -errno;
	if (address->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)))
		return -errno;
	error = try_bind(fd, address);
	if (error)
		return error;
	return listen(fd, SOMAXCONN) ? -errno : TAKE_FD(fd);
}
