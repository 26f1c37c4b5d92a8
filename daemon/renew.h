/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stored policy, loaded once more, in a process of its own: what that takes of memory goes with
 * it, and whatever is wrong with a policy cannot take the keeper down.
 */
#ifndef ACLGATE_RENEW_H
#define ACLGATE_RENEW_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "state.h"

#define RENEW_TEXT 16384

/* What became of it. */
struct renewed {
	int error; /* of load_again(); -EINTR: the process was killed */
	bool idle; /* there is nothing to load, or no interface to load it on: that is no failure */
	uint32_t generation;
	char text[RENEW_TEXT]; /* findings, a line each: errors and warnings, as many as fit */
};

struct renew;

/* @done is called each time that one has ended. Returns 0 or a negative errno. */
int renew_open(sd_event *loop, const struct state *state,
	       void (*done)(void *context, const struct renewed *renewed), void *context,
	       struct renew **ret_renew);

/* -EBUSY: one is at work. */
int renew_start(struct renew *renew);

bool renew_runs(const struct renew *renew);

/* One that is at work ends its work. */
void renew_close(struct renew *renew);

#endif
