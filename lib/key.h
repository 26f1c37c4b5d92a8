/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Public keys of WireGuard: Curve25519, in text base64 as wg(8) prints them. */
#ifndef ACLGATE_KEY_H
#define ACLGATE_KEY_H

#include <stddef.h>
#include <stdint.h>

#define KEY_BYTES 32
#define KEY_TEXT  45 /* with its NUL */

/* 0, or -EINVAL: not 44 characters that wg(8) would print for some key. */
int key_parse(const char *text, uint8_t ret_key[KEY_BYTES]);

/* Returns @ret_text. */
const char *key_format(const uint8_t key[KEY_BYTES], char ret_text[KEY_TEXT]);

/*
 * Where @key is, or would be, in an array that is sorted by the keys with which its elements begin:
 * the first one that does not come before it.
 */
size_t key_search(const void *items, size_t count, size_t size, const uint8_t key[KEY_BYTES]);

#endif
