/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cast of house.json: who has which address, and under which name its packets are counted. */
#ifndef ACLGATE_TEST_HOST_H
#define ACLGATE_TEST_HOST_H

#include "address.h"

enum host {
	HOST_LITERAL, /* nobody: the address stands beside */
	ROUTER,	      /* this box, on wg0 */
	ROUTER_LAN,   /* this box, on the LAN */
	ROUTER_LINK,  /* this box, on any link */
	WINDOWS,      /* on the LAN, which is not guarded */
	IMAC,
	VPS,
	PRINTER, /* behind the VPS, on its route */
	SCANNER, /* likewise */
	ASPIRE,
	AZURE,
	LODGER,	  /* not approved */
	STRANGER, /* an address of the WireGuard network that no device has */
	WEB,	  /* on the internet */
	HOP,	  /* a router on the way there */
	/* addresses that are nobody's */
	UNSPECIFIED,
	LOOPBACK,
	LINK_LOCAL,
	BROADCAST, /* IPv6: all nodes of the link */
	SUBNET,	   /* the broadcast address of the WireGuard network; IPv6: all its routers */
	ALL_NODES, /* of the link, as those that follow */
	ALL_ROUTERS,
	ALL_DHCP_SERVERS,
	GROUP, /* multicast that routers forward */
	HOST_MAX
};

/* @version: 4 or 6. */
address_t host_address(enum host host, unsigned int version);

/* The device that has the address, or NULL. */
const char *host_device(enum host host);

#endif
