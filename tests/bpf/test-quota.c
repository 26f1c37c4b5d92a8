// SPDX-License-Identifier: GPL-2.0-or-later
/* How many flows a device may have, and that it gets every one of them back. */
#include <unistd.h>

#include "mem.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

#define QUOTA 16 /* the least that a policy may say */

static const struct edit limited = { "\"devices\"",
				     "\"limits\": { \"flowsPerDevice\": 16 }, \"devices\"" };

static const struct form forms[] = { { 4, 0 }, { 6, 0 } };

/* Azure may send UDP to every port of aspire. */
static struct packet datagram(unsigned int number)
{
	struct packet packet = UDP(AZURE, ASPIRE, 40000, 0);

	packet.dport = (uint16_t)(1000 + number);
	return packet;
}

/* The iMac may call ports 3000 and 3001 of the VPS. */
static struct packet call(unsigned int number, uint8_t flags)
{
	struct packet packet = TCP(IMAC, VPS, 0, 3000, 0);

	packet.sport = (uint16_t)(40000 + number);
	packet.flags = flags;
	return packet;
}

static enum reason reason_of(const struct packet *packet, enum place place, const struct form *form)
{
	struct verdict verdict;

	bench_run(packet, place, form, 0, &verdict);
	ck_assert(verdict.passed || verdict.reason);
	return verdict.passed ? REASON_NONE : verdict.reason;
}

static void require_reason(const struct packet *packet, enum place place, const struct form *form,
			   enum reason reason)
{
	ck_assert_str_eq(reason_name(reason_of(packet, place, form)), reason_name(reason));
	ck_assert(bench_quotas_are_exact());
}

static void open_all(const struct form *form)
{
	for (unsigned int i = 0; i < QUOTA; i++) {
		struct packet packet = datagram(i);

		require_reason(&packet, AT_INGRESS, form, REASON_NONE);
	}
}

static void collect(void)
{
	bench_collector_start();
	for (int tenths = 0; tenths < 100 && bench_flows() + bench_fragments(); tenths++)
		usleep(100000);
	ck_assert_uint_eq(bench_flows() + bench_fragments(), 0);
}

/* One that is full is refused new flows, and nothing else; nobody else notices. */
START_TEST(full)
{
	static const struct packet answer = UDP(ASPIRE, AZURE, 1000, 40000);
	static const struct packet denied = UDP(AZURE, VPS, 1, 1);
	struct packet error = ABOUT(ASPIRE, AZURE, UNREACHABLE, UDP(AZURE, ASPIRE, 40000, 1000));
	struct packet known = datagram(0), more = datagram(QUOTA), other = call(0, SYN);
	const struct form *form = &forms[_i];

	bench_flows_clear();
	open_all(form);
	require_reason(&more, AT_INGRESS, form, REASON_FLOW_QUOTA);
	require_reason(&more, AT_EGRESS_UNMARKED, form, REASON_FLOW_QUOTA);
	require_reason(&known, AT_INGRESS, form, REASON_NONE);
	require_reason(&answer, AT_INGRESS, form, REASON_NONE);
	require_reason(&error, AT_INGRESS, form, REASON_NONE);
	require_reason(&denied, AT_INGRESS, form, REASON_ACL);
	require_reason(&other, AT_INGRESS, form, REASON_NONE);
	ck_assert_uint_eq(bench_flows(), QUOTA + 1);
	ck_assert_uint_eq(bench_quota(bench_device("azure")), QUOTA);
}
END_TEST

/* Both IP versions are in one quota. */
START_TEST(versions)
{
	struct packet more = datagram(QUOTA);

	bench_flows_clear();
	open_all(&forms[0]);
	require_reason(&more, AT_INGRESS, &forms[1], REASON_FLOW_QUOTA);
}
END_TEST

/* What is over makes room once it is collected. */
START_TEST(room_again)
{
	struct packet more = datagram(QUOTA);

	bench_flows_clear();
	open_all(&forms[0]);
	bench_flows_age(61);
	collect();
	require_reason(&more, AT_INGRESS, &forms[0], REASON_NONE);
}
END_TEST

/* What takes the place of an old flow needs no more room than it. */
START_TEST(same_flow_again)
{
	const struct form *form = &forms[_i];

	bench_flows_clear();
	for (unsigned int i = 0; i < QUOTA; i++) {
		struct packet packet = call(i, SYN);

		require_reason(&packet, AT_INGRESS, form, REASON_NONE);
	}
	for (unsigned int i = 0; i < QUOTA; i++) {
		struct packet packet = call(i, SYN);

		require_reason(&packet, AT_INGRESS, form, REASON_NONE);
	}
	ck_assert_uint_eq(bench_flows(), QUOTA);
}
END_TEST

/* A first fragment needs room for its flow. */
START_TEST(fragment_of_new_flow)
{
	static const struct packet first = UDP(AZURE, ASPIRE, 1, 1, .body = 16, FIRST(7));
	const struct form *form = &forms[_i];

	bench_flows_clear();
	open_all(form);
	require_reason(&first, AT_INGRESS, form, REASON_FLOW_QUOTA);
	ck_assert_uint_eq(bench_fragments(), 0);
}
END_TEST

/* Fragments of a flow that is there have a quota of their own. */
START_TEST(fragments)
{
	static const struct packet last = LATER(AZURE, ASPIRE, IPPROTO_UDP, 0, 24, 0, 8);
	struct packet first = UDP(AZURE, ASPIRE, 40000, 1000, .body = 16, FIRST(0));
	const struct form *form = &forms[_i];

	bench_flows_clear();
	open_all(form);
	for (unsigned int i = 0; i < GATE_FRAGMENTS_PER_DEVICE; i++) {
		first.piece.id = i;
		ck_assert(bench_passes(&first, AT_INGRESS, form));
	}
	first.piece.id = GATE_FRAGMENTS_PER_DEVICE;
	require_reason(&first, AT_INGRESS, form, REASON_FLOW_QUOTA);
	first.piece.id = 0; /* in place of the one that has it */
	require_reason(&first, AT_INGRESS, form, REASON_NONE);
	require_reason(&last, AT_INGRESS, form, REASON_NONE);
	ck_assert_uint_eq(bench_fragments(), GATE_FRAGMENTS_PER_DEVICE);
}
END_TEST

/* In whose quota is what this packet makes? */
static const struct {
	const char *name;
	struct packet packet;
	enum place place;
	const char *owner; /* NULL: nobody, who has a quota as well */
} owners[] = {
	{ "ingress", TCP(IMAC, VPS, 40000, 3000, SYN), AT_INGRESS, "imac" },
	{ "behind a device", UDP(PRINTER, IMAC, 40000, 514), AT_INGRESS, "vps" },
	{ "echo", PING(VPS, ASPIRE, 7), AT_INGRESS, "vps" },
	{ "GRE", RAW(IMAC, VPS, IPPROTO_GRE), AT_INGRESS, "imac" },
	{ "E2", TCP(IMAC, VPS, 40000, 3000, SYN), AT_EGRESS_UNMARKED, "imac" },
	{ "E3", TCP(WINDOWS, IMAC, 40000, 3000, SYN), AT_EGRESS_LAN, "windows" },
	{ "E4", TCP(ROUTER, IMAC, 40000, 22, SYN), AT_EGRESS_SELF, "router" },
	/* whom the ingress program named; here there was none */
	{ "E1: learned", TCP(IMAC, VPS, 40000, 3000, SYN), AT_EGRESS_JUDGED, NULL },
};

START_TEST(owner)
{
	struct verdict verdict;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		bench_flows_clear();
		bench_run(&owners[_i].packet, owners[_i].place, &forms[i], 0, &verdict);
		ck_assert_msg(verdict.passed && verdict.created == 1, "%s", owners[_i].name);
		ck_assert_msg(bench_quotas_are_exact(), "%s", owners[_i].name);
		if (owners[_i].owner)
			ck_assert_uint_eq(bench_quota(bench_device(owners[_i].owner)), 1);
	}
}
END_TEST

/* One step of a life that has everything in it: flows begin, begin anew, close, and fragments. */
static void live(unsigned int step, const struct form *form)
{
	struct packet packets[] = {
		call(step % 7, SYN),
		call(step % 5, step & 1 ? RST : FIN | ACK),
		datagram(step % 11),
		TCP(AZURE, IMAC, 4000, 4001, SYN),
		TCP(IMAC, AZURE, 4001, 4000, SYN),
		TCP(IMAC, AZURE, 4001, 4000, RST),
		UDP(AZURE, ASPIRE, 40000, 1000, .body = 16, FIRST(0)),
		UDP(ASPIRE, AZURE, 1000, 40000, .body = 16, FIRST(1)),
		PING(VPS, ASPIRE, 7),
	};

	packets[6].piece.id = step % 3;
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++)
		bench_passes(&packets[i], AT_INGRESS, form);
	bench_passes(&packets[6], AT_EGRESS_JUDGED, form);
	bench_flows_age(step % 13);
}

#define STEPS 300

START_TEST(cycles)
{
	static const struct edit without_azure = { "azure:4000", "azure:4003" };

	bench_flows_clear();
	for (unsigned int step = 0; step < STEPS; step++) {
		live(step, &forms[step & 1]);
		if (step == STEPS / 3)
			bench_load_edited("house.json", &without_azure);
		if (step == STEPS / 2)
			bench_load_edited("house.json", &limited);
	}
	ck_assert_uint_gt(bench_flows(), 0);
	ck_assert_uint_gt(bench_fragments(), 0);
	ck_assert(bench_quotas_are_exact());
	bench_flows_age(24 * 60 * 60 + 1);
	collect();
	ck_assert(bench_quotas_are_exact());
}
END_TEST

/* A flow that ends while others begin: the collector is at work between packets. */
START_TEST(cycles_under_collection)
{
	bench_flows_clear();
	bench_collector_start();
	for (unsigned int step = 0; step < 8 * QUOTA; step++) {
		live(step, &forms[step & 1]);
		usleep(50000);
	}
	bench_flows_age(24 * 60 * 60 + 1);
	collect();
	ck_assert(bench_quotas_are_exact());
}
END_TEST

/* Whoever sends first fragments only leaves room for those of others. */
START_TEST(fragments_of_others)
{
	struct packet flood = UDP(AZURE, ASPIRE, 40000, 1000, .body = 16, FIRST(0));
	struct packet first = UDP(IMAC, ASPIRE, 40000, 53, .body = 16, FIRST(0));
	unsigned int refused = 0;

	bench_load("house.json");
	bench_flows_clear();
	for (unsigned int i = 0; i < GATE_FLOW_SHARDS * GATE_FRAGMENTS_PER_SHARD; i++) {
		flood.piece.id = i;
		bench_passes(&flood, AT_INGRESS, &forms[0]);
	}
	for (unsigned int i = 0; i < GATE_FLOW_SHARDS; i++) {
		first.piece.id = i;
		refused += !bench_passes(&first, AT_INGRESS, &forms[0]);
	}
	bench_flows_clear();
	ck_assert_uint_eq(refused, 0);
}
END_TEST

static void setup(void)
{
	bench_open();
	bench_load_edited("house.json", &limited);
}

Suite *quota_suite(void)
{
	Suite *suite = suite_create("quota");
	TCase *tcase = tcase_create("quotas");

	tcase_add_unchecked_fixture(tcase, setup, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	tcase_add_loop_test(tcase, full, 0, ARRAY_SIZE(forms));
	tcase_add_test(tcase, versions);
	tcase_add_test(tcase, room_again);
	tcase_add_loop_test(tcase, same_flow_again, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tcase, fragment_of_new_flow, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tcase, fragments, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tcase, owner, 0, ARRAY_SIZE(owners));
	tcase_add_test(tcase, fragments_of_others);
	tcase_add_test(tcase, cycles);
	tcase_add_test(tcase, cycles_under_collection);
	suite_add_tcase(suite, tcase);
	return suite;
}
