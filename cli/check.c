// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "json_out.h"
#include "mem.h"
#include "nft_policy.h"

static int print_nft(const struct checked *checked)
{
	struct nft_builder builder;
	struct diag diag = {};

	if (nft_policy_build(&checked->table, time(NULL), &diag, &builder)) {
		print_diag(&diag, &checked->sources);
		diag_free(&diag);
		return EXIT_REJECTED;
	}
	nft_print(&builder.table, stdout);
	nft_builder_free(&builder);
	return EXIT_DONE;
}

static int report(struct checked *checked, const struct options *options, const char *file)
{
	if (options->json)
		json_out_checked(checked, file, stdout);
	else
		print_diag(&checked->diag, &checked->sources);
	if (checked->diag.errors)
		return EXIT_REJECTED;
	if (options->print && !strcmp(options->print, "nft"))
		return print_nft(checked);
	if (options->print)
		table_print(&checked->table, stdout);
	else if (!options->json)
		printf("%s: %zu devices, %zu rules, %zu tests passed\n", file,
		       checked->table.devices_count, checked->table.rules_count,
		       checked->ruleset.expectations_count);
	return EXIT_DONE;
}

static bool is_printable(const char *what)
{
	return !strcmp(what, "table") || !strcmp(what, "nft");
}

int command_check(const struct options *options, char **arguments)
{
	const char *unreadable;
	struct checked checked = {};
	int error, code;

	if (options->print && (options->json || !is_printable(options->print))) {
		print_error("--print takes \"table\" or \"nft\", and does not go with --json");
		return EXIT_USAGE;
	}
	error = check_files(&checked, arguments[0], inventory_or_default(options->inventory), NULL,
			    &unreadable);
	if (!error)
		check_tests(&checked, SEVERITY_ERROR);
	if (error && !checked.diag.errors) {
		print_error("%s: %s", unreadable, strerror(-error));
		code = exit_code_of(error);
	} else {
		code = report(&checked, options, arguments[0]);
	}
	checked_free(&checked);
	return code;
}
