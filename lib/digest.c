// SPDX-License-Identifier: GPL-2.0-or-later
#include "digest.h"

#include <sha2.h>
#include <stdio.h>

void digest_sources(const struct sources *sources, uint8_t ret_sha256[32])
{
	SHA2_CTX context;

	SHA256Init(&context);
	for (size_t i = 0; i < sources->count; i++)
		SHA256Update(&context, (const uint8_t *)sources->items[i].text,
			     sources->items[i].size);
	SHA256Final(ret_sha256, &context);
}

void digest_bytes(const void *bytes, size_t size, uint8_t ret_sha256[32])
{
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, bytes, size);
	SHA256Final(ret_sha256, &context);
}

const char *digest_format(const uint8_t sha256[32], char text[DIGEST_TEXT])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", sha256[i]);
	return text;
}
