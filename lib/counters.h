/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of devices and rules, by the ids of lib/ids.h. They are there in chunks, each a pinned
 * map: more are added when ids are, and none ever moves or begins again.
 */
#ifndef ACLGATE_COUNTERS_H
#define ACLGATE_COUNTERS_H

#include <stdint.h>

#include "abi.h"
#include "ids.h"
#include "kernel.h"
#include "state.h"

/* Sees to it that these ids, and those below, have counters. Returns 0 or a negative errno. */
int counters_provide(const struct state *state, uint32_t device, uint32_t rule);

/* Of a chunk's map: TABLE_DEVICES or TABLE_RULES. */
uint32_t counters_blocks(enum kernel_table table);

/* Counters that are no maps: the nft backend's, read at once. */
struct counted {
	struct gate_device_counters *devices; /* by id */
	struct gate_rule_counters *rules;
	size_t devices_count, rules_count;
};

/* Open counters, for many reads: maps, through which nothing can be written. */
struct counters {
	struct counted counted;
	int devices[GATE_DEVICE_CHUNKS];
	int rules[GATE_RULE_CHUNKS];
	uint32_t device_chunks, rule_chunks;
};

/* -ENOENT: nothing is loaded; -EACCES or -EPERM: not allowed to look. */
int counters_open(const struct state *state, struct counters *ret_counters);

/*
 * Sums over CPUs, of the first @ids ids; what has no counters yet is left as it is. 0 or a negative
 * errno.
 */
int counters_devices(const struct counters *counters, struct gate_device_counters *ret_sums,
		     uint32_t ids);
int counters_rules(const struct counters *counters, struct gate_rule_counters *ret_sums,
		   uint32_t ids);

/* How many ids have counters: those below it. */
uint32_t counters_ids(const struct counters *counters, enum kernel_table table);

void counters_close(struct counters *counters);

/* The sums of all devices, by id: opened, read and closed. The caller frees them. As above. */
int counters_of_devices(const struct state *state, const struct ids *ids,
			struct gate_device_counters **ret_sums, uint32_t *ret_count);

#endif
