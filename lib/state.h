/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are kept, and by whom they are changed: one writer at a time, who holds the lock.
 *
 *   pins	$ACLGATE_PIN_DIR/v3	/sys/fs/bpf/aclgate/v3	the gate itself, by GATE_LAYOUT
 *   state	$ACLGATE_STATE_DIR	/var/lib/aclgate	policy, inventory and ids as loaded
 *   run	$ACLGATE_RUN_DIR	/run/aclgate		the lock
 */
#ifndef ACLGATE_STATE_H
#define ACLGATE_STATE_H

#include <stddef.h>

struct state {
	const char *pins;
	const char *dir;
	const char *run;
};

struct state state_get(void);

/* Waits for other writers. Returns a descriptor that holds the lock until it is closed, or -errno.
 */
int state_lock(const struct state *state);

/* The same, but waits for nobody: -EAGAIN. */
int state_try_lock(const struct state *state);

/* "dir/name", which the caller frees. */
char *state_path(const char *dir, const char *name);

/* Replaces the file in one step: after a crash it is either the old or the new one. */
int state_write(const struct state *state, const char *name, const void *bytes, size_t size);

/*
 * The same in two: what a full disk, say, makes fail is done before the new file counts. What is
 * prepared is forgotten by the next preparation. Return 0 or -errno.
 */
int state_prepare(const struct state *state, const char *name, const void *bytes, size_t size);
int state_commit(const struct state *state, const char *name);

/* Removes what was prepared and not committed. */
void state_discard(const struct state *state, const char *name);

/* Waits until what was committed is on the disk. Returns 0 or -errno. */
int state_sync(const struct state *state);

/* Removes a file; none is no error. */
int state_remove(const struct state *state, const char *name);

/* Writes all of it, and waits until it is on the disk. Returns 0 or -errno. */
int state_write_all(int fd, const void *bytes, size_t size);

/* Creates a directory and those above it. Returns 0 or -errno. */
int state_mkdir(const char *path, unsigned int mode);

#endif
