// SPDX-License-Identifier: GPL-2.0-or-later
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "command.h"
#include "digest.h"
#include "json_out.h"
#include "mem.h"

/* "wg0 and lan0" */
static void print_interfaces(const struct table *table)
{
	for (size_t i = 0; i < table->interfaces_count; i++)
		printf("%s%s",
		       !i			       ? "" :
		       i + 1 < table->interfaces_count ? ", " :
							 " and ",
		       table->interfaces[i]);
}

static void print_report(const struct load_report *report, const struct checked *checked,
			 const struct options *options)
{
	const struct table *table = &checked->table;
	char hash[DIGEST_TEXT];

	digest_format(report->sha256, hash);
	if (options->json) {
		printf("{\"schema_version\":%d,\"generation\":%u,\"sha256\":\"%s\","
		       "\"backend\":\"%s\"}\n",
		       JSON_SCHEMA_VERSION, report->generation, hash,
		       report->backend == BACKEND_NFT ? "nft" : "bpf");
		return;
	}
	printf("generation %u is %s %son ", report->generation,
	       table->features & GATE_AUDIT ? "audited, not enforced," : "enforced",
	       report->backend == BACKEND_NFT ? "by nftables " : "");
	print_interfaces(table);
	printf(": %zu devices, %zu rules, policy %.12s\n", table->devices_count, table->rules_count,
	       hash);
}

static int load(const struct options *options, enum backend backend, struct checked *checked)
{
	struct state state = state_get();
	struct load_report report;
	int error;

	ruleset_drop_clauses(&checked->ruleset);
	error = load_checked(&state, checked, backend, &report);
	print_diag(&checked->diag, &checked->sources);
	if (exit_code_of(error) == EXIT_PRIVILEGE)
		print_error("loading needs root: try sudo");
	if (error)
		return exit_code_of(error);
	print_report(&report, checked, options);
	return EXIT_DONE;
}

/* Of what is not loaded: as `check` tells it. */
static int tell_checked(const struct options *options, struct checked *checked, const char *file)
{
	bool rejected = checked->diag.errors;

	if (options->json)
		json_out_checked(checked, file, stdout);
	else
		print_diag(&checked->diag, &checked->sources);
	if (rejected)
		print_error("%s is rejected; what is loaded stays as it is", file);
	else if (!options->json)
		printf("%s would be loaded\n", file);
	return rejected ? EXIT_REJECTED : EXIT_DONE;
}

int command_load(const struct options *options, char **arguments)
{
	const char *unreadable;
	struct state state = state_get();
	struct checked checked = { .interface = options->interface, .now = wallclock_now(&state) };
	enum backend backend = BACKEND_AUTO;
	struct box box = {};
	int error, code;

	if (options->backend && wanted_backend(options->backend, &backend)) {
		print_error("--backend takes \"auto\", \"bpf\" or \"nft\", not \"%s\"",
			    options->backend);
		return EXIT_USAGE;
	}
	error = box_read(&box);
	if (error) {
		print_error("cannot read this machine's addresses: %s", strerror(-error));
		return EXIT_REJECTED;
	}
	error = check_files(&checked, arguments[0], inventory_or_default(options->inventory), &box,
			    &unreadable);
	if (!error)
		check_tests(&checked, SEVERITY_ERROR);
	if (error && !checked.diag.errors) {
		print_error("%s: %s", unreadable, strerror(-error));
		code = exit_code_of(error);
	} else if (checked.diag.errors || options->dry_run) {
		code = tell_checked(options, &checked, arguments[0]);
	} else {
		code = load(options, backend, &checked);
	}
	checked_free(&checked);
	box_free(&box);
	return code;
}

int command_restore(const struct options *options, char **arguments)
{
	struct state state = state_get();
	struct load_again again = {};
	struct checked *checked = &again.checked;
	int error = load_again(&state, &again);
	int code = error ? exit_code_of(error) : EXIT_DONE;

	(void)arguments;
	print_diag(&checked->diag, &checked->sources);
	if (code == EXIT_PRIVILEGE)
		print_error("loading needs root: try sudo");
	if (error == -ENODEV && !checked->diag.errors) {
		puts("no guarded interface is there: all are shut until they are");
		code = EXIT_DONE;
	} else if (!error) {
		print_report(&again.report, checked, options);
	}
	load_again_free(&again);
	return code;
}

static void print_unloaded(const struct options *options, bool loaded)
{
	if (options->open)
		puts("the gate is open: programs and guard are gone, and everything passes");
	else if (loaded)
		puts("the programs are detached, and the gate is shut: nothing passes; "
		     "\"aclctl guard off\" opens it");
	else
		puts("nothing is loaded");
}

int command_unload(const struct options *options, char **arguments)
{
	struct state state = state_get();
	struct sources none = {};
	struct diag diag = {};
	struct gate_status status;
	bool loaded = !gate_status(&state, &status);
	int error = load_undo(&state, options->open, &diag);

	(void)arguments;
	print_diag(&diag, &none);
	diag_free(&diag);
	if (exit_code_of(error) == EXIT_PRIVILEGE)
		print_error("unloading needs root: try sudo");
	if (error)
		return exit_code_of(error);
	print_unloaded(options, loaded);
	return EXIT_DONE;
}
