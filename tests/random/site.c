// SPDX-License-Identifier: GPL-2.0-or-later
#include "site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "netlink.h"
#include "nft_build.h"
#include "rig.h"

#define DEVICES	   (FROM_LAN + 1)
#define UDPLITE	   136
#define OURS	   0x77 /* the mark of what this box sends because we want it */
#define PATIENCE   50	/* ms: a packet needs none, a machine under load may */
#define PACKET_MAX 4096
#define ROUTES_MAX 256

struct route {
	address_t address;
	enum origin out;
};

static const uint8_t heard[] = { IPPROTO_TCP,	 IPPROTO_UDP,  IPPROTO_ICMP,
				 IPPROTO_GRE,	 IPPROTO_SCTP, IPPROTO_IPIP,
				 IPPROTO_ICMPV6, IPPROTO_ESP,  UDPLITE };
static const char *const names[DEVICES] = { "wg0", "wg1", "lan0" };

static struct {
	int devices[DEVICES];
	int control[2];	       /* sockets for ioctl(), [1]: IPv6 */
	int senders[2];	       /* raw sockets of this box */
	int listeners[2][256]; /* by protocol */
	struct route routes[ROUTES_MAX];
	size_t routes_count;
	unsigned int strays;
} site;

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

const char *site_missing(void)
{
	if (geteuid())
		return "root";
	if (access("/dev/net/tun", R_OK | W_OK))
		return "/dev/net/tun";
	return NULL;
}

static void set_sysctl(const char *name, const char *value)
{
	_free_ char *path = mem_printf("/proc/sys/net/%s", name);
	FILE *file = fopen(path, "w");

	require(file && fputs(value, file) >= 0 && !fclose(file), path);
}

static int make_device(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	require(fd >= 0 && !ioctl(fd, TUNSETIFF, &request), name);
	return fd;
}

/* As <linux/ipv6.h> has it, which does not go with <netinet/in.h>. */
struct ifreq6 {
	struct in6_addr address;
	uint32_t length;
	int ifindex;
};

static void add_address(enum origin device, const char *text)
{
	struct ifreq6 request6 = { .length = 128, .ifindex = (int)if_nametoindex(names[device]) };
	struct ifreq request = {};
	struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;

	if (inet_pton(AF_INET6, text, &request6.address) == 1) {
		require(!ioctl(site.control[1], SIOCSIFADDR, &request6), text);
		return;
	}
	strncpy(request.ifr_name, names[device], sizeof(request.ifr_name) - 1);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, text, &in->sin_addr);
	require(!ioctl(site.control[0], SIOCSIFADDR, &request), text);
	in->sin_addr.s_addr = INADDR_NONE;
	require(!ioctl(site.control[0], SIOCSIFNETMASK, &request), text);
}

/* The kernel gives them to us later, in a thread of its own. */
static void await_address(const char *text)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = -1;

	if (inet_pton(AF_INET6, text, &own.sin6_addr) != 1)
		error = 0;
	for (int tries = 0; error && tries < 500; tries++) {
		error = bind(fd, (struct sockaddr *)&own, sizeof(own));
		if (error)
			usleep(10000);
	}
	require(!error, text);
	close(fd);
}

static void put_up(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_UP };

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	require(!ioctl(site.control[0], SIOCSIFFLAGS, &request), name);
}

/* Answers of this box itself would be part of the connections that the test makes. */
static void keep_quiet(void)
{
	struct nft_builder builder = { .table.name = "quiet" };
	size_t chain = nft_add_chain(&builder, "output");
	struct nft_statement foreign = nft_is(NFT_FIELD_MARK, OURS, "meta mark != 0x77");
	struct nft_chain *base = &builder.table.chains[chain];

	base->is_base = true;
	base->hook = NF_INET_LOCAL_OUT;
	base->priority = -300; /* before conntrack */
	foreign.invert = true;
	NFT_RULE(&builder, chain, foreign, nft_verdict(NFT_DO_DROP));
	errno = -nft_commit(&builder.table);
	if (errno == EOPNOTSUPP) {
		printf("SKIP: these tests need nftables\n");
		exit(77);
	}
	require(!errno, "nftables");
	nft_builder_free(&builder);
}

static const int families[] = { AF_INET, AF_INET6 };

/* Processes of this box that hear all of a protocol. */
static void open_listeners(void)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(heard); i++) {
		uint8_t protocol = heard[i / 2];
		int fd = socket(families[i & 1], SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

		require(fd >= 0, "a raw socket");
		site.listeners[i & 1][protocol] = fd;
	}
}

static void open_senders(void)
{
	const uint32_t mark = OURS;

	for (size_t i = 0; i < 2; i++) {
		/* IPPROTO_RAW: the header is in what is sent */
		site.senders[i] = socket(families[i], SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
		require(site.senders[i] >= 0 && !setsockopt(site.senders[i], SOL_SOCKET, SO_MARK,
							    &mark, sizeof(mark)),
			"a raw socket");
	}
}

void site_open(void)
{
	require(!unshare(CLONE_NEWNET), "a network namespace");
	site.control[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	site.control[1] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	require(site.control[0] >= 0 && site.control[1] >= 0, "sockets");
	keep_quiet();
	set_sysctl("ipv4/conf/all/rp_filter", "0");
	set_sysctl("ipv4/conf/default/rp_filter", "0");
	set_sysctl("ipv4/ip_forward", "1");
	set_sysctl("ipv6/conf/all/forwarding", "1");
	for (enum origin i = 0; i < DEVICES; i++)
		site.devices[i] = make_device(names[i]);
	for (size_t i = 0; i < RIG_ADDRESSES; i++) /* wg0's, the LAN's, of each IP version */
		add_address(i & 1 ? FROM_LAN : FROM_WG0, rig_addresses[i]);
	put_up("lo");
	for (enum origin i = 0; i < DEVICES; i++)
		put_up(names[i]);
	for (size_t i = 0; i < RIG_ADDRESSES; i++)
		await_address(rig_addresses[i]);
	open_senders();
	open_listeners();
}

static void change_route(const struct route *route, unsigned long request)
{
	struct in6_rtmsg six = { .rtmsg_dst_len = 128, .rtmsg_flags = RTF_UP, .rtmsg_metric = 1 };
	struct rtentry four = { .rt_flags = RTF_UP | RTF_HOST };
	struct sockaddr_in *in = (struct sockaddr_in *)&four.rt_dst;
	char device[IFNAMSIZ], text[ADDRESS_TEXT];
	uint8_t bytes[16];

	strcpy(device, names[route->out]);
	address_bytes(route->address, bytes);
	if (address_is_ipv4(route->address)) {
		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, bytes, 4);
		four.rt_dev = device;
		require(!ioctl(site.control[0], request, &four),
			address_format(route->address, text));
		return;
	}
	memcpy(&six.rtmsg_dst, bytes, 16);
	six.rtmsg_ifindex = (int)if_nametoindex(device);
	require(!ioctl(site.control[1], request, &six), address_format(route->address, text));
}

void site_route(address_t address, enum origin out)
{
	struct route *route = &site.routes[site.routes_count++];

	require(site.routes_count <= ROUTES_MAX, "routes");
	*route = (struct route){ address, out };
	change_route(route, SIOCADDRT);
}

void site_forget_routes(void)
{
	while (site.routes_count)
		change_route(&site.routes[--site.routes_count], SIOCDELRT);
}

void site_forget_connections(void)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg family;
	} message = {
		.header = { .nlmsg_len = sizeof(message),
			    .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
	};
	struct iovec part = { &message, sizeof(message) };

	errno = -netlink_transact(NETLINK_NETFILTER, &part, 1);
	require(!errno, "conntrack");
}

static void send_own(const struct parcel *parcel, size_t part)
{
	const uint8_t *bytes = parcel->bytes[part];
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	bool six = !address_is_ipv4(parcel->draft.src);

	memcpy(&to.sin_addr, bytes + 16, 4);
	memcpy(&to6.sin6_addr, bytes + 24, 16);
	/* what a hook drops is an error to the sender */
	if (sendto(site.senders[six], bytes, parcel->sizes[part], 0,
		   six ? (struct sockaddr *)&to6 : (struct sockaddr *)&to,
		   six ? sizeof(to6) : sizeof(to)) < 0)
		require(errno == EPERM, "send");
}

void site_send(enum origin from, const struct parcel *parcel, size_t part)
{
	if (from == FROM_SELF)
		send_own(parcel, part);
	else
		require(write(site.devices[from], parcel->bytes[part], parcel->sizes[part]) ==
				(ssize_t)parcel->sizes[part],
			"write");
}

static unsigned int read_all(int fd, const struct parcel *parcel, unsigned int *others)
{
	uint8_t bytes[PACKET_MAX];
	unsigned int found = 0;
	ssize_t size;

	while ((size = read(fd, bytes, sizeof(bytes))) > 0)
		found += parcel_find(parcel, bytes, (size_t)size, others);
	require(errno == EAGAIN, "read");
	return found;
}

unsigned int site_receive(enum origin out, const struct parcel *parcel, bool patient)
{
	bool six = !address_is_ipv4(parcel->draft.src);
	int fd = out == FROM_SELF ? site.listeners[six][parcel->draft.protocol] : site.devices[out];
	unsigned int found = read_all(fd, parcel, &site.strays);
	struct pollfd wait = { fd, POLLIN, 0 };
	unsigned int elsewhere = 0;

	for (int tries = patient ? 3 : 0; tries && found < parcel_marks(parcel); tries--) {
		poll(&wait, 1, PATIENCE);
		found += read_all(fd, parcel, &site.strays);
	}
	for (enum origin i = 0; i < DEVICES; i++)
		if (i != out)
			elsewhere += read_all(site.devices[i], parcel, &site.strays);
	site.strays += elsewhere;
	return found;
}

unsigned int site_strays(void)
{
	return site.strays;
}
