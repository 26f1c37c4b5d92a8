/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the exporter may still do once it serves: read what it is given, write to who asks.
 *
 * User `aclgate`, else nobody, and no group; no capability, also none to come; no new program, file,
 * process or socket; of bpf(2) the reading of maps that it was handed. A system call beyond that ends
 * the process: either it is no longer ours, or this list is wrong, and both must be seen; it holds
 * nothing that would be lost, and is started again. What libraries try and do without (opening a
 * file) is refused instead.
 *
 * Landlock would add nothing: what it could restrict is not allowed in the first place.
 */
#ifndef ACLGATE_SANDBOX_H
#define ACLGATE_SANDBOX_H

#include <stdbool.h>

struct sandbox {
	int connects;	  /* a unix socket that may still be connected; -1: none */
	bool with_parent; /* ends when the process does that started it */
};

/* 0, or a negative errno: then nothing may be served. */
int sandbox_enter(const struct sandbox *sandbox);

#endif
