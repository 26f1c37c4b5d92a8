/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy is loaded on, and has to be loaded again for where it changes. */
#ifndef ACLGATE_PLACE_H
#define ACLGATE_PLACE_H

#include <stdint.h>

#include "wanted.h"

/*
 * SHA-256 over the addresses of this machine, its WireGuard peers with their allowed IPs, and which
 * interfaces those are that are guarded or that devices are bound to. Returns 0, or a negative errno:
 * -EAGAIN where a WireGuard interface does not tell its peers.
 */
int place_read(const struct wanted *wanted, uint8_t ret_sha256[32]);

#endif
