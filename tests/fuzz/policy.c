// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: any bytes as policy and inventory. It may refuse them; it may not crash, leak or hang. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "check.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The inventory stands behind the first NUL byte. */
static void add_sources(struct sources *sources, const char *data, size_t size)
{
	const char *nul = memchr(data, '\0', size);
	size_t first = nul ? (size_t)(nul - data) : size;
	char *text = mem_alloc(first + 1);

	memcpy(text, data, first);
	sources_add(sources, "policy.json", text, first);
	if (!nul)
		return;
	text = mem_alloc(size - first);
	memcpy(text, nul + 1, size - first - 1);
	sources_add(sources, "inventory.json", text, size - first - 1);
}

#define NAME "fuzz-new"
#define KEY  "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

static size_t devices_of(const struct sources *sources, struct diag *diag, struct policy *policy)
{
	const struct source *inventory = sources->count > 1 ? &sources->items[1] : NULL;

	if (policy_parse(&sources->items[0], inventory, diag, policy) || diag->errors)
		return 0;
	return policy->devices_count;
}

/* To a policy without errors a device can be added, and then it has one more, and no error. */
static void admit_one(const struct sources *sources, size_t devices)
{
	struct sources edited = {};
	struct admission admission = {};
	struct policy policy = {};
	struct diag diag = {};

	if (admit(sources, sources->count - 1, KEY, NAME, &diag, &admission)) {
		if (!diag.errors)
			abort();
	} else if (admission.edit.count) {
		for (size_t i = 0; i < sources->count; i++) {
			struct edit none = {};
			size_t length;
			char *text = edit_apply(&sources->items[i],
						i + 1 < sources->count ? &none : &admission.edit,
						&length);

			sources_add(&edited, sources->items[i].name, text, length);
		}
		if (devices_of(&edited, &diag, &policy) !=
		    devices + (admission.edit.pieces[0].removed ? 0 : 1))
			abort();
	}
	policy_free(&policy);
	diag_free(&diag);
	admission_free(&admission);
	sources_free(&edited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct checked checked = {};
	FILE *nowhere;

	add_sources(&checked.sources, (const char *)data, size);
	if (!check_sources(&checked, NULL)) {
		admit_one(&checked.sources, checked.policy.devices_count);
		check_tests(&checked, SEVERITY_ERROR);
		nowhere = fopen("/dev/null", "w");
		table_print(&checked.table, nowhere);
		fclose(nowhere);
	}
	diag_sort(&checked.diag);
	checked_free(&checked);
	return 0;
}
