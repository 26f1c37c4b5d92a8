/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exporter that a keeper started by hand has: a program of its own, this one with --exporter,
 * which finds the socket to its keeper as stdin. It is started again when it ends, after a pause
 * that doubles as long as it does not stay.
 */
#ifndef ACLGATE_CHILD_H
#define ACLGATE_CHILD_H

#include <systemd/sd-event.h>

#include "server.h"

struct child;

/*
 * @listen: its --listen. The loop ends with its status where the first one cannot even start, and
 * after child_end().
 */
int child_start(sd_event *loop, struct server *server, const char *listen,
		struct child **ret_child);

/* Asks it to end, and ends the loop when it has, or has not after a second. */
void child_end(struct child *child);

void child_free(struct child *child);

#endif
