// SPDX-License-Identifier: GPL-2.0-or-later
#include "suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "mem.h"

#define COMPARED_MAX 48 /* longer names are typed by machines */

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static bool same(const char *one, const char *other)
{
	return tolower((unsigned char)*one) == tolower((unsigned char)*other);
}

/* Optimal string alignment: a swap of neighbours is one step, as it is for the typist. */
static unsigned int distance(const char *one, const char *other)
{
	static unsigned int row[COMPARED_MAX + 1][COMPARED_MAX + 1];
	size_t m = strlen(one), n = strlen(other);

	for (size_t i = 0; i <= m; i++)
		row[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= n; j++)
		row[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= m; i++) {
		for (size_t j = 1; j <= n; j++) {
			unsigned int cost = !same(&one[i - 1], &other[j - 1]);
			unsigned int best = least(row[i - 1][j], row[i][j - 1]) + 1;

			best = least(best, row[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && same(&one[i - 1], &other[j - 2]) &&
			    same(&one[i - 2], &other[j - 1]))
				best = least(best, row[i - 2][j - 2] + 1);
			row[i][j] = best;
		}
	}
	return row[m][n];
}

void suggest_consider(struct suggestion *suggestion, const char *name)
{
	size_t length = strlen(suggestion->wrong);
	unsigned int limit = length < 4 ? 1 : length < 8 ? 2 : 3;
	unsigned int found;

	if (length > COMPARED_MAX || strlen(name) > COMPARED_MAX)
		return;
	found = distance(suggestion->wrong, name);
	if (found > limit || (suggestion->best && found >= suggestion->distance))
		return;
	suggestion->best = name;
	suggestion->distance = found;
}

char *suggest_text(const struct suggestion *suggestion)
{
	if (!suggestion->best)
		return mem_strdup("");
	return mem_printf(" (did you mean \"%s\"?)", suggestion->best);
}
