// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "gate_parts.h"
#include "mem.h"
#include "nft_gate.h"
#include "registry.h"
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

/* All that is guarded before a load, and who shut what by hand. */
struct before {
	struct guard_status guard;
	struct registry registry;
	struct nft_gate nft;
};

static int read_before(const struct state *state, struct before *before)
{
	int error = guard_read(0, &before->guard);

	if (!error)
		error = registry_read(state, &before->registry);
	return error ? error : nft_gate_read(&before->nft);
}

/* What a policy guarded, or this one does, leaves the guard; the rest was shut by hand, and stays so. */
static struct guard keep(const struct before *before, const struct table *table, struct diag *diag)
{
	struct guard guard = before->guard.guard;

	for (size_t i = 0; i < table->interfaces_count; i++)
		guard_drop(&guard, table->interfaces[i]);
	for (uint32_t slot = 0; slot < GATE_GUARDED_MAX; slot++) {
		const char *name = before->registry.items[slot].name;

		guard_drop(&guard, name);
		if (*name && !gate_names(table, name))
			gate_tell_opened(name, diag);
	}
	for (size_t i = 0; i < before->nft.interfaces_count; i++)
		if (!gate_names(table, before->nft.interfaces[i]))
			gate_tell_opened(before->nft.interfaces[i], diag);
	return guard;
}

/* In this order: something judges, or shuts, at every moment. */
static int take_over(const struct state *state, struct guard *guard, struct diag *diag)
{
	int error = guard->count ? 0 : guard_remove();

	if (!error)
		error = gate_detach_all(state);
	return error || !guard->count ? error : gate_fit_guard(state, guard, 0, diag);
}

int gate_load_nft(const struct state *state, struct gate_policy *policy, struct diag *diag,
		  uint32_t *ret_number)
{
	uint32_t number = next_number(state);
	struct before before = {};
	struct guard guard;
	int error = gate_may_look(state, diag);

	if (!error)
		error = check_topologies(policy->table, diag);
	if (!error)
		error = read_before(state, &before);
	if (!error)
		error = nft_gate_load(policy, number ? number : 1, diag);
	if (error)
		return error;
	*ret_number = number ? number : 1;
	guard = keep(&before, policy->table, diag);
	error = take_over(state, &guard, diag);
	if (error)
		diag_warning(diag, PLACE_NONE,
			     "the policy is enforced, but guard or programs of the one before are "
			     "still there: %s",
			     strerror(-error));
	return 0;
}
