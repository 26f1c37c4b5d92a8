/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet that a kernel takes: with checksums, and marks by which it is known where it comes out. */
#ifndef ACLGATE_TEST_PARCEL_H
#define ACLGATE_TEST_PARCEL_H

#include "draft.h"

#define PARCEL_PARTS 2

struct parcel {
	struct draft draft;
	uint32_t number;
	uint8_t bytes[PARCEL_PARTS][DRAFT_MAX]; /* parts of a datagram: to be sent in this order */
	size_t sizes[PARCEL_PARTS];
	size_t count;
};

/* The least body, which holds what parcel_seal() writes. */
size_t parcel_body(uint8_t protocol);

/* Makes the bytes of the draft. @cut: as two fragments. */
void parcel_seal(struct parcel *parcel, bool cut);

/* How many marks there are in all parts together. */
unsigned int parcel_marks(const struct parcel *parcel);

/* How many of those bytes are marks of this parcel, and, in @others, of other ones. */
unsigned int parcel_find(const struct parcel *parcel, const uint8_t *bytes, size_t size,
			 unsigned int *others);

#endif
