// SPDX-License-Identifier: GPL-2.0-or-later
/* The rules of a policy, in both notations, and its tests. */
#include <stddef.h>

#include "mem.h"
#include "parse_parts.h"

/* A rule as its keys stand in the file; the older names are folded into src and dst below. */
struct rule_fields {
	struct word name, expires, action, protocol;
	bool app;
	struct words ip;
	struct words src, users, sources, dst, ports, destinations;
};

static const struct field rule_keys[] = {
	{ "name", parse_word, offsetof(struct rule_fields, name) },
	{ "expires", parse_word, offsetof(struct rule_fields, expires) },
	{ "action", parse_word, offsetof(struct rule_fields, action) },
	{ "proto", parse_word, offsetof(struct rule_fields, protocol) },
	{ "src", parse_words, offsetof(struct rule_fields, src) },
	{ "users", parse_words, offsetof(struct rule_fields, users) },
	{ "sources", parse_words, offsetof(struct rule_fields, sources) },
	{ "dst", parse_words, offsetof(struct rule_fields, dst) },
	{ "ports", parse_words, offsetof(struct rule_fields, ports) },
	{ "destinations", parse_words, offsetof(struct rule_fields, destinations) },
	{ "srcPosture", parse_refuse, 0 },
	{ "via", parse_refuse, 0 },
};

/* What an application does with a grant is between it and Tailscale. */
static void read_app(struct parser *parser, const struct json *value, void *target)
{
	if (!parse_expect(parser, value, JSON_OBJECT))
		return;
	*(bool *)target = true;
	parse_ignore(parser, value, NULL);
}

static const struct field grant_keys[] = {
	{ "name", parse_word, offsetof(struct rule_fields, name) },
	{ "expires", parse_word, offsetof(struct rule_fields, expires) },
	{ "src", parse_words, offsetof(struct rule_fields, src) },
	{ "dst", parse_words, offsetof(struct rule_fields, dst) },
	{ "ip", parse_words, offsetof(struct rule_fields, ip) },
	{ "app", read_app, offsetof(struct rule_fields, app) },
	{ "srcPosture", parse_refuse, 0 },
	{ "via", parse_refuse, 0 },
};

static bool given(const struct words *words)
{
	return words->place != PLACE_NONE;
}

/* Takes the one list that is there; a second one is an error, and is dropped. */
static struct words take_one(struct parser *parser, place_t place, struct words *lists[3],
			     const char *names)
{
	struct words taken = { .place = PLACE_NONE };

	for (size_t i = 0; i < 3; i++) {
		if (!given(lists[i]))
			continue;
		if (given(&taken)) {
			diag_error(parser->diag, lists[i]->place, "only one of %s may be specified",
				   names);
		} else {
			taken = *lists[i];
		}
	}
	if (!given(&taken) && parser->clean)
		diag_error(parser->diag, place, "a rule needs one of %s", names);
	return taken;
}

static const struct words none = { .place = PLACE_NONE };

/* For all rules of a section at once: of a large policy they are most of what is read. */
static void make_room(struct policy *policy, size_t rules)
{
	policy->rules = mem_resize(policy->rules, policy->rules_count + rules,
				   sizeof(*policy->rules));
}

static struct policy_rule *new_rule(struct parser *parser, const struct json *value)
{
	struct policy *policy = parser->policy;

	policy->rules[policy->rules_count] =
		(struct policy_rule){ .place = parse_place(parser, value),
				      .ip = none,
				      .users = none,
				      .src = none,
				      .dst = none };
	return &policy->rules[policy->rules_count++];
}

static void read_acl(struct parser *parser, const struct json *value, size_t number)
{
	struct rule_fields fields = { .ip = none,
				      .src = none,
				      .users = none,
				      .sources = none,
				      .dst = none,
				      .ports = none,
				      .destinations = none };
	struct words *dst[] = { &fields.dst, &fields.ports, &fields.destinations };
	struct words *src[] = { &fields.src, &fields.sources, &fields.users };
	struct policy_rule *rule = new_rule(parser, value);

	rule->number = number;
	if (!parse_expect(parser, value, JSON_OBJECT))
		return;
	parser->clean = parse_object(parser, value, rule_keys, ARRAY_SIZE(rule_keys), &fields);
	if (!fields.action.text && parser->clean)
		diag_error(parser->diag, rule->place, "a rule needs \"action\"");
	rule->name = fields.name;
	rule->expires = fields.expires;
	rule->action = fields.action;
	rule->protocol = fields.protocol;
	if (given(&fields.users) && given(&fields.sources) && !given(&fields.src)) {
		rule->users = fields.users;
		fields.users = none;
	}
	rule->src = take_one(parser, rule->place, src, "\"src\", \"sources\" and \"users\"");
	rule->dst = take_one(parser, rule->place, dst, "\"dst\", \"destinations\" and \"ports\"");
}

static void read_grant(struct parser *parser, const struct json *value, size_t number)
{
	struct rule_fields fields = { .ip = none, .src = none, .dst = none };
	struct policy_rule *rule = new_rule(parser, value);

	rule->number = number;
	rule->grant = true;
	if (!parse_expect(parser, value, JSON_OBJECT))
		return;
	parser->clean = parse_object(parser, value, grant_keys, ARRAY_SIZE(grant_keys), &fields);
	rule->name = fields.name;
	rule->expires = fields.expires;
	rule->ip = fields.ip;
	rule->src = fields.src;
	rule->dst = fields.dst;
	if (!parser->clean)
		return;
	if (!given(&rule->src))
		diag_error(parser->diag, rule->place, "a grant needs \"src\"");
	if (!given(&rule->dst))
		diag_error(parser->diag, rule->place, "a grant needs \"dst\"");
	if (!rule->ip.count && !fields.app)
		diag_error(parser->diag, rule->place, "ip and app can not both be empty");
}

static void read_rules(struct parser *parser, const struct json *value,
		       void (*read)(struct parser *parser, const struct json *value, size_t number))
{
	size_t number = 0;

	if (!parse_expect(parser, value, JSON_ARRAY))
		return;
	make_room(parser->policy, json_count(value));
	for (const struct json *item = json_first(value); item; item = json_next(item))
		read(parser, item, number++);
}

void parse_acls(struct parser *parser, const struct json *value, void *target)
{
	(void)target;
	read_rules(parser, value, read_acl);
}

void parse_grants(struct parser *parser, const struct json *value, void *target)
{
	(void)target;
	read_rules(parser, value, read_grant);
}

struct test_fields {
	struct policy_test test;
	struct word user;
	struct words allow;
};

static const struct field test_keys[] = {
	{ "src", parse_word, offsetof(struct test_fields, test.src) },
	{ "user", parse_word, offsetof(struct test_fields, user) },
	{ "proto", parse_word, offsetof(struct test_fields, test.protocol) },
	{ "accept", parse_words, offsetof(struct test_fields, test.accept) },
	{ "allow", parse_words, offsetof(struct test_fields, allow) },
	{ "deny", parse_words, offsetof(struct test_fields, test.deny) },
	{ "srcPostureAttrs", parse_ignore, 0 },
};

/* "user" and "allow" are the older names of "src" and "accept". */
static void fold_test(struct parser *parser, struct test_fields *fields)
{
	struct policy_test *test = &fields->test;

	if (fields->user.text && test->src.text)
		diag_error(parser->diag, fields->user.place,
			   "only one of \"src\" and \"user\" may be specified");
	if (given(&fields->allow) && given(&test->accept))
		diag_error(parser->diag, fields->allow.place,
			   "only one of \"accept\" and \"allow\" may be specified");
	if (!test->src.text)
		test->src = fields->user;
	if (!given(&test->accept))
		test->accept = fields->allow;
	if (!parser->clean)
		return;
	if (!test->src.text)
		diag_error(parser->diag, test->place, "a test needs \"src\"");
	if (!given(&test->accept) && !given(&test->deny))
		diag_error(parser->diag, test->place, "a test needs \"accept\" or \"deny\"");
}

static void read_test(struct parser *parser, const struct json *value)
{
	struct test_fields fields = { .test = { .accept = none, .deny = none }, .allow = none };
	struct policy *policy = parser->policy;

	fields.test.place = parse_place(parser, value);
	if (!parse_expect(parser, value, JSON_OBJECT))
		return;
	parser->clean = parse_object(parser, value, test_keys, ARRAY_SIZE(test_keys), &fields);
	fold_test(parser, &fields);
	policy->tests = mem_grow(policy->tests, policy->tests_count, &policy->tests_capacity,
				 sizeof(*policy->tests));
	policy->tests[policy->tests_count++] = fields.test;
}

void parse_tests(struct parser *parser, const struct json *value, void *target)
{
	(void)target;
	if (!parse_expect(parser, value, JSON_ARRAY))
		return;
	for (const struct json *item = json_first(value); item; item = json_next(item))
		read_test(parser, item);
}
