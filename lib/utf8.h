/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_UTF8_H
#define ACLGATE_UTF8_H

#include <stddef.h>

/*
 * Bytes of the character at the start of @text, 1 … 4; 0 where it is none: an overlong form, a
 * surrogate, above U+10FFFF, cut short (RFC 3629).
 */
size_t utf8_length(const char *text, size_t size);

#endif
