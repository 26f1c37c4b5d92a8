// SPDX-License-Identifier: GPL-2.0-or-later
#include "flatten.h"

#include <string.h>

#include "mem.h"
#include "notation.h"
#include "unit.h"

/* Ranges as text, and the pieces that they make. */
static const struct {
	const char *ranges[3][2];
	enum family family;
	const char *pieces[9];
} cases[] = {
	{ { { "10.0.0.1", "10.0.0.1" } }, FAMILY_IP4, { "10.0.0.1", "10.0.0.1" } },
	{ { { "10.0.0.1", "10.0.0.1" } }, FAMILY_IP6, {} },
	{ { { "10.0.0.1", "10.0.0.3" } },
	  FAMILY_IP4,
	  { "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.3" } },
	{ { { "10.0.0.0", "10.0.0.8" } }, FAMILY_IP4, { "10.0.0.0", "10.0.0.8" } },
	{ { { "0.0.0.0", "255.255.255.255" } }, FAMILY_IP4, { "0.0.0.0", "255.255.255.255" } },
	{ { { "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } },
	  FAMILY_IP4,
	  { "0.0.0.0", "255.255.255.255" } },
	{ { { "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } },
	  FAMILY_IP6,
	  { "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } },
	{ { { "::", "::fffe:ffff:ffff" },
	    { "::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } },
	  FAMILY_IP6,
	  { "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } },
	{ { { "10.0.0.0", "10.0.0.255" }, { "fd00::", "fd00::ffff" } },
	  FAMILY_IP6,
	  { "fd00::", "fd00::ffff" } },
};

START_TEST(splits)
{
	_set_ struct set set = {};
	struct pieces pieces;
	size_t count = 0;

	for (size_t i = 0; i < 3 && cases[_i].ranges[i][0]; i++)
		set_append(&set, notation_address(cases[_i].ranges[i][0]),
			   notation_address(cases[_i].ranges[i][1]));
	set_normalise(&set);
	pieces_of(&set, cases[_i].family, &pieces);
	for (; cases[_i].pieces[2 * count]; count++) {
		ck_assert_uint_lt(count, pieces.count);
		ck_assert(pieces.items[count].first ==
			  notation_address(cases[_i].pieces[2 * count]));
		ck_assert(pieces.items[count].last ==
			  notation_address(cases[_i].pieces[2 * count + 1]));
	}
	ck_assert_uint_eq(pieces.count, count);
	pieces_free(&pieces);
}
END_TEST

/* A prefix with a hole and one address at its end; the same on both sides of the IP versions. */
START_TEST(cuts)
{
	static struct table_address addresses[] = {
		{ { ADDRESS_IPV4 + 0x0a000005, 128 }, { .device = 2 } },
		{ { ADDRESS_IPV4 + 0x0a0000ff, 128 }, { .device = 3 } },
		{ { ADDRESS_IPV4 + 0x0b000000, 128 }, { .device = 4 } },
	};
	static struct table_address prefixes[] = {
		{ { ADDRESS_IPV4 + 0x0a000000, 120 }, { .device = 1 } },
	};
	const struct table table = { .addresses = addresses,
				     .addresses_count = ARRAY_SIZE(addresses),
				     .prefixes = prefixes,
				     .prefixes_count = ARRAY_SIZE(prefixes) };
	struct segments segments;
	address_t at = 0;

	flatten(&table, &segments);
	for (size_t i = 0; i < segments.count; i++) {
		const struct segment *segment = &segments.items[i];

		ck_assert(segment->first == at && segment->last >= at);
		ck_assert(address_is_ipv4(segment->first) == address_is_ipv4(segment->last));
		ck_assert(!memcmp(segment->identity, table_identity(&table, segment->first),
				  sizeof(*segment->identity)));
		ck_assert(!memcmp(segment->identity, table_identity(&table, segment->last),
				  sizeof(*segment->identity)));
		at = segment->last + 1;
	}
	ck_assert(at == 0);
	ck_assert_uint_eq(segments.count, 10);
	segments_free(&segments);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("flatten");

	unit_add(suite, splits, ARRAY_SIZE(cases));
	unit_add(suite, cuts, 1);
	return suite;
}
