// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "gate_parts.h"
#include "mem.h"
#include "nft_gate.h"
#include "topology.h"

int gate_check_topology(const char *name, bool bpf, struct diag *diag)
{
	_free_ char *obstacle = NULL;
	int error = topology_check(name, bpf, &obstacle);

	if (error)
		return gate_fail(diag, error, "cannot ask the kernel about its interfaces");
	if (!obstacle)
		return 0;
	diag_error(diag, PLACE_NONE, "\"%s\" cannot be guarded: it %s", name, obstacle);
	return -EOPNOTSUPP;
}

/* What would get around nftables as well. Interfaces that are not there yet have nothing on them. */
static int check_topologies(const struct table *table, struct diag *diag)
{
	int error = 0;

	for (size_t i = 0; i < table->interfaces_count && !error; i++)
		if (if_nametoindex(table->interfaces[i]))
			error = gate_check_topology(table->interfaces[i], false, diag);
	if (table->early)
		diag_warning(diag, PLACE_NONE,
			     "no early drop by XDP: the policy is enforced by nftables");
	return error;
}

/* One more than that of the policy before, whoever enforces it. */
static uint32_t next_number(const struct state *state)
{
	struct gate_status status;

	return gate_status(state, &status) ? 1 : status.generation.number + 1;
}

int gate_load_nft(const struct state *state, struct gate_policy *policy, struct diag *diag,
		  uint32_t *ret_number)
{
	uint32_t number = next_number(state);
	struct guard_status guard;
	int error = check_topologies(policy->table, diag);

	if (!error)
		error = nft_gate_load(policy, number ? number : 1, diag);
	if (error)
		return error;
	*ret_number = number ? number : 1;
	error = guard_read(&guard);
	if (!error)
		error = guard_remove();
	if (!error)
		error = gate_detach_all(state, &guard.guard);
	if (error)
		diag_warning(diag, PLACE_NONE,
			     "the policy is enforced, but guard or programs of the one before are "
			     "still there: %s",
			     strerror(-error));
	return 0;
}
