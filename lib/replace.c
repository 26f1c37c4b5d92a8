// SPDX-License-Identifier: GPL-2.0-or-later
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mem.h"
#include "state.h"

int replace_find(const char *path, char **ret_file, struct stat *ret_was)
{
	_free_ char *file = realpath(path, NULL);
	struct stat was;

	if (!file || stat(file, &was))
		return -errno;
	if (!S_ISREG(was.st_mode))
		return -EINVAL;
	*ret_file = TAKE_PTR(file);
	*ret_was = was;
	return 0;
}

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
	       one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

/* To whom it belongs first: a change of the owner takes bits of the mode away. */
static int fill(int fd, const struct stat *was, const void *bytes, size_t size)
{
	if (fchown(fd, was->st_uid, was->st_gid) || fchmod(fd, was->st_mode & 07777))
		return -errno;
	return state_write_all(fd, bytes, size);
}

static int move(const char *temporary, const char *file, const struct stat *was)
{
	struct stat now;

	if (stat(file, &now))
		return -errno;
	if (!is_same(was, &now))
		return -EBUSY;
	return rename(temporary, file) ? -errno : 0;
}

/* The new name is on the disk with the directory. */
static int sync_directory(const char *file)
{
	_free_ char *copy = mem_strdup(file);
	_close_ int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

/* A name that nobody can know before: the directory may be one where others write. */
int replace_file(const char *file, const struct stat *was, const void *bytes, size_t size)
{
	_free_ char *temporary = mem_printf("%s.XXXXXX", file);
	_close_ int fd = mkostemp(temporary, O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = fill(fd, was, bytes, size);
	if (!error)
		error = move(temporary, file, was);
	if (error)
		unlink(temporary);
	else
		error = sync_directory(file);
	return error;
}
