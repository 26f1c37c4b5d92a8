/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of devices and rules, by the ids of lib/ids.h. They are there in chunks, each a pinned
 * map: more are added when ids are, and none ever moves or begins again.
 */
#ifndef ACLGATE_COUNTERS_H
#define ACLGATE_COUNTERS_H

#include <stdint.h>

#include "abi.h"
#include "state.h"

/* Sees to it that these ids, and those below, have counters. Returns 0 or a negative errno. */
int counters_provide(const struct state *state, uint32_t device, uint32_t rule);

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

/* Sums over CPUs. -ENOENT: the id has no counters. */
int counters_device(const struct counters *counters, uint32_t id,
		    struct gate_device_counters *ret_sum);
int counters_rule(const struct counters *counters, uint32_t id, struct gate_rule_counters *ret_sum);

/*
 * Those in maps of ids 0 … at once, as many as there are up to @devices and @rules; the others are left
 * as they are. 0 or a negative errno.
 */
int counters_read(const struct counters *counters, struct gate_device_counters *ret_devices,
		  uint32_t devices, struct gate_rule_counters *ret_rules, uint32_t rules);

void counters_close(struct counters *counters);

#endif
