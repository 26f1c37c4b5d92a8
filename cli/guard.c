// SPDX-License-Identifier: GPL-2.0-or-later
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "inventory.h"
#include "load.h"

static void print_on(void)
{
	struct guard_status status;

	if (guard_read(0, &status) || !status.stands)
		return;
	printf("the guard is on:");
	for (size_t i = 0; i < status.guard.count; i++)
		printf("%s %s %s", i ? "," : "", status.guard.places[i].name,
		       status.guard.places[i].armed ? "passes what the programs let pass" :
						      "is shut");
	printf("\n");
}

static void print_off(const struct state *state)
{
	struct gate_status status;

	puts("the guard is off: where no program of ours judges, everything passes");
	if (!gate_status(state, &status) && status.interfaces_count)
		printf("the loaded policy is still enforced by %s\n",
		       status.backend == BACKEND_NFT ? "nftables" : "the programs");
}

static int set(const struct options *options, bool on)
{
	struct state state = state_get();
	struct sources none = {};
	struct diag diag = {};
	int error = on ? load_guard(&state, options->interface, &diag) :
			 load_unguard(&state, &diag);

	print_diag(&diag, &none);
	diag_free(&diag);
	if (exit_code_of(error) == EXIT_PRIVILEGE)
		print_error("the guard needs root: try sudo");
	if (error)
		return exit_code_of(error);
	if (on)
		print_on();
	else
		print_off(&state);
	return EXIT_DONE;
}

int command_guard(const struct options *options, char **arguments)
{
	bool on = !strcmp(arguments[0], "on");

	if (!on && strcmp(arguments[0], "off")) {
		print_error("guard: \"on\" or \"off\", not \"%s\"", arguments[0]);
		return EXIT_USAGE;
	}
	if (options->interface && !on) {
		print_error("guard off opens all interfaces: --interface belongs to \"on\"");
		return EXIT_USAGE;
	}
	if (options->interface && !inventory_is_interface_name(options->interface)) {
		print_error("\"%s\" cannot be the name of an interface", options->interface);
		return EXIT_USAGE;
	}
	if (options->interface && !if_nametoindex(options->interface))
		print_error("note: there is no interface \"%s\" now: it will be shut when it comes",
			    options->interface);
	return set(options, on);
}
