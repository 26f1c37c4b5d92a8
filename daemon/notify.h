/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sd_notify(3) and the watchdog for a process that cannot make a socket any more: this one is made
 * before its sandbox is.
 */
#ifndef ACLGATE_NOTIFY_H
#define ACLGATE_NOTIFY_H

#include <systemd/sd-event.h>

/* Where nobody wants to be notified, nothing happens, now and later. 0 or a negative errno. */
int notify_open(sd_event *loop);

void notify_send(const char *text);

#endif
