// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset.h"

#include <stdlib.h>

#include "mem.h"

void expectation_free(struct expectation *expectation)
{
	set_free(&expectation->from);
	set_free(&expectation->to);
}

void ruleset_drop_clauses(struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->sets_count; i++)
		set_free(&ruleset->sets[i]);
	free(TAKE_PTR(ruleset->sets));
	free(TAKE_PTR(ruleset->clauses));
	free(TAKE_PTR(ruleset->keys));
	ruleset->sets_count = ruleset->clauses_count = ruleset->keys_count = 0;
}

void ruleset_free(struct ruleset *ruleset)
{
	ruleset_drop_clauses(ruleset);
	for (size_t i = 0; i < ruleset->rules_count; i++)
		free(ruleset->rules[i].label);
	for (size_t i = 0; i < ruleset->expectations_count; i++)
		expectation_free(&ruleset->expectations[i]);
	free(ruleset->expectations);
	free(ruleset->rules);
	*ruleset = (struct ruleset){};
}
