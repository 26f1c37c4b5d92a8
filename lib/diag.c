// SPDX-License-Identifier: GPL-2.0-or-later
#include "diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static const char *const severity_names[] = {
	[SEVERITY_NOTE] = "note",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_ERROR] = "error",
};
_Static_assert(ARRAY_SIZE(severity_names) == SEVERITY_MAX, "a name for every severity");

const char *severity_name(enum severity severity)
{
	return severity_names[severity];
}

void diag_add(struct diag *diag, enum severity severity, place_t place, const char *format, ...)
{
	struct finding *finding;
	va_list arguments;

	if (severity == SEVERITY_ERROR && diag->errors++ >= DIAG_ERRORS_MAX)
		return;
	diag->items = mem_grow(diag->items, diag->count, &diag->capacity, sizeof(*diag->items));
	finding = &diag->items[diag->count++];
	*finding = (struct finding){ .severity = severity, .place = place };
	va_start(arguments, format);
	if (vasprintf(&finding->text, format, arguments) < 0)
		abort();
	va_end(arguments);
}

static int by_place(const void *one, const void *other)
{
	const struct finding *a = one, *b = other;

	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	if (a->severity != b->severity)
		return (int)b->severity - (int)a->severity;
	return strcmp(a->text, b->text);
}

void diag_sort(struct diag *diag)
{
	size_t kept = 0;

	if (!diag->count)
		return;
	qsort(diag->items, diag->count, sizeof(*diag->items), by_place);
	for (size_t i = 1; i < diag->count; i++) {
		if (by_place(&diag->items[kept], &diag->items[i]))
			diag->items[++kept] = diag->items[i];
		else
			free(diag->items[i].text);
	}
	diag->count = kept + 1;
}

void diag_free(struct diag *diag)
{
	for (size_t i = 0; i < diag->count; i++)
		free(diag->items[i].text);
	free(diag->items);
	*diag = (struct diag){};
}
