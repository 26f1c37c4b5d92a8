// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "command.h"
#include "json_out.h"

static void print_text(const struct checked *checked, const struct expectation *expectation,
		       bool passed)
{
	struct position position = {};

	sources_find(&checked->sources, expectation->dst.place, &position);
	printf("%s\t%s\t%s -> %s\t%s:%u\n", passed ? "pass" : "FAIL",
	       expectation->allow ? "accept" : "deny", expectation->src.text, expectation->dst.text,
	       position.source->name, position.line);
}

static void print_json(const struct checked *checked, const struct expectation *expectation,
		       bool passed, bool first)
{
	struct position position = {};

	sources_find(&checked->sources, expectation->dst.place, &position);
	printf("%s{\"passed\":%s,\"expected\":\"%s\",\"src\":", first ? "" : ",",
	       passed ? "true" : "false", expectation->allow ? "accept" : "deny");
	json_out_string(expectation->src.text, stdout);
	printf(",\"dst\":");
	json_out_string(expectation->dst.text, stdout);
	printf(",\"file\":");
	json_out_string(position.source->name, stdout);
	printf(",\"line\":%u}", position.line);
}

static int run(const struct checked *checked, const struct options *options)
{
	const struct ruleset *ruleset = &checked->ruleset;
	size_t failed = 0;

	if (options->json)
		printf("{\"schema_version\":%d,\"tests\":[", JSON_SCHEMA_VERSION);
	for (size_t i = 0; i < ruleset->expectations_count; i++) {
		const struct expectation *expectation = &ruleset->expectations[i];
		bool passed = check_expectation(&checked->table, expectation);

		failed += !passed;
		if (options->json)
			print_json(checked, expectation, passed, i == 0);
		else
			print_text(checked, expectation, passed);
	}
	if (options->json)
		printf("]}\n");
	else
		printf("%zu passed, %zu failed\n", ruleset->expectations_count - failed, failed);
	return failed ? EXIT_REJECTED : EXIT_DONE;
}

int command_test(const struct options *options, char **arguments)
{
	const char *unreadable;
	struct checked checked = {};
	int error, code;

	error = check_files(&checked, arguments[0], inventory_or_default(options->inventory), NULL,
			    &unreadable);
	if (error && !checked.diag.errors)
		print_error("%s: %s", unreadable, strerror(-error));
	if (error && options->json)
		json_out_checked(&checked, arguments[0], stdout);
	else
		print_diag(&checked.diag, &checked.sources);
	code = error ? exit_code_of(error) : run(&checked, options);
	checked_free(&checked);
	return code;
}
