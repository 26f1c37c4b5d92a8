// SPDX-License-Identifier: GPL-2.0-or-later
#include "nearest.h"

#include "mem.h"

static const char *const texts[] = {
	[LACK_PORT] = "allows these two, but on other ports or protocols",
	[LACK_SOURCE] = "allows this service, but to other sources",
	[LACK_DESTINATION] = "allows this source such a port, but elsewhere",
};
_Static_assert(ARRAY_SIZE(texts) == LACK_MAX, "a text for every lack");

const char *lack_text(enum lack lack)
{
	return texts[lack];
}

static bool has_key(const struct ruleset *ruleset, const struct clause *clause, uint32_t key)
{
	for (uint32_t i = 0; i < clause->keys_count; i++) {
		const struct key_range *range = &ruleset->keys[clause->keys + i];

		if (key >= range->low && key <= range->high)
			return true;
	}
	return false;
}

static enum lack lack_of(const struct ruleset *ruleset, const struct clause *clause, address_t src,
			 address_t dst, uint32_t key)
{
	bool from = set_contains(&ruleset->sets[clause->src], src);
	bool to = set_contains(&ruleset->sets[clause->dst], dst);
	bool port = has_key(ruleset, clause, key);

	if (from && to)
		return LACK_PORT;
	if (to && port)
		return LACK_SOURCE;
	return from && port ? LACK_DESTINATION : LACK_MAX;
}

bool nearest_find(const struct ruleset *ruleset, address_t src, address_t dst, uint32_t key,
		  struct nearest *ret_nearest)
{
	struct nearest nearest = { .lack = LACK_MAX };

	for (size_t i = 0; i < ruleset->clauses_count; i++) {
		const struct clause *clause = &ruleset->clauses[i];
		enum lack lack = lack_of(ruleset, clause, src, dst, key);

		if (lack < nearest.lack)
			nearest = (struct nearest){ clause->rule, lack };
	}
	if (nearest.lack == LACK_MAX)
		return false;
	*ret_nearest = nearest;
	return true;
}
