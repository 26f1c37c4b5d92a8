/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_LISTEN_H
#define ACLGATE_LISTEN_H

#include <sys/socket.h>

/* "ADDR:PORT" or "[ADDR]:PORT", numbers only: a daemon asks nobody for names. 0 or -EINVAL. */
int listen_parse(const char *text, struct sockaddr_storage *ret_address);

/*
 * A socket that listens there, or a negative errno, as bind(2) has it. An address that is taken is
 * tried for a second: whoever was there before us may be on its way out.
 */
int listen_open(const struct sockaddr_storage *address);

#endif
