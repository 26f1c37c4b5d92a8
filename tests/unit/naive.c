// SPDX-License-Identifier: GPL-2.0-or-later
#include "naive.h"

/* Whose an address is: that of the longest prefix; of equals that of the first device. */
struct claim {
	const struct policy_device *device; /* NULL: of this box, or of nobody */
	int bits;			    /* -1: nobody's */
};

static void claim_words(const struct policy_device *device, const struct words *words,
			address_t address, struct claim *best)
{
	for (size_t i = 0; i < words->count; i++) {
		struct prefix prefix;

		if (prefix_parse(words->items[i].text, &prefix))
			continue;
		if (address_is_ipv4(prefix.first) != address_is_ipv4(address))
			continue;
		if (address < prefix.first || address > prefix_last(&prefix))
			continue;
		if ((int)prefix.bits > best->bits)
			*best = (struct claim){ device, (int)prefix.bits };
	}
}

static const struct policy_device *self_of(const struct policy *policy)
{
	for (size_t i = 0; i < policy->devices_count; i++)
		if (policy->devices[i].self)
			return &policy->devices[i];
	return NULL;
}

static struct claim claim_of(const struct naive *naive, address_t address)
{
	struct claim best = { .bits = -1 };

	for (size_t i = 0; naive->box && i < naive->box->count; i++)
		if (naive->box->addresses[i] == address)
			best = (struct claim){ self_of(naive->policy), 128 };
	for (size_t i = 0; i < naive->policy->devices_count; i++) {
		const struct policy_device *device = &naive->policy->devices[i];

		claim_words(device, &device->addresses, address, &best);
		claim_words(device, &device->routes, address, &best);
	}
	return best;
}

static bool is_in(const struct set *set, address_t address)
{
	for (size_t i = 0; i < set->count; i++)
		if (address >= set->ranges[i].first && address <= set->ranges[i].last)
			return true;
	return false;
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

/* The one that lasts longer, then the first in the file. */
static bool is_better(const struct ruleset *ruleset, uint32_t rule, uint32_t than)
{
	int64_t expires = ruleset->rules[rule].expires, other = ruleset->rules[than].expires;

	return expires > other || (expires == other && rule < than);
}

static bool allows(const struct ruleset *ruleset, const struct clause *clause,
		   const struct naive_question *question, uint32_t key)
{
	return is_in(&ruleset->sets[clause->src], question->src) &&
	       is_in(&ruleset->sets[clause->dst], question->dst) && has_key(ruleset, clause, key);
}

enum reason naive_judge(const struct naive *naive, const struct naive_question *question,
			uint32_t *ret_rule)
{
	const struct ruleset *ruleset = naive->ruleset;
	struct claim claim = claim_of(naive, question->src);
	bool ports = question->protocol == 6 || question->protocol == 17 ||
		     question->protocol == 132;
	uint32_t key = (uint32_t)question->protocol << 16 | (ports ? question->port : 0);

	bool found = false;

	if (claim.bits < 0)
		return REASON_UNKNOWN_SOURCE;
	if (claim.device && claim.device->unapproved)
		return REASON_UNAPPROVED;
	for (size_t i = 0; i < ruleset->clauses_count; i++) {
		const struct clause *clause = &ruleset->clauses[i];

		if (!allows(ruleset, clause, question, key) ||
		    (found && !is_better(ruleset, clause->rule, *ret_rule)))
			continue;
		*ret_rule = clause->rule;
		found = true;
	}
	return found ? REASON_NONE : REASON_ACL;
}
