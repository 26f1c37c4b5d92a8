/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP server: GET /metrics. The one user of libmicrohttpd. */
#ifndef ACLGATE_EXPORTER_H
#define ACLGATE_EXPORTER_H

#include <sys/socket.h>

#include "state.h"

struct exporter;

/* Serves in a thread of its own. Returns 0, or a negative errno, as bind(2) has it. */
int exporter_start(const struct state *state, const struct sockaddr *address,
		   struct exporter **ret_exporter);

/* Ends open connections and the thread. */
void exporter_stop(struct exporter *exporter);

#endif
