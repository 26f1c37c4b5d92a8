// SPDX-License-Identifier: GPL-2.0-or-later
#include "older.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "mem.h"

/* Where the pins of a layout are, or were; 0: from before they had numbers. NULL: there are none. */
static char *find_pins(const char *ours, unsigned int layout)
{
	int base = (int)(strrchr(ours, '/') - ours);
	_free_ char *pins = layout ? mem_printf("%.*s/v%u", base, ours, layout) :
				     mem_strndup(ours, (size_t)base);
	_free_ char *registry = state_path(pins, "interfaces"); /* the last to go */

	return access(registry, F_OK) ? NULL : TAKE_PTR(pins);
}

void older_registry(const struct state *state, struct registry *ret_registry)
{
	bool found = false;

	*ret_registry = (struct registry){};
	for (unsigned int layout = GATE_LAYOUT; layout-- > 0 && !found;) {
		_free_ char *pins = find_pins(state->pins, layout);
		struct state older = { .pins = pins };

		found = pins && !registry_read(&older, ret_registry);
	}
}

void older_detach_early(const struct hook *hook)
{
	for (unsigned int layout = GATE_LAYOUT; layout-- > 0;) {
		_free_ char *pins = find_pins(hook->pins, layout);
		struct hook older = *hook;

		older.pins = pins;
		if (pins)
			hook_detach_early(&older);
	}
}

void older_unpin(const struct state *state)
{
	for (unsigned int layout = GATE_LAYOUT; layout-- > 0;) {
		_free_ char *pins = find_pins(state->pins, layout);

		if (pins)
			kernel_unpin(pins);
	}
}
