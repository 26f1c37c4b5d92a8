// SPDX-License-Identifier: GPL-2.0-or-later
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_out.h"
#include "mem.h"

void names_learn(struct names *names, const struct table *table)
{
	for (size_t i = 0; i < table->rules_count; i++)
		ids_get(&names->ids, IDS_RULE, table->rules[i].label);
	free(names->rules);
	names->rules_count = ids_last(&names->ids, IDS_RULE) + 1;
	names->rules = mem_alloc(names->rules_count * sizeof(*names->rules));
	for (size_t i = 0; i < table->rules_count; i++)
		names->rules[ids_get(&names->ids, IDS_RULE, table->rules[i].label)] =
			&table->rules[i];
}

const struct table_rule *names_place(const struct names *names, uint32_t rule)
{
	return rule && rule < names->rules_count ? names->rules[rule] : NULL;
}

const char *names_rule(const struct names *names, uint32_t rule)
{
	const char *label = ids_name(&names->ids, IDS_RULE, rule);

	return label ? label : "-";
}

bool names_find_device(const struct names *names, const char *name, uint32_t *ret_device)
{
	for (uint32_t id = 0; id <= ids_last(&names->ids, IDS_DEVICE); id++) {
		if (strcmp(ids_device(&names->ids, id), name))
			continue;
		*ret_device = id;
		return true;
	}
	return false;
}

const char *names_device(const struct names *names, uint32_t device)
{
	const char *name = ids_name(&names->ids, IDS_DEVICE, device);

	return name ? name : "-";
}

void names_print_rule(const struct names *names, uint32_t rule, const char *between)
{
	const struct table_rule *place = names_place(names, rule);

	printf("%s%s", names_rule(names, rule), between);
	if (place)
		printf("%s:%u", place->file, place->line);
	else
		printf("-");
}

void names_json_rule(const struct names *names, uint32_t rule)
{
	const char *label = ids_name(&names->ids, IDS_RULE, rule);
	const struct table_rule *place = names_place(names, rule);

	if (!label) {
		printf("null");
		return;
	}
	printf("{\"rule\":");
	json_out_string(label, stdout);
	if (place) {
		printf(",\"file\":");
		json_out_string(place->file, stdout);
		printf(",\"line\":%u", place->line);
	}
	printf("}");
}

void names_json_device(const struct names *names, uint32_t device)
{
	const char *name = ids_name(&names->ids, IDS_DEVICE, device);

	if (name)
		json_out_string(name, stdout);
	else
		printf("null");
}

void names_free(struct names *names)
{
	ids_free(&names->ids);
	free(names->rules);
	*names = (struct names){};
}
