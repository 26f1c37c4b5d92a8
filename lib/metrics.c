// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics.h"

#include <inttypes.h>

void metrics_family(FILE *out, const char *name, enum metric_type type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		type == METRIC_COUNTER ? "counter" : "gauge");
}

static void label_value(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

void metrics_sample(FILE *out, const char *name, const struct metric_label *labels, size_t count,
		    uint64_t value)
{
	fputs(name, out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%c%s=\"", i ? ',' : '{', labels[i].name);
		label_value(out, labels[i].value);
		fputc('"', out);
	}
	fprintf(out, "%s %" PRIu64 "\n", count ? "}" : "", value);
}
