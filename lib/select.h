/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Selectors: what a word in a rule means as a set of addresses.
 *
 *   *			source: every device and route; destination: any address
 *   name		a device or a host
 *   10.0.0.1, 10.0.0.0/8
 *   nick@example.com	the untagged devices of that user; user:*@example.com of all users there
 *   group:, tag:, ipset:
 *   autogroup:member	untagged devices that have a user; autogroup:tagged the tagged ones
 *   autogroup:internet	destination: public addresses
 *
 * autogroup:self is no set of its own: it depends on who asks, and resolve.c deals with it.
 */
#ifndef ACLGATE_SELECT_H
#define ACLGATE_SELECT_H

#include "inventory.h"

enum side {
	SIDE_SOURCE,
	SIDE_DESTINATION,
	SIDE_MAX
};

/*
 * A source is cut down to what devices own, for nobody else may open anything. Returns 0, or
 * -EINVAL with an error in @diag; a warning says why a set is empty. The result is added to @set,
 * which is then no longer normalised.
 */
int select_set(const struct inventory *inventory, const struct word *word, enum side side,
	       struct diag *diag, struct set *set);

/* The untagged devices of one user. Returns whether there is any. */
bool select_user_devices(const struct inventory *inventory, const char *user, struct set *set);

/*
 * The addresses of a device, approved or not; false where there is none of that name, or without
 * addresses.
 */
bool select_device(const struct inventory *inventory, const char *name, struct set *set);

/* Can autogroup:self stand beside this source? Users, groups and autogroup:member can. */
bool select_is_personal(const struct word *word);

/* Tells what is wrong inside ipsets, also in those that no rule uses. */
void select_check_ipsets(const struct inventory *inventory, struct diag *diag);

#endif
