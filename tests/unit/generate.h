/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random policies, valid ones: few or many devices, nested routes, rules that overlap. */
#ifndef ACLGATE_GENERATE_H
#define ACLGATE_GENERATE_H

#include "address.h"
#include "dice.h"

/* A policy as text, with its devices in it. The caller frees it. */
char *generate_policy(struct dice *dice);

/* An address where things may go wrong: the ends of both IP versions, and what policies name. */
address_t generate_address(struct dice *dice);

#endif
