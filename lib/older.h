/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an upgrade leaves of layouts before ours (GATE_LAYOUT), beside our own pins. Programs need no
 * pins, and are replaced like others of ours; an XDP link and maps stay as long as their pins do.
 */
#ifndef ACLGATE_OLDER_H
#define ACLGATE_OLDER_H

#include "registry.h"

/* What the last of them guards; nothing where there are no such pins. */
void older_registry(const struct state *state, struct registry *ret_registry);

/* Takes off their early drop, whose tables no load changes any more. */
void older_detach_early(const struct hook *hook);

/* Gives back the memory of their maps. Nothing may be enforced by them. */
void older_unpin(const struct state *state);

#endif
