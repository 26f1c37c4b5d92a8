/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells when the kernel's interfaces, addresses, tc filters or nftables change, by whoever's hand. It
 * does not tell what: who looks at all of it cannot miss what a full socket has lost. TCX programs
 * come and go without a word (linux/kernel/bpf/tcx.c), so there is a clock as well.
 */
#ifndef ACLGATE_WATCH_H
#define ACLGATE_WATCH_H

#include <systemd/sd-event.h>

struct watch;

/* 0, or a negative errno. */
int watch_start(sd_event *loop, void (*changed)(void *context), void *context,
		struct watch **ret_watch);

void watch_stop(struct watch *watch);

#endif
