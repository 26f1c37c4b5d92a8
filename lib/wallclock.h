/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time of day, which a machine without a battery loses: it boots in the past. The last time that was
 * seen is that of the file `clock` in the state directory; until the clock has passed it, what time it is
 * is not known, and what expires some day counts as expired. An unload forgets it.
 */
#ifndef ACLGATE_WALLCLOCK_H
#define ACLGATE_WALLCLOCK_H

#include <stdint.h>

#include "state.h"

#define WALLCLOCK_FILE "clock"

/* After all that expires, and before what never does (EXPIRES_NEVER). */
#define WALLCLOCK_UNKNOWN (INT64_MAX - 1)

/* Seconds since the epoch, or WALLCLOCK_UNKNOWN. */
int64_t wallclock_now(const struct state *state);

/* Writes down what time it is, unless a later one was seen. Returns 0 or a negative errno. */
int wallclock_remember(const struct state *state);

/* How far the time of day is ahead of the clock that programs have, in seconds: it moves when it is set. */
int64_t wallclock_offset(void);

#endif
