/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tc filters of an interface, as rtnetlink lists them. */
#ifndef ACLGATE_FILTER_H
#define ACLGATE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

/*
 * Is the filter of that priority and handle the first that a packet meets on the clsact qdisc? One
 * in front of it may let a packet pass, and ours would not be asked. False where we cannot tell.
 */
bool filter_is_first(uint32_t ifindex, enum direction direction, uint16_t priority,
		     uint32_t handle);

#endif
