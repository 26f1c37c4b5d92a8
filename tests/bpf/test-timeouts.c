// SPDX-License-Identifier: GPL-2.0-or-later
/* The seven timeouts that a policy may set: each alone, in time and late; the others stay. */
#include <unistd.h>

#include "mem.h"
#include "suites.h"
#include "trial.h"

#define DENIED	   DROPS, REASON_ACL
#define NO_STATE   DROPS, REASON_NO_STATE
#define FRAGMENTED DROPS, REASON_FRAGMENT

#define ASK(FLAGS)    TCP(IMAC, VPS, 40000, 3000, FLAGS)
#define ANSWER(FLAGS) TCP(VPS, IMAC, 3000, 40000, FLAGS)
#define ASKED	      IN(ASK(SYN))
#define CONNECTED     ASKED, IN(ANSWER(SYN | ACK)), IN(ASK(ACK))
#define CLOSING	      CONNECTED, IN(ASK(FIN | ACK))

#define QUERY	   UDP(IMAC, ASPIRE, 40000, 53)
#define REPLY	   UDP(ASPIRE, IMAC, 53, 40000)
#define TUNNEL	   RAW(IMAC, VPS, IPPROTO_GRE)
#define BACK	   RAW(VPS, IMAC, IPPROTO_GRE)
#define PARTED	   IN(UDP(IMAC, ASPIRE, 40000, 53, .body = 16, FIRST(7)))
#define QUERY_PART LATER(IMAC, ASPIRE, IPPROTO_UDP, 7, 24, 0, 8)

/* Seconds, or as text. */
#define SET(NAME, VALUE) \
	.edit = { "\"devices\"", "\"timeouts\": { \"" NAME "\": " VALUE " }, \"devices\"" }

/* clang-format off */
static const struct trial each[] = {
	{ "handshake, in time", IN(ANSWER(SYN | ACK), .later = 4), ANSWERS, BEFORE(ASKED),
		SET("tcpHandshake", "5") },
	{ "handshake, late", IN(ANSWER(SYN | ACK), .later = 6), NO_STATE, BEFORE(ASKED),
		SET("tcpHandshake", "5") },
	{ "handshake: established is another", IN(ANSWER(ACK), .later = 6), ANSWERS,
		BEFORE(CONNECTED), SET("tcpHandshake", "5") },
	{ "handshake: closing is another", IN(ANSWER(ACK), .later = 6), ANSWERS, BEFORE(CLOSING),
		SET("tcpHandshake", "5") },
	{ "handshake: UDP is another", IN(REPLY, .later = 6), ANSWERS, BEFORE(IN(QUERY)),
		SET("tcpHandshake", "5") },
	{ "longer handshake", IN(ANSWER(SYN | ACK), .later = 100), ANSWERS, BEFORE(ASKED),
		SET("tcpHandshake", "\"2m\"") },
	{ "longer handshake, late", IN(ANSWER(SYN | ACK), .later = 121), NO_STATE, BEFORE(ASKED),
		SET("tcpHandshake", "\"2m\"") },
	{ "established, in time", IN(ANSWER(ACK), .later = 4), ANSWERS, BEFORE(CONNECTED),
		SET("tcpEstablished", "5") },
	{ "established, late", IN(ANSWER(ACK), .later = 6), NO_STATE, BEFORE(CONNECTED),
		SET("tcpEstablished", "5") },
	{ "established: the opener refreshes", IN(ANSWER(ACK), .later = 4), ANSWERS,
		BEFORE(CONNECTED, IN(ASK(ACK), .later = 4)), SET("tcpEstablished", "5") },
	{ "established, late: the opener begins anew", IN(ASK(SYN), .later = 6), REOPENS,
		BEFORE(CONNECTED), SET("tcpEstablished", "5") },
	{ "established, late: the opener goes on", IN(ASK(ACK), .later = 6), REOPENS,
		BEFORE(CONNECTED), SET("tcpEstablished", "5") },
	{ "established: handshake is another", IN(ANSWER(SYN | ACK), .later = 6), ANSWERS,
		BEFORE(ASKED), SET("tcpEstablished", "5") },
	{ "established, E1", FORWARDED(ASK(ACK), .later = 6), RELEARNS, BEFORE(CONNECTED),
		SET("tcpEstablished", "5") },
	{ "established: error about it, late", IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(ACK)),
		.later = 6), NO_STATE, BEFORE(CONNECTED), SET("tcpEstablished", "5") },
	{ "closing, in time", IN(ANSWER(ACK), .later = 4), ANSWERS, BEFORE(CLOSING),
		SET("tcpClosing", "5") },
	{ "closing, late", IN(ANSWER(ACK), .later = 6), NO_STATE, BEFORE(CLOSING),
		SET("tcpClosing", "5") },
	{ "closing: handshake is another", IN(ANSWER(SYN | ACK), .later = 6), ANSWERS,
		BEFORE(ASKED), SET("tcpClosing", "5") },
	{ "UDP, in time", IN(REPLY, .later = 4), ANSWERS, BEFORE(IN(QUERY)), SET("udp", "5") },
	{ "UDP, late", IN(REPLY, .later = 6), DENIED, BEFORE(IN(QUERY)), SET("udp", "5") },
	{ "UDP: answered is another", IN(REPLY, .later = 6), ANSWERS, BEFORE(IN(QUERY), IN(REPLY)),
		SET("udp", "5") },
	{ "UDP: GRE is the same", IN(BACK, .later = 6), DENIED, BEFORE(IN(TUNNEL)),
		SET("udp", "5") },
	{ "UDP: the rest of a datagram", IN(QUERY_PART, .later = 6), NO_STATE, BEFORE(PARTED),
		SET("udp", "5") },
	{ "answered, in time", IN(REPLY, .later = 4), ANSWERS, BEFORE(IN(QUERY), IN(REPLY)),
		SET("udpAnswered", "5") },
	{ "answered, late", IN(REPLY, .later = 6), DENIED, BEFORE(IN(QUERY), IN(REPLY)),
		SET("udpAnswered", "5") },
	{ "answered: UDP is another", IN(REPLY, .later = 6), ANSWERS, BEFORE(IN(QUERY)),
		SET("udpAnswered", "5") },
	{ "answered: GRE is the same", IN(BACK, .later = 6), DENIED, BEFORE(IN(TUNNEL), IN(BACK)),
		SET("udpAnswered", "5") },
	{ "echo, in time", IN(PONG(ASPIRE, VPS, 7), .later = 4), ANSWERS,
		BEFORE(IN(PING(VPS, ASPIRE, 7))), SET("echo", "5") },
	{ "echo, late", IN(PONG(ASPIRE, VPS, 7), .later = 6), NO_STATE,
		BEFORE(IN(PING(VPS, ASPIRE, 7))), SET("echo", "5") },
	{ "echo, answered, late", IN(PONG(ASPIRE, VPS, 7), .later = 6), NO_STATE,
		BEFORE(IN(PING(VPS, ASPIRE, 7)), IN(PONG(ASPIRE, VPS, 7))), SET("echo", "5") },
	{ "fragments, in time", IN(QUERY_PART, .later = 4), PASSES, BEFORE(PARTED),
		SET("fragments", "5") },
	{ "fragments, late", IN(QUERY_PART, .later = 6), FRAGMENTED, BEFORE(PARTED),
		SET("fragments", "5") },
	{ "fragments: their flow lives on", IN(REPLY, .later = 6), ANSWERS, BEFORE(PARTED),
		SET("fragments", "5") },
	{ "fragments, longer, in time", IN(QUERY_PART, .later = 50), PASSES, BEFORE(PARTED),
		SET("fragments", "55") },
};
/* clang-format on */

static const struct form form = { 4, 0 };

/* The collector goes by the same numbers. */
START_TEST(collected)
{
	static const struct edit short_udp = {
		"\"devices\"", "\"timeouts\": { \"udp\": 5, \"fragments\": 5 }, \"devices\""
	};
	static const struct packet first = UDP(IMAC, ASPIRE, 40000, 53, .body = 16, FIRST(7));
	static const struct packet ask = ASK(SYN);

	bench_load_edited("house.json", &short_udp);
	bench_flows_clear();
	ck_assert(bench_passes(&first, AT_INGRESS, &form));
	ck_assert(bench_passes(&ask, AT_INGRESS, &form));
	bench_flows_age(6);
	bench_collector_start();
	for (int tenths = 0; tenths < 100 && bench_flows() + bench_fragments() > 1; tenths++)
		usleep(100000);
	ck_assert_uint_eq(bench_fragments(), 0);
	ck_assert_uint_eq(bench_flows(), 1);
	ck_assert_uint_eq(bench_quota(bench_device("imac")), 1);
	ck_assert(bench_quotas_are_exact());
}
END_TEST

Suite *timeouts_suite(void)
{
	Suite *suite = suite_create("timeouts");
	TCase *tcase = tcase_create("timeouts");

	tcase_add_unchecked_fixture(tcase, bench_open, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add_edited(tcase, "house.json", each, ARRAY_SIZE(each), ANY_FORM);
	tcase_add_test(tcase, collected);
	suite_add_tcase(suite, tcase);
	return suite;
}
