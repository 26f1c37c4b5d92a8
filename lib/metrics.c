// SPDX-License-Identifier: GPL-2.0-or-later
/* By hand and not by printf: a gateway with 10,000 devices has more than 100,000 samples. */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define NUMBER_MAX 20 /* digits of UINT64_MAX */

/* Where the next @size bytes go. */
static char *reserve(struct metrics *out, size_t size)
{
	if (out->capacity - out->size < size) {
		size_t capacity = 2 * (out->size + size);
		char *text = mem_alloc_raw(capacity);

		if (out->size)
			memcpy(text, out->text, out->size);
		free(out->text);
		out->text = text;
		out->capacity = capacity;
	}
	return out->text + out->size;
}

static char *put(char *to, const char *text)
{
	size_t length = strlen(text);

	memcpy(to, text, length);
	return to + length;
}

static char *put_escaped(char *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\' || *text == '\n')
			*to++ = '\\';
		*to++ = *text == '\n' ? 'n' : *text;
	}
	return to;
}

static char *put_number(char *to, uint64_t value)
{
	char digits[NUMBER_MAX];
	size_t first = sizeof(digits);

	do {
		digits[--first] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	memcpy(to, digits + first, sizeof(digits) - first);
	return to + sizeof(digits) - first;
}

void metrics_family(struct metrics *out, const char *name, enum metric_type type, const char *help)
{
	char *at = reserve(out, 2 * strlen(name) + strlen(help) + 32);

	at = put(put(put(put(at, "# HELP "), name), " "), help);
	at = put(put(put(at, "\n# TYPE "), name),
		 type == METRIC_COUNTER ? " counter\n" : " gauge\n");
	out->size = (size_t)(at - out->text);
}

void metrics_sample(struct metrics *out, const char *name, const struct metric_label *labels,
		    size_t count, uint64_t value)
{
	size_t size = strlen(name) + NUMBER_MAX + 3;
	char *at;

	for (size_t i = 0; i < count; i++)
		size += strlen(labels[i].name) + 2 * strlen(labels[i].value) + 4;
	at = put(reserve(out, size), name);
	for (size_t i = 0; i < count; i++) {
		*at++ = i ? ',' : '{';
		at = put(put(at, labels[i].name), "=\"");
		at = put_escaped(at, labels[i].value);
		*at++ = '"';
	}
	at = put_number(put(at, count ? "} " : " "), value);
	*at++ = '\n';
	out->size = (size_t)(at - out->text);
}

void metrics_free(struct metrics *out)
{
	free(out->text);
	*out = (struct metrics){};
}
