/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy says beside its rules, filled up with what holds where it says nothing. */
#ifndef ACLGATE_SETTINGS_H
#define ACLGATE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "diag.h"
#include "inventory.h"

/* Fewer do not carry a browser; more than the table of one IP version holds mean nothing. */
#define FLOWS_PER_DEVICE_MIN	 16u
#define FLOWS_PER_DEVICE_MAX	 ((uint32_t)GATE_FLOWS_MAX)
#define FLOWS_PER_DEVICE_DEFAULT ((uint32_t)GATE_FLOWS_MAX / 4)

struct settings {
	bool audit;
	uint32_t timeout[TIMEOUT_MAX]; /* seconds */
	uint32_t flows_per_device;
	uint8_t mark_bit;		   /* GATE_MARK_BIT_MIN … GATE_MARK_BIT_MAX */
	uint32_t dhcp;			   /* bit 1 << slot */
	uint32_t early;			   /* likewise: the early drop, by XDP */
	uint32_t nat_as[GATE_GUARDED_MAX]; /* by slot, index into policy->devices or DEVICE_NONE */
};

/* Errors are in @diag; the settings are complete all the same. */
void settings_resolve(const struct inventory *inventory, struct diag *diag,
		      struct settings *ret_settings);

#endif
