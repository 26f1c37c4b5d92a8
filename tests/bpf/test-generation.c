// SPDX-License-Identifier: GPL-2.0-or-later
/* What a new policy does to the flows that are there: the next packet of each finds out. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "generation.h"
#include "ids.h"
#include "mem.h"
#include "reason.h"
#include "state.h"
#include "suites.h"
#include "trial.h"

#define DENIED	DROPS, REASON_ACL
#define REVOKED DROPS, REASON_REVOKED
#define SPOOFED DROPS, REASON_SPOOFED_SOURCE

#define ASK(FLAGS)    TCP(IMAC, VPS, 40000, 3000, FLAGS)
#define ANSWER(FLAGS) TCP(VPS, IMAC, 3000, 40000, FLAGS)
#define ASKED	      BEFORE(IN(ASK(SYN)))
#define CONNECTED     BEFORE(IN(ASK(SYN)), IN(ANSWER(SYN | ACK)), IN(ASK(ACK)))
#define CALL(FLAGS)   TCP(WINDOWS, IMAC, 40000, 3000, FLAGS)
#define RETURN(FLAGS) TCP(IMAC, WINDOWS, 3000, 40000, FLAGS)
#define CALLED	      BEFORE(FROM_LAN(CALL(SYN)), IN(RETURN(SYN | ACK)))

#define LOGGED_IN BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN)))

#define EDITED(FROM, TO) .edit = { FROM, TO }
#define THE_SAME	 EDITED("vps:3000-3001", "vps:3000-3001")
#define WITHOUT_3000	 EDITED("vps:3000-3001", "vps:3001")
#define WITHOUT_CALLS	 EDITED("imac:3000", "imac:3001")

#define WITHOUT_LOGIN EDITED("imac:22", "imac:23")
#define CALLS_BY_TCP \
	EDITED("\"dst\": [\"imac:3000\"]", "\"proto\": \"tcp\", \"dst\": [\"imac:3000\"]")
#define BY_UDP EDITED("\"tcp\", \"dst\": [\"vps:3000-3001\"]", "\"udp\", \"dst\": [\"vps:3000\"]")
#define TURNED_ROUND                                                                    \
	EDITED("\"src\": [\"imac\"], \"proto\": \"tcp\", \"dst\": [\"vps:3000-3001\"]", \
	       "\"src\": [\"vps\"], \"proto\": \"tcp\", \"dst\": [\"imac:*\"]")

/* clang-format off */
static const struct trial rules[] = {
	{ "nothing changes", IN(ASK(ACK)), PASSES, CONNECTED, THE_SAME },
	{ "nothing changes, answer", IN(ANSWER(ACK)), ANSWERS, CONNECTED, THE_SAME },
	{ "nothing changes, E1", FORWARDED(ASK(ACK)), PASSES, CONNECTED, THE_SAME },
	{ "nothing changes, from the LAN", FROM_LAN(CALL(ACK)), PASSES, CALLED, THE_SAME },
	{ "nothing changes, to the LAN", IN(RETURN(ACK)), ANSWERS, CALLED, THE_SAME },
	{ "nothing changes, SYN back", IN(ANSWER(SYN)), DROPS, REASON_NO_STATE, CONNECTED,
		THE_SAME },
	{ "nothing changes, error about it", IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(SYN))), ANSWERS,
		ASKED, THE_SAME },
	{ "rule gone", IN(ASK(ACK)), REVOKED, CONNECTED, WITHOUT_3000 },
	{ "rule gone, answer", IN(ANSWER(ACK)), REVOKED, CONNECTED, WITHOUT_3000 },
	{ "rule gone, never answered", IN(ANSWER(SYN | ACK)), REVOKED, ASKED, WITHOUT_3000 },
	{ "rule gone, FIN", IN(ASK(FIN | ACK)), REVOKED, CONNECTED, WITHOUT_3000 },
	{ "rule gone, RST back", IN(ANSWER(RST)), REVOKED, CONNECTED, WITHOUT_3000 },
	{ "rule gone, new SYN", IN(ASK(SYN)), DENIED, CONNECTED, WITHOUT_3000 },
	{ "rule gone, E1", FORWARDED(ASK(ACK)), REVOKED, CONNECTED, WITHOUT_3000 },
	{ "rule gone, E1, answer", FORWARDED(ANSWER(ACK)), REVOKED, CONNECTED, WITHOUT_3000 },
	{ "rule gone, E2", UNMARKED(ASK(ACK)), REVOKED, CONNECTED, WITHOUT_3000 },
	{ "rule gone, error about it", IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(SYN))), REVOKED, ASKED,
		WITHOUT_3000 },
	{ "another rule gone, from the LAN", FROM_LAN(CALL(ACK)), PASSES, CALLED, WITHOUT_3000 },
	{ "rule gone, E3", FROM_LAN(CALL(ACK)), REVOKED, CALLED, WITHOUT_CALLS },
	{ "rule gone, answer to the LAN", IN(RETURN(ACK)), REVOKED, CALLED, WITHOUT_CALLS },
	{ "another rule gone", IN(ASK(ACK)), PASSES, CONNECTED, WITHOUT_CALLS },
	{ "another rule gone, answer", IN(ANSWER(ACK)), ANSWERS, CONNECTED, WITHOUT_CALLS },
	{ "rule gone, E4", FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, ACK)), REVOKED, LOGGED_IN,
		WITHOUT_LOGIN },
	{ "rule gone, answer to this box", IN(TCP(IMAC, ROUTER, 22, 40000, ACK)), REVOKED,
		LOGGED_IN, WITHOUT_LOGIN },
	{ "rule gone, UDP", IN(UDP(ASPIRE, IMAC, 53, 40000)), REVOKED,
		BEFORE(IN(UDP(IMAC, ASPIRE, 40000, 53))), EDITED("aspire:53", "aspire:54") },
	{ "rule gone, GRE", IN(RAW(VPS, IMAC, IPPROTO_GRE)), REVOKED,
		BEFORE(IN(RAW(IMAC, VPS, IPPROTO_GRE))), EDITED("gre", "esp") },
	{ "rule gone, echo", FROM_LAN(PING(WINDOWS, IMAC, 7)), REVOKED,
		BEFORE(FROM_LAN(PING(WINDOWS, IMAC, 7))), CALLS_BY_TCP },
	{ "only the neighbouring port gone", IN(ASK(ACK)), PASSES, CONNECTED,
		EDITED("vps:3000-3001", "vps:3000") },
	{ "another protocol", IN(ASK(ACK)), REVOKED, CONNECTED, BY_UDP },
	{ "allowed by a wider rule", IN(ANSWER(ACK)), ANSWERS, CONNECTED,
		EDITED("vps:3000-3001", "*:*") },
	{ "only the other direction allowed", IN(ASK(ACK)), REVOKED, CONNECTED, TURNED_ROUND },
	{ "only the other direction allowed, answer", IN(ANSWER(ACK)), REVOKED, CONNECTED,
		TURNED_ROUND },
};

#define DEVICE(NAME, KEYS) EDITED("\"" NAME "\": { ", "\"" NAME "\": { " KEYS ", ")
#define UNAPPROVED(NAME)   DEVICE(NAME, "\"approved\": false")
#define MOVED(NAME)	   DEVICE(NAME, "\"interface\": \"lan0\"")
#define MOVED_IN	   EDITED(", \"interface\": \"lan0\"", "")
#define RENUMBERED	   EDITED("[\"10.77.0.2\", \"fd77::2\"]", "[\"10.77.0.22\", \"fd77::22\"]")

static const struct trial devices[] = {
	{ "opener no longer approved", IN(ASK(ACK)), REVOKED, CONNECTED, UNAPPROVED("imac") },
	{ "opener no longer approved, answer", IN(ANSWER(ACK)), REVOKED, CONNECTED,
		UNAPPROVED("imac") },
	{ "opener no longer approved, new SYN", IN(ASK(SYN)), DROPS, REASON_UNAPPROVED, CONNECTED,
		UNAPPROVED("imac") },
	{ "other side no longer approved", IN(ASK(ACK)), REVOKED, CONNECTED, UNAPPROVED("vps") },
	{ "other side no longer approved, answer", IN(ANSWER(ACK)), REVOKED, CONNECTED,
		UNAPPROVED("vps") },
	{ "a third device no longer approved", IN(ASK(ACK)), PASSES, CONNECTED,
		UNAPPROVED("azure") },
	{ "opener speaks elsewhere", IN(ASK(ACK)), SPOOFED, CONNECTED, MOVED("imac") },
	{ "opener speaks elsewhere, there", FROM_LAN(ASK(ACK)), PASSES, CONNECTED, MOVED("imac") },
	{ "opener speaks elsewhere, answer", IN(ANSWER(ACK)), ANSWERS, CONNECTED, MOVED("imac") },
	{ "other side speaks elsewhere, answer", IN(ANSWER(ACK)), SPOOFED, CONNECTED,
		MOVED("vps") },
	{ "from the LAN to wg0", FROM_LAN(CALL(ACK)), SPOOFED, CALLED, MOVED_IN },
	{ "from the LAN to wg0, there", IN(CALL(ACK)), PASSES, CALLED, MOVED_IN },
	{ "opener has another address", IN(ASK(ACK)), REVOKED, CONNECTED, RENUMBERED },
	{ "opener has another address, answer", IN(ANSWER(ACK)), REVOKED, CONNECTED, RENUMBERED },
	{ "other side has another address", IN(RETURN(ACK)), REVOKED, CALLED, RENUMBERED },
};
/* clang-format on */

static const struct form form = { 4, 0 };

static enum reason reason_of(const struct packet *packet)
{
	struct verdict verdict;

	bench_run(packet, AT_INGRESS, &form, 0, &verdict);
	return verdict.passed ? REASON_NONE : verdict.reason;
}

static const struct edit without_3000 = { "vps:3000-3001", "vps:3001" };
static const struct edit the_same = { "vps:3000-3001", "vps:3000-3001" };

START_TEST(revoked_once)
{
	static const struct packet ask = ASK(ACK), answer = ANSWER(ACK), again = ASK(SYN);
	static const struct packet other = TCP(IMAC, VPS, 40000, 3001, ACK);

	bench_load("house.json");
	bench_flows_clear();
	ck_assert_int_eq(reason_of(&ask), REASON_NONE);
	ck_assert_int_eq(reason_of(&other), REASON_NONE);
	bench_load_edited("house.json", &without_3000);
	ck_assert_int_eq(reason_of(&ask), REASON_REVOKED);
	ck_assert_int_eq(reason_of(&ask), REASON_NO_STATE);
	ck_assert_int_eq(reason_of(&answer), REASON_NO_STATE);
	ck_assert_int_eq(reason_of(&again), REASON_ACL);
	ck_assert_int_eq(reason_of(&other), REASON_NONE);
	ck_assert_uint_eq(bench_flows(), 1);
}
END_TEST

/* Slots are used again, numbers are not: an old flow knows only the number. */
START_TEST(many_generations)
{
	static const struct packet ask = ASK(ACK), answer = ANSWER(ACK);
	uint32_t first;

	bench_load("house.json");
	bench_flows_clear();
	ck_assert_int_eq(reason_of(&ask), REASON_NONE);
	first = bench_generation();
	for (uint32_t i = 1; i <= 5; i++) {
		bench_load_edited("house.json", i == 3 ? &without_3000 : &the_same);
		ck_assert_uint_eq(bench_generation(), first + i);
	}
	ck_assert_int_eq(reason_of(&answer), REASON_NONE); /* nobody looked in between */
	bench_load_edited("house.json", &without_3000);
	ck_assert_int_eq(reason_of(&answer), REASON_REVOKED);
}
END_TEST

START_TEST(credit_moves)
{
	static const struct edit in_front = {
		"\"acls\": [",
		"\"acls\": [ { \"action\": \"accept\", \"src\": [\"vps\"], \"dst\": [\"imac:9\"] },"
	};
	static const struct packet ask = ASK(ACK);
	uint64_t before;

	bench_load("house.json");
	bench_flows_clear();
	before = bench_rule_packets(bench_rule(2));
	ck_assert_int_eq(reason_of(&ask), REASON_NONE);
	ck_assert_uint_eq(bench_rule_packets(bench_rule(2)), before + 1);
	bench_load_edited("house.json", &in_front);
	before = bench_rule_packets(bench_rule(3));
	ck_assert_int_eq(reason_of(&ask), REASON_NONE);
	ck_assert_uint_eq(bench_rule_packets(bench_rule(3)), before + 1);
}
END_TEST

START_TEST(broken_policy)
{
	static const struct packet ask = ASK(ACK);
	uint32_t generation;

	bench_load("house.json");
	bench_flows_clear();
	ck_assert_int_eq(reason_of(&ask), REASON_NONE);
	generation = bench_generation();
	ck_assert_int_eq(bench_load_text("{ \"acls\": [ { \"action\": \"drop\" } ] }"), -EINVAL);
	ck_assert_uint_eq(bench_generation(), generation);
	ck_assert_int_eq(reason_of(&ask), REASON_NONE);
}
END_TEST

#define EXPIRES_IN 5 /* seconds */

/* Port 3000 only until then; 3001 by two rules, of which one stays; 3002 for ever. */
static char *expiring_policy(time_t expires)
{
	char at[32];

	strftime(at, sizeof(at), "%FT%TZ", gmtime(&expires));
	return mem_printf("{ \"devices\": { \"imac\": { \"addresses\": [\"10.77.0.2\"] },"
			  " \"vps\": { \"addresses\": [\"10.77.0.3\"] } }, \"acls\": ["
			  "{ \"action\": \"accept\", \"expires\": \"%s\", \"src\": [\"imac\"],"
			  " \"dst\": [\"vps:3000-3001\"] }, "
			  "{ \"action\": \"accept\", \"src\": [\"imac\"],"
			  " \"dst\": [\"vps:3001-3002\"] } ] }",
			  at);
}

static void wait_until(time_t moment)
{
	while (time(NULL) <= moment)
		usleep(50000);
}

/* A rule that expires takes its flows along, and nobody loads anything. */
START_TEST(expiry)
{
	static const struct packet new = TCP(IMAC, VPS, 40001, 3000, SYN);
	static const struct packet brief = ASK(ACK), answer = ANSWER(ACK);
	static const struct packet both = TCP(IMAC, VPS, 40000, 3001, ACK);
	static const struct packet always = TCP(IMAC, VPS, 40000, 3002, ACK);
	time_t expires = time(NULL) + EXPIRES_IN;
	_free_ char *first = expiring_policy(expires + 3600), *text = expiring_policy(expires);
	struct gate_totals flows;

	ck_assert_int_eq(bench_load_text(first), 0);
	bench_flows_clear();
	ck_assert_int_eq(reason_of(&brief), REASON_NONE);
	ck_assert_int_eq(bench_load_text(text), 0); /* and this flow learns of it */
	ck_assert_int_eq(reason_of(&brief), REASON_NONE);
	ck_assert_int_eq(reason_of(&both), REASON_NONE);
	ck_assert_int_eq(reason_of(&always), REASON_NONE);
	flows = bench_totals();
	wait_until(expires);
	ck_assert_int_eq(reason_of(&answer), REASON_REVOKED);
	ck_assert_int_eq(reason_of(&brief), REASON_NO_STATE);
	ck_assert_int_eq(reason_of(&new), REASON_ACL);
	ck_assert_int_eq(reason_of(&both), REASON_NONE);
	ck_assert_int_eq(reason_of(&always), REASON_NONE);
	ck_assert_uint_eq(bench_totals().flows_created, flows.flows_created);
	ck_assert_uint_eq(bench_totals().flows_deleted, flows.flows_deleted + 1);
}
END_TEST

/*
 * A load that was killed before it published may have left flows that bear its number: they must not
 * pass for those of the next.
 */
START_TEST(unpublished)
{
	struct state state = state_get();
	struct gate_policy policy = { .table = bench_table() };
	struct generation killed, next;
	struct ids ids = {};

	bench_load("house.json");
	ck_assert_int_eq(ids_read(&state, &ids), 0);
	policy.ids = &ids;
	ck_assert_int_eq(generation_build(&state, &policy, &killed), 0);
	ck_assert_int_eq(generation_build(&state, &policy, &next), 0);
	ck_assert_uint_gt(killed.number, bench_generation());
	ck_assert_uint_gt(next.number, killed.number);
	bench_load_edited("house.json", &the_same);
	ck_assert_uint_gt(bench_generation(), next.number);
	ids_free(&ids);
}
END_TEST

START_TEST(no_policy)
{
	static const struct packet packets[] = {
		ASK(SYN), CALL(SYN), PING(VPS, ASPIRE, 7), TCP(ROUTER, IMAC, 40000, 22, SYN),
		TCP(IMAC, VPS, 40000, 3000, SYN, LIES({ VERSION, 5 }))
	};
	enum place place = (enum place)_i;

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		for (unsigned int version = 4; version <= 6; version += 2) {
			struct form any = { version, i & 1 ? PACKET_ETHERNET : 0 };
			struct verdict verdict;

			bench_run(&packets[i], place, &any, 0, &verdict);
			ck_assert(!verdict.passed);
			ck_assert_str_eq(reason_name(verdict.reason), "no_policy");
			ck_assert_uint_eq(verdict.bookings, 1);
			ck_assert_uint_eq(verdict.mark & GATE_MARK_MASK, 0);
		}
	}
}
END_TEST

/* Devices with new names, until there are some in the second block of counters. */
START_TEST(blocks)
{
	static const struct packet packet = TCP(IMAC, VPS, 40000, 3000, SYN);
	uint32_t id = 0;

	for (unsigned int i = 0; id < GATE_DEVICES_A_BLOCK + 2; i++) {
		_free_ char *name = mem_printf("late%u", i);
		_free_ char *text = mem_printf(
			"{ \"devices\": { \"%s\": { \"addresses\": [ \"10.77.0.2\" ] } },"
			" \"acls\": [] }",
			name);
		struct verdict verdict;

		ck_assert_int_eq(bench_load_text(text), 0);
		id = bench_device(name);
		bench_run(&packet, AT_INGRESS, &(struct form){ 4, 0 }, 0, &verdict);
		ck_assert_uint_eq(verdict.bookings, 1);
		ck_assert_uint_eq(verdict.device, id);
	}
}
END_TEST

Suite *generation_suite(void)
{
	Suite *suite = suite_create("generation");
	TCase *none = tcase_create("no policy");
	TCase *tcase = tcase_create("policies");

	tcase_add_unchecked_fixture(none, bench_open, bench_close);
	tcase_set_timeout(none, TIMEOUT);
	tcase_add_loop_test(none, no_policy, 0, PLACE_MAX);
	suite_add_tcase(suite, none);
	/* every test loads for itself: what a child loaded, its parent does not know */
	tcase_add_unchecked_fixture(tcase, bench_open, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add_edited(tcase, "house.json", rules, ARRAY_SIZE(rules), ANY_FORM);
	trials_add_edited(tcase, "house.json", devices, ARRAY_SIZE(devices), ANY_FORM);
	tcase_add_test(tcase, revoked_once);
	tcase_add_test(tcase, many_generations);
	tcase_add_test(tcase, credit_moves);
	tcase_add_test(tcase, broken_policy);
	tcase_add_test(tcase, unpublished);
	tcase_add_test(tcase, expiry);
	tcase_add_test(tcase, blocks);
	suite_add_tcase(suite, tcase);
	return suite;
}
