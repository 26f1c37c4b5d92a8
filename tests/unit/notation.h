/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of addresses as tests write them: "10.0.0.1 10.0.0.4-10.0.0.9 fd00::/8". */
#ifndef ACLGATE_NOTATION_H
#define ACLGATE_NOTATION_H

#include "set.h"

/* An address that must be one. "::ffff:…" is no notation for IPv4 here either. */
address_t notation_address(const char *text);

/* Not normalised. */
struct set notation_set(const char *text);

/* Ranges with a '-', single addresses without; the caller frees it. */
char *notation_print(const struct set *set);

#endif
