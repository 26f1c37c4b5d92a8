// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gate while much goes on: policies that are replaced under traffic, floods, and what the
 * collector costs then.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "counters.h"
#include "kernel.h"
#include "mem.h"
#include "reason.h"
#include "state.h"
#include "suites.h"
#include "trial.h"

#define LOADS	    1000
#define CONNECTIONS 64

/* iMac → VPS:3000 is allowed by both policies, Aspire → VPS:445 by none. */
static const struct edit other_policy = { "vps:3000-3001", "vps:3000,3002" };

struct traffic {
	atomic_bool over;
	unsigned int version;
	uint64_t allowed, lost; /* packets that both policies allow, and those that were dropped */
	uint64_t refused, let;	/* packets that both refuse, and those that passed */
};

static void send_allowed(struct traffic *traffic, const struct packet *packet, enum place place)
{
	struct form form = { traffic->version, 0 };

	traffic->allowed++;
	traffic->lost += !bench_passes(packet, place, &form);
}

static void send_refused(struct traffic *traffic, const struct packet *packet)
{
	struct form form = { traffic->version, 0 };

	traffic->refused++;
	traffic->let += bench_passes(packet, AT_INGRESS, &form);
}

/* Established connections, new ones, and both ways out of the router. */
static void *send_traffic(void *argument)
{
	struct traffic *traffic = argument;

	for (unsigned int i = 0; !atomic_load(&traffic->over); i++) {
		uint16_t port = (uint16_t)(40000 + i % CONNECTIONS);
		struct packet ask = TCP(IMAC, VPS, port, 3000, i < CONNECTIONS ? SYN : ACK);
		struct packet answer = TCP(VPS, IMAC, 3000, port, ACK);
		struct packet fresh = TCP(IMAC, VPS, (uint16_t)(1024 + i % 8192), 3000, SYN);
		struct packet attack = TCP(ASPIRE, VPS, port, 445, i & 1 ? SYN : ACK);

		send_allowed(traffic, &ask, AT_INGRESS);
		send_allowed(traffic, &ask, AT_EGRESS_JUDGED);
		send_allowed(traffic, &answer, AT_INGRESS);
		send_allowed(traffic, &fresh, AT_INGRESS);
		send_refused(traffic, &attack);
	}
	return NULL;
}

static struct gate_device_counters read_counters(const char *device)
{
	struct state state = state_get();
	struct counters counters;
	struct gate_device_counters sums[GATE_CHUNK] = {};

	ck_assert_int_eq(counters_open(&state, &counters), 0);
	ck_assert_int_eq(counters_devices(&counters, sums, ARRAY_SIZE(sums)), 0);
	counters_close(&counters);
	return sums[bench_device(device)];
}

static uint64_t passed(const char *device)
{
	struct gate_device_counters sum = read_counters(device);

	return sum.passed_packets[DIRECTION_INGRESS] + sum.passed_packets[DIRECTION_EGRESS];
}

static uint64_t dropped(const char *device)
{
	struct gate_device_counters sum = read_counters(device);
	uint64_t packets = 0;

	for (enum direction direction = 0; direction < DIRECTION_MAX; direction++)
		for (enum reason reason = 0; reason < REASON_MAX; reason++)
			packets += sum.dropped_packets[direction][reason];
	return packets;
}

static void load_many(void)
{
	for (unsigned int i = 0; i < LOADS; i++) {
		if (i & 1)
			bench_load("house.json");
		else
			bench_load_edited("house.json", &other_policy);
	}
}

START_TEST(reload)
{
	struct traffic traffic = { .version = _i ? 6 : 4 };
	uint64_t good, bad, stopped;
	pthread_t thread;

	bench_load("house.json");
	bench_flows_clear();
	good = passed("imac") + passed("vps");
	bad = dropped("imac") + dropped("vps");
	stopped = dropped("aspire");
	ck_assert_int_eq(pthread_create(&thread, NULL, send_traffic, &traffic), 0);
	load_many();
	atomic_store(&traffic.over, true);
	pthread_join(thread, NULL);
	printf("IPv%u: %d loads under %lu packets: %lu of %lu allowed ones lost, %lu of %lu refused "
	       "ones let through\n",
	       traffic.version, LOADS, (unsigned long)(traffic.allowed + traffic.refused),
	       (unsigned long)traffic.lost, (unsigned long)traffic.allowed,
	       (unsigned long)traffic.let, (unsigned long)traffic.refused);
	ck_assert_uint_eq(traffic.lost, 0);
	ck_assert_uint_eq(traffic.let, 0);
	ck_assert_uint_gt(traffic.allowed, 100 * LOADS);
	ck_assert_uint_eq(dropped("imac") + dropped("vps"), bad);
	ck_assert_uint_eq(passed("imac") + passed("vps") - good, traffic.allowed);
	ck_assert_uint_eq(dropped("aspire") - stopped, traffic.refused);
	ck_assert_uint_eq(passed("aspire"), 0);
}
END_TEST

#define FLOOD	   (3 * GATE_FLOWS_MAX)
#define FLOOD_STEP (FLOOD / 6)
#define IDLE_STEP  10 /* seconds, after each of them */

static const struct packet victim[] = {
	TCP(IMAC, VPS, 40000, 3000, SYN),
	TCP(VPS, IMAC, 3000, 40000, SYN | ACK),
	TCP(IMAC, VPS, 40000, 3000, ACK),
};

/* A request to Aspire and its answer, so that nothing looks like a scan. */
static void flood(enum host who, unsigned int first, unsigned int count, const struct form *form)
{
	for (unsigned int i = first; i < first + count; i++) {
		uint16_t from = (uint16_t)(1 + i % 60000), to = (uint16_t)(1 + i / 60000);
		struct packet ask = UDP(who, ASPIRE, from, to);
		struct packet answer = UDP(ASPIRE, who, to, from);

		if (bench_passes(&ask, AT_INGRESS, form))
			ck_assert(bench_passes(&answer, AT_INGRESS, form));
	}
}

static void flood_for_a_minute(const struct form *form)
{
	bench_collector_start();
	for (unsigned int i = 0; i < FLOOD; i += FLOOD_STEP) {
		flood(AZURE, i, FLOOD_STEP, form);
		bench_flows_age(IDLE_STEP);
	}
}

static void open_victim(const struct form *form)
{
	for (size_t i = 0; i < ARRAY_SIZE(victim); i++)
		ck_assert(bench_passes(&victim[i], AT_INGRESS, form));
}

static enum reason reason_of(const struct packet *packet, const struct form *form)
{
	struct verdict verdict;

	bench_run(packet, AT_INGRESS, form, 0, &verdict);
	return verdict.reason;
}

/* One device fills its quota and no more: others open connections as if it were not there. */
START_TEST(flood_within_quota)
{
	static const struct packet more = UDP(AZURE, ASPIRE, 1, 60000);
	static const struct packet other = TCP(IMAC, VPS, 50000, 3000, SYN);
	static const struct packet push = TCP(VPS, IMAC, 3000, 40000, ACK);
	struct form form = { _i ? 6 : 4, 0 };

	bench_load("house.json");
	bench_flows_clear();
	open_victim(&form);
	flood_for_a_minute(&form);
	ck_assert_uint_eq(bench_flows(), GATE_FLOWS_MAX / 4 + 1);
	ck_assert_str_eq(reason_name(reason_of(&more, &form)), "flow_quota");
	ck_assert(bench_passes(&push, AT_INGRESS, &form));
	ck_assert(bench_passes(&other, AT_INGRESS, &form));
}
END_TEST

/* Where one device may fill the table, nobody opens anything; what was there goes on. */
START_TEST(flood_of_the_table)
{
	static const struct edit unlimited = {
		"\"acls\"", "\"limits\": { \"flowsPerDevice\": 65536 }, \"acls\""
	};
	static const struct packet push = TCP(VPS, IMAC, 3000, 40000, ACK);
	struct form form = { _i ? 6 : 4, 0 };

	bench_load_edited("house.json", &unlimited);
	bench_flows_clear();
	open_victim(&form);
	flood_for_a_minute(&form);
	ck_assert_uint_gt(bench_flows(), GATE_FLOWS_MAX * 9 / 10);
	ck_assert(bench_passes(&push, AT_INGRESS, &form));
	ck_assert(bench_passes(&victim[2], AT_INGRESS, &form));
}
END_TEST

#define TICK_MAX  2000000 /* ns */
#define ROUND_ALL 7	  /* seconds in which the collector is around */

/* As in bpf/maps.h; the kernel shows no timer to us. */
struct collector {
	uint64_t timer[2];
	uint64_t longest;
	uint32_t shard;
	uint32_t pad;
};

static struct collector read_collector(void)
{
	struct state state = state_get();
	_close_ int map = kernel_map_open(state.pins, "collector");
	struct collector collector;
	uint32_t zero = 0;

	ck_assert_int_ge(map, 0);
	ck_assert_int_eq(kernel_map_get(map, &zero, &collector), 0);
	return collector;
}

/* One device for each IP version, and each may fill its table. */
static const char crowd[] =
	"{ \"devices\": { \"azure\": { \"addresses\": [\"10.77.0.5\", \"fd77::5\"] },"
	" \"vps\": { \"addresses\": [\"10.77.0.3\", \"fd77::3\"] },"
	" \"aspire\": { \"addresses\": [\"10.77.0.4\", \"fd77::4\"] } },"
	" \"limits\": { \"flowsPerDevice\": 65536 },"
	" \"acls\": [{ \"action\": \"accept\", \"src\": [\"azure\", \"vps\"], \"proto\": \"udp\","
	" \"dst\": [\"aspire:*\"] }] }";

/* Full tables of both IP versions: walked while all is alive, then while all has expired. */
START_TEST(collector_ticks)
{
	static const struct form forms[] = { { 4, 0 }, { 6, 0 } };
	uint32_t shard;

	ck_assert_int_eq(bench_load_text(crowd), 0);
	bench_flows_clear();
	bench_collector_start();
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		flood(i ? VPS : AZURE, 0, GATE_FLOWS_MAX, &forms[i]);
	ck_assert_uint_gt(bench_flows(), 2 * GATE_FLOWS_MAX * 9 / 10);
	printf("collector: %zu flows\n", bench_flows());
	fflush(stdout);
	shard = read_collector().shard;
	sleep(ROUND_ALL);
	printf("collector: longest tick %lu us while they live\n",
	       (unsigned long)read_collector().longest / 1000);
	bench_flows_age(600);
	sleep(ROUND_ALL);
	printf("collector: longest tick %lu us until they are gone\n",
	       (unsigned long)read_collector().longest / 1000);
	ck_assert_uint_ge(read_collector().shard - shard, 2 * GATE_FLOW_SHARDS);
	ck_assert_uint_eq(bench_flows(), 0);
	ck_assert_uint_le(read_collector().longest, TICK_MAX);
}
END_TEST

Suite *pressure_suite(void)
{
	Suite *suite = suite_create("pressure");
	TCase *tcase = tcase_create("pressure");

	tcase_add_unchecked_fixture(tcase, bench_open, bench_close);
	tcase_set_timeout(tcase, 5 * TIMEOUT);
	tcase_add_loop_test(tcase, reload, 0, 2);
	tcase_add_loop_test(tcase, flood_within_quota, 0, 2);
	tcase_add_loop_test(tcase, flood_of_the_table, 0, 2);
	tcase_add_test(tcase, collector_ticks);
	suite_add_tcase(suite, tcase);
	return suite;
}
