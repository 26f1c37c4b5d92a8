/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of captured packets, as tcpdump writes them: the one user of libpcap. */
#ifndef ACLGATE_CAPTURE_H
#define ACLGATE_CAPTURE_H

#include <stdint.h>

#include "probe.h"

struct capture;

struct captured {
	uint64_t time;	    /* microseconds since the epoch */
	struct sight sight; /* its bytes are there until the next call */
};

/*
 * @path: "-" is standard input. Returns 0, or a negative errno and a sentence in *ret_message, which
 * the caller frees: -EACCES, -EBADMSG for what is no capture, -EOPNOTSUPP for one of a link that carries no
 * IP packets that we know how to find.
 */
int capture_open(const char *path, struct capture **ret_capture, char **ret_message);

/* Returns 1, 0 at the end, or -EIO where the file is broken: capture_message() says how. */
int capture_next(struct capture *capture, struct captured *ret_captured);

const char *capture_message(struct capture *capture);

void capture_close(struct capture *capture);

#endif
