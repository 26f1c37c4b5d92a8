// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#define SECONDS_MAX 120 /* a slow machine, with sanitizers */

void unit_add(Suite *suite, const TTest *test, size_t rows)
{
	TCase *tcase = tcase_create(test->name);

	tcase_set_timeout(tcase, SECONDS_MAX);
	tcase_add_loop_test(tcase, test, 0, (int)rows);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	SRunner *runner = srunner_create(unit_suite());
	int failed;

	/* in one process a leak would be nobody's */
	srunner_set_fork_status(runner, CK_FORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
