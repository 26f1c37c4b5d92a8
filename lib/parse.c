// SPDX-License-Identifier: GPL-2.0-or-later
/* JSON → struct policy. Keys are case-insensitive, as they are for Tailscale. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json.h"
#include "mem.h"
#include "policy.h"
#include "suggest.h"
#include "timeout.h"

struct parser {
	struct policy *policy;
	const struct json_document *document;
	struct diag *diag;
	bool clean; /* all that the present rule has could be read: what it lacks is told */
};

/* A key of an object and what reads its value into the object's struct. */
struct field {
	const char *key;
	void (*read)(struct parser *parser, const struct json *value, void *target);
	size_t offset; /* of the member that `read` fills */
};

static place_t place_of(const struct parser *parser, const struct json *value)
{
	return json_place(parser->document, value);
}

static void unexpected(struct parser *parser, const struct json *value, const char *wanted)
{
	diag_error(parser->diag, place_of(parser, value), "expected %s, found %s", wanted,
		   json_type_name(json_type(value)));
}

static bool expect(struct parser *parser, const struct json *value, enum json_type type)
{
	if (json_type(value) == type)
		return true;
	unexpected(parser, value, json_type_name(type));
	return false;
}

static void read_word(struct parser *parser, const struct json *value, void *target)
{
	struct word *word = target;

	if (!expect(parser, value, JSON_STRING))
		return;
	*word = (struct word){ json_string(value), place_of(parser, value) };
}

static void read_words(struct parser *parser, const struct json *value, void *target)
{
	struct words *words = target;

	if (!expect(parser, value, JSON_ARRAY))
		return;
	words->place = place_of(parser, value);
	words->items = arena_alloc(&parser->policy->arena,
				   json_count(value) * sizeof(*words->items));
	for (const struct json *item = json_first(value); item; item = json_next(item))
		if (expect(parser, item, JSON_STRING))
			read_word(parser, item, &words->items[words->count++]);
}

static void read_bool(struct parser *parser, const struct json *value, void *target)
{
	if (expect(parser, value, JSON_BOOL))
		*(bool *)target = json_is_true(value);
}

static void read_unapproved(struct parser *parser, const struct json *value, void *target)
{
	if (expect(parser, value, JSON_BOOL))
		*(bool *)target = !json_is_true(value);
}

static void read_number_or_text(struct parser *parser, const struct json *value, void *target)
{
	if (json_type(value) == JSON_NUMBER || json_type(value) == JSON_STRING)
		*(struct quantity *)target = (struct quantity){
			.text = json_string(value),
			.number = json_number(value),
			.place = place_of(parser, value),
			.given = true,
		};
	else
		unexpected(parser, value, "a number or a string");
}

static void read_number(struct parser *parser, const struct json *value, void *target)
{
	if (expect(parser, value, JSON_NUMBER))
		read_number_or_text(parser, value, target);
}

/* Ignoring these would let in what they keep out. */
static void refuse(struct parser *parser, const struct json *value, void *target)
{
	(void)target;
	diag_error(parser->diag, json_key_place(parser->document, value),
		   "\"%s\" narrows access in a way that WireGuard cannot check; "
		   "ignoring it would widen access",
		   json_key(value));
}

static void ignore(struct parser *parser, const struct json *value, void *target)
{
	(void)target;
	diag_note(parser->diag, json_key_place(parser->document, value),
		  "\"%s\" has no meaning without Tailscale's service and is ignored",
		  json_key(value));
}

static void unknown_key(struct parser *parser, const struct json *member,
			const struct field *fields, size_t count)
{
	struct suggestion suggestion = { .wrong = json_key(member) };
	_free_ char *hint = NULL;

	for (size_t i = 0; i < count; i++)
		suggest_consider(&suggestion, fields[i].key);
	hint = suggest_text(&suggestion);
	diag_error(parser->diag, json_key_place(parser->document, member), "unknown key \"%s\"%s",
		   json_key(member), hint);
}

static const struct field *find_field(const struct field *fields, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if ((fields[i].key[0] | 32) == (key[0] | 32) && !strcasecmp(fields[i].key, key))
			return &fields[i];
	return NULL;
}

/* @seen: one bit for each of @fields; the same key in other capitals is the same key. */
static void read_member(struct parser *parser, const struct json *member,
			const struct field *fields, size_t count, uint64_t *seen, void *target)
{
	const struct field *field = find_field(fields, count, json_key(member));
	uint64_t bit;

	if (!field) {
		unknown_key(parser, member, fields, count);
		return;
	}
	bit = UINT64_C(1) << (field - fields);
	if (*seen & bit)
		diag_error(parser->diag, json_key_place(parser->document, member),
			   "duplicate key \"%s\"", json_key(member));
	else
		field->read(parser, member, (char *)target + field->offset);
	*seen |= bit;
}

static void read_object(struct parser *parser, const struct json *value, const struct field *fields,
			size_t count, void *target)
{
	uint64_t seen = 0;

	if (!expect(parser, value, JSON_OBJECT))
		return;
	for (const struct json *member = json_first(value); member; member = json_next(member))
		read_member(parser, member, fields, count, &seen, target);
}

/* A rule as its keys stand in the file; the older names are folded into src and dst below. */
struct rule_fields {
	struct word name, expires, action, protocol;
	bool app;
	struct words ip;
	struct words src, users, sources, dst, ports, destinations;
};

static const struct field rule_keys[] = {
	{ "name", read_word, offsetof(struct rule_fields, name) },
	{ "expires", read_word, offsetof(struct rule_fields, expires) },
	{ "action", read_word, offsetof(struct rule_fields, action) },
	{ "proto", read_word, offsetof(struct rule_fields, protocol) },
	{ "src", read_words, offsetof(struct rule_fields, src) },
	{ "users", read_words, offsetof(struct rule_fields, users) },
	{ "sources", read_words, offsetof(struct rule_fields, sources) },
	{ "dst", read_words, offsetof(struct rule_fields, dst) },
	{ "ports", read_words, offsetof(struct rule_fields, ports) },
	{ "destinations", read_words, offsetof(struct rule_fields, destinations) },
	{ "srcPosture", refuse, 0 },
	{ "via", refuse, 0 },
};

/* What an application does with a grant is between it and Tailscale. */
static void read_app(struct parser *parser, const struct json *value, void *target)
{
	if (!expect(parser, value, JSON_OBJECT))
		return;
	*(bool *)target = true;
	ignore(parser, value, NULL);
}

static const struct field grant_keys[] = {
	{ "name", read_word, offsetof(struct rule_fields, name) },
	{ "expires", read_word, offsetof(struct rule_fields, expires) },
	{ "src", read_words, offsetof(struct rule_fields, src) },
	{ "dst", read_words, offsetof(struct rule_fields, dst) },
	{ "ip", read_words, offsetof(struct rule_fields, ip) },
	{ "app", read_app, offsetof(struct rule_fields, app) },
	{ "srcPosture", refuse, 0 },
	{ "via", refuse, 0 },
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

static struct policy_rule *new_rule(struct parser *parser, const struct json *value)
{
	struct policy *policy = parser->policy;

	policy->rules = mem_grow(policy->rules, policy->rules_count, &policy->rules_capacity,
				 sizeof(*policy->rules));
	policy->rules[policy->rules_count] = (struct policy_rule){ .place = place_of(parser, value),
								   .ip = none,
								   .users = none,
								   .src = none,
								   .dst = none };
	return &policy->rules[policy->rules_count++];
}

static void read_rule(struct parser *parser, const struct json *value, const struct field *keys,
		      size_t count, struct rule_fields *fields)
{
	size_t errors = parser->diag->errors;

	read_object(parser, value, keys, count, fields);
	parser->clean = parser->diag->errors == errors;
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
	if (!expect(parser, value, JSON_OBJECT))
		return;
	read_rule(parser, value, rule_keys, ARRAY_SIZE(rule_keys), &fields);
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
	if (!expect(parser, value, JSON_OBJECT))
		return;
	read_rule(parser, value, grant_keys, ARRAY_SIZE(grant_keys), &fields);
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

	if (!expect(parser, value, JSON_ARRAY))
		return;
	for (const struct json *item = json_first(value); item; item = json_next(item))
		read(parser, item, number++);
}

static void read_acls(struct parser *parser, const struct json *value, void *target)
{
	(void)target;
	read_rules(parser, value, read_acl);
}

static void read_grants(struct parser *parser, const struct json *value, void *target)
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
	{ "src", read_word, offsetof(struct test_fields, test.src) },
	{ "user", read_word, offsetof(struct test_fields, user) },
	{ "proto", read_word, offsetof(struct test_fields, test.protocol) },
	{ "accept", read_words, offsetof(struct test_fields, test.accept) },
	{ "allow", read_words, offsetof(struct test_fields, allow) },
	{ "deny", read_words, offsetof(struct test_fields, test.deny) },
	{ "srcPostureAttrs", ignore, 0 },
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
	if (!test->src.text)
		diag_error(parser->diag, test->place, "a test needs \"src\"");
	if (!given(&test->accept) && !given(&test->deny))
		diag_error(parser->diag, test->place, "a test needs \"accept\" or \"deny\"");
}

static void read_test(struct parser *parser, const struct json *value)
{
	struct test_fields fields = { .test = { .accept = none, .deny = none }, .allow = none };
	struct policy *policy = parser->policy;

	fields.test.place = place_of(parser, value);
	if (!expect(parser, value, JSON_OBJECT))
		return;
	read_object(parser, value, test_keys, ARRAY_SIZE(test_keys), &fields);
	fold_test(parser, &fields);
	policy->tests = mem_grow(policy->tests, policy->tests_count, &policy->tests_capacity,
				 sizeof(*policy->tests));
	policy->tests[policy->tests_count++] = fields.test;
}

static void read_tests(struct parser *parser, const struct json *value, void *target)
{
	(void)target;
	if (!expect(parser, value, JSON_ARRAY))
		return;
	for (const struct json *item = json_first(value); item; item = json_next(item))
		read_test(parser, item);
}

static struct word key_word(struct parser *parser, const struct json *member)
{
	return (struct word){ json_key(member), json_key_place(parser->document, member) };
}

static void read_hosts(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = parser->policy;

	(void)target;
	if (!expect(parser, value, JSON_OBJECT))
		return;
	for (const struct json *member = json_first(value); member; member = json_next(member)) {
		struct policy_host host = { .name = key_word(parser, member) };

		read_word(parser, member, &host.value);
		if (!host.value.text)
			continue;
		policy->hosts = mem_grow(policy->hosts, policy->hosts_count,
					 &policy->hosts_capacity, sizeof(*policy->hosts));
		policy->hosts[policy->hosts_count++] = host;
	}
}

static struct policy_group read_group(struct parser *parser, const struct json *member,
				      const char *prefix)
{
	struct policy_group group = { .name = key_word(parser, member) };

	if (strncmp(group.name.text, prefix, strlen(prefix)) || !group.name.text[strlen(prefix)])
		diag_error(parser->diag, group.name.place, "the name must begin with \"%s\"",
			   prefix);
	read_words(parser, member, &group.members);
	return group;
}

/* A section stands once in a file, and the inventory has none of these: no list is there before. */
static struct policy_group *read_group_list(struct parser *parser, const struct json *value,
					    const char *prefix, size_t *ret_count)
{
	struct policy_group *groups;
	size_t count = 0;

	if (!expect(parser, value, JSON_OBJECT))
		return NULL;
	groups = mem_alloc(json_count(value) * sizeof(*groups));
	for (const struct json *member = json_first(value); member; member = json_next(member))
		groups[count++] = read_group(parser, member, prefix);
	*ret_count = count;
	return groups;
}

static void read_groups(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = target;

	policy->groups = read_group_list(parser, value, "group:", &policy->groups_count);
}

static void read_ipsets(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = target;

	policy->ipsets = read_group_list(parser, value, "ipset:", &policy->ipsets_count);
}

static void read_tag_owners(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = target;

	policy->tag_owners = read_group_list(parser, value, "tag:", &policy->tag_owners_count);
}

static const struct field device_keys[] = {
	{ "addresses", read_words, offsetof(struct policy_device, addresses) },
	{ "routes", read_words, offsetof(struct policy_device, routes) },
	{ "tags", read_words, offsetof(struct policy_device, tags) },
	{ "user", read_word, offsetof(struct policy_device, user) },
	{ "interface", read_word, offsetof(struct policy_device, interface) },
	{ "publicKey", read_word, offsetof(struct policy_device, public_key) },
	{ "approved", read_unapproved, offsetof(struct policy_device, unapproved) },
	{ "self", read_bool, offsetof(struct policy_device, self) },
};

static void read_devices(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = parser->policy;

	(void)target;
	if (!expect(parser, value, JSON_OBJECT))
		return;
	for (const struct json *member = json_first(value); member; member = json_next(member)) {
		struct policy_device *device;

		policy->devices = mem_grow(policy->devices, policy->devices_count,
					   &policy->devices_capacity, sizeof(*policy->devices));
		device = &policy->devices[policy->devices_count++];
		*device = (struct policy_device){ .name = key_word(parser, member) };
		read_object(parser, member, device_keys, ARRAY_SIZE(device_keys), device);
	}
}

static const struct field interface_keys[] = {
	{ "name", read_word, offsetof(struct policy_interface, name) },
	{ "dhcp", read_bool, offsetof(struct policy_interface, dhcp) },
	{ "xdp", read_bool, offsetof(struct policy_interface, xdp) },
	{ "natAs", read_word, offsetof(struct policy_interface, nat_as) },
};

static void read_interface(struct parser *parser, const struct json *value,
			   struct policy_interface *interface)
{
	size_t errors = parser->diag->errors;

	if (json_type(value) == JSON_STRING)
		read_word(parser, value, &interface->name);
	else if (json_type(value) == JSON_OBJECT)
		read_object(parser, value, interface_keys, ARRAY_SIZE(interface_keys), interface);
	else
		unexpected(parser, value, "a string or an object");
	if (!interface->name.text && parser->diag->errors == errors)
		diag_error(parser->diag, place_of(parser, value), "an interface needs \"name\"");
}

static void read_interfaces(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = target;

	if (!expect(parser, value, JSON_ARRAY))
		return;
	policy->interfaces_place = place_of(parser, value);
	policy->interfaces = mem_alloc(json_count(value) * sizeof(*policy->interfaces));
	for (const struct json *item = json_first(value); item; item = json_next(item)) {
		struct policy_interface interface = {};

		read_interface(parser, item, &interface);
		if (interface.name.text)
			policy->interfaces[policy->interfaces_count++] = interface;
	}
}

static void read_timeouts(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = target;
	struct field keys[TIMEOUT_MAX];

	for (enum timeout timeout = 0; timeout < TIMEOUT_MAX; timeout++)
		keys[timeout] = (struct field){ timeout_name(timeout), read_number_or_text,
						timeout * sizeof(*policy->timeouts) };
	read_object(parser, value, keys, TIMEOUT_MAX, policy->timeouts);
}

static const struct field limit_keys[] = {
	{ "flowsPerDevice", read_number, offsetof(struct policy, flows_per_device) },
};

static void read_limits(struct parser *parser, const struct json *value, void *target)
{
	read_object(parser, value, limit_keys, ARRAY_SIZE(limit_keys), target);
}

static const struct field policy_keys[] = {
	{ "acls", read_acls, 0 },
	{ "grants", read_grants, 0 },
	{ "ipsets", read_ipsets, 0 },
	{ "groups", read_groups, 0 },
	{ "hosts", read_hosts, 0 },
	{ "tagOwners", read_tag_owners, 0 },
	{ "tests", read_tests, 0 },
	{ "devices", read_devices, 0 },
	{ "interfaces", read_interfaces, 0 },
	{ "mode", read_word, offsetof(struct policy, mode) },
	{ "timeouts", read_timeouts, 0 },
	{ "limits", read_limits, 0 },
	{ "markBit", read_number, offsetof(struct policy, mark_bit) },
	{ "ssh", ignore, 0 },
	{ "sshTests", ignore, 0 },
	{ "nodeAttrs", ignore, 0 },
	{ "autoApprovers", ignore, 0 },
	{ "derpMap", ignore, 0 },
	{ "disableIPv4", ignore, 0 },
	{ "oneCGNATRoute", ignore, 0 },
	{ "randomizeClientPort", ignore, 0 },
	{ "attrConfig", ignore, 0 },
	{ "postures", ignore, 0 },
	{ "defaultSrcPosture", refuse, 0 },
};

static const struct field inventory_keys[] = {
	{ "hosts", read_hosts, 0 },
	{ "devices", read_devices, 0 },
};

static int read_file(struct policy *policy, size_t index, const struct source *source,
		     struct diag *diag, const struct field *fields, size_t count)
{
	struct parser parser = { .policy = policy, .diag = diag };
	int error = json_parse(source, diag, &policy->documents[index]);

	if (error)
		return error;
	parser.document = policy->documents[index];
	read_object(&parser, json_root(parser.document), fields, count, policy);
	return 0;
}

static bool has_section(const struct json_document *document, const char *key)
{
	for (const struct json *member = json_first(json_root(document)); member;
	     member = json_next(member))
		if (json_key(member) && !strcasecmp(json_key(member), key))
			return true;
	return false;
}

int policy_parse(const struct source *file, const struct source *inventory, struct diag *diag,
		 struct policy *ret_policy)
{
	struct policy policy = { .inventory = inventory ? inventory->base : PLACE_NONE };
	int error = read_file(&policy, 0, file, diag, policy_keys, ARRAY_SIZE(policy_keys));

	if (inventory &&
	    read_file(&policy, 1, inventory, diag, inventory_keys, ARRAY_SIZE(inventory_keys)))
		error = -EINVAL;
	if (error) {
		policy_free(&policy);
		return error;
	}
	if (!has_section(policy.documents[0], "acls") &&
	    !has_section(policy.documents[0], "grants"))
		diag_warning(diag, json_place(policy.documents[0], json_root(policy.documents[0])),
			     "neither \"acls\" nor \"grants\": everything is denied");
	json_drop_values(policy.documents[0]);
	if (inventory)
		json_drop_values(policy.documents[1]);
	*ret_policy = policy;
	return 0;
}

void policy_drop_rules(struct policy *policy)
{
	free(TAKE_PTR(policy->rules));
	policy->rules_count = policy->rules_capacity = 0;
}

void policy_free(struct policy *policy)
{
	policy_drop_rules(policy);
	free(policy->tests);
	free(policy->hosts);
	free(policy->groups);
	free(policy->ipsets);
	free(policy->tag_owners);
	free(policy->devices);
	free(policy->interfaces);
	arena_free(&policy->arena);
	json_free(policy->documents[0]);
	json_free(policy->documents[1]);
	*policy = (struct policy){};
}
