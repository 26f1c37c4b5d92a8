// SPDX-License-Identifier: GPL-2.0-or-later
#include "host.h"

#include <stdlib.h>

#include "mem.h"

static const struct {
	const char *ipv4;
	const char *ipv6;
	const char *device;
} hosts[] = {
	[HOST_LITERAL] = { "0.0.0.0", "::", NULL },
	[ROUTER] = { "10.77.0.1", "fd77::1", "router" },
	[ROUTER_LAN] = { "192.168.77.1", "fd00:77::1", "router" },
	[ROUTER_LINK] = { "169.254.0.1", "fe80::1", "router" },
	[WINDOWS] = { "192.168.77.10", "fd00:77::10", "windows" },
	[IMAC] = { "10.77.0.2", "fd77::2", "imac" },
	[VPS] = { "10.77.0.3", "fd77::3", "vps" },
	[PRINTER] = { "10.99.0.7", "fd99::7", "vps" },
	[SCANNER] = { "10.99.0.8", "fd99::8", "vps" },
	[ASPIRE] = { "10.77.0.4", "fd77::4", "aspire" },
	[AZURE] = { "10.77.0.5", "fd77::5", "azure" },
	[LODGER] = { "10.77.0.66", "fd77::66", "lodger" },
	[STRANGER] = { "10.77.0.99", "fd77::99", NULL },
	[WEB] = { "203.0.113.9", "2001:db8::9", NULL },
	[HOP] = { "198.51.100.1", "2001:db8:1::1", NULL },
	[UNSPECIFIED] = { "0.0.0.0", "::", NULL },
	[LOOPBACK] = { "127.0.0.1", "::1", NULL },
	[LINK_LOCAL] = { "169.254.0.10", "fe80::10", NULL },
	[BROADCAST] = { "255.255.255.255", "ff02::1", NULL },
	[SUBNET] = { "10.77.0.255", "fd77::", NULL },
	[ALL_NODES] = { "224.0.0.1", "ff02::1", NULL },
	[ALL_ROUTERS] = { "224.0.0.2", "ff02::2", NULL },
	[ALL_DHCP_SERVERS] = { "255.255.255.255", "ff02::1:2", NULL },
	[GROUP] = { "239.1.2.3", "ff05::1:3", NULL },
};
_Static_assert(ARRAY_SIZE(hosts) == HOST_MAX, "an address for every host");

address_t host_address(enum host host, unsigned int version)
{
	address_t address;

	if (address_parse(version == 4 ? hosts[host].ipv4 : hosts[host].ipv6, &address))
		abort();
	return address;
}

const char *host_device(enum host host)
{
	return hosts[host].device;
}
