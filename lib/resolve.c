// SPDX-License-Identifier: GPL-2.0-or-later
/* struct policy → struct ruleset. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "ids.h"
#include "intern.h"
#include "mem.h"
#include "resolve_parts.h"
#include "rfc3339.h"

/* A selector that was looked up. */
struct selected {
	struct set set;
	uint32_t number; /* among resolver->sets, once a clause needs it; else NOT_KEPT */
	bool told;	 /* there was something to tell, and is at every place */
};

#define NOT_KEPT UINT32_MAX

/* All that were, by their text. */
struct selections {
	struct intern words;
	struct selected *items;
	size_t capacity;
};

struct resolver {
	const struct policy *policy;
	const struct inventory *inventory;
	struct diag *diag;
	struct ruleset *ruleset;
	int64_t now;
	struct selections selections[SIDE_MAX];
	struct intern sets; /* by their ranges, for equal sets to be one */
	const char **users; /* who has an untagged device, sorted */
	size_t users_count;
};

/* What a rule opens: a run of ruleset->keys. */
struct span {
	uint32_t first;
	uint32_t count;
};

/* A rule without "proto", and a grant without one: what Tailscale's own filter compiles it to. */
static const uint8_t default_protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP,
					     IPPROTO_ICMPV6 };

static uint32_t keep_set(struct resolver *resolver, struct set *set)
{
	set_normalise(set);
	return intern_add(&resolver->sets, set->ranges, set->count * sizeof(*set->ranges));
}

/*
 * The set of one selector; empty where there is an error. Thousands of rules use the same ones; what
 * there is something to tell about is looked up again, to be told at every place.
 */
static struct selected *select_word(struct resolver *resolver, const struct word *word,
				    enum side side)
{
	struct selections *selections = &resolver->selections[side];
	size_t known = selections->words.count, findings = resolver->diag->count;
	uint32_t number = intern_add(&selections->words, word->text, strlen(word->text));
	struct selected selected = { .number = NOT_KEPT };

	if (number < known && !selections->items[number].told)
		return &selections->items[number];
	select_set(resolver->inventory, word, side, resolver->diag, &selected.set);
	set_normalise(&selected.set);
	selected.told = resolver->diag->count > findings;
	selections->items = mem_grow(selections->items, number, &selections->capacity,
				     sizeof(*selections->items));
	if (number < known)
		set_free(&selections->items[number].set);
	selections->items[number] = selected;
	return &selections->items[number];
}

static void selections_free(struct selections *selections)
{
	for (size_t i = 0; i < selections->words.count; i++)
		set_free(&selections->items[i].set);
	free(selections->items);
	intern_free(&selections->words);
}

static uint32_t keep_selected(struct resolver *resolver, struct selected *selected)
{
	if (selected->number == NOT_KEPT)
		selected->number = keep_set(resolver, &selected->set);
	return selected->number;
}

static struct set kept_set(const struct resolver *resolver, uint32_t number)
{
	const struct interned *item = &resolver->sets.items[number];

	return (struct set){ .ranges = item->bytes, .count = item->size / sizeof(struct range) };
}

static void select_words(struct resolver *resolver, const struct words *words, struct set *set)
{
	for (size_t i = 0; i < words->count; i++)
		set_append_set(set, &select_word(resolver, &words->items[i], SIDE_SOURCE)->set);
	set_normalise(set);
}

/* `users` beside `sources`: a device must be both, the reading that never widens. */
static uint32_t resolve_src(struct resolver *resolver, const struct policy_rule *rule)
{
	_set_ struct set set = {};

	if (rule->src.count == 1 && rule->users.place == PLACE_NONE)
		return keep_selected(resolver,
				     select_word(resolver, &rule->src.items[0], SIDE_SOURCE));
	select_words(resolver, &rule->src, &set);
	if (rule->users.place != PLACE_NONE) {
		_set_ struct set users = {}, both = {};

		select_words(resolver, &rule->users, &users);
		both = set_intersect(&set, &users);
		if (set.count && users.count && !both.count)
			diag_warning(resolver->diag, rule->users.place,
				     "no device is both in \"sources\" and of these \"users\": "
				     "the rule matches nothing");
		return keep_set(resolver, &both);
	}
	return keep_set(resolver, &set);
}

static void add_key(struct resolver *resolver, uint8_t protocol, uint16_t low, uint16_t high)
{
	struct ruleset *ruleset = resolver->ruleset;

	ruleset->keys = mem_grow(ruleset->keys, ruleset->keys_count, &ruleset->keys_capacity,
				 sizeof(*ruleset->keys));
	ruleset->keys[ruleset->keys_count++] = (struct key_range){ GATE_PORT_KEY(protocol, low),
								   GATE_PORT_KEY(protocol, high) };
}

static void add_keys(struct resolver *resolver, uint8_t protocol, const struct ports *ports)
{
	if (!protocol_has_ports(protocol)) {
		add_key(resolver, protocol, 0, UINT16_MAX);
		return;
	}
	for (size_t i = 0; i < ports->count; i++)
		add_key(resolver, protocol, ports->items[i].low, ports->items[i].high);
}

/* @protocol: 0 where the rule names none. */
static void add_service(struct resolver *resolver, uint8_t protocol, const struct ports *ports,
			struct span *span)
{
	if (protocol) {
		add_keys(resolver, protocol, ports);
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(default_protocols); i++)
			add_keys(resolver, default_protocols[i], ports);
	}
	span->count = (uint32_t)resolver->ruleset->keys_count - span->first;
}

static struct span new_span(const struct resolver *resolver)
{
	return (struct span){ .first = (uint32_t)resolver->ruleset->keys_count };
}

static void add_clause(struct resolver *resolver, uint32_t rule, uint32_t src, uint32_t dst,
		       const struct span *span)
{
	struct ruleset *ruleset = resolver->ruleset;

	if (ruleset->rules[rule].expires <= resolver->now || !span->count)
		return; /* over, or a grant for an application only */
	ruleset->clauses = mem_grow(ruleset->clauses, ruleset->clauses_count,
				    &ruleset->clauses_capacity, sizeof(*ruleset->clauses));
	ruleset->clauses[ruleset->clauses_count++] = (struct clause){ rule, src, dst, span->first,
								      span->count };
}

/* Every user's devices to that user's devices, as far as they are in the source. */
static void add_self_clauses(struct resolver *resolver, uint32_t rule, uint32_t src,
			     const struct span *span)
{
	struct set from = kept_set(resolver, src);

	for (size_t i = 0; i < resolver->users_count; i++) {
		_set_ struct set devices = {}, both = {};
		uint32_t dst;

		select_user_devices(resolver->inventory, resolver->users[i], &devices);
		dst = keep_set(resolver, &devices);
		both = set_intersect(&from, &devices);
		if (both.count)
			add_clause(resolver, rule, keep_set(resolver, &both), dst, span);
	}
}

static void resolve_self(struct resolver *resolver, uint32_t number, uint32_t src,
			 const struct word *word, const struct span *span)
{
	const struct policy_rule *rule = &resolver->policy->rules[number];
	const struct words *who = rule->users.place == PLACE_NONE ? &rule->src : &rule->users;

	for (size_t i = 0; i < who->count; i++) {
		if (!select_is_personal(&who->items[i])) {
			diag_error(resolver->diag, word->place,
				   "autogroup:self can only be used "
				   "with users, groups, or supported autogroups");
			return;
		}
	}
	add_self_clauses(resolver, number, src, span);
}

static void resolve_dst(struct resolver *resolver, uint32_t rule, uint32_t src,
			const struct word *name, const struct span *span)
{
	struct selected *dst;

	if (!strcmp(name->text, "autogroup:self")) {
		resolve_self(resolver, rule, src, name, span);
		return;
	}
	dst = select_word(resolver, name, SIDE_DESTINATION);
	add_clause(resolver, rule, src, keep_selected(resolver, dst), span);
}

/* "host:ports" of an acl. */
static void resolve_host_ports(struct resolver *resolver, uint32_t rule, uint32_t src,
			       const struct word *word, uint8_t protocol)
{
	_free_ char *host = NULL, *text = NULL;
	struct span span = new_span(resolver);
	struct ports ports;
	struct word name;

	if (resolve_host_port(word, resolver->diag, &host, &text))
		return;
	name = (struct word){ host, word->place };
	if (resolve_ports(resolver->diag, "dst", word, text, protocol, &ports))
		return;
	add_service(resolver, protocol, &ports, &span);
	ports_free(&ports);
	resolve_dst(resolver, rule, src, &name, &span);
}

static void resolve_acl(struct resolver *resolver, uint32_t number)
{
	const struct policy_rule *rule = &resolver->policy->rules[number];
	uint8_t protocol = 0;
	uint32_t src;

	if (rule->action.text && strcmp(rule->action.text, "accept"))
		diag_error(
			resolver->diag, rule->action.place,
			"action=\"%s\" is not supported: it is \"accept\", and what no rule accepts is denied",
			rule->action.text);
	resolve_protocol(resolver->diag, &rule->protocol, &protocol);
	src = resolve_src(resolver, rule);
	for (size_t i = 0; i < rule->dst.count; i++)
		resolve_host_ports(resolver, number, src, &rule->dst.items[i], protocol);
}

/* "*", "443", "80-443", "tcp:443", "icmp:*", "47:*": without a colon it is always a port. */
static void resolve_ip(struct resolver *resolver, const struct word *word, struct span *span)
{
	const char *colon = strchr(word->text, ':');
	_free_ char *name = mem_strndup(word->text, colon ? (size_t)(colon - word->text) : 0);
	struct word protocol_word = { colon ? name : NULL, word->place };
	uint8_t protocol = 0;
	struct ports ports;

	if (resolve_protocol(resolver->diag, &protocol_word, &protocol) ||
	    resolve_ports(resolver->diag, "ip", word, colon ? colon + 1 : word->text, protocol,
			  &ports))
		return;
	add_service(resolver, protocol, &ports, span);
	ports_free(&ports);
}

static bool is_default_route(const char *text)
{
	struct prefix prefix;

	return !prefix_parse(text, &prefix) && prefix_is_default(&prefix);
}

static void resolve_grant(struct resolver *resolver, uint32_t number)
{
	const struct policy_rule *rule = &resolver->policy->rules[number];
	struct span span = new_span(resolver);
	uint32_t src = resolve_src(resolver, rule);

	for (size_t i = 0; i < rule->ip.count; i++)
		resolve_ip(resolver, &rule->ip.items[i], &span);
	for (size_t i = 0; i < rule->dst.count; i++) {
		const struct word *dst = &rule->dst.items[i];

		if (is_default_route(dst->text))
			diag_error(resolver->diag, dst->place,
				   "dst \"%s\": to allow all IP "
				   "addresses, use \"*\" or \"autogroup:internet\"",
				   dst->text);
		else
			resolve_dst(resolver, number, src, dst, &span);
	}
}

static int64_t resolve_expiry(struct resolver *resolver, const struct policy_rule *rule)
{
	int64_t expires = EXPIRES_NEVER;

	if (!rule->expires.text)
		return expires;
	if (rfc3339_parse(rule->expires.text, &expires))
		diag_error(resolver->diag, rule->expires.place,
			   "\"%s\" is not a time as in \"2026-12-31T18:00:00Z\"",
			   rule->expires.text);
	else if (expires <= resolver->now)
		diag_warning(resolver->diag, rule->expires.place,
			     "this rule has expired, and matches nothing");
	return expires;
}

static void warn_empty(struct resolver *resolver, const struct words *words)
{
	if (words->place != PLACE_NONE && !words->count && !resolver->diag->errors)
		diag_warning(resolver->diag, words->place,
			     "this list is empty: the rule matches nothing");
}

static char *label_of(const struct policy_rule *rule)
{
	char text[32];

	if (rule->name.text)
		return mem_strdup(rule->name.text);
	snprintf(text, sizeof(text), "%s[%zu]", rule->grant ? "grants" : "acls", rule->number);
	return mem_strdup(text);
}

static void resolve_rule(struct resolver *resolver, uint32_t number)
{
	const struct policy_rule *rule = &resolver->policy->rules[number];

	resolver->ruleset->rules[number] = (struct rule){
		.place = rule->place,
		.label = label_of(rule),
		.expires = resolve_expiry(resolver, rule),
	};
	warn_empty(resolver, &rule->src);
	warn_empty(resolver, &rule->users);
	warn_empty(resolver, &rule->dst);
	if (rule->grant)
		resolve_grant(resolver, number);
	else
		resolve_acl(resolver, number);
}

static void take_sets(struct resolver *resolver)
{
	struct ruleset *ruleset = resolver->ruleset;

	ruleset->sets_count = resolver->sets.count;
	ruleset->sets = mem_alloc(ruleset->sets_count * sizeof(*ruleset->sets));
	for (uint32_t i = 0; i < ruleset->sets_count; i++) {
		struct set set = kept_set(resolver, i);

		set_append_set(&ruleset->sets[i], &set);
	}
	intern_free(&resolver->sets);
}

static int by_text(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static void collect_users(struct resolver *resolver)
{
	const struct policy *policy = resolver->policy;
	size_t count = 0, kept = 0;

	resolver->users = mem_alloc(policy->devices_count * sizeof(*resolver->users));
	for (size_t i = 0; i < policy->devices_count; i++)
		if (policy->devices[i].user.text && !policy->devices[i].tags.count)
			resolver->users[count++] = policy->devices[i].user.text;
	if (!count)
		return;
	qsort(resolver->users, count, sizeof(*resolver->users), by_text);
	for (size_t i = 1; i < count; i++)
		if (strcmp(resolver->users[i], resolver->users[kept]))
			resolver->users[++kept] = resolver->users[i];
	resolver->users_count = kept + 1;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static bool is_any_named(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rules_count; i++)
		if (policy->rules[i].name.text)
			return true;
	return false;
}

/* Counters go by label, so a label must mean one rule; those that we make do. */
static void check_labels(const struct policy *policy, const struct ruleset *ruleset,
			 struct diag *diag)
{
	struct intern labels = {};

	if (!is_any_named(policy))
		return;
	for (size_t i = 0; i < ruleset->rules_count; i++) {
		const struct rule *rule = &ruleset->rules[i];
		size_t seen = labels.count;

		if (!*rule->label || !is_printable(rule->label))
			diag_error(diag, rule->place,
				   "the name of a rule is empty or has control characters in it");
		if (!strcmp(rule->label, IDS_LINK))
			diag_error(diag, rule->place,
				   "the name \"" IDS_LINK
				   "\" stands for what an Ethernet link needs: "
				   "choose another");
		if (intern_add(&labels, rule->label, strlen(rule->label)) != seen)
			diag_error(diag, rule->place, "a rule named \"%s\" is there already",
				   rule->label);
	}
	intern_free(&labels);
}

void resolve(const struct policy *policy, const struct inventory *inventory, int64_t now,
	     struct diag *diag, struct ruleset *ret_ruleset)
{
	struct ruleset ruleset = { .rules_count = policy->rules_count };
	struct resolver resolver = { .policy = policy,
				     .inventory = inventory,
				     .diag = diag,
				     .ruleset = &ruleset,
				     .now = now };

	collect_users(&resolver);
	ruleset.rules = mem_alloc(ruleset.rules_count * sizeof(*ruleset.rules));
	for (size_t i = 0; i < policy->rules_count; i++)
		resolve_rule(&resolver, (uint32_t)i);
	check_labels(policy, &ruleset, diag);
	settings_resolve(inventory, diag, &ruleset.settings);
	resolve_tests(policy, inventory, diag, &ruleset);
	take_sets(&resolver);
	for (enum side side = 0; side < SIDE_MAX; side++)
		selections_free(&resolver.selections[side]);
	free(resolver.users);
	*ret_ruleset = ruleset;
}
