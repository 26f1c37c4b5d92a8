/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_LISTEN_H
#define ACLGATE_LISTEN_H

#include <sys/socket.h>

/* "ADDR:PORT" or "[ADDR]:PORT", numbers only: a daemon asks nobody for names. 0 or -EINVAL. */
int listen_parse(const char *text, struct sockaddr_storage *ret_address);

#endif
