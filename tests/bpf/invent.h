/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies by chance: small worlds in which addresses, prefixes and ports often meet. */
#ifndef ACLGATE_TEST_INVENT_H
#define ACLGATE_TEST_INVENT_H

#include <stdbool.h>

/* The text, which the caller frees. @crowded: more devices than a narrow selector may cover. */
char *invent_policy(bool crowded);

#endif
