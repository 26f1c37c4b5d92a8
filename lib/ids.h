/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counter ids of devices and rules: a name keeps its counter over loads. The file `ids` in the
 * state directory has a line "device 1 imac" or "rule 3 acls[2]" for each.
 */
#ifndef ACLGATE_IDS_H
#define ACLGATE_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "intern.h"
#include "state.h"

enum ids_kind {
	IDS_DEVICE,
	IDS_RULE,
	IDS_KINDS
};

struct ids {
	struct intern names[IDS_KINDS]; /* with their NUL; the id is the number + 1 */
};

/* No file is no ids. Returns 0, -EBADMSG for a file that we did not write, or -errno. */
int ids_read(const struct state *state, struct ids *ret_ids);
int ids_write(const struct state *state, const struct ids *ids);

/* The id of a name, which gets one if it has none. 0: GATE_DEVICES_MAX or GATE_RULES_MAX is
 * reached. */
uint32_t ids_get(struct ids *ids, enum ids_kind kind, const char *name);

/* The name of an id, or NULL where it has none. */
const char *ids_name(const struct ids *ids, enum ids_kind kind, uint32_t id);

/* Names of id 0: packets of no device, and those that an Ethernet link needs. */
#define IDS_UNKNOWN "unknown"
#define IDS_LINK    "link"

/* What counters of a device are called: its name, or IDS_UNKNOWN. */
const char *ids_device(const struct ids *ids, uint32_t id);

/* What counters of a rule are called: its label, or IDS_LINK. */
const char *ids_rule(const struct ids *ids, uint32_t id);

/* The highest id there is. */
uint32_t ids_last(const struct ids *ids, enum ids_kind kind);

void ids_free(struct ids *ids);

#endif
