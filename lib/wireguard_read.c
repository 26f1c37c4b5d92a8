// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/time_types.h>
#include <linux/unix_diag.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"
#include "netlink.h"
#include "wireguard_build.h"

/* Of a hung daemon: between two pieces of its answer, and for all of it. */
#define PATIENCE_MS	1000
#define PATIENCE_ALL_MS 3000

#define ANSWER_MAX (64 << 20)

/* ---------------------------------------------------------------- the kernel */

static int take_allowed(struct wireguard *wireguard, const struct nlattr *nest)
{
	const struct nlattr *attributes[WGALLOWEDIP_A_MAX + 1];
	uint8_t bytes[16], length;
	uint16_t family;
	bool ipv4;

	netlink_nest(nest, attributes, ARRAY_SIZE(attributes));
	if (!netlink_get(attributes[WGALLOWEDIP_A_FAMILY], &family, sizeof(family)) ||
	    !netlink_get(attributes[WGALLOWEDIP_A_CIDR_MASK], &length, sizeof(length)))
		return -EBADMSG;
	ipv4 = family == AF_INET;
	if ((!ipv4 && family != AF_INET6) || length > (ipv4 ? 32 : 128) ||
	    !netlink_get(attributes[WGALLOWEDIP_A_IPADDR], bytes, ipv4 ? 4 : 16))
		return -EBADMSG;
	if (!ipv4 && address_is_ipv4(address_from_bytes(bytes, 16)))
		return 0;
	return wireguard_add_allowed(wireguard, address_from_bytes(bytes, ipv4 ? 4 : 16),
				     length + (ipv4 ? 96u : 0u));
}

/* The first peer of a message may be the last one of the message before. */
static struct wireguard_peer *same_peer(const struct wireguard *wireguard,
					const uint8_t key[KEY_BYTES])
{
	struct wireguard_peer *last = wireguard->peers_count ?
					      &wireguard->peers[wireguard->peers_count - 1] :
					      NULL;

	return last && last->interface + 1 == wireguard->interfaces_count &&
			       !memcmp(last->key, key, KEY_BYTES) ?
		       last :
		       NULL;
}

static int take_peer(struct wireguard *wireguard, const struct nlattr *nest, bool first)
{
	const struct nlattr *attributes[WGPEER_A_MAX + 1], *allowed = NULL;
	struct __kernel_timespec handshake;
	struct wireguard_peer *peer = NULL;
	uint8_t key[KEY_BYTES];
	int error = 0;

	netlink_nest(nest, attributes, ARRAY_SIZE(attributes));
	if (!netlink_get(attributes[WGPEER_A_PUBLIC_KEY], key, sizeof(key)))
		return -EBADMSG;
	if (first)
		peer = same_peer(wireguard, key);
	if (!peer)
		peer = wireguard_add_peer(wireguard, key);
	if (netlink_get(attributes[WGPEER_A_LAST_HANDSHAKE_TIME], &handshake, sizeof(handshake)))
		peer->handshake = handshake.tv_sec;
	netlink_get(attributes[WGPEER_A_RX_BYTES], &peer->received, sizeof(peer->received));
	netlink_get(attributes[WGPEER_A_TX_BYTES], &peer->sent, sizeof(peer->sent));
	while (!error && (allowed = netlink_next(attributes[WGPEER_A_ALLOWEDIPS], allowed)))
		error = take_allowed(wireguard, allowed);
	return error;
}

int wireguard_take_message(struct wireguard *wireguard, const struct nlattr *const *attributes)
{
	const struct nlattr *peer = NULL;
	bool first = true;
	int error = 0;

	while (!error && (peer = netlink_next(attributes[WGDEVICE_A_PEERS], peer))) {
		error = take_peer(wireguard, peer, first);
		first = false;
	}
	return error;
}

static int on_device(const void *header, const struct nlattr *const *attributes, void *context)
{
	(void)header;
	return wireguard_take_message(context, attributes);
}

static void begin_device(void *context)
{
	wireguard_forget(context);
}

static int on_family(const void *header, const struct nlattr *const *attributes, void *context)
{
	uint16_t *family = context;

	(void)header;
	if (!strcmp(netlink_text(attributes[CTRL_ATTR_FAMILY_NAME]), WG_GENL_NAME))
		netlink_get(attributes[CTRL_ATTR_FAMILY_ID], family, sizeof(*family));
	return 0;
}

static int find_family(uint16_t *ret_family)
{
	const struct genlmsghdr header = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	const struct netlink_dump families = {
		.protocol = NETLINK_GENERIC,
		.request = GENL_ID_CTRL,
		.answer = GENL_ID_CTRL,
		.header = &header,
		.header_size = sizeof(header),
		.each = on_family,
	};
	int error;

	*ret_family = 0;
	error = netlink_dump(&families, ret_family);
	return !error && !*ret_family ? -EOPNOTSUPP : error;
}

static int read_kernel(struct wireguard *wireguard, const char *name)
{
	const struct genlmsghdr header = { .cmd = WG_CMD_GET_DEVICE, .version = WG_GENL_VERSION };
	struct netlink_dump device = {
		.protocol = NETLINK_GENERIC,
		.header = &header,
		.header_size = sizeof(header),
		.strings = { { WGDEVICE_A_IFNAME, name } },
		.begin = begin_device,
		.each = on_device,
	};
	int error = find_family(&device.request);

	device.answer = device.request;
	return error ? error : netlink_dump(&device, wireguard);
}

/* ---------------------------------------------------------------- user space */

struct search {
	struct stat file;
	bool found;
};

/* The kernel's own form of a device number: MKDEV() of linux/kdev_t.h. */
static int on_socket(const void *header, const struct nlattr *const *attributes, void *context)
{
	struct search *search = context;
	struct unix_diag_vfs file;

	(void)header;
	if (netlink_get(attributes[UNIX_DIAG_VFS], &file, sizeof(file)))
		search->found |= file.udiag_vfs_ino == (uint32_t)search->file.st_ino &&
				 file.udiag_vfs_dev >> 20 == major(search->file.st_dev) &&
				 (file.udiag_vfs_dev & 0xfffff) == minor(search->file.st_dev);
	return 0;
}

/*
 * The folder of the sockets is one for all network namespaces, where interfaces of others may have
 * the same names. The kernel lists those of ours alone, and tells which file each is bound to; nothing
 * of the process behind it has to be known. What cannot be found out is no socket of ours.
 */
static bool is_foreign(const char *path)
{
	/* the other end of a connection of ours is in our namespace as well, with the same file */
	const struct unix_diag_req listening = { .sdiag_family = AF_UNIX,
						 .udiag_states = 1u << TCP_LISTEN,
						 .udiag_show = UDIAG_SHOW_VFS };
	const struct netlink_dump dump = {
		.protocol = NETLINK_SOCK_DIAG,
		.request = SOCK_DIAG_BY_FAMILY,
		.answer = SOCK_DIAG_BY_FAMILY,
		.header = &listening,
		.header_size = sizeof(listening),
		.answer_size = sizeof(struct unix_diag_msg),
		.each = on_socket,
	};
	struct search search = {};

	return stat(path, &search.file) || netlink_dump(&dump, &search) || !search.found;
}

/* -ENOENT: there is no such socket, or it is not of our interface. */
static int connect_to(const char *name)
{
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "/var/run/wireguard/%s.sock", name);
	/* the first one also for connect(2), where a hung daemon lets it wait */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		/* refused: of a daemon that is gone, as its interface is then */
		return errno == ECONNREFUSED ? -ENOENT : errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (is_foreign(address.sun_path))
		return -ENOENT;
	return TAKE_FD(fd);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int receive(struct wireguard_text *text, int fd, char *buffer, size_t size)
{
	uint64_t end = now_ms() + PATIENCE_ALL_MS;
	size_t kept = 0, total = 0;

	while (!text->ended) {
		ssize_t count = recv(fd, buffer + kept, size - kept, 0);
		size_t used;
		int error;

		if (count < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		total += (size_t)count;
		if (!count || total > ANSWER_MAX)
			return -EBADMSG;
		kept += (size_t)count;
		error = wireguard_take_text(text, buffer, kept, &used);
		if (error)
			return error;
		kept -= used;
		memmove(buffer, buffer + used, kept);
		if (kept == size)
			return -EBADMSG;
		if (now_ms() > end)
			return -ETIMEDOUT;
	}
	return kept ? -EBADMSG : 0;
}

static int read_user(struct wireguard *wireguard, int fd)
{
	static const char question[] = "get=1\n\n";
	struct wireguard_text text = { .wireguard = wireguard };
	char buffer[65536];
	int error;

	if (send(fd, question, strlen(question), MSG_NOSIGNAL) < 0)
		return -errno;
	error = receive(&text, fd, buffer, sizeof(buffer));
	explicit_bzero(buffer, sizeof(buffer)); /* the private key is in it */
	return error;
}

/* ---------------------------------------------------------------- both */

struct link {
	char name[IFNAMSIZ];
	bool kernel;
};

struct links {
	struct link *items;
	size_t count, capacity;
};

static void forget_links(void *context)
{
	((struct links *)context)->count = 0;
}

static int on_link(const void *header, const struct nlattr *const *attributes, void *context)
{
	const struct nlattr *info[IFLA_INFO_MAX + 1];
	struct links *links = context;
	struct link *link;
	const char *kind;

	(void)header;
	netlink_nest(attributes[IFLA_LINKINFO], info, ARRAY_SIZE(info));
	kind = netlink_text(info[IFLA_INFO_KIND]);
	if (strcmp(kind, "wireguard") && strcmp(kind, "tun"))
		return 0;
	links->items = mem_grow(links->items, links->count, &links->capacity,
				sizeof(*links->items));
	link = &links->items[links->count++];
	*link = (struct link){ .kernel = !strcmp(kind, "wireguard") };
	snprintf(link->name, sizeof(link->name), "%s", netlink_text(attributes[IFLA_IFNAME]));
	return 0;
}

static int read_links(struct links *links)
{
	const struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
	const struct netlink_dump dump = {
		.protocol = NETLINK_ROUTE,
		.request = RTM_GETLINK,
		.answer = RTM_NEWLINK,
		.header = &any,
		.header_size = sizeof(any),
		.begin = forget_links,
		.each = on_link,
	};

	return netlink_dump(&dump, links);
}

/* A TUN device without a socket is something else's. */
static void read_link(struct wireguard *wireguard, const struct link *link)
{
	_close_ int fd = link->kernel ? -1 : connect_to(link->name);
	int error;

	if (!link->kernel && fd == -ENOENT)
		return;
	wireguard_begin(wireguard, link->name);
	error = link->kernel ? read_kernel(wireguard, link->name) :
		fd < 0	     ? fd :
			       read_user(wireguard, fd);
	if (error)
		wireguard_fail(wireguard, error);
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void skip_link(struct wireguard *wireguard, const struct link *link)
{
	wireguard_begin(wireguard, link->name);
	wireguard_fail(wireguard, -ETIMEDOUT);
}

int wireguard_read(struct wireguard *ret_wireguard)
{
	return wireguard_read_but(NULL, 0, ret_wireguard);
}

int wireguard_read_but(const char *const *names, size_t count, struct wireguard *ret_wireguard)
{
	struct wireguard wireguard = {};
	struct links links = {};
	int error = read_links(&links);

	for (size_t i = 0; i < links.count && !error; i++) {
		if (is_among(links.items[i].name, names, count))
			skip_link(&wireguard, &links.items[i]);
		else
			read_link(&wireguard, &links.items[i]);
	}
	free(links.items);
	if (error)
		return error;
	wireguard_finish(&wireguard);
	*ret_wireguard = wireguard;
	return 0;
}
