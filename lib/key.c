// SPDX-License-Identifier: GPL-2.0-or-later
#include "key.h"

#include <errno.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

const char *key_format(const uint8_t key[KEY_BYTES], char ret_text[KEY_TEXT])
{
	b64_ntop(key, KEY_BYTES, ret_text, KEY_TEXT);
	return ret_text;
}

/* The library skips spaces, and the last character has bits that are no part of the key. */
int key_parse(const char *text, uint8_t ret_key[KEY_BYTES])
{
	uint8_t key[KEY_BYTES + 1];
	char again[KEY_TEXT];

	if (strlen(text) != KEY_TEXT - 1 || b64_pton(text, key, sizeof(key)) != KEY_BYTES ||
	    strcmp(key_format(key, again), text))
		return -EINVAL;
	memcpy(ret_key, key, KEY_BYTES);
	return 0;
}

size_t key_search(const void *items, size_t count, size_t size, const uint8_t key[KEY_BYTES])
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp((const uint8_t *)items + middle * size, key, KEY_BYTES) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
