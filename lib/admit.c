// SPDX-License-Identifier: GPL-2.0-or-later
#include "admit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "policy.h"

static const struct policy_device *find_key(const struct policy *policy, const char *key)
{
	for (size_t i = 0; i < policy->devices_count; i++) {
		const struct word *word = &policy->devices[i].public_key;

		if (word->text && !strcmp(word->text, key))
			return &policy->devices[i];
	}
	return NULL;
}

static const struct word *find_name(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->devices_count; i++)
		if (!strcmp(policy->devices[i].name.text, name))
			return &policy->devices[i].name;
	for (size_t i = 0; i < policy->hosts_count; i++)
		if (!strcmp(policy->hosts[i].name.text, name))
			return &policy->hosts[i].name;
	return NULL;
}

static bool is_in(const struct source *source, place_t place)
{
	return place >= source->base && place - source->base <= source->size;
}

static int admit_known(const struct policy_device *device, const struct source *source,
		       const char *name, struct diag *diag, struct edit *edit)
{
	place_t place = device->name.place;

	if (name && strcmp(name, device->name.text))
		diag_error(diag, place, "this device has the key, and is not called \"%s\"", name);
	else if (!device->unapproved)
		return 0;
	else if (!is_in(source, place))
		diag_error(diag, place, "this device is not approved here, and not in %s",
			   source->name);
	else
		return edit_approve_device(source, device->name.text, edit);
	return -EINVAL;
}

static int admit_new(const struct policy *policy, const struct source *source, const char *key,
		     const char *name, struct diag *diag, struct edit *edit)
{
	const struct word *other = name ? find_name(policy, name) : NULL;

	if (!name)
		return -ENOENT;
	if (!other)
		return edit_add_device(source, name, key, edit);
	diag_error(diag, other->place,
		   "there is a \"%s\", which has another key or none: choose another name", name);
	return -EINVAL;
}

static int admit_to(const struct policy *policy, const struct source *source, const char *key,
		    const char *name, struct diag *diag, struct admission *ret_admission)
{
	const struct policy_device *device = find_key(policy, key);
	struct edit edit = {};
	int error = device ? admit_known(device, source, name, diag, &edit) :
			     admit_new(policy, source, key, name, diag, &edit);

	if (error)
		return error;
	*ret_admission = (struct admission){
		.device = mem_strdup(device ? device->name.text : name),
		.edit = edit,
	};
	return 0;
}

/* What else the parser says of the sources is no news: they have been loaded. */
int admit(const struct sources *sources, size_t role, const char *key, const char *name,
	  struct diag *diag, struct admission *ret_admission)
{
	const struct source *inventory = sources->count > 1 ? &sources->items[1] : NULL;
	struct policy policy = {};
	struct diag parsed = {};
	int error = policy_parse(&sources->items[0], inventory, &parsed, &policy);

	if (error || parsed.errors) {
		policy_free(&policy);
		*diag = parsed;
		return -EINVAL;
	}
	diag_free(&parsed);
	error = admit_to(&policy, &sources->items[role], key, name, diag, ret_admission);
	policy_free(&policy);
	return error;
}

void admission_free(struct admission *admission)
{
	free(admission->device);
	edit_free(&admission->edit);
	*admission = (struct admission){};
}
