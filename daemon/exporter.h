/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that listens: it can read counters and names, and nothing else (sandbox.h). */
#ifndef ACLGATE_EXPORTER_H
#define ACLGATE_EXPORTER_H

#include <sys/socket.h>

/* Until a signal or its keeper ends it; the exit status. @listen: @address as it was written. */
int exporter_run(const char *listen, const struct sockaddr_storage *address);

#endif
