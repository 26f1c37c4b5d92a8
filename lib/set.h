/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of addresses: sorted ranges that neither overlap nor touch, so that equal sets look alike.
 */
#ifndef ACLGATE_SET_H
#define ACLGATE_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"

struct range {
	address_t first;
	address_t last; /* inclusive */
};

struct set {
	struct range *ranges;
	size_t count;
	size_t capacity;
};

/* Adds without keeping the set sorted: call set_normalise() before anything else. */
void set_append(struct set *set, address_t first, address_t last);
void set_append_prefix(struct set *set, const struct prefix *prefix);
void set_append_set(struct set *set, const struct set *other);

void set_normalise(struct set *set);

/* How many addresses there are, or ADDRESS_MAX for more than that. */
address_t set_size(const struct set *set);

bool set_contains(const struct set *set, address_t address);

/* Both normalised; so is the result, which the caller frees. */
struct set set_intersect(const struct set *one, const struct set *other);
struct set set_subtract(const struct set *from, const struct set *what);

void set_free(struct set *set);
void set_freep(struct set *set);

#define _set_ _cleanup_(set_freep)

#endif
