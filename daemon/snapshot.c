// SPDX-License-Identifier: GPL-2.0-or-later
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "mem.h"

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* An id that was given a moment ago may not have its counter yet: it is not shown. */
static int read_counters(const struct counters *counters, struct snapshot *snapshot)
{
	int error;

	snapshot->devices_count = lesser(counters_ids(counters, TABLE_DEVICES),
					 names_count(&snapshot->names, IDS_DEVICE));
	snapshot->rules_count = lesser(counters_ids(counters, TABLE_RULES),
				       names_count(&snapshot->names, IDS_RULE));
	snapshot->devices = mem_alloc(snapshot->devices_count * sizeof(*snapshot->devices));
	snapshot->rules = mem_alloc(snapshot->rules_count * sizeof(*snapshot->rules));
	error = counters_devices(counters, snapshot->devices, snapshot->devices_count);
	return error ? error : counters_rules(counters, snapshot->rules, snapshot->rules_count);
}

static int read_loaded(struct answer *answer, struct snapshot *snapshot)
{
	struct counters counters;
	int ids = answer_ids(answer);
	int error = ids == -EPROTO ? ids : names_read(ids, &snapshot->names);

	if (!error)
		error = answer_counters(answer, &counters);
	if (error)
		return error;
	error = read_counters(&counters, snapshot);
	counters_close(&counters);
	return error;
}

int snapshot_read(struct answer *answer, struct snapshot *ret_snapshot)
{
	struct snapshot snapshot = { .body = answer->body };
	int error = answer->body.error;

	if (!error) {
		snapshot.loaded = true;
		error = read_loaded(answer, &snapshot);
	} else if (error == -ENOENT) {
		error = 0;
	}
	answer_close(answer);
	if (error)
		snapshot_free(&snapshot);
	else
		*ret_snapshot = snapshot;
	return error;
}

void snapshot_free(struct snapshot *snapshot)
{
	names_free(&snapshot->names);
	free(TAKE_PTR(snapshot->devices));
	free(TAKE_PTR(snapshot->rules));
}
