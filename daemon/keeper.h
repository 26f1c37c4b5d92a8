/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process with privileges: it has no network socket. */
#ifndef ACLGATE_KEEPER_H
#define ACLGATE_KEEPER_H

#include <systemd/sd-event.h>

#include "answer.h"
#include "state.h"

struct keeper {
	struct state state;
	sd_event *loop;
	struct answer_keeper tells; /* what the exporter shows of it */
};

/*
 * Until a signal ends it; the exit status. @listen: with an exporter of its own, that serves there;
 * NULL: for those that come to its socket.
 */
int keeper_run(const char *listen);

#endif
