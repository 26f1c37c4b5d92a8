/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exporter's socket to its keeper: stdin, where a keeper started us, else one that is made at
 * the start and connected when the keeper is there. It is connected once: when the keeper goes, the
 * exporter ends with EXIT_AGAIN, and whoever supervises it starts it anew. So it never needs another
 * socket, and its sandbox has none.
 */
#ifndef ACLGATE_CHANNEL_H
#define ACLGATE_CHANNEL_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "answer.h"
#include "state.h"

struct channel {
	int fd;
	bool inherited; /* from the keeper that started us */
	bool connected;
	char *path;
	uint64_t number; /* of the last request */
	uint64_t
		patience; /* us, monotonic clock: until then a keeper that was silent is not asked */
	sd_event *loop;
	sd_event_source *source; /* the keeper's end */
};

int channel_open(sd_event *loop, const struct state *state, struct channel *ret_channel);

/* Waits for a second at most. -ENOTCONN: there is no keeper (yet); else as answer_ask(). */
int channel_ask(struct channel *channel, struct answer *ret_answer);

void channel_close(struct channel *channel);

#endif
