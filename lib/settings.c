// SPDX-License-Identifier: GPL-2.0-or-later
#include "settings.h"

#include <errno.h>
#include <string.h>

#include "duration.h"
#include "mem.h"
#include "suggest.h"
#include "timeout.h"

static bool resolve_mode(const struct word *mode, struct diag *diag)
{
	struct suggestion suggestion = { .wrong = mode->text };
	_free_ char *hint = NULL;

	if (!mode->text || !strcmp(mode->text, "enforce"))
		return false;
	if (!strcmp(mode->text, "audit")) {
		diag_warning(diag, mode->place,
			     "in mode \"audit\" nothing is refused that only the policy refuses");
		return true;
	}
	suggest_consider(&suggestion, "enforce");
	suggest_consider(&suggestion, "audit");
	hint = suggest_text(&suggestion);
	diag_error(diag, mode->place, "unknown mode \"%s\"%s", mode->text,
		   *hint ? hint : ": there are \"enforce\" and \"audit\"");
	return false;
}

/* 0 where it is none of that: JSON does not tell whole numbers from others. */
static uint32_t whole_number(double number, uint32_t min, uint32_t max)
{
	bool fits = number >= min && number <= max && number == (double)(uint32_t)number;

	return fits ? (uint32_t)number : 0;
}

static void resolve_timeout(const struct quantity *written, enum timeout timeout, struct diag *diag,
			    struct settings *settings)
{
	uint32_t seconds = 0; /* that of a string with more than fits */

	if (!written->given)
		return;
	if (!written->text) {
		seconds = whole_number(written->number, TIMEOUT_SECONDS_MIN, TIMEOUT_SECONDS_MAX);
	} else if (duration_parse(written->text, &seconds) == -EINVAL) {
		diag_error(diag, written->place,
			   "\"%s\" is not a time in whole seconds as in \"30s\", \"5m\" or "
			   "\"1h30m\"",
			   written->text);
		return;
	}
	if (seconds < TIMEOUT_SECONDS_MIN || seconds > TIMEOUT_SECONDS_MAX)
		diag_error(diag, written->place,
			   "\"%s\" must be a whole number of seconds from %u to %u (30 days)",
			   timeout_name(timeout), TIMEOUT_SECONDS_MIN, TIMEOUT_SECONDS_MAX);
	else
		settings->timeout[timeout] = seconds;
}

static void resolve_flows(const struct quantity *written, struct diag *diag,
			  struct settings *settings)
{
	uint32_t flows;

	if (!written->given)
		return;
	flows = whole_number(written->number, FLOWS_PER_DEVICE_MIN, FLOWS_PER_DEVICE_MAX);
	if (flows)
		settings->flows_per_device = flows;
	else
		diag_error(diag, written->place,
			   "\"flowsPerDevice\" must be a whole number from %u to %u",
			   FLOWS_PER_DEVICE_MIN, FLOWS_PER_DEVICE_MAX);
}

static void resolve_mark(const struct quantity *written, struct diag *diag,
			 struct settings *settings)
{
	uint32_t bit;

	if (!written->given)
		return;
	bit = whole_number(written->number, GATE_MARK_BIT_MIN, GATE_MARK_BIT_MAX);
	if (bit)
		settings->mark_bit = (uint8_t)bit;
	else
		diag_error(diag, written->place, "\"markBit\" must be a whole number from %u to %u",
			   GATE_MARK_BIT_MIN, GATE_MARK_BIT_MAX);
}

static void unknown_device(const struct inventory *inventory, const struct word *name,
			   struct diag *diag)
{
	struct suggestion suggestion = { .wrong = name->text };
	_free_ char *hint = NULL;

	index_suggest(&inventory->devices, &suggestion);
	hint = suggest_text(&suggestion);
	diag_error(diag, name->place, "unknown device \"%s\"%s", name->text, hint);
}

static uint32_t resolve_nat_as(const struct inventory *inventory, const struct word *name,
			       struct diag *diag)
{
	const struct policy_device *device;

	if (!name->text)
		return DEVICE_NONE;
	device = index_find(&inventory->devices, name->text);
	if (device && !device->self && !device->unapproved)
		return (uint32_t)(device - inventory->policy->devices);
	if (!device)
		unknown_device(inventory, name, diag);
	else if (device->self)
		diag_error(diag, name->place,
			   "\"%s\" is this box: \"natAs\" says who is meant by its address",
			   name->text);
	else
		diag_error(diag, name->place,
			   "device \"%s\" is not approved: nothing passes in its name", name->text);
	return DEVICE_NONE;
}

static void resolve_interfaces(const struct inventory *inventory, struct diag *diag,
			       struct settings *settings)
{
	const struct policy *policy = inventory->policy;

	/* more of them are an error, and that was told */
	for (size_t slot = 0; slot < policy->interfaces_count && slot < GATE_GUARDED_MAX; slot++) {
		const struct policy_interface *interface = &policy->interfaces[slot];

		if (interface->dhcp)
			settings->dhcp |= 1u << slot;
		if (interface->xdp)
			settings->early |= 1u << slot;
		settings->nat_as[slot] = resolve_nat_as(inventory, &interface->nat_as, diag);
	}
}

void settings_resolve(const struct inventory *inventory, struct diag *diag,
		      struct settings *ret_settings)
{
	const struct policy *policy = inventory->policy;
	struct settings settings = { .flows_per_device = FLOWS_PER_DEVICE_DEFAULT,
				     .mark_bit = GATE_MARK_BIT };

	for (size_t slot = 0; slot < GATE_GUARDED_MAX; slot++)
		settings.nat_as[slot] = DEVICE_NONE;
	settings.audit = resolve_mode(&policy->mode, diag);
	for (enum timeout timeout = 0; timeout < TIMEOUT_MAX; timeout++) {
		settings.timeout[timeout] = timeout_default(timeout);
		resolve_timeout(&policy->timeouts[timeout], timeout, diag, &settings);
	}
	resolve_flows(&policy->flows_per_device, diag, &settings);
	resolve_mark(&policy->mark_bit, diag, &settings);
	resolve_interfaces(inventory, diag, &settings);
	*ret_settings = settings;
}
