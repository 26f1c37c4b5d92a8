/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This machine, as the kernel tells: its addresses, interfaces and peers. */
#ifndef ACLGATE_BOX_H
#define ACLGATE_BOX_H

#include "inventory.h"

/*
 * Every address but 127.0.0.0/8 and ::1: no packet with one of these comes from outside. And what
 * WireGuard tells (lib/wireguard.h): without it, or without privilege, less.
 */
int box_read(struct box *ret_box);

/* Those alone that the kernel tells: no peers. */
int box_read_addresses(struct box *ret_box);

void box_free(struct box *box);

enum box_link {
	LINK_IP, /* packets begin with the IP header: WireGuard, TUN */
	LINK_ETHERNET,
	LINK_OTHER,
};

/* What an interface carries. Returns its ifindex, or a negative errno: -ENODEV where it is not. */
int box_interface(const char *name, enum box_link *ret_link);

#endif
