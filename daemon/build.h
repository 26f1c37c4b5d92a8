/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_BUILD_H
#define ACLGATE_BUILD_H

#include <stdint.h>

#define BUILD_ID 20

/* The linker's id of the program that runs, zeroes where it has none. */
void build_id(uint8_t ret_id[BUILD_ID]);

#endif
