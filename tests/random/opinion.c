// SPDX-License-Identifier: GPL-2.0-or-later
#include "opinion.h"

#include <netinet/in.h>

static bool holds(const struct prefix *prefix, address_t address)
{
	return !reading_is_mapped(address) &&
	       address_is_ipv4(prefix->first) == address_is_ipv4(address) &&
	       address >= prefix->first && address <= prefix_last(prefix);
}

/* The longest prefix around it; of equals that of the device that is first in the file. */
struct who opinion_who(const struct checked *checked, address_t address)
{
	const struct inventory *inventory = &checked->inventory;
	struct who who = { .device = NOBODY, .speaks = GATE_SPEAKS_OUTSIDE, .address = address };
	int bits = -1;

	for (size_t i = 0; i < inventory->owners_count; i++) {
		const struct owner *owner = &inventory->owners[i];

		if (!holds(&owner->prefix, address) || (int)owner->prefix.bits < bits ||
		    ((int)owner->prefix.bits == bits && owner->device >= who.device))
			continue;
		bits = (int)owner->prefix.bits;
		who.device = owner->device;
		who.speaks = owner->speaks;
	}
	who.own = who.speaks & GATE_SPEAKS_SELF;
	who.unapproved = who.speaks & GATE_SPEAKS_REJECTED;
	return who;
}

bool opinion_nat_as(const struct checked *checked, unsigned int slot, unsigned int version,
		    struct who *ret_who)
{
	uint32_t device = checked->ruleset.settings.nat_as[slot];
	const struct words *words;

	if (device == DEVICE_NONE)
		return false;
	words = &checked->policy.devices[device].addresses;
	for (size_t i = 0; i < words->count; i++) {
		address_t address;

		if (address_parse(words->items[i].text, &address) ||
		    address_is_ipv4(address) != (version == 4))
			continue;
		*ret_who = opinion_who(checked, address);
		return true;
	}
	return false;
}

static bool is_guarded(enum origin from)
{
	return from == FROM_WG0 || from == FROM_WG1;
}

static bool may_speak(const struct who *who, enum origin from)
{
	switch (from) {
	case FROM_WG0:
		return who->speaks & 1u;
	case FROM_WG1:
		return who->speaks & 2u;
	case FROM_LAN: /* the only unguarded interface that devices are bound to */
		return who->speaks & (1u << GATE_GUARDED_MAX | GATE_SPEAKS_OUTSIDE);
	default:
		return who->speaks & GATE_SPEAKS_OUTSIDE;
	}
}

enum reason opinion_bind(const struct who *who, enum origin from)
{
	if (who->own && from == FROM_SELF)
		return REASON_NONE;
	if (who->own)
		return is_guarded(from) ? REASON_SPOOFED_SOURCE : REASON_NAT_UNIDENTIFIED;
	if (who->unapproved)
		return REASON_UNAPPROVED;
	if (who->device == NOBODY && (is_guarded(from) || from == FROM_LOST))
		return REASON_UNKNOWN_SOURCE;
	return from == FROM_LOST || may_speak(who, from) ? REASON_NONE : REASON_SPOOFED_SOURCE;
}

static bool is_in(const struct set *set, address_t address)
{
	for (size_t i = 0; i < set->count && !reading_is_mapped(address); i++)
		if (address >= set->ranges[i].first && address <= set->ranges[i].last)
			return true;
	return false;
}

static bool has_port(const struct ruleset *ruleset, const struct clause *clause,
		     const struct tuple *tuple)
{
	bool ports = tuple->protocol == IPPROTO_TCP || tuple->protocol == IPPROTO_UDP ||
		     tuple->protocol == IPPROTO_SCTP;
	uint32_t key = (uint32_t)tuple->protocol << 16 | (ports ? tuple->dport : 0u);

	for (uint32_t i = 0; i < clause->keys_count; i++)
		if (key >= ruleset->keys[clause->keys + i].low &&
		    key <= ruleset->keys[clause->keys + i].high)
			return true;
	return false;
}

/* The rule that lasts longest, then the first in the file. */
static bool is_better(const struct ruleset *ruleset, uint32_t rule, uint32_t than)
{
	int64_t expires = ruleset->rules[rule].expires, other = ruleset->rules[than].expires;

	return expires > other || (expires == other && rule < than);
}

bool opinion_allows(const struct checked *checked, const struct who *src, const struct tuple *tuple,
		    int64_t now, uint32_t *ret_rule)
{
	const struct ruleset *ruleset = &checked->ruleset;
	bool found = false;

	for (size_t i = 0; i < ruleset->clauses_count; i++) {
		const struct clause *clause = &ruleset->clauses[i];

		if (ruleset->rules[clause->rule].expires <= now ||
		    !is_in(&ruleset->sets[clause->src], src->address) ||
		    !is_in(&ruleset->sets[clause->dst], tuple->dst) ||
		    !has_port(ruleset, clause, tuple) ||
		    (found && !is_better(ruleset, clause->rule, *ret_rule)))
			continue;
		*ret_rule = clause->rule;
		found = true;
	}
	return found;
}

bool opinion_table_agrees(const struct checked *checked, const struct who *src,
			  const struct tuple *tuple, int64_t loaded)
{
	uint32_t rule = 0, table_rule = 0;
	bool allowed = opinion_allows(checked, src, tuple, loaded, &rule);
	enum reason reason = table_judge(&checked->table, src->address, tuple->dst, tuple->protocol,
					 tuple->dport, &table_rule);

	if (src->unapproved)
		return reason == REASON_UNAPPROVED;
	if (src->device == NOBODY && !src->own)
		return reason == REASON_UNKNOWN_SOURCE;
	if (reading_is_mapped(tuple->dst)) /* the table is not asked about those */
		return !allowed;
	return allowed ? reason == REASON_NONE && rule == table_rule : reason == REASON_ACL;
}
