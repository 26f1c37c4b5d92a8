// SPDX-License-Identifier: GPL-2.0-or-later
#include "wallclock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"

static int64_t last_seen(const struct state *state)
{
	_free_ char *path = state_path(state->dir, WALLCLOCK_FILE);
	struct stat file;

	return stat(path, &file) ? 0 : file.st_mtime;
}

int64_t wallclock_now(const struct state *state)
{
	int64_t now = time(NULL);

	return now < last_seen(state) ? WALLCLOCK_UNKNOWN : now;
}

int wallclock_remember(const struct state *state)
{
	const struct timespec now = { .tv_sec = time(NULL) };
	_free_ char *path = state_path(state->dir, WALLCLOCK_FILE);
	_close_ int fd = -1;

	if (last_seen(state) >= now.tv_sec)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	return futimens(fd, (const struct timespec[]){ now, now }) ? -errno : 0;
}

int64_t wallclock_offset(void)
{
	struct timespec boot;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	return time(NULL) - boot.tv_sec;
}
