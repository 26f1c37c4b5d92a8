// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Traffic between two boxes, and what it took.
 *
 *   load sink ADDRESS PORT PORTS		accepts on TCP ports, reads all, closes; until killed
 *   load stream ADDRESS PORT SECONDS	one TCP connection; prints bytes and ns
 *   load udp ADDRESS PORT COUNT	datagrams of 64 bytes; prints how many and ns
 *   load connect ADDRESS PORT PORTS COUNT	opens and closes TCP connections; the same
 *
 * A stream is over when the sink has read all of it: its bytes have arrived.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool.h"

#define BLOCK	 (128 * 1024)
#define BATCH	 64
#define DATAGRAM 64

static void tell(uint64_t count, uint64_t begin)
{
	printf("{\"count\":%llu,\"ns\":%llu}\n", (unsigned long long)count,
	       (unsigned long long)(now() - begin));
}

static struct sockaddr_in place(const char *address, int port)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, address, &place.sin_addr) != 1) {
		errno = EINVAL;
		die(address);
	}
	return place;
}

static int open_socket(int type)
{
	int fd = socket(AF_INET, type, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static int connected(int type, const struct sockaddr_in *to)
{
	int fd = open_socket(type);

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		die("connect");
	return fd;
}

/* ---------------------------------------------------------------- the sink */

static void watch(int poll, int fd, bool listens)
{
	struct epoll_event event = { .events = EPOLLIN,
				     .data.u64 = (uint64_t)listens << 32 | (uint32_t)fd };

	if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

static void listen_on(int poll, const struct sockaddr_in *at)
{
	int fd = open_socket(SOCK_STREAM | SOCK_NONBLOCK), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) || listen(fd, 65535))
		die("bind");
	watch(poll, fd, true);
}

/* What nobody reads must have a place, or the kernel answers that there is none. */
static void open_datagrams(const struct sockaddr_in *at)
{
	int fd = open_socket(SOCK_DGRAM);

	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)))
		die("bind");
}

static void accept_all(int poll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		watch(poll, fd, false);
}

static void read_some(int fd)
{
	static char block[BLOCK];
	ssize_t got = recv(fd, block, sizeof(block), 0);

	if (!got || (got < 0 && errno != EAGAIN))
		close(fd);
}

static _Noreturn void serve(int poll)
{
	struct epoll_event events[BATCH];

	for (;;) {
		int count = epoll_wait(poll, events, BATCH, -1);

		for (int i = 0; i < count; i++) {
			int fd = (int)(uint32_t)events[i].data.u64;

			if (events[i].data.u64 >> 32)
				accept_all(poll, fd);
			else
				read_some(fd);
		}
	}
}

static int sink(char **arguments)
{
	struct sockaddr_in at = place(arguments[0], atoi(arguments[1]));
	int poll = epoll_create1(0), port = atoi(arguments[1]), ports = atoi(arguments[2]);

	open_datagrams(&at);
	for (int i = 0; i < ports; i++) {
		at = place(arguments[0], port + i);
		listen_on(poll, &at);
	}
	printf("ready\n");
	fflush(stdout);
	serve(poll);
}

/* ---------------------------------------------------------------- what sends */

static int stream(char **arguments)
{
	static char block[BLOCK];
	struct sockaddr_in to = place(arguments[0], atoi(arguments[1]));
	uint64_t seconds = strtoul(arguments[2], NULL, 10), bytes = 0, begin;
	int fd = connected(SOCK_STREAM, &to);

	begin = now();
	while (now() - begin < seconds * 1000000000u) {
		ssize_t sent = send(fd, block, sizeof(block), 0);

		if (sent < 0)
			die("send");
		bytes += (uint64_t)sent;
	}
	shutdown(fd, SHUT_WR);
	if (recv(fd, block, sizeof(block), 0))
		die("recv");
	tell(bytes, begin);
	return 0;
}

static int udp(char **arguments)
{
	static char payload[DATAGRAM];
	struct iovec vector = { payload, sizeof(payload) };
	struct mmsghdr messages[BATCH] = {};
	struct sockaddr_in to = place(arguments[0], atoi(arguments[1]));
	uint64_t count = strtoul(arguments[2], NULL, 10), sent = 0, begin;
	int fd = connected(SOCK_DGRAM, &to);

	for (int i = 0; i < BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &vector;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	begin = now();
	while (sent < count) {
		int done = sendmmsg(fd, messages, BATCH, 0);

		if (done < 0)
			die("sendmmsg");
		sent += (uint64_t)done;
	}
	tell(sent, begin);
	return 0;
}

static int connections(char **arguments)
{
	int port = atoi(arguments[1]), ports = atoi(arguments[2]);
	uint64_t count = strtoul(arguments[3], NULL, 10), begin = now();

	for (uint64_t i = 0; i < count; i++) {
		struct sockaddr_in to = place(arguments[0], port + (int)(i % (uint64_t)ports));

		close(connected(SOCK_STREAM, &to));
	}
	tell(count, begin);
	return 0;
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(char **arguments);
} modes[] = {
	{ "sink", 3, sink },
	{ "stream", 3, stream },
	{ "udp", 3, udp },
	{ "connect", 4, connections },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (argc > 1 && !strcmp(argv[1], modes[i].name) && argc == modes[i].arguments + 2)
			return modes[i].run(argv + 2);
	fprintf(stderr, "usage: load sink|stream|udp|connect ADDRESS PORT ...\n");
	return 2;
}
