/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A router of its own: a network namespace with TUN devices wg0, wg1 and lan0, in which packets are
 * real. What is written into a device comes in there; it has gone its whole way when the call
 * returns. This box sends what a raw socket writes, and says nothing by itself.
 */
#ifndef ACLGATE_TEST_SITE_H
#define ACLGATE_TEST_SITE_H

#include "opinion.h"
#include "parcel.h"

/* What is missing to make one, or NULL. Whatever goes wrong later ends the process. */
const char *site_missing(void);

/* This process moves there, and the site ends with it. */
void site_open(void);

/* From now on packets to @address leave through @out: FROM_WG0, FROM_WG1 or FROM_LAN. */
void site_route(address_t address, enum origin out);

void site_forget_routes(void);

/* No connection is known any more. */
void site_forget_connections(void);

/* A part of a parcel comes in from there, or is sent by this box. */
void site_send(enum origin from, const struct parcel *parcel, size_t part);

/*
 * Returns how many marks of the parcel came out there; FROM_SELF: at a process of this box. Where
 * @patient it waits for them for a moment.
 */
unsigned int site_receive(enum origin out, const struct parcel *parcel, bool patient);

/* Marks that came out where or when nobody asked for them. */
unsigned int site_strays(void);

#endif
