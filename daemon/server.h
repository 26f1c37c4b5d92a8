/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper's side of answer.h. Nobody who asks can make the keeper wait or work without bound: at
 * most SERVER_CLIENTS at a time, an answer is made at most once in SERVER_PAUSE and is the same for
 * all, each client gets at most one in that time, and who does not read what it asked for is dropped.
 * Clients come after everything else that the loop has to do.
 */
#ifndef ACLGATE_SERVER_H
#define ACLGATE_SERVER_H

#include <systemd/sd-event.h>

#include "answer.h"
#include "state.h"

#define SERVER_CLIENTS 8
#define SERVER_PAUSE   100000 /* us */

struct server;

/* @keeper: what it tells of itself, read whenever an answer is made. */
int server_start(sd_event *loop, const struct state *state, const struct answer_keeper *keeper,
		 struct server **ret_server);

/*
 * Listens at exporter.sock in the run directory, for root and the group `aclgate`. -EADDRINUSE:
 * another keeper does.
 */
int server_listen(struct server *server);

/* Serves whoever has the other end of the socket, which is the server's from now on. */
int server_add(struct server *server, int socket);

void server_stop(struct server *server);

#endif
