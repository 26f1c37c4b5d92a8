// SPDX-License-Identifier: GPL-2.0-or-later
#include "answer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"
#include "mem.h"
#include "moment.h"

#define MESSAGE_DESCRIPTORS 253 /* SCM_MAX_FD, net/scm.h */
#define SEALS		    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct answer_head answer_head(uint64_t number)
{
	struct answer_head head = { .magic = ANSWER_MAGIC, .number = number };

	build_id(head.build);
	return head;
}

bool answer_is_ours(const struct answer_head *head)
{
	struct answer_head ours = answer_head(head->number);

	return !memcmp(head, &ours, sizeof(ours));
}

void answer_close(struct answer *answer)
{
	while (answer->count)
		close(answer->fds[--answer->count]);
}

/* ---------------------------------------------------------------- keeper: what to say */

static void add(struct answer *answer, int fd)
{
	answer->fds[answer->count++] = fd;
}

static int add_ids(const struct state *state, struct answer *answer)
{
	_free_ char *path = state_path(state->dir, "ids");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	answer->body.ids = true;
	add(answer, fd);
	return 0;
}

static int seal(const void *bytes, size_t size)
{
	_close_ int fd = memfd_create("aclgate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < size) {
		ssize_t written = write(fd, (const char *)bytes + done, size - done);

		if (written < 0)
			return -errno;
		done += (size_t)written;
	}
	return fcntl(fd, F_ADD_SEALS, SEALS) ? -errno : TAKE_FD(fd);
}

static int add_counted(const struct counted *counted, struct answer *answer)
{
	int devices, rules;

	devices = seal(counted->devices, counted->devices_count * sizeof(*counted->devices));
	if (devices < 0)
		return devices;
	add(answer, devices);
	rules = seal(counted->rules, counted->rules_count * sizeof(*counted->rules));
	if (rules < 0)
		return rules;
	add(answer, rules);
	answer->body.counted = true;
	answer->body.devices = answer->body.rules = 1;
	return 0;
}

static void add_maps(struct counters *counters, struct answer *answer)
{
	for (uint32_t i = 0; i < counters->device_chunks; i++)
		add(answer, counters->devices[i]);
	for (uint32_t i = 0; i < counters->rule_chunks; i++)
		add(answer, counters->rules[i]);
	answer->body.devices = counters->device_chunks;
	answer->body.rules = counters->rule_chunks;
	counters->device_chunks = counters->rule_chunks = 0; /* they are the answer's now */
}

static int add_counters(const struct state *state, struct answer *answer)
{
	struct counters counters;
	int error = counters_open(state, &counters);

	if (error)
		return error;
	if (counters.counted.devices_count)
		error = add_counted(&counters.counted, answer);
	else
		add_maps(&counters, answer);
	counters_close(&counters);
	return error;
}

void answer_make(const struct state *state, const struct answer_keeper *keeper,
		 struct answer *ret_answer)
{
	struct answer_body *body = &ret_answer->body;
	int error;

	memset(ret_answer, 0, sizeof(*ret_answer));
	body->keeper = *keeper;
	body->guarded = !guard_read(0, &body->guard);
	error = gate_status(state, &body->status);
	if (!error)
		error = add_ids(state, ret_answer);
	if (!error)
		error = add_counters(state, ret_answer);
	body->error = error;
	if (!error)
		return;
	answer_close(ret_answer);
	body->ids = body->counted = false;
	body->devices = body->rules = 0;
}

/* ---------------------------------------------------------------- keeper: how to say it */

static int send_part(int socket, const void *bytes, size_t size, const int *fds, size_t count)
{
	char control[CMSG_SPACE(MESSAGE_DESCRIPTORS * sizeof(int))] __attribute__((aligned(8)));
	struct iovec text = { (void *)bytes, size };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1 };

	if (count) {
		struct cmsghdr *header = (struct cmsghdr *)control;

		memset(control, 0, sizeof(control));
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int answer_send(int socket, const struct answer *answer, uint64_t number)
{
	struct answer_body body = answer->body;
	uint32_t sent = 0;
	int error;

	body.head = answer_head(number);
	do {
		uint32_t left = answer->count - sent;
		uint32_t part = left < MESSAGE_DESCRIPTORS ? left : MESSAGE_DESCRIPTORS;

		error = send_part(socket, &body, sent ? sizeof(body.head) : sizeof(body),
				  answer->fds + sent, part);
		sent += part;
	} while (!error && sent < answer->count);
	return error;
}

/* ---------------------------------------------------------------- exporter */

static int wait_for(int socket, uint64_t deadline)
{
	struct pollfd wanted = { .fd = socket, .events = POLLIN };
	uint64_t now = moment_now();
	int ready = now < deadline ? poll(&wanted, 1, (int)((deadline - now + 999) / 1000)) : 0;

	return ready > 0 ? 0 : ready < 0 ? -errno : -ETIMEDOUT;
}

/* Takes over whatever descriptors came, so that none is lost when the message is not taken. */
static int take_descriptors(struct msghdr *message, struct answer *answer)
{
	int error = message->msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (answer->count < ANSWER_DESCRIPTORS) {
				add(answer, fd);
				continue;
			}
			close(fd);
			error = -EPROTO;
		}
	}
	return error;
}

/* Returns the size of the message, which is at least a head of ours. */
static ssize_t receive_part(int socket, uint64_t deadline, void *ret_bytes, size_t size,
			    struct answer *answer)
{
	char control[CMSG_SPACE(MESSAGE_DESCRIPTORS * sizeof(int))] __attribute__((aligned(8)));
	struct iovec text = { ret_bytes, size };
	struct msghdr message = { .msg_iov = &text,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	int error = wait_for(socket, deadline);
	ssize_t received;

	if (error)
		return error;
	received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (received <= 0)
		return received && errno != ECONNRESET ? -errno : -ECONNRESET;
	error = take_descriptors(&message, answer);
	if ((size_t)received < sizeof(struct answer_head))
		return -EPROTO;
	if (!answer_is_ours(ret_bytes))
		return -ESTALE;
	return error ? error : received;
}

static uint32_t promised(const struct answer_body *body)
{
	return body->ids + body->devices + body->rules;
}

static bool is_sound(const struct answer_body *body)
{
	return body->devices <= GATE_DEVICE_CHUNKS && body->rules <= GATE_RULE_CHUNKS &&
	       (!body->counted || (body->devices == 1 && body->rules == 1)) &&
	       body->status.interfaces_count <= GATE_GUARDED_MAX &&
	       body->guard.guard.count <= GUARD_PLACES_MAX;
}

static int receive(int socket, uint64_t number, uint64_t deadline, struct answer *answer)
{
	struct answer_head rest;
	ssize_t size;

	do { /* those that came too late for whoever asked */
		answer_close(answer);
		size = receive_part(socket, deadline, &answer->body, sizeof(answer->body), answer);
		if (size < 0)
			return (int)size;
	} while (answer->body.head.number != number);
	if (size != sizeof(answer->body) || !is_sound(&answer->body))
		return -EPROTO;
	while (answer->count < promised(&answer->body)) {
		uint32_t before = answer->count;

		size = receive_part(socket, deadline, &rest, sizeof(rest), answer);
		if (size < 0)
			return (int)size;
		if (rest.number != number || answer->count == before)
			return -EPROTO;
	}
	return answer->count == promised(&answer->body) ? 0 : -EPROTO;
}

int answer_ask(int socket, uint64_t number, int milliseconds, struct answer *ret_answer)
{
	struct answer_request request = { answer_head(number) };
	uint64_t deadline = moment_now() + (uint64_t)milliseconds * 1000;
	int error = 0;

	ret_answer->count = 0;
	if (send(socket, &request, sizeof(request), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		error = errno == EPIPE || errno == ENOTCONN ? -ECONNRESET :
			errno == EAGAIN			    ? -ETIMEDOUT :
							      -errno;
	if (!error)
		error = receive(socket, number, deadline, ret_answer);
	if (error)
		answer_close(ret_answer);
	return error;
}
