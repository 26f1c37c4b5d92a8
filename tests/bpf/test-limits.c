// SPDX-License-Identifier: GPL-2.0-or-later
/* Full tables, old flows, merged packets, and how much of the verifier the programs need. */
#include <stdio.h>
#include <unistd.h>

#include "mem.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

#define INSTRUCTIONS_MAX 50000 /* of a million that the kernel allows */

START_TEST(verifier)
{
	static const char *const names[] = { "gate_ingress", "gate_egress", "gate_collect" };
	unsigned int link_header = _i ? PACKET_ETHERNET : 0;

	for (enum direction i = 0; i < ARRAY_SIZE(names); i++) {
		uint32_t instructions = bench_verified(i, link_header);

		printf("%s, %s: the verifier processed %u instructions\n", names[i],
		       link_header ? "Ethernet" : "IP", instructions);
		ck_assert_uint_gt(instructions, 0);
		ck_assert_uint_le(instructions, INSTRUCTIONS_MAX);
	}
	fflush(stdout);
}
END_TEST

/* Azure may send UDP to every port of aspire. */
static struct packet datagram(unsigned int number)
{
	struct packet packet = UDP(AZURE, ASPIRE, 0, 0);

	packet.sport = (uint16_t)(number & 0xffff);
	packet.dport = (uint16_t)(1000 + (number >> 16));
	return packet;
}

static enum reason reason_of(const struct packet *packet, const struct form *form)
{
	struct verdict verdict;

	bench_run(packet, AT_INGRESS, form, 0, &verdict);
	ck_assert(verdict.passed || verdict.created + verdict.deleted == 0);
	return verdict.passed ? REASON_NONE : verdict.reason;
}

/* Until a shard is full: flows spread over them by a secret. Returns how many there are. */
static unsigned int fill(const struct form *form)
{
	unsigned int number = 0;
	struct packet packet;

	do
		packet = datagram(number++);
	while (number <= 2 * GATE_FLOWS_MAX && bench_passes(&packet, AT_INGRESS, form));
	return number - 1;
}

START_TEST(full_table)
{
	static const struct packet denied = UDP(AZURE, VPS, 1, 1);
	struct packet first = datagram(0), answer = UDP(ASPIRE, AZURE, 1000, 0), last;
	struct form form = { _i ? 6 : 4, 0 };
	unsigned int count;

	bench_flows_clear();
	count = fill(&form);
	printf("IPv%u: the table was full for the next flow at %u of %d\n", form.version, count,
	       GATE_FLOWS_MAX);
	fflush(stdout);
	last = datagram(count);
	ck_assert_uint_ge(count, GATE_FLOWS_MAX / 2);
	ck_assert_uint_le(count, GATE_FLOWS_MAX);
	ck_assert_uint_eq(bench_flows(), count);
	ck_assert_str_eq(reason_name(reason_of(&last, &form)), "flow_table_full");
	ck_assert_str_eq(reason_name(reason_of(&denied, &form)), "acl");
	ck_assert_int_eq(reason_of(&first, &form), REASON_NONE);
	ck_assert_int_eq(reason_of(&answer, &form), REASON_NONE);
	ck_assert_uint_eq(bench_flows(), count);
	ck_assert(bench_quotas_are_exact());
	bench_flows_clear();
	ck_assert_int_eq(reason_of(&last, &form), REASON_NONE);
}
END_TEST

#define COLLECTED 300 /* flows */
#define PATIENCE  100 /* tenths of a second: the collector is around in 6.4 s */

static void open_flows(const struct form *form)
{
	for (unsigned int i = 0; i < COLLECTED; i++) {
		struct packet packet = datagram(i);

		ck_assert(bench_passes(&packet, AT_INGRESS, form));
	}
}

/* Flows that are over go without any packet; others stay. */
START_TEST(collector)
{
	static const struct form forms[] = { { 4, 0 }, { 6, 0 } };
	static const struct packet alive = TCP(IMAC, VPS, 40000, 3000, SYN);
	static const struct packet answer = TCP(VPS, IMAC, 3000, 40000, ACK);
	uint64_t deleted = bench_totals().flows_deleted;

	bench_flows_clear();
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		open_flows(&forms[i]);
	bench_flows_age(61);
	bench_collector_start();
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		ck_assert(bench_passes(&alive, AT_INGRESS, &forms[i]));
	for (int tenths = 0; tenths < PATIENCE && bench_flows() > ARRAY_SIZE(forms); tenths++)
		usleep(100000);
	ck_assert_uint_eq(bench_flows(), ARRAY_SIZE(forms));
	ck_assert_uint_eq(bench_totals().flows_deleted - deleted, ARRAY_SIZE(forms) * COLLECTED);
	ck_assert(bench_quotas_are_exact());
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		ck_assert(bench_passes(&answer, AT_INGRESS, &forms[i]));
}
END_TEST

/* A packet that GRO put together counts its segments. */
START_TEST(segments)
{
	static const struct packet allowed = TCP(IMAC, VPS, 40000, 3000, ACK, .body = 3000);
	static const struct packet denied = UDP(IMAC, VPS, 40000, 22, .body = 3000);
	struct form form = { _i & 1 ? 6 : 4, _i & 2 ? PACKET_ETHERNET : 0 };
	struct verdict verdict;

	bench_flows_clear();
	bench_run(&allowed, AT_INGRESS, &form, 3, &verdict);
	ck_assert(verdict.passed);
	ck_assert_uint_eq(verdict.packets, 3);
	ck_assert_uint_eq(verdict.bytes, verdict.length);
	bench_run(&denied, AT_INGRESS, &form, 3, &verdict);
	ck_assert_str_eq(reason_name(verdict.reason), "acl");
	ck_assert_uint_eq(verdict.packets, 3);
	ck_assert_uint_eq(verdict.bytes, verdict.length);
}
END_TEST

/* What a device may have is not what these tests are about. */
static void setup(void)
{
	static const struct edit no_quota = {
		"\"devices\"", "\"limits\": { \"flowsPerDevice\": 65536 }, \"devices\""
	};

	bench_open();
	bench_load_edited("house.json", &no_quota);
}

Suite *limits_suite(void)
{
	Suite *suite = suite_create("limits");
	TCase *tcase = tcase_create("limits");

	tcase_add_unchecked_fixture(tcase, setup, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	tcase_add_loop_test(tcase, verifier, 0, 2);
	tcase_add_loop_test(tcase, full_table, 0, 2);
	tcase_add_test(tcase, collector);
	tcase_add_loop_test(tcase, segments, 0, 4);
	suite_add_tcase(suite, tcase);
	return suite;
}
