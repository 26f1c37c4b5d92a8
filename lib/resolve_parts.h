/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of resolving have in common: resolve.c, resolve_tests.c, resolve_words.c. */
#ifndef ACLGATE_RESOLVE_PARTS_H
#define ACLGATE_RESOLVE_PARTS_H

#include "ruleset.h"

/*
 * The ports that @text, a part of @word, names for the key "dst" or "ip", and whether they go with
 * the protocol; 0: any. The caller frees *ret_ports. Returns 0, or -EINVAL with an error.
 */
int resolve_ports(struct diag *diag, const char *key, const struct word *word, const char *text,
		  uint8_t protocol, struct ports *ret_ports);

/* Leaves *ret_protocol where there is no word. Returns 0, or -EINVAL with an error. */
int resolve_protocol(struct diag *diag, const struct word *word, uint8_t *ret_protocol);

/* The section `tests`, as ruleset->expectations. */
void resolve_tests(const struct policy *policy, const struct inventory *inventory,
		   struct diag *diag, struct ruleset *ruleset);

#endif
