// SPDX-License-Identifier: GPL-2.0-or-later
#include "json_out.h"

void json_out_string(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			fprintf(out, "\\u%04x", (unsigned int)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void out_finding(const struct finding *finding, const struct sources *sources, FILE *out)
{
	struct position position;

	fprintf(out, "{\"severity\":\"%s\",\"message\":", severity_name(finding->severity));
	json_out_string(finding->text, out);
	if (sources_find(sources, finding->place, &position)) {
		fprintf(out, ",\"file\":");
		json_out_string(position.source->name, out);
		fprintf(out, ",\"line\":%u,\"column\":%u", position.line, position.column);
	}
	fputc('}', out);
}

void json_out_diag(struct diag *diag, const struct sources *sources, FILE *out)
{
	diag_sort(diag);
	fputc('[', out);
	for (size_t i = 0; i < diag->count; i++) {
		fprintf(out, i ? "," : "");
		out_finding(&diag->items[i], sources, out);
	}
	fputc(']', out);
}

void json_out_checked(struct checked *checked, const char *file, FILE *out)
{
	fprintf(out, "{\"schema_version\":%d,\"file\":", JSON_SCHEMA_VERSION);
	json_out_string(file, out);
	fprintf(out, ",\"accepted\":%s,\"findings\":", checked->diag.errors ? "false" : "true");
	json_out_diag(&checked->diag, &checked->sources, out);
	fprintf(out, "}\n");
}
