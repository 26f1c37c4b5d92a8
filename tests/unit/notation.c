// SPDX-License-Identifier: GPL-2.0-or-later
#include "notation.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "unit.h"

address_t notation_address(const char *text)
{
	address_t address = 0;

	ck_assert_msg(!address_parse(text, &address), "\"%s\" is no address", text);
	return address;
}

static void append_word(struct set *set, char *word)
{
	char *dash = strchr(word, '-');
	struct prefix prefix;

	if (dash) {
		*dash = '\0';
		set_append(set, notation_address(word), notation_address(dash + 1));
	} else {
		ck_assert_msg(!prefix_parse(word, &prefix), "\"%s\" is no prefix", word);
		set_append_prefix(set, &prefix);
	}
}

struct set notation_set(const char *text)
{
	_free_ char *copy = mem_strdup(text);
	struct set set = {};

	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		append_word(&set, word);
	return set;
}

char *notation_print(const struct set *set)
{
	char first[ADDRESS_TEXT], last[ADDRESS_TEXT], *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < set->count; i++) {
		const struct range *range = &set->ranges[i];

		fprintf(out, "%s%s", i ? " " : "", address_format(range->first, first));
		if (range->first != range->last)
			fprintf(out, "-%s", address_format(range->last, last));
	}
	fclose(out);
	return text;
}
