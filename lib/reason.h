/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words for what bpf/abi.h enumerates: metrics, aclctl and events print the same ones. */
#ifndef ACLGATE_REASON_H
#define ACLGATE_REASON_H

#include "abi.h"

const char *reason_name(enum reason reason);
const char *direction_name(enum direction direction);

#endif
