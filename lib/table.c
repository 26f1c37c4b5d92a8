// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.h"

#include <stdlib.h>
#include <time.h>

#include "timeout.h"

const struct gate_identity table_unnamed = { .coarse = GATE_COARSE, .speaks = GATE_SPEAKS_OUTSIDE };

static const struct gate_identity *search(const struct table_address *items, size_t count,
					  address_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (prefix_last(&items[middle].prefix) < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && items[low].prefix.first <= address ? &items[low].identity : NULL;
}

const struct gate_identity *table_identity(const struct table *table, address_t address)
{
	const struct gate_identity *found;

	found = search(table->addresses, table->addresses_count, address);
	if (!found)
		found = search(table->prefixes, table->prefixes_count, address);
	return found ? found : &table_unnamed;
}

static const struct table_pair *find_pair(const struct table *table, uint32_t src, uint32_t dst)
{
	size_t low = 0, high = table->pairs_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct gate_pair *classes = &table->pairs[middle].classes;

		if (classes->source < src || (classes->source == src && classes->destination < dst))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == table->pairs_count || table->pairs[low].classes.source != src ||
	    table->pairs[low].classes.destination != dst)
		return NULL;
	return &table->pairs[low];
}

/* The better of two rules: the one that lasts longer, then the first in the file. */
static bool is_better(const struct table *table, uint32_t rule, uint32_t than)
{
	if (than == UINT32_MAX)
		return true;
	if (table->rules[rule].expires != table->rules[than].expires)
		return table->rules[rule].expires > table->rules[than].expires;
	return rule < than;
}

static void probe(const struct table *table, uint32_t src, uint32_t dst, uint32_t key,
		  uint32_t *best)
{
	const struct table_pair *pair = find_pair(table, src, dst);

	for (uint32_t i = 0; pair && i < pair->ports.count; i++) {
		const struct table_range *range = &table->ranges[pair->ports.first + i];

		if (key >= range->low && key <= range->high &&
		    is_better(table, range->order, *best))
			*best = range->order;
	}
}

enum reason table_judge(const struct table *table, address_t src, address_t dst, uint8_t protocol,
			uint16_t port, uint32_t *ret_rule)
{
	const struct gate_identity *from = table_identity(table, src);
	const struct gate_identity *to = table_identity(table, dst);
	uint32_t key = GATE_PORT_KEY(protocol, protocol_has_ports(protocol) ? port : 0u);
	uint32_t rule = UINT32_MAX;

	if (from->speaks & GATE_SPEAKS_REJECTED)
		return REASON_UNAPPROVED;
	if (!from->device && !(from->speaks & GATE_SPEAKS_SELF))
		return REASON_UNKNOWN_SOURCE;
	probe(table, from->fine, to->fine, key, &rule);
	probe(table, from->fine, to->coarse, key, &rule);
	probe(table, from->coarse, to->fine, key, &rule);
	probe(table, from->coarse, to->coarse, key, &rule);
	if (rule == UINT32_MAX)
		return REASON_ACL;
	*ret_rule = rule;
	return REASON_NONE;
}

static void print_class(uint32_t class, FILE *out)
{
	fprintf(out, "%s%u", class & GATE_COARSE ? "wide" : "", class & ~GATE_COARSE);
}

static void print_speaks(const struct table *table, uint32_t speaks, FILE *out)
{
	for (size_t slot = 0; slot < table->interfaces_count; slot++)
		if (speaks & 1u << slot)
			fprintf(out, " on %s", table->interfaces[slot]);
	for (size_t slot = 0; slot < table->outside_count; slot++)
		if (speaks & 1u << (GATE_GUARDED_MAX + slot))
			fprintf(out, " on %s", table->outside[slot]);
	if (speaks & GATE_SPEAKS_OUTSIDE)
		fprintf(out, " outside");
	if (speaks & GATE_SPEAKS_SELF)
		fprintf(out, " self");
	if (speaks & GATE_SPEAKS_REJECTED)
		fprintf(out, " unapproved");
}

static void print_addresses(const struct table *table, const struct table_address *items,
			    size_t count, FILE *out)
{
	char text[ADDRESS_TEXT];

	for (size_t i = 0; i < count; i++) {
		const struct gate_identity *identity = &items[i].identity;

		fprintf(out, "address %s class ", prefix_format(&items[i].prefix, text));
		print_class(identity->fine, out);
		fprintf(out, " ");
		print_class(identity->coarse, out);
		if (identity->device)
			fprintf(out, " device %s", table->devices[identity->device - 1]);
		print_speaks(table, identity->speaks, out);
		fprintf(out, "\n");
	}
}

static void print_expiry(int64_t expires, FILE *out)
{
	time_t seconds = (time_t)expires;
	struct tm tm;
	char text[32];

	if (expires == EXPIRES_NEVER || !gmtime_r(&seconds, &tm))
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fprintf(out, " until %s", text);
}

static void print_range(const struct table *table, const struct table_range *range, FILE *out)
{
	uint8_t protocol = (uint8_t)(range->low >> 16);
	unsigned int low = range->low & 0xffff, high = range->high & 0xffff;
	char number[8];

	fprintf(out, "\t%s", protocol_name(protocol, number));
	if (protocol_has_ports(protocol) && low == 0 && high == UINT16_MAX)
		fprintf(out, " *");
	else if (protocol_has_ports(protocol) && low == high)
		fprintf(out, " %u", low);
	else if (protocol_has_ports(protocol))
		fprintf(out, " %u-%u", low, high);
	fprintf(out, " %s", table->rules[range->order].label);
	print_expiry(table->rules[range->order].expires, out);
	fprintf(out, "\n");
}

static void print_interface(const struct table *table, size_t slot, FILE *out)
{
	const struct gate_identity *nat_as = table->settings.nat_as[slot];
	uint32_t device = nat_as[0].device ? nat_as[0].device : nat_as[1].device;

	fprintf(out, "interface %s", table->interfaces[slot]);
	if (table->settings.dhcp & 1u << slot)
		fprintf(out, " dhcp");
	if (table->early & 1u << slot)
		fprintf(out, " xdp");
	if (device)
		fprintf(out, " nat-as %s", table->devices[device - 1]);
	fprintf(out, "\n");
}

/* Those that are not as they would be without a word about them. */
static void print_settings(const struct table *table, FILE *out)
{
	const struct gate_settings *settings = &table->settings;

	if (table->features & GATE_AUDIT)
		fprintf(out, "mode audit\n");
	for (enum timeout timeout = 0; timeout < TIMEOUT_MAX; timeout++)
		if (settings->timeout[timeout] != timeout_default(timeout))
			fprintf(out, "timeout %s %u\n", timeout_name(timeout),
				settings->timeout[timeout]);
	if (settings->flows_per_device != FLOWS_PER_DEVICE_DEFAULT)
		fprintf(out, "limit flowsPerDevice %u\n", settings->flows_per_device);
	if (table->mark_bit != GATE_MARK_BIT)
		fprintf(out, "mark bit %u\n", table->mark_bit);
}

void table_print(const struct table *table, FILE *out)
{
	for (size_t i = 0; i < table->interfaces_count; i++)
		print_interface(table, i, out);
	print_settings(table, out);
	for (size_t i = 0; i < table->devices_count; i++)
		fprintf(out, "device %s\n", table->devices[i]);
	print_addresses(table, table->addresses, table->addresses_count, out);
	print_addresses(table, table->prefixes, table->prefixes_count, out);
	for (size_t i = 0; i < table->pairs_count; i++) {
		const struct table_pair *pair = &table->pairs[i];

		fprintf(out, "pair ");
		print_class(pair->classes.source, out);
		fprintf(out, " ");
		print_class(pair->classes.destination, out);
		fprintf(out, "\n");
		for (uint32_t j = 0; j < pair->ports.count; j++)
			print_range(table, &table->ranges[pair->ports.first + j], out);
	}
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

void table_free(struct table *table)
{
	free(table->rules);
	free_names(table->devices, table->devices_count);
	free_names(table->interfaces, table->interfaces_count);
	free_names(table->outside, table->outside_count);
	free(table->addresses);
	free(table->prefixes);
	free(table->pairs);
	free(table->ranges);
	*table = (struct table){};
}
