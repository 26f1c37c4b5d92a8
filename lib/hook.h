/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where programs meet packets. Every call returns 0 or more, or a negative errno. */
#ifndef ACLGATE_HOOK_H
#define ACLGATE_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

/*
 * TCX (6.6), in front of all others; on older kernels clsact filters with a priority and handle of
 * ours. Neither needs a pin: what is attached goes on when /sys/fs/bpf is emptied.
 */
struct hook {
	const char *pins; /* of the gate that the programs are part of */
	const char *interface;
	uint32_t ifindex;
	enum direction direction;
};

/*
 * Programs are known by their number, which takes CAP_SYS_ADMIN: without it nothing on an interface
 * could be told from what is somebody else's. 0, or -EPERM.
 */
int hook_may_look(void);

/* Attaches, or replaces our own program that is there, without a packet in between. */
int hook_attach(const struct hook *hook, int program);

/* Nothing of ours there is no error; what is not ours stays. */
int hook_detach(const struct hook *hook);

enum attached {
	ATTACHED_NOT,
	ATTACHED_BEHIND, /* but somebody else's program runs before ours and may skip it */
	ATTACHED,
};

enum attached hook_attached(const struct hook *hook);

/*
 * The same for the early drop, an XDP link that is pinned as NAME_early; `direction` is not looked at.
 * -EBUSY: the interface has somebody else's XDP program.
 */
enum early {
	EARLY_NOT,
	EARLY_GENERIC, /* the kernel runs it, behind the driver */
	EARLY_NATIVE,
};

int hook_attach_early(const struct hook *hook, int program);
int hook_detach_early(const struct hook *hook);
enum early hook_early(const struct hook *hook);

#endif
