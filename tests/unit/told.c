// SPDX-License-Identifier: GPL-2.0-or-later
#include "told.h"

#include <stdio.h>
#include <string.h>

char *told(struct diag *diag, const struct sources *sources)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	diag_sort(diag);
	for (size_t i = 0; i < diag->count; i++) {
		const struct finding *finding = &diag->items[i];
		struct position position;

		fprintf(out, "%s%s ", i ? "\n" : "", severity_name(finding->severity));
		if (!sources_find(sources, finding->place, &position))
			fprintf(out, "-");
		else if (position.source == sources->items)
			fprintf(out, "%u:%u", position.line, position.column);
		else
			fprintf(out, "%s:%u:%u", position.source->name, position.line,
				position.column);
		fprintf(out, " %s", finding->text);
	}
	fclose(out);
	return text;
}
