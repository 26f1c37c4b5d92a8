// SPDX-License-Identifier: GPL-2.0-or-later
#include "reason.h"

#include "mem.h"

static const char *const reasons[] = {
	[REASON_NONE] = "allowed",
	[REASON_NO_POLICY] = "no_policy",
	[REASON_NOT_IP] = "not_ip",
	[REASON_MALFORMED] = "malformed",
	[REASON_SOURCE_ROUTE] = "source_route",
	[REASON_FRAGMENT] = "fragment",
	[REASON_UNKNOWN_SOURCE] = "unknown_source",
	[REASON_UNAPPROVED] = "unapproved",
	[REASON_SPOOFED_SOURCE] = "spoofed_source",
	[REASON_NAT_UNIDENTIFIED] = "nat_unidentified",
	[REASON_NO_STATE] = "no_state",
	[REASON_ACL] = "acl",
	[REASON_REVOKED] = "revoked",
	[REASON_FLOW_QUOTA] = "flow_quota",
	[REASON_FLOW_TABLE_FULL] = "flow_table_full",
	[REASON_MAP_ERROR] = "map_error",
};
_Static_assert(ARRAY_SIZE(reasons) == REASON_MAX, "a name for every reason");

static const char *const directions[] = {
	[DIRECTION_INGRESS] = "ingress",
	[DIRECTION_EGRESS] = "egress",
};
_Static_assert(ARRAY_SIZE(directions) == DIRECTION_MAX, "a name for every direction");

const char *reason_name(enum reason reason)
{
	return reasons[reason];
}

const char *direction_name(enum direction direction)
{
	return directions[direction];
}
