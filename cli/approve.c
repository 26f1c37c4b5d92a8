// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Admits a WireGuard peer: an edit of the file where the devices stand, and a load of the policy
 * with it. Only what is loaded may be edited: other changes of the file are for `load`. Whoever is
 * killed in between runs the same command again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "box.h"
#include "command.h"
#include "digest.h"
#include "json_out.h"
#include "key.h"
#include "load.h"
#include "mem.h"
#include "replace.h"
#include "utf8.h"

struct approval {
	const char *key;
	const char *name; /* NULL: --name is not given */
	const char *file; /* as given */
	bool json;
	char *path; /* of the file behind it */
	struct stat was;
	struct state state;
	struct sources now;    /* FILE alone, as it is */
	struct sources stored; /* what is loaded: policy, inventory; one of them is called FILE */
	size_t role;	       /* which */
	bool written; /* FILE has the edit, what is loaded has not: somebody died on the way */
	struct wanted wanted; /* how that was loaded */
	struct admission admission;
};

static bool is_utf8(const char *text)
{
	size_t length = 1;

	for (; *text && length; text += length)
		length = utf8_length(text, strlen(text));
	return length;
}

static enum exit_code take_arguments(const struct options *options, char **arguments,
				     struct approval *approval)
{
	uint8_t key[KEY_BYTES];
	const char *fault = options->name ? inventory_name_fault(options->name) : NULL;

	approval->key = arguments[0];
	approval->name = options->name;
	approval->file = inventory_or_default(options->inventory);
	approval->json = options->json;
	if (key_parse(approval->key, key)) {
		print_error("\"%s\" is not a public key as wg(8) prints it", approval->key);
		return EXIT_USAGE;
	}
	if (fault || (options->name && !is_utf8(options->name))) {
		print_error("--name %s", fault ? fault : "is not UTF-8");
		return EXIT_USAGE;
	}
	if (!approval->file) {
		print_error("there is no " INVENTORY_DEFAULT
			    ": --inventory says in which file the devices stand");
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

static enum exit_code plan(struct approval *approval, const struct sources *sources)
{
	struct diag diag = {};
	int error = admit(sources, approval->role, approval->key, approval->name, &diag,
			  &approval->admission);

	print_diag(&diag, sources);
	diag_free(&diag);
	if (error != -ENOENT)
		return error ? EXIT_REJECTED : EXIT_DONE;
	print_error("no device has this key: --name says what to call a new one");
	return EXIT_USAGE;
}

/* ------------------------------------------------------------ what is loaded */

static int read_stored(struct approval *approval)
{
	int error = wanted_read(&approval->state, &approval->wanted);

	if (!error)
		error = load_read_copies(&approval->state, &approval->stored);
	return error == -ENODATA ? 0 : error;
}

static bool same_text(const struct source *one, const char *text, size_t size)
{
	return one->size == size && !memcmp(one->text, text, size);
}

static char *edited(const struct approval *approval, const struct edit *edit, size_t *ret_size)
{
	return edit_apply(&approval->stored.items[approval->role], edit, ret_size);
}

/* FILE is what is loaded with this very edit. */
static bool is_written(const struct approval *approval)
{
	struct admission admission = {};
	struct diag diag = {};
	_free_ char *text = NULL;
	size_t size;
	bool same = false;

	if (!admit(&approval->stored, approval->role, approval->key, approval->name, &diag,
		   &admission)) {
		text = edited(approval, &admission.edit, &size);
		same = same_text(&approval->now.items[0], text, size);
	}
	admission_free(&admission);
	diag_free(&diag);
	return same;
}

static bool is_stored(const struct approval *approval)
{
	const struct source *now = &approval->now.items[0];

	return same_text(&approval->stored.items[approval->role], now->text, now->size);
}

static bool find_role(struct approval *approval, bool (*is)(const struct approval *approval))
{
	for (size_t role = approval->stored.count; role--;) {
		approval->role = role;
		if (is(approval))
			return true;
	}
	return false;
}

/* Findings name FILE, where its text is that of the copy. */
static enum exit_code plan_loaded(struct approval *approval)
{
	struct source *source;

	if (!find_role(approval, is_stored)) {
		approval->written = find_role(approval, is_written);
		if (!approval->written) {
			print_error("%s is not what is loaded: load it first", approval->file);
			return EXIT_REJECTED;
		}
	}
	source = &approval->stored.items[approval->role];
	free(source->name);
	source->name = mem_strdup(approval->file);
	return plan(approval, &approval->stored);
}

/* Nothing is taken back that somebody else has loaded, whose copy could not be written. */
static enum exit_code check_running(const struct approval *approval, const struct sources *next)
{
	const uint8_t *running;
	struct gate_status status;
	uint8_t stored[32], edited[32];
	int error = gate_status(&approval->state, &status);

	if (error == -ENOENT || (!error && !status.generation.number))
		return EXIT_DONE;
	if (error)
		return (enum exit_code)print_unreadable(error);
	running = status.generation.sha256;
	digest_sources(&approval->stored, stored);
	digest_sources(next, edited);
	if (approval->stored.count &&
	    (!memcmp(running, stored, sizeof(stored)) || !memcmp(running, edited, sizeof(edited))))
		return EXIT_DONE;
	print_error("the running policy is not the stored one: load it again first");
	return EXIT_REJECTED;
}

/* ------------------------------------------------------------ doing it */

static int print_done(const struct approval *approval, const struct load_report *report)
{
	bool changed = approval->admission.edit.count;

	if (approval->json) {
		printf("{\"schema_version\":%d,\"device\":", JSON_SCHEMA_VERSION);
		json_out_string(approval->admission.device, stdout);
		printf(",\"changed\":%s", changed ? "true" : "false");
		if (report)
			printf(",\"generation\":%u", report->generation);
		puts("}");
	} else if (report) {
		printf("\"%s\" is approved: generation %u is loaded\n", approval->admission.device,
		       report->generation);
	} else if (changed) {
		printf("\"%s\" stands in %s; no policy is loaded that could admit it\n",
		       approval->admission.device, approval->file);
	} else {
		printf("\"%s\" is approved already: nothing is changed\n",
		       approval->admission.device);
	}
	return EXIT_DONE;
}

static enum exit_code write_file(const struct approval *approval, const struct source *source)
{
	int error = approval->written ? 0 :
					replace_file(approval->path, &approval->was, source->text,
						     source->size);

	if (!error)
		return EXIT_DONE;
	print_error("%s: %s", approval->file,
		    error == -EBUSY ? "somebody has just changed it: try again" : strerror(-error));
	return (enum exit_code)exit_code_of(error);
}

static enum exit_code write_and_load(const struct approval *approval, struct checked *checked)
{
	struct load_report report;
	enum exit_code code = write_file(approval, &checked->sources.items[approval->role]);
	int error;

	if (code)
		return code;
	error = load_locked(&approval->state, checked, &approval->wanted, &report);
	print_diag(&checked->diag, &checked->sources);
	if (!error)
		return (enum exit_code)print_done(approval, &report);
	print_error(
		"%s is changed, but what was loaded before goes on: mend this, and run the same "
		"command again",
		approval->file);
	return EXIT_REJECTED;
}

/* What is loaded, with the edit. */
static void add_edited(const struct approval *approval, struct sources *sources)
{
	for (size_t i = 0; i < approval->stored.count; i++) {
		const struct source *source = &approval->stored.items[i];
		size_t size = source->size;
		char *text = i == approval->role ?
				     edited(approval, &approval->admission.edit, &size) :
				     mem_strndup(source->text, size);

		sources_add(sources, source->name, text, size);
	}
}

static enum exit_code check_and_load(const struct approval *approval, const struct box *box)
{
	const char *interface = approval->wanted.interface;
	struct checked checked = { .interface = *interface ? interface : NULL,
				   .now = wallclock_now(&approval->state) };
	enum exit_code code;

	add_edited(approval, &checked.sources);
	code = check_running(approval, &checked.sources);
	if (!code && !check_sources(&checked, box))
		check_tests(&checked, SEVERITY_ERROR);
	if (!code && checked.diag.errors) {
		print_diag(&checked.diag, &checked.sources);
		print_error("\"%s\" is not approved; %s and what is loaded stay as they are",
			    approval->admission.device, approval->file);
		code = EXIT_REJECTED;
	} else if (!code) {
		code = write_and_load(approval, &checked);
	}
	checked_free(&checked);
	return code;
}

static enum exit_code approve_loaded(struct approval *approval)
{
	struct box box = {};
	enum exit_code code = plan_loaded(approval);
	int error;

	if (!code && !approval->admission.edit.count)
		code = check_running(approval, &approval->stored);
	if (code)
		return code;
	if (!approval->admission.edit.count)
		return (enum exit_code)print_done(approval, NULL);
	error = box_read(&box);
	if (error) {
		print_error("cannot read this machine's addresses: %s", strerror(-error));
		return EXIT_REJECTED;
	}
	code = check_and_load(approval, &box);
	box_free(&box);
	return code;
}

/* FILE may be a policy or an inventory, and a policy may have all that an inventory has. */
static enum exit_code approve_unloaded(struct approval *approval)
{
	struct sources next = {};
	enum exit_code code = plan(approval, &approval->now);
	size_t size;
	char *text;

	if (!code)
		code = check_running(approval, &approval->now);
	if (code)
		return code;
	if (approval->admission.edit.count) {
		text = edit_apply(&approval->now.items[0], &approval->admission.edit, &size);
		sources_add(&next, approval->file, text, size);
		code = write_file(approval, &next.items[0]);
		sources_free(&next);
	}
	return code ? code : (enum exit_code)print_done(approval, NULL);
}

static enum exit_code read_file(struct approval *approval)
{
	int error = replace_find(approval->file, &approval->path, &approval->was);

	if (!error)
		error = sources_read(&approval->now, approval->path);
	if (error >= 0) {
		free(approval->now.items[0].name);
		approval->now.items[0].name = mem_strdup(approval->file);
		return EXIT_DONE;
	}
	print_error("%s: %s", approval->file,
		    error == -EINVAL ? "this is no regular file" : strerror(-error));
	return (enum exit_code)exit_code_of(error);
}

static enum exit_code approve(struct approval *approval)
{
	_close_ int lock = state_lock(&approval->state);
	int error = lock < 0 ? lock : read_stored(approval);
	enum exit_code code;

	if (error) {
		print_error("%s: %s%s", lock < 0 ? approval->state.run : approval->state.dir,
			    strerror(-error),
			    exit_code_of(error) == EXIT_PRIVILEGE ? " (try sudo)" : "");
		return (enum exit_code)exit_code_of(error);
	}
	code = read_file(approval);
	if (code)
		return code;
	return approval->stored.count ? approve_loaded(approval) : approve_unloaded(approval);
}

int command_approve(const struct options *options, char **arguments)
{
	struct approval approval = { .state = state_get() };
	enum exit_code code = take_arguments(options, arguments, &approval);

	if (!code)
		code = approve(&approval);
	admission_free(&approval.admission);
	sources_free(&approval.now);
	sources_free(&approval.stored);
	free(approval.path);
	return code;
}
