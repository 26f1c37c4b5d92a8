/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the gate have in common: gate.c loads, and gate_interfaces.c for it; gate_nft.c does
 * without BPF; gate_shut.c takes off.
 */
#ifndef ACLGATE_GATE_PARTS_H
#define ACLGATE_GATE_PARTS_H

#include "diag.h"
#include "guard.h"
#include "state.h"
#include "table.h"

/* Adds an error "@what: …". Returns @error. */
int gate_fail(struct diag *diag, int error, const char *what);

/*
 * hook_may_look(), where there is a gate of programs, with an error that says what it takes: a
 * container that may use nothing but nftables has none.
 */
int gate_may_look(const struct state *state, struct diag *diag);

/* Whether an interface can be guarded: by programs, or with @bpf false by nftables. */
int gate_check_topology(const char *name, bool bpf, struct diag *diag);

/*
 * @guard: names. It is armed where our programs are, and nowhere else. @mark_bit: what the programs
 * are going to set, or 0 for what those set that run.
 */
int gate_fit_guard(const struct state *state, struct guard *guard, uint8_t mark_bit,
		   struct diag *diag);

/* Takes our programs off it. */
int gate_detach(const struct state *state, const struct gate_interface *interface);

/* Detaches from the interface of a slot, and forgets it. */
int gate_release(const struct state *state, uint32_t slot);

/* From all of them, also where the pins are gone; and removes the pins. */
int gate_detach_all(const struct state *state);

/* Does the policy guard it? */
bool gate_names(const struct table *table, const char *interface);

/* For whoever takes a guarded interface out of the policy. */
void gate_tell_opened(const char *interface, struct diag *diag);

#endif
