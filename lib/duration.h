/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_DURATION_H
#define ACLGATE_DURATION_H

#include <stdint.h>

/*
 * "30s", "5m", "24h", "1h30m": what Go's time.ParseDuration reads, as far as it is made of whole
 * hours, minutes and seconds and has no sign. 0, -EINVAL for anything else, or -ERANGE for more
 * than UINT32_MAX seconds.
 */
int duration_parse(const char *text, uint32_t *ret_seconds);

#endif
