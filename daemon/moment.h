/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_MOMENT_H
#define ACLGATE_MOMENT_H

#include <stdint.h>

/* The monotonic clock as it is, in us: that of the loop stands still while a handler runs. */
uint64_t moment_now(void);

#endif
