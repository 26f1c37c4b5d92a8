// SPDX-License-Identifier: GPL-2.0-or-later
/* As `nft list ruleset` prints it: what was loaded and what is listed can be compared by eye. */
#include "nft.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "ports.h"

/* NFTNL_UDATA_COMMENT_MAXLEN, with the NUL */
#define COMMENT_MAX 128

static const char *const hooks[] = { "prerouting", "input", "forward", "output", "postrouting" };

/* nft has no escape for a quote, and takes no comment that is longer; characters stay whole. */
static void print_comment(const char *comment, FILE *out)
{
	size_t length = strlen(comment);

	if (length >= COMMENT_MAX) {
		length = COMMENT_MAX - 1;
		while (length && ((unsigned char)comment[length] & 0xc0) == 0x80)
			length--;
	}
	fputs("comment \"", out);
	for (size_t i = 0; i < length; i++)
		putc(comment[i] == '"' ? '\'' : comment[i], out);
	putc('"', out);
}

/* 1d2h3m4s5ms */
static void print_timeout(uint64_t ms, FILE *out)
{
	static const struct {
		uint64_t ms;
		const char *name;
	} units[] = {
		{ 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" }
	};

	fputs(" timeout ", out);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ms >= units[i].ms)
			fprintf(out, "%" PRIu64 "%s", ms / units[i].ms, units[i].name);
		ms %= units[i].ms;
	}
}

static uint64_t number_of(const uint8_t *bytes, unsigned int size)
{
	uint64_t number = 0;

	for (unsigned int i = 0; i < size; i++)
		number = number << 8 | bytes[i];
	return number;
}

/* As a prefix where the range is one. */
static void print_addresses(const uint8_t *low, const uint8_t *high, unsigned int size, FILE *out)
{
	address_t first = address_from_bytes(low, size), last = address_from_bytes(high, size);
	char text[ADDRESS_TEXT];

	fputs(address_format(first, text), out);
	if (first == last)
		return;
	for (unsigned int bits = 128 - size * 8; bits < 128; bits++) {
		struct prefix prefix = { first, bits };

		if (!(first & (ADDRESS_MAX >> bits)) && prefix_last(&prefix) == last) {
			fprintf(out, "/%u", bits - (128 - size * 8));
			return;
		}
	}
	fprintf(out, "-%s", address_format(last, text));
}

/* Numbers of interfaces and the like are in the order of this machine; none of them is a range. */
static void print_number(const uint8_t *low, const uint8_t *high, unsigned int size, FILE *out)
{
	uint32_t host = 0;

	if (size == sizeof(host)) {
		memcpy(&host, low, sizeof(host));
		fprintf(out, "%" PRIu32, host);
		return;
	}
	fprintf(out, "%" PRIu64, number_of(low, size));
	if (memcmp(low, high, size))
		fprintf(out, "-%" PRIu64, number_of(high, size));
}

/* Those that nft knows without a look into /etc/protocols, or that every one of those has. */
static void print_protocol(uint8_t protocol, FILE *out)
{
	static const uint8_t known[] = { IPPROTO_ICMP, IPPROTO_TCP,    IPPROTO_UDP, IPPROTO_GRE,
					 IPPROTO_ESP,  IPPROTO_ICMPV6, IPPROTO_SCTP };
	char number[8];

	if (memchr(known, protocol, sizeof(known)))
		fputs(protocol_name(protocol, number), out);
	else
		fprintf(out, "%u", protocol);
}

static void print_field(const struct nft_field_info *field, const uint8_t *low, const uint8_t *high,
			FILE *out)
{
	if (!strcmp(field->type, "ipv4_addr") || !strcmp(field->type, "ipv6_addr"))
		print_addresses(low, high, field->size, out);
	else if (!strcmp(field->type, "ifname"))
		fprintf(out, "\"%.*s\"", (int)field->size, (const char *)low);
	else if (!strcmp(field->type, "inet_proto"))
		print_protocol(*low, out);
	else
		print_number(low, high, field->size, out);
}

static void print_element(const struct nft_set *set, const struct nft_element *element, FILE *out)
{
	size_t at = 0;

	for (size_t i = 0; i < set->key.count; i++) {
		const struct nft_field_info *field = &nft_fields[set->key.fields[i]];

		if (i)
			fputs(" . ", out);
		print_field(field, &element->low[at], &element->high[at], out);
		at += NFT_FIELD_STEP(field->size);
	}
	if (element->timeout)
		print_timeout(element->timeout, out);
	if (element->comment) {
		putc(' ', out);
		print_comment(element->comment, out);
	}
	if (element->jump)
		fprintf(out, " : jump %s", element->jump);
}

static void print_set(const struct nft_set *set, FILE *out)
{
	fprintf(out, "\n\t%s %s {\n\t\ttype ", set->is_map ? "map" : "set", set->name);
	for (size_t i = 0; i < set->key.count; i++)
		fprintf(out, "%s%s", i ? " . " : "", nft_fields[set->key.fields[i]].type);
	fputs(set->is_map ? " : verdict\n" : "\n", out);
	if (set->has_intervals || set->has_timeouts)
		fprintf(out, "\t\tflags %s%s%s\n", set->has_intervals ? "interval" : "",
			set->has_intervals && set->has_timeouts ? "," : "",
			set->has_timeouts ? "timeout" : "");
	if (set->has_counters)
		fputs("\t\tcounter\n", out);
	for (size_t i = 0; i < set->count; i++) {
		fputs(i ? ",\n\t\t\t     " : "\t\telements = { ", out);
		print_element(set, &set->elements[i], out);
	}
	fputs(set->count ? " }\n\t}\n" : "\t}\n", out);
}

static void print_key(const struct nft_key *key, FILE *out)
{
	for (size_t i = 0; i < key->count; i++)
		fprintf(out, "%s%s", i ? " . " : "", nft_fields[key->fields[i]].text);
}

static void print_statement(const struct nft_statement *statement, FILE *out)
{
	switch (statement->kind) {
	case NFT_DO_MATCH:
	case NFT_DO_CT_MARK:
		fputs(statement->text, out);
		break;
	case NFT_DO_LOOKUP:
		print_key(&statement->key, out);
		fprintf(out, " %s@%s", statement->invert ? "!= " : "", statement->name);
		break;
	case NFT_DO_VMAP:
		print_key(&statement->key, out);
		fprintf(out, " vmap @%s", statement->name);
		break;
	case NFT_DO_COUNTER:
		fprintf(out, "counter name \"%s\"", statement->name);
		break;
	case NFT_DO_ACCEPT:
		fputs("accept", out);
		break;
	case NFT_DO_DROP:
		fputs("drop", out);
		break;
	case NFT_DO_RETURN:
		fputs("return", out);
		break;
	case NFT_DO_JUMP:
		fprintf(out, "jump %s", statement->name);
		break;
	}
}

static void print_chain(const struct nft_chain *chain, FILE *out)
{
	fprintf(out, "\n\tchain %s {\n", chain->name);
	if (chain->is_base)
		fprintf(out, "\t\ttype filter hook %s priority %d; policy accept;\n",
			hooks[chain->hook], chain->priority);
	for (size_t i = 0; i < chain->count; i++) {
		const struct nft_rule *rule = &chain->rules[i];

		fputs("\t\t", out);
		for (size_t j = 0; j < rule->count; j++) {
			fputs(j ? " " : "", out);
			print_statement(&rule->statements[j], out);
		}
		putc('\n', out);
	}
	fputs("\t}\n", out);
}

void nft_print(const struct nft_table *table, FILE *out)
{
	fprintf(out, "table inet %s {\n", table->name);
	for (size_t i = 0; i < table->counters_count; i++)
		fprintf(out, "%s\tcounter %s {\n\t\tpackets %" PRIu64 " bytes %" PRIu64 "\n\t}\n",
			i ? "\n" : "", table->counters[i].name, table->counters[i].packets,
			table->counters[i].bytes);
	for (size_t i = 0; i < table->sets_count; i++)
		print_set(&table->sets[i], out);
	for (size_t i = 0; i < table->chains_count; i++)
		print_chain(&table->chains[i], out);
	fputs("}\n", out);
}
