// SPDX-License-Identifier: GPL-2.0-or-later
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "mem.h"

static const char *from_environment(const char *variable, const char *otherwise)
{
	const char *value = secure_getenv(variable);

	return value && *value ? value : otherwise;
}

struct state state_get(void)
{
	static char pins[PATH_MAX];

	snprintf(pins, sizeof(pins), "%s/v%d",
		 from_environment("ACLGATE_PIN_DIR", "/sys/fs/bpf/aclgate"), GATE_LAYOUT);
	return (struct state){
		.pins = pins,
		.dir = from_environment("ACLGATE_STATE_DIR", "/var/lib/aclgate"),
		.run = from_environment("ACLGATE_RUN_DIR", "/run/aclgate"),
	};
}

char *state_path(const char *dir, const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

int state_mkdir(const char *path, unsigned int mode)
{
	_free_ char *partial = mem_strdup(path);

	for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(partial, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, mode) && errno != EEXIST ? -errno : 0;
}

static int lock(const struct state *state, int operation)
{
	_free_ char *path = state_path(state->run, "lock");
	_close_ int fd = -1;
	int error = state_mkdir(state->run, 0755);

	if (error)
		return error;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, operation))
		if (errno != EINTR)
			return -errno;
	return TAKE_FD(fd);
}

int state_lock(const struct state *state)
{
	return lock(state, LOCK_EX);
}

int state_try_lock(const struct state *state)
{
	return lock(state, LOCK_EX | LOCK_NB);
}

int state_write_all(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size) {
		ssize_t written = write(fd, at, size);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			at += written;
			size -= (size_t)written;
		}
	}
	return fsync(fd) ? -errno : 0;
}

static char *prepared_path(const struct state *state, const char *name)
{
	return mem_printf("%s/%s.new", state->dir, name);
}

int state_prepare(const struct state *state, const char *name, const void *bytes, size_t size)
{
	_free_ char *path = prepared_path(state, name);
	_close_ int fd = -1;
	int error = state_mkdir(state->dir, 0750);

	if (error)
		return error;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	error = state_write_all(fd, bytes, size);
	if (error)
		unlink(path);
	return error;
}

int state_commit(const struct state *state, const char *name)
{
	_free_ char *path = state_path(state->dir, name);
	_free_ char *prepared = prepared_path(state, name);

	int error = rename(prepared, path) ? -errno : 0;

	if (error)
		unlink(prepared);
	return error;
}

int state_write(const struct state *state, const char *name, const void *bytes, size_t size)
{
	int error = state_prepare(state, name, bytes, size);

	return error ? error : state_commit(state, name);
}

void state_discard(const struct state *state, const char *name)
{
	_free_ char *prepared = prepared_path(state, name);

	unlink(prepared);
}

int state_sync(const struct state *state)
{
	_close_ int fd = open(state->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

int state_remove(const struct state *state, const char *name)
{
	_free_ char *path = state_path(state->dir, name);

	return unlink(path) && errno != ENOENT ? -errno : 0;
}
