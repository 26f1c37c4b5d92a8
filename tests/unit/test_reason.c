// SPDX-License-Identifier: GPL-2.0-or-later
#include "reason.h"

#include <ctype.h>
#include <string.h>

#include "mem.h"
#include "unit.h"

/* The words of the metrics: they may not change, and each is a label value of its own. */
static const struct {
	enum reason reason;
	const char *name;
} words[] = {
	{ REASON_NONE, "allowed" },
	{ REASON_NO_POLICY, "no_policy" },
	{ REASON_NOT_IP, "not_ip" },
	{ REASON_MALFORMED, "malformed" },
	{ REASON_SOURCE_ROUTE, "source_route" },
	{ REASON_FRAGMENT, "fragment" },
	{ REASON_UNKNOWN_SOURCE, "unknown_source" },
	{ REASON_UNAPPROVED, "unapproved" },
	{ REASON_SPOOFED_SOURCE, "spoofed_source" },
	{ REASON_NAT_UNIDENTIFIED, "nat_unidentified" },
	{ REASON_NO_STATE, "no_state" },
	{ REASON_ACL, "acl" },
	{ REASON_REVOKED, "revoked" },
	{ REASON_FLOW_TABLE_FULL, "flow_table_full" },
	{ REASON_MAP_ERROR, "map_error" },
};

START_TEST(word)
{
	ck_assert_str_eq(reason_name(words[_i].reason), words[_i].name);
}
END_TEST

START_TEST(all)
{
	for (enum reason reason = 0; reason < REASON_MAX; reason++) {
		const char *name = reason_name(reason);

		ck_assert_ptr_nonnull(name);
		for (const char *c = name; *c; c++)
			ck_assert(islower((unsigned char)*c) || *c == '_');
		for (enum reason other = 0; other < reason; other++)
			ck_assert_str_ne(name, reason_name(other));
	}
	ck_assert_str_eq(direction_name(DIRECTION_INGRESS), "ingress");
	ck_assert_str_eq(direction_name(DIRECTION_EGRESS), "egress");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("reason");

	unit_add(suite, word, ARRAY_SIZE(words));
	unit_add(suite, all, 1);
	return suite;
}
