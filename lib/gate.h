/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate in the kernel: loads a table into a new generation, publishes it, and tells what is
 * there. It needs no process: programs and maps live in their pins.
 */
#ifndef ACLGATE_GATE_H
#define ACLGATE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "diag.h"
#include "generation.h"
#include "guard.h"
#include "hook.h"
#include "state.h"

/*
 * Replaces the policy in one step. The caller holds the lock of state_lock(). Returns 0 when every
 * CPU enforces the new generation, whose number is then in *ret_number. Otherwise a negative errno
 * and an error in @diag, and the policy that was live is live; where there was none, nothing is
 * left behind. What is guarded and not in the policy is released; policy->slots are filled in.
 * -ENODEV without an error in @diag: the policy awaits its interfaces, and none is there.
 */
int gate_load(const struct state *state, struct gate_policy *policy, struct diag *diag,
	      uint32_t *ret_number);

/*
 * Detaches and forgets everything; what was guarded is shut from then on. Returns 0, also where
 * nothing was loaded, or a negative errno.
 */
int gate_unload(const struct state *state, struct diag *diag);

/* The same, and takes the guard away: everything passes. */
int gate_open(const struct state *state, struct diag *diag);

/*
 * Puts the guard in front of these interfaces, which need not exist, and of those that are guarded
 * or shut already. Where programs of ours run, packets pass as they judge; elsewhere none does.
 */
int gate_shut(const struct state *state, const char *const *names, size_t count, struct diag *diag);

/*
 * Enforces the policy by nftables, and then takes the programs and the guard away: until then both
 * judge. Otherwise as gate_load().
 */
int gate_load_nft(const struct state *state, struct gate_policy *policy, struct diag *diag,
		  uint32_t *ret_number);

/* 0, or why the kernel takes no BPF programs from us. */
int gate_probe(const struct state *state);

/* Which programs these are that we would attach, as in struct gate_interface. */
void gate_build(uint8_t ret_build[11]);

enum gate_enforcement {
	ENFORCED,
	ENFORCED_NOT_ABSENT,   /* the interface is gone; when it comes back it has no programs */
	ENFORCED_NOT_DETACHED, /* somebody removed our programs */
	ENFORCED_NOT_BEHIND,   /* somebody's program runs before ours */
	ENFORCED_NOT_BYPASSED, /* the interface is such that packets miss our programs */
	ENFORCED_NOT_ARMED,    /* the guard lets nothing pass there */
	ENFORCED_NOT_INTACT,   /* somebody has changed the policy in nftables */
	ENFORCEMENT_MAX
};

const char *gate_enforcement_text(enum gate_enforcement enforcement);

enum backend {
	BACKEND_AUTO, /* BPF where the kernel lets us */
	BACKEND_BPF,
	BACKEND_NFT,
};

struct gate_status {
	enum backend backend;
	struct gate_generation generation; /* number 0: no policy */
	struct {
		struct gate_interface interface;
		uint32_t slot;
		enum gate_enforcement enforcement;
		enum early early;
	} interfaces[GATE_GUARDED_MAX];
	size_t interfaces_count;
	struct guard_status guard;
	int guard_error; /* why it could not be read: -EPERM for whoever is not root */
	struct gate_totals totals;
};

/* -ENOENT: nothing is loaded; -EACCES or -EPERM: not allowed to look. */
int gate_status(const struct state *state, struct gate_status *ret_status);

/* The same for those who want more than nftables can tell: -EOPNOTSUPP where it enforces. */
int gate_status_bpf(const struct state *state, struct gate_status *ret_status);

/*
 * Every packet is judged, and would not pass if it were not. In audit mode this is not so, nor
 * without the guard.
 */
bool gate_status_enforced(const struct gate_status *status);

/* Index of the interface of that name, or -ENODEV. */
int gate_status_find(const struct gate_status *status, const char *name);

#endif
