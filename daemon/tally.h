/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Repairs: each is counted and told, with fields. Those that come within a second of one of their kind
 * are told as a number with the next one: whoever takes something away again and again does not fill
 * the log.
 */
#ifndef ACLGATE_TALLY_H
#define ACLGATE_TALLY_H

#include "need.h"
#include "repair.h"

struct tally {
	uint64_t told[REPAIR_MAX];   /* the number of the last one that was told */
	uint64_t silent[REPAIR_MAX]; /* until when the next ones are only counted */
};

/* @counts: by kind. @need: what it has mended, and @text how. */
void tally_add(struct tally *tally, uint64_t counts[REPAIR_MAX], enum repair repair,
	       const struct need *need, const char *text);

#endif
