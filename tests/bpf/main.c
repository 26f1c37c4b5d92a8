// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs the suite that the argument names, in a sandbox. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "sandbox.h"
#include "suites.h"

#define EXIT_SKIP 77 /* of meson's protocol "exitcode" */

static const struct {
	const char *name;
	Suite *(*make)(void);
} suites[] = {
	{ "packet", packet_suite },
	{ "flow", flow_suite },
	{ "fast", fast_suite },
	{ "early", early_suite },
	{ "judge", judge_suite },
	{ "source", source_suite },
	{ "error", error_suite },
	{ "fragment", fragment_suite },
	{ "hostile", hostile_suite },
	{ "dry", dry_suite },
	{ "events", events_suite },
	{ "quota", quota_suite },
	{ "timeouts", timeouts_suite },
	{ "audit", audit_suite },
	{ "nat", nat_suite },
	{ "link", link_suite },
	{ "generation", generation_suite },
	{ "limits", limits_suite },
	{ "pressure", pressure_suite },
};

static int run(const void *suite)
{
	SRunner *runner = srunner_create((*(Suite * (*const *)(void)) suite)());
	int failed;

	srunner_set_fork_status(runner, CK_FORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *missing = sandbox_missing();

	if (missing) {
		printf("SKIP: these tests need %s\n", missing);
		return EXIT_SKIP;
	}
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(suites); i++)
		if (!strcmp(argv[1], suites[i].name))
			return sandbox_run(run, &suites[i].make);
	fprintf(stderr, "usage: %s SUITE, one of:", argv[0]);
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		fprintf(stderr, " %s", suites[i].name);
	fprintf(stderr, "\n");
	return 2;
}
