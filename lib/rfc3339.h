/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_RFC3339_H
#define ACLGATE_RFC3339_H

#include <stdint.h>

/* "2026-12-31T18:00:00Z" or with an offset "+01:00", to seconds since the epoch. 0 or -EINVAL. */
int rfc3339_parse(const char *text, int64_t *ret_seconds);

#endif
