/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What somebody wanted of the gate, written down so that a boot, or a process that watches over it,
 * can bring it back:
 *
 *   guarded	in the state directory	interfaces that the guard stands in front of, a name a line
 *   options	in the state directory	how the policy beside it was loaded
 *   unread	in the state directory	a WireGuard interface did not tell its peers at the last load, which
 *					believed what is written
 *   opened	in the run directory	the guard was taken away by hand; gone with the next boot
 */
#ifndef ACLGATE_WANTED_H
#define ACLGATE_WANTED_H

#include <net/if.h>
#include <stdbool.h>

#include "digest.h"
#include "gate.h"
#include "guard.h"
#include "state.h"

#define WANTED_GUARDED "guarded"
#define WANTED_OPTIONS "options"
#define WANTED_OPENED  "opened"
#define WANTED_UNREAD  "unread"

struct wanted {
	char guarded[GUARD_PLACES_MAX][IFNAMSIZ];
	size_t guarded_count; /* 0: nothing was ever guarded, or it was opened for good */
	bool opened;
	bool unread;
	/* which policy was loaded, and how */
	char sha256[DIGEST_TEXT];
	enum backend backend;
	char interface[IFNAMSIZ]; /* "": those of the policy */
	/* interfaces that it does not guard, and devices are bound to */
	char outside[GATE_OUTSIDE_MAX][IFNAMSIZ];
	size_t outside_count;
};

/* Files that are not there say that nothing is wanted. -EBADMSG: one of them is not ours. */
int wanted_read(const struct state *state, struct wanted *ret_wanted);

/*
 * Only what is guarded, and whether it was opened: what shuts must not depend on how to load. With
 * -EBADMSG the lines that can be read are there.
 */
int wanted_read_guarded(const struct state *state, struct wanted *ret_wanted);

/* Adds a name, unless it is there. -E2BIG: there are too many. */
int wanted_guard(struct wanted *wanted, const char *name);

/* The text of a file, which the caller frees. */
char *wanted_guarded_text(const struct wanted *wanted);
char *wanted_options_text(const struct wanted *wanted);

/* Returns 0 or a negative errno. */
int wanted_write_opened(const struct state *state, bool opened);

/* "auto", "bpf" or "nft", as on the command line. -EINVAL: none of these. */
int wanted_backend(const char *name, enum backend *ret_backend);

#endif
