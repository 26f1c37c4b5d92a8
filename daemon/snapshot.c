// SPDX-License-Identifier: GPL-2.0-or-later
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "mem.h"

static uint32_t counted_to(size_t counted, uint32_t chunks)
{
	return counted ? (uint32_t)counted : chunks * GATE_CHUNK;
}

/* An id that was given a moment ago may not have its counter yet: it is not shown. */
static int read_counters(const struct counters *counters, struct snapshot *snapshot)
{
	uint32_t devices = counted_to(counters->counted.devices_count, counters->device_chunks);
	uint32_t rules = counted_to(counters->counted.rules_count, counters->rule_chunks);
	uint32_t named_devices = names_count(&snapshot->names, IDS_DEVICE);
	uint32_t named_rules = names_count(&snapshot->names, IDS_RULE);

	snapshot->devices_count = devices < named_devices ? devices : named_devices;
	snapshot->rules_count = rules < named_rules ? rules : named_rules;
	snapshot->devices = mem_alloc(snapshot->devices_count * sizeof(*snapshot->devices) + 1);
	snapshot->rules = mem_alloc(snapshot->rules_count * sizeof(*snapshot->rules) + 1);
	return counters_read(counters, snapshot->devices, snapshot->devices_count, snapshot->rules,
			     snapshot->rules_count);
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
