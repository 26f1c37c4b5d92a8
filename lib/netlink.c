// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <string.h>

#include "mem.h"

#define ATTEMPTS 64

struct run {
	const struct netlink_dump *dump;
	void *context;
};

struct sorted {
	const struct nlattr **attributes;
	size_t count;
};

static int sort(const struct nlattr *attribute, void *context)
{
	const struct sorted *sorted = context;

	if (mnl_attr_get_type(attribute) < sorted->count)
		sorted->attributes[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

static int fail(int error)
{
	errno = -error;
	return MNL_CB_ERROR;
}

static int on_message(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[NETLINK_ATTRIBUTES_MAX] = {};
	struct sorted sorted = { attributes, NETLINK_ATTRIBUTES_MAX };
	const struct run *run = context;
	size_t size = run->dump->answer_size ? run->dump->answer_size : run->dump->header_size;
	int error;

	if (message->nlmsg_type != run->dump->answer)
		return MNL_CB_OK;
	if (mnl_nlmsg_get_payload_len(message) < size)
		return fail(-EBADMSG);
	mnl_attr_parse(message, (unsigned int)size, sort, &sorted);
	error = run->dump->each(mnl_nlmsg_get_payload(message), attributes, run->context);
	return error ? fail(error) : MNL_CB_OK;
}

/*
 * Both begin with an errno: NLMSG_ERROR where there is no dump, NLMSG_DONE also where it broke off
 * (netlink_dump_done in net/netlink/af_netlink.c), which libmnl would pass over.
 */
static int on_end(const struct nlmsghdr *message, void *context)
{
	int error = 0;

	(void)context;
	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	return error < 0 ? fail(error) : MNL_CB_STOP;
}

static int ask(struct mnl_socket *socket, const struct netlink_dump *dump)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	if (dump->header_size > NETLINK_HEADER_MAX)
		return -EMSGSIZE;
	message->nlmsg_type = dump->request;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	memcpy(mnl_nlmsg_put_extra_header(message, dump->header_size), dump->header,
	       dump->header_size);
	for (size_t i = 0; i < ARRAY_SIZE(dump->strings) && dump->strings[i].text; i++)
		if (!mnl_attr_put_strz_check(message, sizeof(buffer), dump->strings[i].type,
					     dump->strings[i].text))
			return -EMSGSIZE;
	return mnl_socket_sendto(socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

/* libmnl says EINTR for NLM_F_DUMP_INTR: the list changed, and what was told may not fit. */
static int read_answers(struct mnl_socket *socket, struct run *run)
{
	_Alignas(struct nlmsghdr) char buffer[32768]; /* the largest that the kernel fills */
	mnl_cb_t control[] = { [NLMSG_ERROR] = on_end, [NLMSG_DONE] = on_end };
	int more = MNL_CB_OK;

	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (size < 0)
			return -errno;
		more = mnl_cb_run2(buffer, (size_t)size, 0, mnl_socket_get_portid(socket),
				   on_message, run, control, ARRAY_SIZE(control));
		explicit_bzero(buffer, (size_t)size); /* WireGuard tells its private key as well */
	}
	return more < 0 ? -errno : 0;
}

static void close_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

/* A socket of its own each time: what an interrupted dump still had to say goes with it. */
static int attempt(struct run *run)
{
	_cleanup_(close_socket) struct mnl_socket *socket = mnl_socket_open2(run->dump->protocol,
									     SOCK_CLOEXEC);
	int error;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	if (run->dump->begin)
		run->dump->begin(run->context);
	error = ask(socket, run->dump);
	return error ? error : read_answers(socket, run);
}

/* nfnetlink says EINVAL for a subsystem that it does not have (net/netfilter/nfnetlink.c). */
static bool is_lacking(const struct netlink_dump *dump, int error)
{
	return error == -EPROTONOSUPPORT || error == -EOPNOTSUPP ||
	       (error == -EINVAL && dump->protocol == NETLINK_NETFILTER);
}

int netlink_dump(const struct netlink_dump *dump, void *context)
{
	struct run run = { dump, context };
	int error = -EINTR;

	for (int i = 0; i < ATTEMPTS && error == -EINTR; i++)
		error = attempt(&run);
	if (is_lacking(dump, error))
		return -EOPNOTSUPP;
	return error == -EINTR ? -EAGAIN : error;
}

void netlink_nest(const struct nlattr *nest, const struct nlattr **ret_attributes, size_t count)
{
	struct sorted sorted = { ret_attributes, count };

	memset(ret_attributes, 0, count * sizeof(*ret_attributes));
	if (nest)
		mnl_attr_parse_nested(nest, sort, &sorted);
}

const struct nlattr *netlink_next(const struct nlattr *nest, const struct nlattr *previous)
{
	const struct nlattr *next;
	const char *end;

	if (!nest)
		return NULL;
	next = previous ? mnl_attr_next(previous) : mnl_attr_get_payload(nest);
	end = (const char *)mnl_attr_get_payload(nest) + mnl_attr_get_payload_len(nest);
	return mnl_attr_ok(next, (int)(end - (const char *)next)) ? next : NULL;
}

uint16_t netlink_type(const struct nlattr *attribute)
{
	return mnl_attr_get_type(attribute);
}

bool netlink_get(const struct nlattr *attribute, void *ret_value, size_t size)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) < size)
		return false;
	memcpy(ret_value, mnl_attr_get_payload(attribute), size);
	return true;
}

const void *netlink_bytes(const struct nlattr *attribute)
{
	return attribute ? mnl_attr_get_payload(attribute) : "";
}

size_t netlink_size(const struct nlattr *attribute)
{
	return attribute ? mnl_attr_get_payload_len(attribute) : 0;
}

const char *netlink_text(const struct nlattr *attribute)
{
	if (!attribute || mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING))
		return "";
	return mnl_attr_get_str(attribute);
}

/* The kernel takes a transaction from one buffer of a socket, and only a whole one. */
static int send_all(struct mnl_socket *socket, const struct iovec *parts, size_t count)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr message = { .msg_name = &kernel,
				  .msg_namelen = sizeof(kernel),
				  .msg_iov = (struct iovec *)parts,
				  .msg_iovlen = count };
	size_t size = 0;
	int room;

	for (size_t i = 0; i < count; i++)
		size += parts[i].iov_len;
	room = size < INT_MAX / 2 ? (int)size : INT_MAX / 2;
	setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return sendmsg(mnl_socket_get_fd(socket), &message, 0) < 0 ? -errno : 0;
}

/* By the time that they are sent the kernel has answered. */
static int read_verdict(struct mnl_socket *socket)
{
	_Alignas(struct nlmsghdr) char buffer[32768];
	int verdict = -EBADMSG;

	for (;;) {
		ssize_t size = recv(mnl_socket_get_fd(socket), buffer, sizeof(buffer),
				    MSG_DONTWAIT);
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		int left = (int)size;

		if (size < 0)
			return errno == EAGAIN ? verdict : -errno;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

			if (message->nlmsg_type != NLMSG_ERROR ||
			    mnl_nlmsg_get_payload_len(message) < sizeof(*answer))
				continue;
			verdict = answer->error;
			if (verdict)
				return verdict;
		}
	}
}

int netlink_transact(int protocol, const struct iovec *parts, size_t count)
{
	_cleanup_(close_socket) struct mnl_socket *socket = mnl_socket_open2(protocol,
									     SOCK_CLOEXEC);
	int error;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	error = send_all(socket, parts, count);
	return error ? error : read_verdict(socket);
}
