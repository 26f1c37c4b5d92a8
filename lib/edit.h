/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of a policy or inventory as text: comments, order and layout stay as somebody wrote them.
 * A change is planned first, and made in a copy, so that it can be checked before anything is
 * written.
 */
#ifndef ACLGATE_EDIT_H
#define ACLGATE_EDIT_H

#include <stddef.h>

#include "source.h"

/* @removed bytes at @at give way to @text. */
struct edit_piece {
	size_t at;
	size_t removed;
	char *text;
};

#define EDIT_PIECES 2

struct edit {
	struct edit_piece pieces[EDIT_PIECES]; /* in the order of the text */
	size_t count;
};

/*
 * Adds `"name": { "publicKey": "key" }` behind the last of the devices, set like that one; where
 * there are no devices, it adds the section as well. That the name is free is for the caller to
 * know. Returns 0, or -EINVAL where the text is none that policy_parse() takes.
 */
int edit_add_device(const struct source *source, const char *name, const char *key,
		    struct edit *ret_edit);

/*
 * Makes the `"approved": false` of a device true. Returns 0, -ENOENT where there is no such device
 * with such a value, or -EINVAL as above.
 */
int edit_approve_device(const struct source *source, const char *name, struct edit *ret_edit);

/* The text with the change, NUL-terminated, which the caller frees. */
char *edit_apply(const struct source *source, const struct edit *edit, size_t *ret_size);

void edit_free(struct edit *edit);

#endif
