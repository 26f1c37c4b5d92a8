/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HuJSON: JSON plus comments and trailing commas, as Tailscale's policy files are written
 * (github.com/tailscale/hujson). This turns it into plain JSON of the same length, so that places
 * stay what they are, and is strict where JSON libraries are lenient: numbers, escapes, UTF-8,
 * control characters, depth, size.
 */
#ifndef ACLGATE_HUJSON_H
#define ACLGATE_HUJSON_H

#include <stddef.h>

#include "diag.h"
#include "source.h"

#define HUJSON_DEPTH_MAX 64

/* Where a value and its key stand; a value in an array has the key of none: PLACE_NONE. */
struct hujson_place {
	place_t key;
	place_t value;
};

struct hujson {
	const char *json; /* NUL-terminated; the source's own text where that is plain JSON */
	char *copy;	  /* ... or else this one */
	size_t size;
	struct hujson_place *places; /* of every value, a container before what is in it */
	size_t count;
	size_t capacity;
};

/*
 * The source must outlive the result. Returns 0, or -EINVAL with an error in @diag: the first, for
 * what follows has no meaning.
 */
int hujson_scan(const struct source *source, struct diag *diag, struct hujson *ret_hujson);

void hujson_free(struct hujson *hujson);

#endif
