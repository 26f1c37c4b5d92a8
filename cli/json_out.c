// SPDX-License-Identifier: GPL-2.0-or-later
#include "json_out.h"

#include <netinet/in.h>

#include "ports.h"

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

static void out_flags(uint8_t flags, FILE *out)
{
	const char *separator = "";

	fprintf(out, ",\"tcp_flags\":[");
	for (unsigned int bit = 0; bit < 8; bit++) {
		if (!(flags & 1u << bit))
			continue;
		fprintf(out, "%s\"%s\"", separator, headers_flag_name(bit));
		separator = ",";
	}
	fputc(']', out);
}

static void out_transport(const struct headers *headers, FILE *out)
{
	if (headers->later)
		fprintf(out, ",\"fragment\":true");
	else if (headers_is_echo(headers))
		fprintf(out, ",\"icmp_type\":%u,\"echo\":%u", headers->icmp_type,
			headers->sport | headers->dport);
	else if (headers->protocol == IPPROTO_ICMP || headers->protocol == IPPROTO_ICMPV6)
		fprintf(out, ",\"icmp_type\":%u", headers->icmp_type);
	else if (headers->sport || headers->dport)
		fprintf(out, ",\"sport\":%u,\"dport\":%u", headers->sport, headers->dport);
	if (headers->protocol == IPPROTO_TCP && !headers->later)
		out_flags(headers->tcp_flags, out);
}

void json_out_headers(const struct headers *headers, FILE *out)
{
	char number[8], src[ADDRESS_TEXT], dst[ADDRESS_TEXT];

	if (!headers->version) {
		fprintf(out, "null");
		return;
	}
	fprintf(out, "{\"protocol\":\"%s\",\"src\":\"%s\",\"dst\":\"%s\"",
		protocol_name(headers->protocol, number), address_format(headers->src, src),
		address_format(headers->dst, dst));
	out_transport(headers, out);
	fputc('}', out);
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
