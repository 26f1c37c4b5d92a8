/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_DIGEST_H
#define ACLGATE_DIGEST_H

#include <stdint.h>

#include "source.h"

#define DIGEST_TEXT 65

/* SHA-256 over all sources, one behind the other: `cat policy.json inventory.json | sha256sum`. */
void digest_sources(const struct sources *sources, uint8_t ret_sha256[32]);

void digest_bytes(const void *bytes, size_t size, uint8_t ret_sha256[32]);

const char *digest_format(const uint8_t sha256[32], char text[DIGEST_TEXT]);

#endif
