/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the gate tells as it happens: struct gate_event. There is one reader at a time. */
#ifndef ACLGATE_EVENTS_H
#define ACLGATE_EVENTS_H

#include <stdint.h>

#include "abi.h"
#include "state.h"

struct events;

/*
 * Only what happens from now on is heard. Returns 0, or a negative errno: -EBUSY where somebody else
 * listens, -ENOENT where nothing is loaded, -EPERM or -EACCES without privilege.
 */
int events_open(const struct state *state, struct events **ret_events);

/*
 * Waits for events, and hands over those that are there. Returns how many there were, -EINTR where
 * a signal came, -ENOENT once the gate that we listened to is unloaded, or another negative errno.
 */
int events_wait(struct events *events, int milliseconds,
		void (*each)(const struct gate_event *event, void *context), void *context);

/* How many got lost since the last call: a device said too much, or we were too slow. */
uint64_t events_lost(struct events *events);

/* The number of the live generation; 0: none. */
uint32_t events_generation(const struct events *events);

/* A time of the boot clock as microseconds since the epoch. */
uint64_t events_wall_clock(uint64_t boot);

void events_close(struct events *events);

#endif
