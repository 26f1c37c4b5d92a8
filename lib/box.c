// SPDX-License-Identifier: GPL-2.0-or-later
#include "box.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mem.h"

static address_t address_of(const struct sockaddr *sockaddr)
{
	if (sockaddr->sa_family == AF_INET)
		return address_from_bytes(
			(const uint8_t *)&((const struct sockaddr_in *)sockaddr)->sin_addr, 4);
	return address_from_bytes(
		(const uint8_t *)&((const struct sockaddr_in6 *)sockaddr)->sin6_addr, 16);
}

/* 127.0.0.0/8 and ::1; other addresses of the loopback interface are known outside as well. */
static bool is_loopback(address_t address)
{
	return address == 1 || (address_is_ipv4(address) && (address >> 24 & 0xff) == 127);
}

static bool is_wanted(const struct ifaddrs *item)
{
	int family = item->ifa_addr ? item->ifa_addr->sa_family : AF_UNSPEC;

	return family == AF_INET || family == AF_INET6;
}

int box_read_addresses(struct box *ret_box)
{
	struct ifaddrs *list;
	struct box box = {};
	size_t capacity = 0;

	if (getifaddrs(&list))
		return -errno;
	for (const struct ifaddrs *item = list; item; item = item->ifa_next) {
		if (!is_wanted(item))
			continue;
		if (is_loopback(address_of(item->ifa_addr)))
			continue;
		box.addresses = mem_grow(box.addresses, box.count, &capacity,
					 sizeof(*box.addresses));
		box.addresses[box.count++] = address_of(item->ifa_addr);
	}
	freeifaddrs(list);
	*ret_box = box;
	return 0;
}

int box_read(struct box *ret_box)
{
	struct box box = {};
	int error = box_read_addresses(&box);

	if (!error)
		error = wireguard_read(&box.wireguard);
	if (error)
		box_free(&box);
	else
		*ret_box = box;
	return error;
}

void box_free(struct box *box)
{
	free(box->addresses);
	wireguard_free(&box->wireguard);
	*box = (struct box){};
}

/* Any socket tells of interfaces; the keeper may open one of this family only. */
int box_interface(const char *name, enum box_link *ret_link)
{
	_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};

	if (fd < 0)
		return -errno;
	if (strlen(name) >= sizeof(request.ifr_name))
		return -ENODEV;
	strcpy(request.ifr_name, name);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		return -errno;
	switch (request.ifr_hwaddr.sa_family) {
	case ARPHRD_NONE:
		*ret_link = LINK_IP;
		break;
	case ARPHRD_ETHER:
		*ret_link = LINK_ETHERNET;
		break;
	default:
		*ret_link = LINK_OTHER;
	}
	if (ioctl(fd, SIOCGIFINDEX, &request))
		return -errno;
	return request.ifr_ifindex;
}
