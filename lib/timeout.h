/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a flow may be silent: the timeouts of bpf/abi.h as policies know them. */
#ifndef ACLGATE_TIMEOUT_H
#define ACLGATE_TIMEOUT_H

#include <stdint.h>

#include "abi.h"

#define TIMEOUT_SECONDS_MIN 1u
#define TIMEOUT_SECONDS_MAX 2592000u /* 30 days */

/* Its key in the policy. */
const char *timeout_name(enum timeout timeout);

/* Seconds, where the policy says nothing. */
uint32_t timeout_default(enum timeout timeout);

#endif
