// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair.h"

#include "mem.h"

static const char *const names[] = {
	[REPAIR_ATTACH] = "attach",
	[REPAIR_GUARD] = "guard",
	[REPAIR_TABLE] = "table",
	[REPAIR_REFRESH] = "refresh",
};
_Static_assert(ARRAY_SIZE(names) == REPAIR_MAX, "a name for each");

const char *repair_name(enum repair repair)
{
	return names[repair];
}
