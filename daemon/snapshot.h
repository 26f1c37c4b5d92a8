/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that a scrape shows, read before its first byte is written: a scrape is whole or is none.
 */
#ifndef ACLGATE_SNAPSHOT_H
#define ACLGATE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "names.h"

struct snapshot {
	struct answer_body body;
	bool loaded;
	struct names names;
	uint32_t devices_count, rules_count;
	struct gate_device_counters *devices; /* by id, 0 is for packets of no device */
	struct gate_rule_counters *rules;     /* by id, 0 is for what an Ethernet link needs */
};

/*
 * Takes the answer, and closes it. Nothing loaded is no error. 0, or a negative errno: the keeper's,
 * or -EPROTO, -EBADMSG.
 */
int snapshot_read(struct answer *answer, struct snapshot *ret_snapshot);

void snapshot_free(struct snapshot *snapshot);

#endif
