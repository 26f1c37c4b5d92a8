// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "unit.h"

/* Slots in the kernel need not be those of the table: wg1 was guarded first. */
static const struct gate_status status = {
	.interfaces = { { .interface = { .name = "wg1", .ifindex = 71 }, .slot = 0 },
			{ .interface = { .name = "wg0", .ifindex = 70 }, .slot = 1 } },
	.interfaces_count = 2,
};

static const char policy[] =
	"{ \"interfaces\": [\"wg0\", \"wg1\"], \"acls\": [], \"devices\": {"
	"  \"here\": { \"addresses\": [\"10.0.0.1\"], \"self\": true },"
	"  \"a\": { \"addresses\": [\"10.0.0.2\"], \"interface\": \"wg0\" },"
	"  \"b\": { \"addresses\": [\"10.0.1.2\"], \"interface\": \"wg1\" },"
	"  \"new\": { \"addresses\": [\"10.0.1.3\"], \"interface\": \"wg1\", \"approved\": false },"
	"  \"lan\": { \"addresses\": [\"10.0.2.2\"], \"interface\": \"lo\" },"
	"  \"gone\": { \"addresses\": [\"10.0.3.2\"], \"interface\": \"nosuch0\" } } }";

#define NOWHERE (-1)
#define WG1	0
#define WG0	1
#define SELF	0u
#define LO	1u /* in every network namespace */

static const struct {
	const char *src;
	const char *dst;
	int interface;
	enum direction direction;
	uint32_t ifindex;
} rows[] = {
	{ "10.0.0.2", "10.0.1.2", WG0, DIRECTION_INGRESS, 0 },
	{ "10.0.1.2", "10.0.0.2", WG1, DIRECTION_INGRESS, 0 },
	{ "10.0.0.2", "192.0.2.1", WG0, DIRECTION_INGRESS, 0 },
	{ "10.0.1.3", "10.0.0.2", WG1, DIRECTION_INGRESS, 0 },
	{ "10.0.0.1", "10.0.0.2", WG0, DIRECTION_EGRESS, SELF },
	{ "10.0.0.1", "10.0.1.2", WG1, DIRECTION_EGRESS, SELF },
	{ "10.0.2.2", "10.0.1.2", WG1, DIRECTION_EGRESS, LO },
	{ "10.0.3.2", "10.0.1.2", WG1, DIRECTION_EGRESS, LO },
	{ "192.0.2.1", "10.0.0.2", WG0, DIRECTION_EGRESS, LO },
	{ "10.0.2.2", "10.0.0.1", NOWHERE, 0, 0 },
	{ "192.0.2.1", "192.0.2.2", NOWHERE, 0, 0 },
	{ "10.0.0.1", "192.0.2.2", NOWHERE, 0, 0 },
};

START_TEST(meet)
{
	struct checked checked;
	struct meeting meeting = {};
	struct origin origin;
	bool met;

	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_eq(checked.diag.errors, 0);
	origin = trace_origin_of(&checked.table, &status, notation_address(rows[_i].src));
	met = trace_meet(&checked.table, &status, &origin, notation_address(rows[_i].dst),
			 &meeting);
	ck_assert_int_eq(met, rows[_i].interface != NOWHERE);
	if (met) {
		ck_assert_uint_eq(meeting.interface, (size_t)rows[_i].interface);
		ck_assert_int_eq(meeting.direction, rows[_i].direction);
		ck_assert_uint_eq(meeting.ingress_ifindex, rows[_i].ifindex);
		ck_assert(!meeting.judged);
	}
	checked_free(&checked);
}
END_TEST

static const struct {
	const char *name;
	int error;
	uint32_t ifindex;
	bool guarded;
} names[] = {
	{ "self", 0, 0, false }, { "wg0", 0, 70, true },	   { "wg1", 0, 71, true },
	{ "lo", 0, LO, false },	 { "nosuch0", -ENODEV, 0, false }, { "", -ENODEV, 0, false },
};

START_TEST(named)
{
	struct origin origin = {};

	ck_assert_int_eq(trace_origin_named(&status, names[_i].name, &origin), names[_i].error);
	ck_assert_uint_eq(origin.ifindex, names[_i].ifindex);
	ck_assert_int_eq(origin.guarded, names[_i].guarded);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("trace");

	unit_add(suite, meet, ARRAY_SIZE(rows));
	unit_add(suite, named, ARRAY_SIZE(names));
	return suite;
}
