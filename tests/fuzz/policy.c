// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: any bytes as policy and inventory. It may refuse them; it may not crash, leak or hang. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct checked checked = {};
	FILE *nowhere;

	add_sources(&checked.sources, (const char *)data, size);
	if (!check_sources(&checked, NULL)) {
		check_tests(&checked, SEVERITY_ERROR);
		nowhere = fopen("/dev/null", "w");
		table_print(&checked.table, nowhere);
		fclose(nowhere);
	}
	diag_sort(&checked.diag);
	checked_free(&checked);
	return 0;
}
