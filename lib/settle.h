/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets an address that several claim.
 *
 * 1. The inventory: its entries are checked before against WireGuard, and refused where that has
 *    them elsewhere. Two devices with one address are an error; of routes the first wins.
 * 2. A device whose key has it; two of them, on two interfaces: nobody.
 * 3. What a device has in WireGuard and not in its entry, and what a peer of no device has, are
 *    nobody's: cut out of the routes around it, where those speak on the same interface.
 * 4. What is behind the peer of a device without a key is cut out of routes of devices with one.
 *
 * Only the first may be an error: who changes WireGuard must not be able to keep a policy from
 * being loaded.
 */
#ifndef ACLGATE_SETTLE_H
#define ACLGATE_SETTLE_H

#include "inventory.h"

/* Sorts inventory->owners, and leaves those that get what they claim. */
void settle_owners(struct inventory *inventory, struct diag *diag);

#endif
