// SPDX-License-Identifier: GPL-2.0-or-later
#include "pipeline.h"

#include <string.h>

#include "mem.h"
#include "told.h"

static void add(struct sources *sources, const char *name, const char *text)
{
	if (text)
		sources_add(sources, name, mem_strdup(text), strlen(text));
}

void pipeline(struct checked *checked, const char *policy, const char *inventory,
	      const struct box *box, enum stage last)
{
	struct diag *diag = &checked->diag;
	const struct source *sources;

	*checked = (struct checked){};
	add(&checked->sources, "policy", policy);
	add(&checked->sources, "inventory", inventory);
	sources = checked->sources.items;
	if (policy_parse(&sources[0], inventory ? &sources[1] : NULL, diag, &checked->policy) ||
	    last == STAGE_PARSE)
		return;
	inventory_build(&checked->policy, box, diag, &checked->inventory);
	if (last == STAGE_INVENTORY)
		return;
	select_check_ipsets(&checked->inventory, diag);
	resolve(&checked->policy, &checked->inventory, PIPELINE_NOW, diag, &checked->ruleset);
	if (last == STAGE_RESOLVE || diag->errors)
		return;
	table_compile(&checked->ruleset, &checked->inventory, &checked->sources, diag,
		      &checked->table);
}

char *pipeline_told(struct checked *checked, const char *policy, const char *inventory,
		    const struct box *box, enum stage last)
{
	pipeline(checked, policy, inventory, box, last);
	return told(&checked->diag, &checked->sources);
}
