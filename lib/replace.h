/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of somebody else, of which we change what is in them and nothing else. */
#ifndef ACLGATE_REPLACE_H
#define ACLGATE_REPLACE_H

#include <stddef.h>
#include <sys/stat.h>

/*
 * Finds the file behind @path, which the caller frees, and what it is now. Returns 0 or a negative
 * errno: -EINVAL where it is no regular file.
 */
int replace_find(const char *path, char **ret_file, struct stat *ret_was);

/*
 * Replaces in one step what is in @file: after a crash it is the old or the new one, whole, and it
 * has come to the disk. Mode and owner stay. -EBUSY: it is not any more what it was.
 */
int replace_file(const char *file, const struct stat *was, const void *bytes, size_t size);

#endif
