/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interfaces that a load is about: how they are found, and get their programs. */
#ifndef ACLGATE_GATE_INTERFACES_H
#define ACLGATE_GATE_INTERFACES_H

#include "gate_parts.h"
#include "generation.h"
#include "kernel.h"
#include "nft_gate.h"

/* One to guard. */
struct interface {
	const char *name;
	uint32_t ifindex; /* 0: it is not there, and awaited */
	uint32_t link_header;
	uint32_t slot;
	struct kernel_loading *loading; /* ... `programs`, since gate_programs_begin() */
	struct kernel_programs programs;
	bool running; /* ... programs of this build are attached already */
	bool loaded;  /* `programs` are there */
	bool known;   /* it was guarded before this load */
	bool early;   /* its policy wants the early drop */
	uint8_t mark_bit;
	uint8_t old_mark_bit; /* that the programs set which run until these are attached */
};

/* What a load works on. */
struct guarded {
	struct interface items[GATE_GUARDED_MAX];
	size_t count;
	uint8_t build[11];	    /* of our programs, as in struct gate_interface */
	struct guard_status before; /* the guard that the load found */
	struct nft_gate nft;	    /* ... and the policy of the nft backend */
	bool shut;		    /* it has changed it */
};

/* Each returns 0, or a negative errno with an error in @diag. */
int gate_find_interfaces(const struct gate_policy *policy, struct diag *diag,
			 struct guarded *ret_guarded);
int gate_assign_slots(const struct state *state, struct guarded *guarded, struct diag *diag);

/* Begins to load the programs of every interface where they do not run yet. */
int gate_programs_begin(const struct state *state, struct guarded *guarded, struct diag *diag);

/* Waits for that, whatever became of the load since. */
int gate_programs_take(struct guarded *guarded, struct diag *diag);

int gate_attach_all(const struct state *state, const struct guarded *guarded, struct diag *diag);

/* A load that fails leaves those interfaces alone that were not guarded before. */
void gate_attach_undo(const struct state *state, const struct guarded *guarded);

#endif
