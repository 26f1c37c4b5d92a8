/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the gate as somebody wanted it, whatever happens to it: puts the guard back, shuts what lost
 * its programs, attaches them again, follows the addresses of this machine. Somebody else's word
 * counts more: what was opened by hand is left alone (lib/wanted.h), and while a load is at work
 * nothing is looked at.
 */
#ifndef ACLGATE_HEAL_H
#define ACLGATE_HEAL_H

#include "keeper.h"

struct heal;

/*
 * The stored policy is loaded at once, for what it was loaded on may have changed. @ready is called
 * once, when that has come to an end, whatever came of it.
 */
int heal_start(struct keeper *keeper, void (*ready)(void *context), void *context,
	       struct heal **ret_heal);

/* The same once more. */
void heal_reload(struct heal *heal, void (*ready)(void *context));

void heal_stop(struct heal *heal);

#endif
