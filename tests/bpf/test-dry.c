// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A dry run says what would become of a packet, and changes nothing. That it says the same as the
 * programs that count, trial.c asks of every row of every table; here is one of each kind, and what
 * no table has.
 */
#include "mem.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

#define ASK(FLAGS)    TCP(IMAC, VPS, 40000, 3000, FLAGS)
#define ANSWER(FLAGS) TCP(VPS, IMAC, 3000, 40000, FLAGS)
#define ASKED	      BEFORE(IN(ASK(SYN)))
#define QUERY(...)    UDP(IMAC, ASPIRE, 40000, 53, .body = 16, FIRST(7), __VA_ARGS__)
#define QUERY_PART    LATER(IMAC, ASPIRE, IPPROTO_UDP, 7, 24, 0, 8)

/* clang-format off */
static const struct trial kinds[] = {
	{ "opens", IN(ASK(SYN)), OPENS },
	{ "opens, E2", UNMARKED(ASK(SYN)), OPENS },
	{ "opens, E3", FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN)), OPENS },
	{ "opens, E4", FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN)), OPENS },
	{ "opens an echo", IN(PING(VPS, ASPIRE, 7)), OPENS },
	{ "begins anew", IN(ASK(SYN)), REOPENS, ASKED },
	{ "learns", FORWARDED(ASK(SYN)), LEARNS },
	{ "learns anew", FORWARDED(ASK(SYN)), RELEARNS, BEFORE(FORWARDED(ASK(SYN))) },
	{ "passes", IN(ASK(ACK)), PASSES, ASKED },
	{ "passes, and would refresh", IN(ASK(ACK), .later = 20), PASSES, ASKED },
	{ "passes, and would close", IN(ASK(FIN | ACK)), PASSES, ASKED },
	{ "passes, E1", FORWARDED(ASK(SYN)), PASSES, ASKED },
	{ "answers", IN(ANSWER(SYN | ACK)), ANSWERS, ASKED },
	{ "returns", IN(ANSWER(SYN | ACK)), RETURNS, BEFORE(FORWARDED(ASK(SYN))) },
	{ "error", IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(SYN))), ANSWERS, ASKED },
	{ "link", IN(ICMP(LINK_LOCAL, ALL_NODES, QUENCH_OR_NEIGHBOUR, .hops = 255)), LINKS,
		.only = IPV6 | ETHERNET },
	{ "first fragment", IN(QUERY()), OPENS },
	{ "later fragment", IN(QUERY_PART), PASSES, BEFORE(IN(QUERY())) },
	{ "acl", IN(TCP(IMAC, VPS, 40000, 22, SYN)), DROPS, REASON_ACL },
	{ "no_state", IN(ANSWER(SYN | ACK)), DROPS, REASON_NO_STATE },
	{ "no_state, expired", IN(ANSWER(SYN | ACK), .later = 31), DROPS, REASON_NO_STATE, ASKED },
	{ "unknown_source", IN(TCP(STRANGER, VPS, 40000, 3000, SYN)), DROPS,
		REASON_UNKNOWN_SOURCE },
	{ "unapproved", IN(TCP(LODGER, IMAC, 40000, 3000, SYN)), DROPS, REASON_UNAPPROVED },
	{ "spoofed_source", IN(TCP(WINDOWS, IMAC, 40000, 3000, SYN)), DROPS,
		REASON_SPOOFED_SOURCE },
	{ "nat_unidentified", FROM_LAN(TCP(ROUTER, IMAC, 40000, 22, SYN)), DROPS,
		REASON_NAT_UNIDENTIFIED },
	{ "fragment", IN(QUERY_PART), DROPS, REASON_FRAGMENT },
	{ "malformed", IN(TCP(IMAC, VPS, 40000, 3000, SYN, LIES({ DATA_OFFSET, 4 }))), DROPS,
		REASON_MALFORMED },
	{ "source_route", IN(TCP(IMAC, VPS, 40000, 3000, SYN, EXTENSIONS({ IPPROTO_ROUTING, 1 }))),
		DROPS, REASON_SOURCE_ROUTE, .only = IPV6 },
	{ "not_ip", IN(TCP(IMAC, VPS, 40000, 3000, SYN, LIES({ VERSION, 5 }))), DROPS,
		REASON_NOT_IP },
};

static const struct trial loads[] = {
	{ "revoked", IN(ASK(ACK)), DROPS, REASON_REVOKED, ASKED,
		.edit = { "vps:3000-3001", "vps:3001" } },
	{ "revoked, answer", IN(ANSWER(ACK)), DROPS, REASON_REVOKED, ASKED,
		.edit = { "vps:3000-3001", "vps:3001" } },
	{ "another rule gets the credit", IN(ASK(ACK)), PASSES, ASKED,
		.edit = { "\"acls\": [",
			  "\"acls\": [ { \"action\": \"accept\", \"src\": [\"imac\"], "
			  "\"dst\": [\"vps:*\"] }," } },
	{ "audited", IN(TCP(IMAC, VPS, 40000, 22, SYN)), AUDITED, REASON_ACL,
		.edit = { "\"devices\"", "\"mode\": \"audit\", \"devices\"" } },
	{ "audited and revoked", FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, ACK)), AUDITED,
		REASON_REVOKED, BEFORE(FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN))),
		.edit = { "\"acls\": [\n\t\t{ \"action\": \"accept\", \"src\": [\"windows\"],",
			  "\"mode\": \"audit\", \"acls\": [ { \"action\": \"accept\", "
			  "\"src\": [\"azure\"]," } },
};
/* clang-format on */

static const struct form form = { 4, 0 };

static void trace(const struct packet *packet, struct trace *ret_trace)
{
	struct gate_event event;
	uint64_t before;

	bench_events_take(&event);
	before = bench_fingerprint();
	bench_trace(packet, AT_INGRESS, &form, ret_trace);
	ck_assert(bench_fingerprint() == before);
}

static const char *traced_reason(const struct packet *packet)
{
	struct trace result;

	trace(packet, &result);
	ck_assert(result.passed == !result.words[TRACE_REASON]);
	return reason_name(result.words[TRACE_REASON]);
}

START_TEST(no_policy)
{
	static const struct packet ask = ASK(SYN);

	ck_assert_str_eq(traced_reason(&ask), "no_policy");
}
END_TEST

#define QUOTA 16

static struct packet datagram(unsigned int number)
{
	struct packet packet = UDP(AZURE, ASPIRE, 40000, 0);

	packet.dport = (uint16_t)(1000 + number);
	return packet;
}

/* What a dry run allows, a packet that came now would be. */
START_TEST(flow_quota)
{
	static const struct edit limited = {
		"\"devices\"", "\"limits\": { \"flowsPerDevice\": 16 }, \"devices\""
	};
	struct packet more = datagram(QUOTA), known = datagram(0);

	bench_load_edited("house.json", &limited);
	bench_flows_clear();
	for (unsigned int i = 0; i < QUOTA; i++) {
		struct packet packet = datagram(i);

		ck_assert(bench_passes(&packet, AT_INGRESS, &form));
	}
	ck_assert_str_eq(traced_reason(&known), "allowed");
	ck_assert_str_eq(traced_reason(&more), "flow_quota");
}
END_TEST

/* A generation that is not the live one: what a load would change, before it is published. */
START_TEST(another_slot)
{
	static const struct edit without_3000 = { "vps:3000-3001", "vps:3001" };
	static const struct packet ask = ASK(SYN);
	struct trace live, previous;
	uint32_t slot;

	bench_load("house.json");
	slot = bench_live_slot();
	bench_load_edited("house.json", &without_3000);
	ck_assert_uint_ne(bench_live_slot(), slot);
	bench_flows_clear();
	bench_trace_slot(&ask, slot, &form, &previous);
	bench_trace_slot(&ask, bench_live_slot(), &form, &live);
	ck_assert_uint_eq(previous.words[TRACE_REASON], REASON_NONE);
	ck_assert_uint_eq(previous.words[TRACE_RULE], bench_rule(2));
	ck_assert_uint_eq(live.words[TRACE_REASON], REASON_ACL);
	ck_assert_uint_eq(bench_flows(), 0);
}
END_TEST

Suite *dry_suite(void)
{
	Suite *suite = suite_create("dry");
	TCase *tcase = tcase_create("kinds"), *policies = tcase_create("policies");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add(tcase, kinds, ARRAY_SIZE(kinds), ANY_FORM);
	suite_add_tcase(suite, tcase);
	tcase_add_unchecked_fixture(policies, bench_open, bench_close);
	tcase_set_timeout(policies, TIMEOUT);
	tcase_add_test(policies, no_policy);
	trials_add_edited(policies, "house.json", loads, ARRAY_SIZE(loads), ANY_FORM);
	tcase_add_test(policies, flow_quota);
	tcase_add_test(policies, another_slot);
	suite_add_tcase(suite, policies);
	return suite;
}
