// SPDX-License-Identifier: GPL-2.0-or-later
#include "select.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define IPSET_DEPTH_MAX 16

#define DEVICE_OF_USER(word) \
	((const struct policy_device *)((const char *)(word)-offsetof(struct policy_device, user)))

/* One selector being looked up. */
struct selection {
	const struct inventory *inventory;
	const struct word *word;
	enum side side;
	struct diag *diag;
	struct set *set;
	unsigned int depth; /* of nested ipsets */
};

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool add_addresses(const struct inventory *inventory, const struct policy_device *device,
			  struct set *set)
{
	const address_t *addresses;
	size_t count = inventory_addresses(
		inventory, (uint32_t)(device - inventory->policy->devices), &addresses);

	for (size_t i = 0; i < count; i++)
		set_append(set, addresses[i], addresses[i]);
	return count;
}

/* Returns whether it is approved and has an address; or should have one, which was told. */
static bool add_device(const struct inventory *inventory, const struct policy_device *device,
		       struct set *set)
{
	return !device->unapproved && (add_addresses(inventory, device, set) || !device->self);
}

bool select_device(const struct inventory *inventory, const char *name, struct set *set)
{
	const struct policy_device *device = index_find(&inventory->devices, name);

	return device && add_addresses(inventory, device, set);
}

/* Adds every device that @matches; returns whether there was one. */
static bool add_matching(const struct inventory *inventory,
			 bool (*matches)(const struct policy_device *device, const char *text),
			 const char *text, struct set *set)
{
	const struct policy *policy = inventory->policy;
	bool found = false;

	for (size_t i = 0; i < policy->devices_count; i++)
		if (matches(&policy->devices[i], text))
			found |= add_device(inventory, &policy->devices[i], set);
	return found;
}

static bool has_domain(const struct policy_device *device, const char *domain)
{
	const char *at = device->user.text ? strrchr(device->user.text, '@') : NULL;

	return at && !device->tags.count && !strcmp(at, domain);
}

static bool has_tag(const struct policy_device *device, const char *tag)
{
	for (size_t i = 0; i < device->tags.count; i++)
		if (!strcmp(device->tags.items[i].text, tag))
			return true;
	return false;
}

static bool is_tagged(const struct policy_device *device, const char *text)
{
	(void)text;
	return device->tags.count > 0;
}

static bool is_member(const struct policy_device *device, const char *text)
{
	(void)text;
	return device->user.text && !device->tags.count;
}

/* A tagged device has no user. */
bool select_user_devices(const struct inventory *inventory, const char *user, struct set *set)
{
	const struct index *users = &inventory->users;
	bool found = false;

	for (size_t i = index_lower(users, user); i < users->count; i++) {
		const struct policy_device *device = DEVICE_OF_USER(users->items[i]);

		if (strcmp(device->user.text, user))
			break;
		if (!device->tags.count)
			found |= add_device(inventory, device, set);
	}
	return found;
}

/* One user, or "user:*@domain". */
static bool add_user(const struct inventory *inventory, const char *user, struct set *set)
{
	static const char all[] = "user:*";

	if (starts_with(user, "user:*@"))
		return add_matching(inventory, has_domain, user + strlen(all), set);
	return select_user_devices(inventory, user, set);
}

static int select_all(const struct selection *selection)
{
	if (selection->side == SIDE_SOURCE)
		set_append_set(selection->set, &selection->inventory->reachable);
	else
		set_append(selection->set, 0, ADDRESS_MAX);
	return 0;
}

static void warn_empty(const struct selection *selection, const char *why)
{
	diag_warning(selection->diag, selection->word->place, "\"%s\": %s", selection->word->text,
		     why);
}

static int select_user(const struct selection *selection)
{
	if (!add_user(selection->inventory, selection->word->text, selection->set))
		warn_empty(selection, "this user has no approved device");
	return 0;
}

static int not_found(const struct selection *selection, const char *kind, const struct index *index)
{
	struct suggestion suggestion = { .wrong = selection->word->text };
	_free_ char *hint = NULL;

	index_suggest(index, &suggestion);
	hint = suggest_text(&suggestion);
	diag_error(selection->diag, selection->word->place, "%s not found: \"%s\"%s", kind,
		   selection->word->text, hint);
	return -EINVAL;
}

static int select_group(const struct selection *selection)
{
	const struct inventory *inventory = selection->inventory;
	const struct policy_group *group = index_find(&inventory->groups, selection->word->text);
	bool found = false;

	if (!group)
		return not_found(selection, "group", &inventory->groups);
	for (size_t i = 0; i < group->members.count; i++)
		found |= add_user(inventory, group->members.items[i].text, selection->set);
	if (!found)
		warn_empty(selection, "nobody in this group has an approved device");
	return 0;
}

static int select_tag(const struct selection *selection)
{
	const struct inventory *inventory = selection->inventory;

	if (!index_find(&inventory->tags, selection->word->text))
		return not_found(selection, "tag", &inventory->tags);
	if (!add_matching(inventory, has_tag, selection->word->text, selection->set))
		warn_empty(selection, "no approved device has this tag");
	return 0;
}

static int select_prefix(const struct selection *selection, const struct prefix *prefix)
{
	_set_ struct set whole = {}, owned = {};

	set_append_prefix(&whole, prefix);
	if (selection->side == SIDE_DESTINATION) {
		set_append_set(selection->set, &whole);
		return 0;
	}
	owned = set_intersect(&whole, &selection->inventory->reachable);
	if (!owned.count && !selection->inventory->unknown)
		warn_empty(selection,
			   "no device has an address there: as a source it matches nothing");
	set_append_set(selection->set, &owned);
	return 0;
}

static int select_name(const struct selection *selection)
{
	const struct inventory *inventory = selection->inventory;
	const struct policy_device *device = index_find(&inventory->devices, selection->word->text);
	const struct policy_host *host = index_find(&inventory->hosts, selection->word->text);
	struct prefix prefix;

	if (device && !add_device(inventory, device, selection->set))
		warn_empty(selection,
			   device->unapproved ?
				   "this device is not approved, and matches nothing" :
				   "this device has no address here, and matches nothing");
	if (device || (host && prefix_parse(host->value.text, &prefix)))
		return 0; /* a host that is no prefix was told already */
	return host ? select_prefix(selection, &prefix) : -ENOENT;
}

/* nas.local */
static bool is_of_dns(const char *name)
{
	const char *last = strrchr(name, '.');

	return last && isalpha((unsigned char)last[1]);
}

static int unknown_name(const struct selection *selection)
{
	struct suggestion suggestion = { .wrong = selection->word->text };
	_free_ char *hint = NULL;

	index_suggest(&selection->inventory->devices, &suggestion);
	index_suggest(&selection->inventory->hosts, &suggestion);
	hint = suggest_text(&suggestion);
	diag_error(selection->diag, selection->word->place, "unknown device \"%s\"%s%s",
		   selection->word->text, hint,
		   !suggestion.best && is_of_dns(selection->word->text) ?
			   ": DNS is not asked, write its address" :
			   "");
	return -EINVAL;
}

/* What is public: all but private, shared, link-local, loopback and multicast addresses. */
static const char *const not_internet[] = {
	"0.0.0.0/8",	  "10.0.0.0/8",	   "100.64.0.0/10",  "127.0.0.0/8",
	"169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
};

/* Nor are devices and this box, whatever their addresses: who may call the world may not call them. */
static void append_known(const struct inventory *inventory, struct set *set)
{
	for (size_t i = 0; i < inventory->owners_count; i++)
		if (!inventory->owners[i].route)
			set_append_prefix(set, &inventory->owners[i].prefix);
}

static int select_internet(const struct selection *selection)
{
	_set_ struct set internet = {}, other = {}, result = {};
	struct prefix prefix;

	if (selection->side == SIDE_SOURCE) {
		diag_error(selection->diag, selection->word->place,
			   "\"autogroup:internet\" not valid on the src side of a rule");
		return -EINVAL;
	}
	prefix_parse("0.0.0.0/0", &prefix);
	set_append_prefix(&internet, &prefix);
	prefix_parse("2000::/3", &prefix); /* the unicast space that is given out (RFC 4291) */
	set_append_prefix(&internet, &prefix);
	set_normalise(&internet);
	for (size_t i = 0; i < ARRAY_SIZE(not_internet); i++) {
		prefix_parse(not_internet[i], &prefix);
		set_append_prefix(&other, &prefix);
	}
	append_known(selection->inventory, &other);
	set_normalise(&other);
	result = set_subtract(&internet, &other);
	set_append_set(selection->set, &result);
	return 0;
}

static int select_member(const struct selection *selection)
{
	if (!add_matching(selection->inventory, is_member, NULL, selection->set))
		warn_empty(selection, "no approved device belongs to a user");
	return 0;
}

static int select_tagged(const struct selection *selection)
{
	if (!add_matching(selection->inventory, is_tagged, NULL, selection->set))
		warn_empty(selection, "no approved device has a tag");
	return 0;
}

/* Outside of a rule's destination: there resolve.c took it before us. */
static int select_self(const struct selection *selection)
{
	diag_error(selection->diag, selection->word->place, "\"autogroup:self\" not valid %s",
		   selection->side == SIDE_SOURCE ? "on the src side of a rule" :
						    "here: it depends on who asks");
	return -EINVAL;
}

static const struct {
	const char *name;
	int (*select)(const struct selection *selection);
} autogroups[] = {
	{ "autogroup:member", select_member },
	{ "autogroup:members", select_member }, /* the older spelling */
	{ "autogroup:tagged", select_tagged },
	{ "autogroup:internet", select_internet },
	{ "autogroup:self", select_self },
};

static int select_autogroup(const struct selection *selection)
{
	struct suggestion suggestion = { .wrong = selection->word->text };
	_free_ char *hint = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(autogroups); i++) {
		if (!strcmp(autogroups[i].name, selection->word->text))
			return autogroups[i].select(selection);
		suggest_consider(&suggestion, autogroups[i].name);
	}
	hint = suggest_text(&suggestion);
	diag_error(
		selection->diag, selection->word->place,
		"unknown autogroup \"%s\"%s: without Tailscale's service there are member, tagged, "
		"self and internet",
		selection->word->text, hint);
	return -EINVAL;
}

static int select_here(const struct selection *selection);

/* Operations are carried out in their order: a later "add" brings back what "remove" took. */
static int apply_operation(const struct selection *selection, const struct word *entry,
			   struct set *set)
{
	bool removes = starts_with(entry->text, "remove ");
	bool prefixed = removes || starts_with(entry->text, "add ");
	struct word word = { prefixed ? strchr(entry->text, ' ') + 1 : entry->text, entry->place };
	struct set operand = {}, result;
	struct selection inner = *selection;
	int error;

	inner.word = &word;
	inner.side = SIDE_DESTINATION;
	inner.set = removes ? &operand : set;
	inner.depth++;
	if (starts_with(word.text, "group:") || starts_with(word.text, "tag:") ||
	    strchr(word.text, '@') || !strcmp(word.text, "*") ||
	    (starts_with(word.text, "autogroup:") && strcmp(word.text, "autogroup:internet"))) {
		diag_error(selection->diag, entry->place,
			   "an ipset holds addresses, prefixes, hosts, ipsets and "
			   "autogroup:internet, not \"%s\"",
			   word.text);
		return -EINVAL;
	}
	error = select_here(&inner);
	set_normalise(inner.set);
	if (!error && removes) {
		result = set_subtract(set, &operand);
		set_free(set);
		*set = result;
	}
	set_free(&operand);
	return error;
}

/* Carries out the operations of an ipset, which may name others. */
static int find_out(const struct selection *selection, const struct policy_group *ipset,
		    struct ipset *ret_ipset)
{
	int error = 0;

	if (selection->depth >= IPSET_DEPTH_MAX) {
		diag_error(selection->diag, ipset->name.place,
			   "ipsets are nested more than %d deep", IPSET_DEPTH_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < ipset->members.count; i++)
		if (apply_operation(selection, &ipset->members.items[i], &ret_ipset->set))
			error = -EINVAL;
	set_normalise(&ret_ipset->set);
	return error;
}

static int fill_ipset(const struct selection *selection, const struct policy_group *ipset,
		      struct set *set)
{
	const struct inventory *inventory = selection->inventory;
	struct ipset *known = &inventory->ipset_sets[ipset - inventory->policy->ipsets];

	if (known->state == IPSET_UNKNOWN) {
		known->state = IPSET_OPEN;
		known->state = find_out(selection, ipset, known) ? IPSET_WRONG : IPSET_KNOWN;
	}
	if (known->state == IPSET_OPEN)
		diag_error(selection->diag, selection->word->place, "\"%s\" contains itself",
			   ipset->name.text);
	if (known->state != IPSET_KNOWN)
		return -EINVAL;
	set_append_set(set, &known->set);
	return 0;
}

static int select_ipset(const struct selection *selection)
{
	const struct inventory *inventory = selection->inventory;
	const struct policy_group *ipset = index_find(&inventory->ipsets, selection->word->text);
	_set_ struct set set = {}, owned = {};
	int error;

	if (!ipset)
		return not_found(selection, "ipset", &inventory->ipsets);
	error = fill_ipset(selection, ipset, &set);
	if (error)
		return error;
	set_normalise(&set);
	if (selection->side == SIDE_DESTINATION) {
		if (!set.count)
			warn_empty(selection, "this ipset is empty");
		set_append_set(selection->set, &set);
		return 0;
	}
	owned = set_intersect(&set, &inventory->reachable);
	if (!owned.count && !inventory->unknown)
		warn_empty(selection,
			   "no device has an address in it: as a source it matches nothing");
	set_append_set(selection->set, &owned);
	return 0;
}

static const struct {
	const char *prefix;
	int (*select)(const struct selection *selection);
} kinds[] = {
	{ "group:", select_group },
	{ "tag:", select_tag },
	{ "ipset:", select_ipset },
	{ "autogroup:", select_autogroup },
};

static int select_here(const struct selection *selection)
{
	const char *text = selection->word->text;
	struct prefix prefix;
	int error;

	if (!strcmp(text, "*"))
		return select_all(selection);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (starts_with(text, kinds[i].prefix))
			return kinds[i].select(selection);
	if (strchr(text, '@'))
		return select_user(selection);
	error = prefix_parse(text, &prefix);
	if (!error)
		return select_prefix(selection, &prefix);
	if (error == -EADDRNOTAVAIL)
		return inventory_parse_prefix(selection->word, selection->diag, &prefix);
	error = select_name(selection);
	return error == -ENOENT ? unknown_name(selection) : error;
}

int select_set(const struct inventory *inventory, const struct word *word, enum side side,
	       struct diag *diag, struct set *set)
{
	struct selection selection = { inventory, word, side, diag, set, 0 };

	return select_here(&selection);
}

bool select_is_personal(const struct word *word)
{
	return starts_with(word->text, "group:") || !strcmp(word->text, "autogroup:member") ||
	       !strcmp(word->text, "autogroup:members") || strchr(word->text, '@');
}

void select_check_ipsets(const struct inventory *inventory, struct diag *diag)
{
	const struct policy *policy = inventory->policy;

	for (size_t i = 0; i < policy->ipsets_count; i++) {
		const struct word *name = &policy->ipsets[i].name;
		_set_ struct set set = {};

		if (starts_with(name->text, "ipset:")) /* if not, it was told */
			select_set(inventory, name, SIDE_DESTINATION, diag, &set);
	}
}
