/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is to be told to the user: a list of findings, each with a place and a sentence. The library
 * fills it and never prints; whoever called decides how it looks.
 */
#ifndef ACLGATE_DIAG_H
#define ACLGATE_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "source.h"

enum severity {
	SEVERITY_NOTE,
	SEVERITY_WARNING,
	SEVERITY_ERROR,
	SEVERITY_MAX
};

struct finding {
	enum severity severity;
	place_t place;
	char *text;
};

struct diag {
	struct finding *items;
	size_t count;
	size_t capacity;
	size_t errors;
};

/* Text of more than this many errors does not help anybody; the rest is counted. */
#define DIAG_ERRORS_MAX 100

const char *severity_name(enum severity severity);

void diag_add(struct diag *diag, enum severity severity, place_t place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define diag_error(diag, place, ...)   diag_add(diag, SEVERITY_ERROR, place, __VA_ARGS__)
#define diag_warning(diag, place, ...) diag_add(diag, SEVERITY_WARNING, place, __VA_ARGS__)
#define diag_note(diag, place, ...)    diag_add(diag, SEVERITY_NOTE, place, __VA_ARGS__)

/*
 * By place, so that the findings of several passes read like the file. What two passes found alike
 * is told once.
 */
void diag_sort(struct diag *diag);

void diag_free(struct diag *diag);

#endif
