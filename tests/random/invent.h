/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policies by chance: small worlds in which addresses, prefixes and ports often meet. A policy is
 * made of a recipe, one seed for each part, so that the next one may differ in a few parts only.
 */
#ifndef ACLGATE_TEST_INVENT_H
#define ACLGATE_TEST_INVENT_H

#include <stdbool.h>
#include <stdint.h>

#define INVENT_DEVICES_MAX 100
#define INVENT_RULES_MAX   60

struct recipe {
	uint64_t world; /* addresses, routes, users, tags, hosts */
	uint64_t settings;
	uint64_t devices[INVENT_DEVICES_MAX]; /* name, interface, approval */
	uint64_t rules[INVENT_RULES_MAX];
	unsigned int devices_count, rules_count, hosts_count;
};

/* @crowded: more devices than a narrow selector may cover. */
struct recipe invent_recipe(bool crowded);

/* Another policy about the same world. */
void invent_change(struct recipe *recipe);

/* The text, which the caller frees. It guards wg0 and wg1; some devices are bound to lan0. */
char *invent_policy(const struct recipe *recipe);

#endif
