/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Classes of a table, for who has to name their addresses: sources to which the same is open are
 * one profile, and what is open to them is a few grants, each to a list of classes on equal ports.
 */
#ifndef ACLGATE_PROFILE_H
#define ACLGATE_PROFILE_H

#include "flatten.h"
#include "intern.h"

/* Ports that are open to a list of classes. */
struct grant {
	uint32_t target;
	uint32_t wide; /* the level of the destination */
	struct gate_ports ports;
};

/* The addresses of a list of classes of one level, with neighbours joined. */
struct target {
	struct pieces pieces[FAMILIES];
};

struct profile {
	bool wide; /* the level of the source */
	const struct grant *grants;
	size_t grants_count;
	struct pieces pieces[FAMILIES]; /* who it is */
};

struct profiles {
	const struct table *table;
	const struct segments *segments;
	struct profile *items;
	size_t count;
	struct target *targets;
	struct intern keys, target_keys;
	uint32_t *of_class[2]; /* narrow and wide; UINT32_MAX: none */
};

/* Table and segments must outlive the profiles. */
void profiles_find(const struct table *table, const struct segments *segments,
		   struct profiles *ret_profiles);

/* What is open to this identity by its fine or coarse class; NULL: nothing. */
struct profile *profile_of(const struct profiles *profiles, const struct gate_identity *identity,
			   bool wide);

void profiles_free(struct profiles *profiles);

#endif
