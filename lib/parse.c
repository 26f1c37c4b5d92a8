// SPDX-License-Identifier: GPL-2.0-or-later
/* JSON → struct policy: its sections. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"
#include "parse_parts.h"
#include "timeout.h"

static struct word key_word(struct parser *parser, const struct json *member)
{
	return (struct word){ json_key(member), json_key_place(parser->document, member) };
}

static void read_hosts(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = parser->policy;

	(void)target;
	if (!parse_expect(parser, value, JSON_OBJECT))
		return;
	for (const struct json *member = json_first(value); member; member = json_next(member)) {
		struct policy_host host = { .name = key_word(parser, member) };

		parse_word(parser, member, &host.value);
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
	parse_words(parser, member, &group.members);
	return group;
}

/* A section stands once in a file, and the inventory has none of these: no list is there before. */
static struct policy_group *read_group_list(struct parser *parser, const struct json *value,
					    const char *prefix, size_t *ret_count)
{
	struct policy_group *groups;
	size_t count = 0;

	if (!parse_expect(parser, value, JSON_OBJECT))
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

static void read_unapproved(struct parser *parser, const struct json *value, void *target)
{
	if (parse_expect(parser, value, JSON_BOOL))
		*(bool *)target = !json_is_true(value);
}

static const struct field device_keys[] = {
	{ "addresses", parse_words, offsetof(struct policy_device, addresses) },
	{ "routes", parse_words, offsetof(struct policy_device, routes) },
	{ "tags", parse_words, offsetof(struct policy_device, tags) },
	{ "user", parse_word, offsetof(struct policy_device, user) },
	{ "interface", parse_word, offsetof(struct policy_device, interface) },
	{ "publicKey", parse_word, offsetof(struct policy_device, public_key) },
	{ "approved", read_unapproved, offsetof(struct policy_device, unapproved) },
	{ "self", parse_bool, offsetof(struct policy_device, self) },
};

static void read_devices(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = parser->policy;

	(void)target;
	if (!parse_expect(parser, value, JSON_OBJECT))
		return;
	for (const struct json *member = json_first(value); member; member = json_next(member)) {
		struct policy_device *device;

		policy->devices = mem_grow(policy->devices, policy->devices_count,
					   &policy->devices_capacity, sizeof(*policy->devices));
		device = &policy->devices[policy->devices_count++];
		*device = (struct policy_device){ .name = key_word(parser, member) };
		device->unread = !parse_object(parser, member, device_keys, ARRAY_SIZE(device_keys),
					       device);
	}
}

static const struct field interface_keys[] = {
	{ "name", parse_word, offsetof(struct policy_interface, name) },
	{ "dhcp", parse_bool, offsetof(struct policy_interface, dhcp) },
	{ "xdp", parse_bool, offsetof(struct policy_interface, xdp) },
	{ "natAs", parse_word, offsetof(struct policy_interface, nat_as) },
};

static void read_interface(struct parser *parser, const struct json *value,
			   struct policy_interface *interface)
{
	size_t errors = parser->diag->errors;

	if (json_type(value) == JSON_STRING)
		parse_word(parser, value, &interface->name);
	else if (json_type(value) == JSON_OBJECT)
		parse_object(parser, value, interface_keys, ARRAY_SIZE(interface_keys), interface);
	else
		parse_unexpected(parser, value, "a string or an object");
	if (!interface->name.text && parser->diag->errors == errors)
		diag_error(parser->diag, parse_place(parser, value), "an interface needs \"name\"");
}

static void read_interfaces(struct parser *parser, const struct json *value, void *target)
{
	struct policy *policy = target;

	if (!parse_expect(parser, value, JSON_ARRAY))
		return;
	policy->interfaces_place = parse_place(parser, value);
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
		keys[timeout] = (struct field){ timeout_name(timeout), parse_number_or_text,
						timeout * sizeof(*policy->timeouts) };
	parse_object(parser, value, keys, TIMEOUT_MAX, policy->timeouts);
}

static const struct field limit_keys[] = {
	{ "flowsPerDevice", parse_number, offsetof(struct policy, flows_per_device) },
};

static void read_limits(struct parser *parser, const struct json *value, void *target)
{
	parse_object(parser, value, limit_keys, ARRAY_SIZE(limit_keys), target);
}

static const struct field policy_keys[] = {
	{ "acls", parse_acls, 0 },
	{ "grants", parse_grants, 0 },
	{ "ipsets", read_ipsets, 0 },
	{ "groups", read_groups, 0 },
	{ "hosts", read_hosts, 0 },
	{ "tagOwners", read_tag_owners, 0 },
	{ "tests", parse_tests, 0 },
	{ "devices", read_devices, 0 },
	{ "interfaces", read_interfaces, 0 },
	{ "mode", parse_word, offsetof(struct policy, mode) },
	{ "timeouts", read_timeouts, 0 },
	{ "limits", read_limits, 0 },
	{ "markBit", parse_number, offsetof(struct policy, mark_bit) },
	{ "ssh", parse_ignore, 0 },
	{ "sshTests", parse_ignore, 0 },
	{ "nodeAttrs", parse_ignore, 0 },
	{ "autoApprovers", parse_ignore, 0 },
	{ "derpMap", parse_ignore, 0 },
	{ "disableIPv4", parse_ignore, 0 },
	{ "oneCGNATRoute", parse_ignore, 0 },
	{ "randomizeClientPort", parse_ignore, 0 },
	{ "attrConfig", parse_ignore, 0 },
	{ "postures", parse_ignore, 0 },
	{ "defaultSrcPosture", parse_refuse, 0 },
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
	parse_object(&parser, json_root(parser.document), fields, count, policy);
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
	if (!diag->errors && !has_section(policy.documents[0], "acls") &&
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
	policy->rules_count = 0;
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
