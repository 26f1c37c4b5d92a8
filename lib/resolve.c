// SPDX-License-Identifier: GPL-2.0-or-later
/* struct policy → struct ruleset. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "intern.h"
#include "mem.h"
#include "ruleset.h"

struct resolver {
	const struct policy *policy;
	const struct inventory *inventory;
	struct diag *diag;
	struct ruleset *ruleset;
	struct intern sets; /* by their ranges, for equal sets to be one */
};

/* A rule without "proto", and a grant without one: what Tailscale's own filter compiles it to. */
static const uint8_t default_protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP,
					     IPPROTO_ICMPV6 };

static uint32_t keep_set(struct resolver *resolver, struct set *set)
{
	set_normalise(set);
	return intern_add(&resolver->sets, set->ranges, set->count * sizeof(*set->ranges));
}

static void select_words(struct resolver *resolver, const struct words *words, struct set *set)
{
	for (size_t i = 0; i < words->count; i++)
		inventory_select(resolver->inventory, &words->items[i], SIDE_SOURCE, resolver->diag,
				 set);
	set_normalise(set);
}

/* `users` beside `sources`: a device must be both, the reading that never widens. */
static uint32_t resolve_src(struct resolver *resolver, const struct policy_rule *rule)
{
	_set_ struct set set = {};

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

static char *bracketed(const char *host, size_t length)
{
	const char *close = memchr(host, ']', length);
	char *inner, address[INET6_ADDRSTRLEN];
	size_t rest;
	struct in6_addr parsed;

	if (!close || (size_t)(close - host - 1) >= sizeof(address))
		return NULL;
	memcpy(address, host + 1, (size_t)(close - host - 1));
	address[close - host - 1] = '\0';
	rest = length - (size_t)(close + 1 - host);
	if (inet_pton(AF_INET6, address, &parsed) != 1 || (rest && close[1] != '/'))
		return NULL;
	inner = mem_printf("%s%.*s", address, (int)rest, close + 1);
	return inner;
}

int resolve_host_port(const struct word *word, struct diag *diag, char **ret_host, char **ret_ports)
{
	const char *colon = strrchr(word->text, ':');
	size_t length = colon ? (size_t)(colon - word->text) : 0;
	char *host;

	if (!colon) {
		diag_error(diag, word->place, "dst=\"%s\": hostport must contain a colon (\":\")",
			   word->text);
		return -EINVAL;
	}
	host = word->text[0] == '[' ? bracketed(word->text, length) :
				      mem_strndup(word->text, length);
	if (!host) {
		diag_error(diag, word->place,
			   "dst=\"%s\": only an IPv6 address stands in brackets, its prefix length "
			   "behind them",
			   word->text);
		return -EINVAL;
	}
	*ret_host = host;
	*ret_ports = mem_strdup(colon + 1);
	return 0;
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
static void add_clause(struct resolver *resolver, uint32_t rule, uint32_t src, uint32_t dst,
		       uint8_t protocol, const struct ports *ports)
{
	struct ruleset *ruleset = resolver->ruleset;
	struct clause clause = { rule, src, dst, (uint32_t)ruleset->keys_count, 0 };

	if (protocol) {
		add_keys(resolver, protocol, ports);
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(default_protocols); i++)
			add_keys(resolver, default_protocols[i], ports);
	}
	clause.keys_count = (uint32_t)ruleset->keys_count - clause.keys;
	ruleset->clauses = mem_grow(ruleset->clauses, ruleset->clauses_count,
				    &ruleset->clauses_capacity, sizeof(*ruleset->clauses));
	ruleset->clauses[ruleset->clauses_count++] = clause;
}

/* The ports of a destination, and whether they go with the protocol. */
static int parse_ports(struct resolver *resolver, const struct word *word, const char *text,
		       uint8_t protocol, struct ports *ret_ports)
{
	_free_ char *message = NULL;
	char number[8];

	if (ports_parse(text, ret_ports, &message)) {
		diag_error(resolver->diag, word->place, "dst=\"%s\": %s", word->text, message);
		return -EINVAL;
	}
	if (protocol && !protocol_has_ports(protocol) && !ports_are_all(ret_ports)) {
		diag_error(resolver->diag, word->place,
			   "dst=\"%s\": protocol %s has no ports: write \"*\"", word->text,
			   protocol_name(protocol, number));
		ports_free(ret_ports);
		return -EINVAL;
	}
	return 0;
}

static void resolve_dst(struct resolver *resolver, uint32_t rule, uint32_t src,
			const struct word *word, uint8_t protocol)
{
	_free_ char *host = NULL, *text = NULL;
	_set_ struct set set = {};
	struct ports ports;
	struct word name;

	if (resolve_host_port(word, resolver->diag, &host, &text))
		return;
	name = (struct word){ host, word->place };
	if (inventory_select(resolver->inventory, &name, SIDE_DESTINATION, resolver->diag, &set) ||
	    parse_ports(resolver, word, text, protocol, &ports))
		return;
	add_clause(resolver, rule, src, keep_set(resolver, &set), protocol, &ports);
	ports_free(&ports);
}

static int parse_protocol(struct resolver *resolver, const struct word *word, uint8_t *ret_protocol)
{
	if (!word->text || !protocol_parse(word->text, ret_protocol))
		return 0;
	diag_error(resolver->diag, word->place, "unknown protocol \"%s\"", word->text);
	return -EINVAL;
}

static void resolve_rule(struct resolver *resolver, uint32_t number)
{
	const struct policy_rule *rule = &resolver->policy->rules[number];
	uint8_t protocol = 0;
	uint32_t src;

	resolver->ruleset->rules[number] = rule->place;
	if (!rule->action.text)
		diag_error(resolver->diag, rule->place, "a rule needs \"action\"");
	else if (strcmp(rule->action.text, "accept"))
		diag_error(resolver->diag, rule->action.place, "action=\"%s\" is not supported",
			   rule->action.text);
	if (parse_protocol(resolver, &rule->protocol, &protocol))
		return;
	src = resolve_src(resolver, rule);
	for (size_t i = 0; i < rule->dst.count; i++)
		resolve_dst(resolver, number, src, &rule->dst.items[i], protocol);
}

static void expectation_free(struct expectation *expectation)
{
	set_free(&expectation->from);
	set_free(&expectation->to);
}

/* One device or address, and one port: a test must have one answer. */
static void resolve_expectation(struct resolver *resolver, const struct policy_test *test,
				const struct word *dst, bool allow, uint8_t protocol)
{
	struct ruleset *ruleset = resolver->ruleset;
	struct expectation expectation = {
		.src = test->src, .dst = *dst, .protocol = protocol, .allow = allow
	};
	_free_ char *host = NULL, *text = NULL;
	struct ports ports;
	struct word name;
	bool single;

	if (resolve_host_port(dst, resolver->diag, &host, &text) ||
	    parse_ports(resolver, dst, text, protocol, &ports))
		return;
	single = ports.count == 1 && ports.items[0].low == ports.items[0].high;
	expectation.port = single ? ports.items[0].low : 0;
	ports_free(&ports);
	if (!single && (!protocol || protocol_has_ports(protocol))) {
		diag_error(resolver->diag, dst->place, "a test asks about one port");
		return;
	}
	name = (struct word){ host, dst->place };
	if (inventory_select(resolver->inventory, &test->src, SIDE_SOURCE, resolver->diag,
			     &expectation.from) ||
	    inventory_select(resolver->inventory, &name, SIDE_DESTINATION, resolver->diag,
			     &expectation.to)) {
		expectation_free(&expectation);
		return;
	}
	set_normalise(&expectation.from);
	set_normalise(&expectation.to);
	if (set_size(&expectation.from) > QUESTION_ADDRESSES_MAX ||
	    set_size(&expectation.to) > QUESTION_ADDRESSES_MAX) {
		diag_error(resolver->diag, dst->place,
			   "a test asks about devices and addresses, not about networks");
		expectation_free(&expectation);
		return;
	}
	ruleset->expectations = mem_grow(ruleset->expectations, ruleset->expectations_count,
					 &ruleset->expectations_capacity,
					 sizeof(*ruleset->expectations));
	ruleset->expectations[ruleset->expectations_count++] = expectation;
}

static void resolve_test(struct resolver *resolver, const struct policy_test *test)
{
	uint8_t protocol = 0;

	if (!test->src.text || parse_protocol(resolver, &test->protocol, &protocol))
		return;
	for (size_t i = 0; i < test->accept.count; i++)
		resolve_expectation(resolver, test, &test->accept.items[i], true, protocol);
	for (size_t i = 0; i < test->deny.count; i++)
		resolve_expectation(resolver, test, &test->deny.items[i], false, protocol);
}

static void take_sets(struct resolver *resolver)
{
	struct ruleset *ruleset = resolver->ruleset;

	ruleset->sets_count = resolver->sets.count;
	ruleset->sets = mem_alloc(ruleset->sets_count * sizeof(*ruleset->sets));
	for (size_t i = 0; i < ruleset->sets_count; i++) {
		struct interned *item = &resolver->sets.items[i];

		ruleset->sets[i] = (struct set){ .ranges = TAKE_PTR(item->bytes),
						 .count = item->size / sizeof(struct range) };
	}
	intern_free(&resolver->sets);
}

void resolve(const struct policy *policy, const struct inventory *inventory, struct diag *diag,
	     struct ruleset *ret_ruleset)
{
	struct ruleset ruleset = { .rules_count = policy->rules_count };
	struct resolver resolver = { policy, inventory, diag, &ruleset, {} };

	ruleset.rules = mem_alloc(ruleset.rules_count * sizeof(*ruleset.rules));
	for (size_t i = 0; i < policy->rules_count; i++)
		resolve_rule(&resolver, (uint32_t)i);
	for (size_t i = 0; i < policy->tests_count; i++)
		resolve_test(&resolver, &policy->tests[i]);
	take_sets(&resolver);
	*ret_ruleset = ruleset;
}

void ruleset_free(struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->sets_count; i++)
		set_free(&ruleset->sets[i]);
	for (size_t i = 0; i < ruleset->expectations_count; i++)
		expectation_free(&ruleset->expectations[i]);
	free(ruleset->expectations);
	free(ruleset->sets);
	free(ruleset->rules);
	free(ruleset->clauses);
	free(ruleset->keys);
	*ruleset = (struct ruleset){};
}
