/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flows that live in the kernel. Looking changes nothing. */
#ifndef ACLGATE_FLOWS_H
#define ACLGATE_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "address.h"
#include "state.h"

struct flow_end {
	address_t address;
	uint16_t port;	 /* 0 where there are none */
	uint32_t device; /* counter id; 0: of no device */
};

struct flow {
	struct flow_end opener;
	struct flow_end other;
	uint16_t echo; /* identifier, where it is one */
	uint8_t protocol;
	enum flow_state state;
	enum flow_kind kind;
	uint32_t rule;	     /* counter id */
	uint32_t generation; /* that judged it last */
	uint64_t idle;	     /* ns since the opener's last packet */
	uint64_t left;	     /* ns until it is over, where its opener stays silent */
};

const char *flow_state_name(enum flow_state state);
const char *flow_kind_name(enum flow_kind kind);

/*
 * All of both IP versions that are not over, in no order, by the timeouts of @settings. A flow that
 * begins or ends meanwhile may be there or not. Returns 0, and the caller frees *ret_flows, which is
 * NULL for none; else a negative errno: -ENOENT where nothing is loaded, -EPERM or -EACCES without
 * CAP_SYS_ADMIN.
 */
int flows_read(const struct state *state, const struct gate_settings *settings,
	       struct flow **ret_flows, size_t *ret_count);

/* What the kernel holds under a key, at @now of the coarse monotonic clock. False: it is over. */
bool flow_from4(const struct gate_flow4_key *key, const struct gate_flow *held,
		const struct gate_settings *settings, uint64_t now, struct flow *ret_flow);
bool flow_from6(const struct gate_flow6_key *key, const struct gate_flow *held,
		const struct gate_settings *settings, uint64_t now, struct flow *ret_flow);

#endif
