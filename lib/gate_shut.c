// SPDX-License-Identifier: GPL-2.0-or-later
/* Taking programs off, and what then stands in their place. */
#include "gate.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "gate_parts.h"
#include "kernel.h"
#include "mem.h"
#include "nft_gate.h"
#include "older.h"
#include "registry.h"

int gate_fail(struct diag *diag, int error, const char *what)
{
	diag_error(diag, PLACE_NONE, "%s: %s", what, strerror(-error));
	return error;
}

int gate_may_look(const struct state *state, struct diag *diag)
{
	_close_ int map = kernel_map_open(state->pins, "active");
	int error = map == -ENOENT ? 0 : hook_may_look();

	if (error)
		gate_fail(diag, error, "telling whose programs are attached takes CAP_SYS_ADMIN");
	return error;
}

int gate_detach(const struct state *state, const struct gate_interface *interface)
{
	int error = 0;

	for (enum direction direction = 0; direction < DIRECTION_MAX && !error; direction++) {
		struct hook hook = registry_hook(state, interface->name, interface->ifindex,
						 direction);

		error = interface->ifindex ? hook_detach(&hook) : 0;
		older_detach_early(&hook);
		if (!error)
			error = hook_detach_early(&hook);
	}
	return error;
}

int gate_release(const struct state *state, uint32_t slot)
{
	_close_ int names = kernel_map_open(state->pins, "interfaces");
	struct gate_interface interface, nothing = {};
	int error = names < 0 ? names : kernel_map_get(names, &slot, &interface);

	if (!error && interface.name[0])
		error = gate_detach(state, &interface);
	return error ? error : kernel_map_put(names, &slot, &nothing);
}

int gate_fit_guard(const struct state *state, struct guard *guard, uint8_t mark_bit,
		   struct diag *diag)
{
	int error;

	for (size_t i = 0; i < guard->count; i++)
		guard->places[i].armed = 0;
	error = registry_guard(state, guard);
	if (mark_bit)
		guard->mark = GATE_MARK_JUDGED_AT(mark_bit);
	if (!error)
		error = guard_put(guard);
	return error ? gate_fail(diag, error, "cannot set the guard in nftables") : 0;
}

/* Programs outlive their pins, and are known by nothing then but where they are. */
static int detach_forgotten(const struct state *state)
{
	struct if_nameindex *all = if_nameindex();
	int error = all ? 0 : -errno;

	for (size_t i = 0; all && all[i].if_index && !error; i++) {
		struct gate_interface interface = { .ifindex = all[i].if_index };

		strncpy(interface.name, all[i].if_name, sizeof(interface.name) - 1);
		error = gate_detach(state, &interface);
	}
	if (all)
		if_freenameindex(all);
	return error;
}

int gate_detach_all(const struct state *state)
{
	_close_ int names = kernel_map_open(state->pins, "interfaces");
	int error = names < 0 && names != -ENOENT ? names : 0;

	for (uint32_t slot = 0; names >= 0 && slot < GATE_GUARDED_MAX && !error; slot++)
		error = gate_release(state, slot);
	if (!error)
		error = detach_forgotten(state);
	if (error)
		return error;
	older_unpin(state);
	return kernel_unpin(state->pins);
}

bool gate_names(const struct table *table, const char *interface)
{
	for (size_t i = 0; i < table->interfaces_count; i++)
		if (!strcmp(table->interfaces[i], interface))
			return true;
	return false;
}

void gate_tell_opened(const char *interface, struct diag *diag)
{
	diag_warning(diag, PLACE_NONE,
		     "\"%s\" is no longer guarded: what passes there is not judged", interface);
}

/* Disarmed first: nothing leaves that the programs no longer see. */
static int disarm(const struct state *state)
{
	struct guard_status status;
	struct nft_gate nft;
	int error = guard_read(0, &status);

	if (!error || error == -EOPNOTSUPP)
		error = registry_guard(state, &status.guard);
	if (!error)
		error = nft_gate_read(&nft);
	if (error == -EOPNOTSUPP)
		return 0; /* no nftables, no guard */
	for (size_t i = 0; !error && i < nft.interfaces_count; i++)
		error = guard_add(&status.guard, nft.interfaces[i], 0);
	for (size_t i = 0; i < status.guard.count; i++)
		status.guard.places[i].armed = 0;
	return error || !status.guard.count ? error : guard_put(&status.guard);
}

int gate_unload(const struct state *state, struct diag *diag)
{
	int error = gate_may_look(state, diag);

	if (error)
		return error;
	error = disarm(state);
	if (error)
		return gate_fail(diag, error, "cannot shut the gate before the programs go");
	error = gate_detach_all(state);
	if (!error)
		error = nft_gate_remove();
	return error && error != -EOPNOTSUPP ? gate_fail(diag, error, "cannot unload") : 0;
}

int gate_open(const struct state *state, struct diag *diag)
{
	int error = gate_may_look(state, diag);

	if (error)
		return error;
	error = guard_remove();
	if (!error)
		error = nft_gate_remove();
	if (!error || error == -EOPNOTSUPP)
		error = gate_detach_all(state);
	return error ? gate_fail(diag, error, "cannot open the gate") : 0;
}

static bool nft_guards(const struct nft_gate *nft, const char *name)
{
	for (size_t i = 0; i < nft->interfaces_count; i++)
		if (!strcmp(nft->interfaces[i], name))
			return true;
	return false;
}

/* What a policy in nftables guards needs no guard, which would keep out all that it lets in. */
int gate_shut(const struct state *state, const char *const *names, size_t count, struct diag *diag)
{
	struct guard_status status;
	struct nft_gate nft;
	int error = gate_may_look(state, diag);

	if (error)
		return error;
	error = nft_gate_read(&nft);
	if (!error)
		error = guard_read(0, &status);
	for (size_t i = 0; i < count && !error; i++) {
		if (!nft.stands || !nft_guards(&nft, names[i]))
			error = guard_add(&status.guard, names[i], 0);
		else
			diag_note(diag, PLACE_NONE,
				  "\"%s\" is guarded by the policy in nftables, which knows it by "
				  "its name",
				  names[i]);
	}
	for (size_t i = 0; nft.stands && i < nft.interfaces_count; i++)
		guard_drop(&status.guard, nft.interfaces[i]);
	if (!error && !status.guard.count)
		error = guard_remove();
	if (error)
		return gate_fail(diag, error, "cannot set the guard in nftables");
	return status.guard.count ? gate_fit_guard(state, &status.guard, 0, diag) : 0;
}
