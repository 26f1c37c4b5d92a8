// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What this box translates. Both ports are guarded, and what comes in through one is judged by its
 * real addresses; behind the NAT a learned flow lets its answers in, and where these leave they
 * have the real addresses again.
 */
#include "mem.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

#define DENIED	     DROPS, REASON_ACL
#define NO_STATE     DROPS, REASON_NO_STATE
#define REVOKED	     DROPS, REASON_REVOKED
#define UNKNOWN	     DROPS, REASON_UNKNOWN_SOURCE
#define SPOOFED	     DROPS, REASON_SPOOFED_SOURCE
#define UNIDENTIFIED DROPS, REASON_NAT_UNIDENTIFIED

/* What came in through the guarded LAN port and leaves through wg0. */
#define LAN_TO_WG(...)	     FROM_LAN_MARKED(__VA_ARGS__)
#define LAN_TO_WG_REPLY(...) FROM_LAN_REPLY(__VA_ARGS__)
#define WG_TO_LAN(...)	     TO_ASIDE(__VA_ARGS__)
#define WG_TO_LAN_REPLY(...) TO_ASIDE_REPLY(__VA_ARGS__)

/* Windows calls the iMac; the source is translated to this box's, port 50000. */
#define CALL(FLAGS)	      TCP(WINDOWS, IMAC, 40000, 3000, FLAGS)
#define CALL_OUTSIDE(FLAGS)   TCP(ROUTER, IMAC, 50000, 3000, FLAGS)
#define RETURN_OUTSIDE(FLAGS) TCP(IMAC, ROUTER, 3000, 50000, FLAGS)
#define RETURN(FLAGS)	      TCP(IMAC, WINDOWS, 3000, 40000, FLAGS)
#define CALLED		      IN_ASIDE(CALL(SYN)), LAN_TO_WG(CALL_OUTSIDE(SYN))
#define CONNECTED                                                                  \
	CALLED, IN(RETURN_OUTSIDE(SYN | ACK)), WG_TO_LAN_REPLY(RETURN(SYN | ACK)), \
		IN_ASIDE(CALL(ACK)), LAN_TO_WG(CALL_OUTSIDE(ACK))

/* The same by UDP and echo. */
#define QUERY	      UDP(WINDOWS, IMAC, 40000, 3000)
#define QUERY_OUTSIDE UDP(ROUTER, IMAC, 50000, 3000)
#define REPLY_OUTSIDE UDP(IMAC, ROUTER, 3000, 50000)
#define REPLY	      UDP(IMAC, WINDOWS, 3000, 40000)
#define QUERIED	      IN_ASIDE(QUERY), LAN_TO_WG(QUERY_OUTSIDE)
#define PINGED	      IN_ASIDE(PING(WINDOWS, IMAC, 1)), LAN_TO_WG(PING(ROUTER, IMAC, 9))

/* clang-format off */
static const struct trial source_nat[] = {
	{ "the call comes in", IN_ASIDE(CALL(SYN)), OPENS },
	{ "the call leaves", LAN_TO_WG(CALL_OUTSIDE(SYN)), LEARNS, BEFORE(IN_ASIDE(CALL(SYN))) },
	{ "the answer comes in", IN(RETURN_OUTSIDE(SYN | ACK)), RETURNS, BEFORE(CALLED) },
	{ "the answer leaves", WG_TO_LAN_REPLY(RETURN(SYN | ACK)), LEAVES,
		BEFORE(CALLED, IN(RETURN_OUTSIDE(SYN | ACK))) },
	{ "the caller goes on", IN_ASIDE(CALL(ACK)), PASSES, BEFORE(CONNECTED) },
	{ "the caller goes on, and leaves", LAN_TO_WG(CALL_OUTSIDE(ACK)), PASSES,
		BEFORE(CONNECTED) },
	{ "the answers go on", IN(RETURN_OUTSIDE(ACK)), RETURNS, BEFORE(CONNECTED) },
	{ "the answers go on, and leave", WG_TO_LAN_REPLY(RETURN(ACK)), LEAVES,
		BEFORE(CONNECTED) },
	{ "FIN", LAN_TO_WG(CALL_OUTSIDE(FIN | ACK)), PASSES, BEFORE(CONNECTED) },
	{ "RST back", IN(RETURN_OUTSIDE(RST)), RETURNS, BEFORE(CONNECTED) },
	{ "the call once more", LAN_TO_WG(CALL_OUTSIDE(SYN)), RELEARNS, BEFORE(CALLED) },
	{ "UDP leaves", LAN_TO_WG(QUERY_OUTSIDE), LEARNS, BEFORE(IN_ASIDE(QUERY)) },
	{ "UDP leaves again", LAN_TO_WG(QUERY_OUTSIDE), PASSES, BEFORE(QUERIED) },
	{ "UDP answer", IN(REPLY_OUTSIDE), RETURNS, BEFORE(QUERIED) },
	{ "UDP answer leaves", WG_TO_LAN_REPLY(REPLY), LEAVES, BEFORE(QUERIED, IN(REPLY_OUTSIDE)) },
	{ "echo leaves", LAN_TO_WG(PING(ROUTER, IMAC, 9)), LEARNS,
		BEFORE(IN_ASIDE(PING(WINDOWS, IMAC, 1))) },
	{ "echo reply", IN(PONG(IMAC, ROUTER, 9)), RETURNS, BEFORE(PINGED) },
	{ "echo reply leaves", WG_TO_LAN_REPLY(PONG(IMAC, WINDOWS, 1)), LEAVES, BEFORE(PINGED) },
	{ "echo reply, another identifier", IN(PONG(IMAC, ROUTER, 1)), NO_STATE, BEFORE(PINGED) },
	{ "an error comes in", IN(ABOUT(IMAC, ROUTER, UNREACHABLE, QUERY_OUTSIDE)), RETURNS,
		BEFORE(QUERIED) },
	{ "an error leaves", WG_TO_LAN_REPLY(ABOUT(IMAC, WINDOWS, UNREACHABLE, QUERY)), PASSES,
		BEFORE(QUERIED) },
	{ "an error from a third device", IN(ABOUT(VPS, ROUTER, UNREACHABLE, QUERY_OUTSIDE)),
		NO_STATE, BEFORE(QUERIED) },
	{ "an error from this box", TO_ASIDE_FROM_SELF(ABOUT(ROUTER_LAN, WINDOWS, TIME_EXCEEDED,
		QUERY)), PASSES, BEFORE(IN_ASIDE(QUERY)) },
};

/* A learned flow lets in what answers it, where it answers, and nothing else. */
static const struct trial strict[] = {
	{ "answer to another port", IN(TCP(IMAC, ROUTER, 3000, 50001, SYN | ACK)), NO_STATE,
		BEFORE(CALLED) },
	{ "answer from another port", IN(TCP(IMAC, ROUTER, 3001, 50000, SYN | ACK)), NO_STATE,
		BEFORE(CALLED) },
	{ "answer from a third device", IN(TCP(VPS, ROUTER, 3000, 50000, SYN | ACK)), NO_STATE,
		BEFORE(CALLED) },
	{ "answer from the wrong interface", IN_ASIDE(RETURN_OUTSIDE(SYN | ACK)), SPOOFED,
		BEFORE(CALLED) },
	{ "answer from elsewhere", FROM_ELSEWHERE(RETURN_OUTSIDE(SYN | ACK)), SPOOFED,
		BEFORE(CALLED) },
	{ "SYN against it", IN(RETURN_OUTSIDE(SYN)), NO_STATE, BEFORE(CALLED) },
	{ "SYN against it, when it is closing", IN(RETURN_OUTSIDE(SYN)), DENIED,
		BEFORE(CONNECTED, LAN_TO_WG(CALL_OUTSIDE(RST))) },
	{ "answer before anything left", IN(RETURN_OUTSIDE(SYN | ACK)), NO_STATE,
		BEFORE(IN_ASIDE(CALL(SYN))) },
	{ "answer with the real address", IN(RETURN(SYN | ACK)), ANSWERS, BEFORE(CALLED) },
	{ "answer that would make a flow", WG_TO_LAN_REPLY(RETURN(ACK)), NO_STATE },
	{ "answer that leaves with another address", WG_TO_LAN_REPLY(TCP(IMAC, WINDOWS, 3000, 40001,
		ACK)), NO_STATE, BEFORE(CONNECTED) },
	{ "call of this box on its tuple", FROM_SELF(CALL_OUTSIDE(ACK)), NO_STATE,
		BEFORE(CALLED) },
	{ "call from elsewhere on its tuple", FROM_ELSEWHERE(CALL_OUTSIDE(ACK)), UNIDENTIFIED,
		BEFORE(CALLED) },
	{ "its tuple comes in", IN(CALL_OUTSIDE(ACK)), SPOOFED, BEFORE(CALLED) },
	{ "its tuple, unmarked", FROM_LAN(CALL_OUTSIDE(ACK)), SPOOFED, BEFORE(CALLED) },
	{ "E1: SYN-ACK makes none", LAN_TO_WG(PONG(ROUTER, IMAC, 9)), NO_STATE,
		.counted = NOBODY },
	{ "E1: a redirect makes none", LAN_TO_WG(ICMP(ROUTER, IMAC, REDIRECT)), NO_STATE,
		.counted = NOBODY },
};

#define MINUTE 60
#define DAY    (24 * 60 * MINUTE)

static const struct trial lifetime[] = {
	{ "handshake within 30 s", IN(RETURN_OUTSIDE(SYN | ACK), .later = 29), RETURNS,
		BEFORE(CALLED) },
	{ "handshake after 30 s", IN(RETURN_OUTSIDE(SYN | ACK), .later = 31), NO_STATE,
		BEFORE(CALLED) },
	{ "established within a day", IN(RETURN_OUTSIDE(ACK), .later = DAY - MINUTE), RETURNS,
		BEFORE(CONNECTED) },
	{ "established after a day", IN(RETURN_OUTSIDE(ACK), .later = DAY + MINUTE), NO_STATE,
		BEFORE(CONNECTED) },
	/* sooner than conntrack forgets it, for then the answer would be for this box */
	{ "UDP within 29 s", IN(REPLY_OUTSIDE, .later = 28), RETURNS, BEFORE(QUERIED) },
	{ "UDP after 29 s", IN(REPLY_OUTSIDE, .later = 30), DENIED, BEFORE(QUERIED) },
	{ "UDP, answers do not refresh", IN(REPLY_OUTSIDE, .later = 28), DENIED,
		BEFORE(QUERIED, IN(REPLY_OUTSIDE), IN(REPLY_OUTSIDE, .later = 28)) },
	{ "UDP, calls refresh", IN(REPLY_OUTSIDE, .later = 28), RETURNS,
		BEFORE(QUERIED, IN(REPLY_OUTSIDE), LAN_TO_WG(QUERY_OUTSIDE, .later = 28)) },
	{ "learned anew", LAN_TO_WG(QUERY_OUTSIDE, .later = 61), RELEARNS, BEFORE(QUERIED) },
	{ "the judged flow is over", WG_TO_LAN_REPLY(REPLY, .later = 61), NO_STATE,
		BEFORE(QUERIED) },
};

/* The iMac calls port 8080 of this box; that is port 80 of Windows. */
#define VISIT(FLAGS)	    TCP(IMAC, ROUTER, 40000, 8080, FLAGS)
#define VISIT_INSIDE(FLAGS) TCP(IMAC, WINDOWS, 40000, 80, FLAGS)
#define SERVE_INSIDE(FLAGS) TCP(WINDOWS, IMAC, 80, 40000, FLAGS)
#define SERVE(FLAGS)	    TCP(ROUTER, IMAC, 8080, 40000, FLAGS)
#define VISITED		    IN(VISIT(SYN)), WG_TO_LAN(VISIT_INSIDE(SYN))

/* ... and what it fetches from the internet is Windows' as well. */
#define FETCH(FLAGS)	    TCP(IMAC, WEB, 40000, 443, FLAGS)
#define FETCH_INSIDE(FLAGS) TCP(IMAC, WINDOWS, 40000, 443, FLAGS)
#define PAGE_INSIDE(FLAGS)  TCP(WINDOWS, IMAC, 443, 40000, FLAGS)
#define PAGE(FLAGS)	    TCP(WEB, IMAC, 443, 40000, FLAGS)

static const struct trial destination_nat[] = {
	{ "the visit comes in", IN(VISIT(SYN)), OPENS },
	{ "the visit leaves", WG_TO_LAN(VISIT_INSIDE(SYN)), LEARNS, BEFORE(IN(VISIT(SYN))) },
	{ "the answer comes in", IN_ASIDE(SERVE_INSIDE(SYN | ACK)), RETURNS, BEFORE(VISITED) },
	{ "the answer leaves", LAN_TO_WG_REPLY(SERVE(SYN | ACK)), LEAVES,
		BEFORE(VISITED, IN_ASIDE(SERVE_INSIDE(SYN | ACK))) },
	{ "the visitor goes on", WG_TO_LAN(VISIT_INSIDE(ACK)), PASSES,
		BEFORE(VISITED, IN_ASIDE(SERVE_INSIDE(SYN | ACK))) },
	{ "an error comes in", IN_ASIDE(ABOUT(WINDOWS, IMAC, UNREACHABLE, VISIT_INSIDE(SYN))),
		RETURNS, BEFORE(VISITED) },
	{ "an error leaves", LAN_TO_WG_REPLY(ABOUT(ROUTER, IMAC, UNREACHABLE, VISIT(SYN))), PASSES,
		BEFORE(VISITED) },
	{ "an error about a visit that was not", LAN_TO_WG_REPLY(ABOUT(ROUTER, IMAC, UNREACHABLE,
		VISIT(SYN))), NO_STATE },
	{ "an error of another about the visit", LAN_TO_WG_REPLY(ABOUT(WINDOWS, IMAC, UNREACHABLE,
		VISIT(SYN))), NO_STATE, BEFORE(VISITED) },
	{ "directly, no rule", IN(VISIT_INSIDE(SYN)), DENIED },
	{ "directly, no rule, with the learned flow", IN(VISIT_INSIDE(SYN)), DENIED,
		BEFORE(VISITED) },
	{ "directly, mid-stream", IN(VISIT_INSIDE(ACK)), NO_STATE, BEFORE(VISITED) },
	{ "directly, in place of what was learned", IN(TCP(VPS, WINDOWS, 40000, 80, SYN)), REOPENS,
		BEFORE(WG_TO_LAN(TCP(VPS, WINDOWS, 40000, 80, SYN))) },
	{ "directly, mid-stream, in its place", IN(TCP(VPS, WINDOWS, 40000, 80, ACK)), REOPENS,
		BEFORE(WG_TO_LAN(TCP(VPS, WINDOWS, 40000, 80, SYN))) },
	{ "Windows opens on its ports", IN_ASIDE(SERVE_INSIDE(SYN)), NO_STATE, BEFORE(VISITED) },
	{ "Windows answers another", IN_ASIDE(TCP(WINDOWS, VPS, 80, 40000, SYN | ACK)), NO_STATE,
		BEFORE(VISITED) },
	{ "internet address: the answer comes in", IN_ASIDE(PAGE_INSIDE(SYN | ACK)), RETURNS,
		BEFORE(IN(FETCH(SYN)), WG_TO_LAN(FETCH_INSIDE(SYN))) },
	{ "internet address: the answer leaves", LAN_TO_WG_REPLY(PAGE(SYN | ACK)), LEAVES,
		BEFORE(IN(FETCH(SYN)), WG_TO_LAN(FETCH_INSIDE(SYN)),
		IN_ASIDE(PAGE_INSIDE(SYN | ACK))), .counted = NOBODY },
	{ "the box's own answer", FROM_SELF(SERVE(SYN | ACK)), PASSES, BEFORE(IN(VISIT(SYN))) },
	{ "a container behind an unguarded interface answers", FROM_ELSEWHERE(SERVE(SYN | ACK)),
		PASSES, BEFORE(IN(VISIT(SYN))) },
	/* somebody who takes our address, which IPv6 does not refuse */
	{ "... what the box has answered itself", FROM_ELSEWHERE(SERVE(ACK)), UNIDENTIFIED,
		BEFORE(IN(VISIT(SYN)), FROM_SELF(SERVE(SYN | ACK))) },
};

static const struct trial attribution[] = {
	{ "the first packet counts as those behind it", WG_TO_LAN(VISIT_INSIDE(SYN)), LEARNS,
		BEFORE(IN(VISIT(SYN))), .counted = "imac" },
	{ "... which count for its device", WG_TO_LAN(VISIT_INSIDE(ACK)), PASSES, BEFORE(VISITED) },
};

#define EDITED(FROM, TO) .edit = { FROM, TO }
#define THE_SAME	 EDITED("imac:3000", "imac:3000")
#define WITHOUT_3000	 EDITED("imac:3000", "imac:3001")
#define WITHOUT_8080	 EDITED("router:8080", "router:8081")

static const struct trial loads[] = {
	{ "nothing changes", IN_ASIDE(CALL(ACK)), PASSES, BEFORE(CONNECTED), THE_SAME },
	{ "nothing changes, leaves", LAN_TO_WG(CALL_OUTSIDE(ACK)), PASSES, BEFORE(CONNECTED),
		THE_SAME },
	{ "nothing changes, answer", IN(RETURN_OUTSIDE(ACK)), RETURNS, BEFORE(CONNECTED),
		THE_SAME },
	{ "nothing changes, answer leaves", WG_TO_LAN_REPLY(RETURN(ACK)), LEAVES,
		BEFORE(CONNECTED), THE_SAME },
	{ "rule gone: the call dies where it comes in", IN_ASIDE(CALL(ACK)), REVOKED,
		BEFORE(CONNECTED), WITHOUT_3000 },
	{ "rule gone: the answer comes in", IN(RETURN_OUTSIDE(ACK)), RETURNS, BEFORE(CONNECTED),
		WITHOUT_3000 },
	{ "rule gone: the answer dies where it leaves", WG_TO_LAN_REPLY(RETURN(ACK)), REVOKED,
		BEFORE(CONNECTED), WITHOUT_3000 },
	{ "rule gone: a new call", IN_ASIDE(CALL(SYN)), DENIED, BEFORE(CONNECTED), WITHOUT_3000 },
	{ "rule gone: an error dies where it leaves", WG_TO_LAN_REPLY(ABOUT(IMAC, WINDOWS,
		UNREACHABLE, QUERY)), REVOKED, BEFORE(QUERIED), WITHOUT_3000 },
	{ "rule of the visit gone", IN(VISIT(ACK)), REVOKED, BEFORE(VISITED), WITHOUT_8080 },
	{ "rule of the visit gone: the answer leaves", LAN_TO_WG_REPLY(SERVE(ACK)), REVOKED,
		BEFORE(VISITED), WITHOUT_8080, .counted = NOBODY },
	{ "rule of the visit gone: a late packet on its way", WG_TO_LAN(VISIT_INSIDE(ACK)), PASSES,
		BEFORE(VISITED), WITHOUT_8080 },
};

/* What hides behind this box's address, and comes from an unguarded interface, is Windows. */
#define MASKED(PORT, FLAGS)	   TCP(ROUTER, IMAC, 50000, PORT, FLAGS)
#define TO_MASKED(PORT, FLAGS)	   TCP(IMAC, ROUTER, PORT, 50000, FLAGS)
#define AS_WINDOWS .counted = "windows"

static const struct trial nat_as[] = {
	{ "allowed", FROM_LAN(MASKED(3000, SYN)), OPENS, AS_WINDOWS },
	{ "allowed, from any other interface", FROM_ELSEWHERE(MASKED(3000, SYN)), OPENS,
		AS_WINDOWS },
	{ "allowed, UDP", FROM_LAN(UDP(ROUTER, IMAC, 50000, 3000)), OPENS, AS_WINDOWS },
	{ "allowed, echo", FROM_LAN(PING(ROUTER, IMAC, 7)), OPENS, AS_WINDOWS },
	{ "refused", FROM_LAN(MASKED(3002, SYN)), DENIED, AS_WINDOWS },
	{ "what is this box's is not Windows'", FROM_LAN(MASKED(22, SYN)), DENIED, AS_WINDOWS },
	{ "what is Azure's is not Windows'", FROM_LAN(MASKED(3001, SYN)), DENIED, AS_WINDOWS },
	{ "mid-stream, refused", FROM_LAN(MASKED(3002, ACK)), NO_STATE, AS_WINDOWS },
	{ "answered", IN(TO_MASKED(3000, SYN | ACK)), ANSWERS,
		BEFORE(FROM_LAN(MASKED(3000, SYN))) },
	{ "goes on", FROM_LAN(MASKED(3000, ACK)), PASSES,
		BEFORE(FROM_LAN(MASKED(3000, SYN)), IN(TO_MASKED(3000, SYN | ACK))), AS_WINDOWS },
	{ "goes on, from elsewhere", FROM_ELSEWHERE(MASKED(3000, ACK)), PASSES,
		BEFORE(FROM_LAN(MASKED(3000, SYN))), AS_WINDOWS },
	{ "with its own address", FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN)), OPENS },
	{ "this box is itself", FROM_SELF(MASKED(22, SYN)), OPENS },
	{ "this box is not Windows", FROM_SELF(MASKED(3000, SYN)), DENIED },
	{ "comes in", IN(MASKED(3000, SYN)), SPOOFED },
	{ "from wg0, unmarked", UNMARKED(MASKED(3000, SYN)), SPOOFED },
	{ "a container that the iMac asked answers", FROM_LAN(UDP(ROUTER, IMAC, 53, 40000)), PASSES,
		BEFORE(IN(UDP(IMAC, ROUTER, 40000, 53))) },
	{ "on a flow of this box itself", FROM_LAN(MASKED(22, ACK)), NO_STATE,
		BEFORE(FROM_SELF(MASKED(22, SYN))), AS_WINDOWS },
};

static const struct trial nat_as_loads[] = {
	{ "nothing changes", FROM_LAN(MASKED(3000, ACK)), PASSES,
		BEFORE(FROM_LAN(MASKED(3000, SYN))), THE_SAME, AS_WINDOWS },
	{ "nothing changes, answer", IN(TO_MASKED(3000, ACK)), ANSWERS,
		BEFORE(FROM_LAN(MASKED(3000, SYN))), THE_SAME },
	{ "rule gone", FROM_LAN(MASKED(3000, ACK)), REVOKED, BEFORE(FROM_LAN(MASKED(3000, SYN))),
		WITHOUT_3000, AS_WINDOWS },
	{ "rule gone, answer", IN(TO_MASKED(3000, ACK)), REVOKED,
		BEFORE(FROM_LAN(MASKED(3000, SYN))), WITHOUT_3000 },
	{ "another device is meant", FROM_LAN(MASKED(3000, ACK)), REVOKED,
		BEFORE(FROM_LAN(MASKED(3000, SYN))),
		EDITED("\"natAs\": \"windows\"", "\"natAs\": \"azure\""), AS_WINDOWS },
	{ "another device is meant, its rule", FROM_LAN(MASKED(3001, SYN)), OPENS,
		EDITED("\"natAs\": \"windows\"", "\"natAs\": \"azure\""), .counted = "azure" },
	{ "nobody is meant", FROM_LAN(MASKED(3000, SYN)), UNIDENTIFIED,
		EDITED(", \"natAs\": \"windows\"", "") },
	{ "nobody is meant any more", FROM_LAN(MASKED(3000, ACK)), REVOKED,
		BEFORE(FROM_LAN(MASKED(3000, SYN))), EDITED(", \"natAs\": \"windows\"", ""),
		AS_WINDOWS },
	{ "nobody is meant any more, answer", IN(TO_MASKED(3000, ACK)), REVOKED,
		BEFORE(FROM_LAN(MASKED(3000, SYN))), EDITED(", \"natAs\": \"windows\"", "") },
	{ "this box goes on", FROM_SELF(MASKED(22, ACK)), PASSES,
		BEFORE(FROM_SELF(MASKED(22, SYN))), EDITED(", \"natAs\": \"windows\"", "") },
};
/* clang-format on */

static const struct form form = { 4, 0 };

static enum reason reason_of(const struct packet *packet, enum place place)
{
	struct verdict verdict;

	bench_run(packet, place, &form, 0, &verdict);
	return verdict.passed ? REASON_NONE : verdict.reason;
}

/* A fragment of what is learned is in the same quota however often its identifier is used. */
START_TEST(fragment_of_learned)
{
	static const struct packet first = UDP(ROUTER, IMAC, 50000, 3000, .body = 16, FIRST(7));

	bench_flows_clear();
	ck_assert_int_eq(reason_of(&first, AT_EGRESS_LAN_MARKED), REASON_NONE);
	ck_assert(bench_quotas_are_exact());
	ck_assert_int_eq(reason_of(&first, AT_EGRESS_LAN_MARKED), REASON_NONE);
	ck_assert_uint_eq(bench_fragments(), 1);
	ck_assert(bench_quotas_are_exact());
}
END_TEST

/* The answer of a call that was revoked ends it, and is then part of nothing. */
START_TEST(revoked_then_gone)
{
	static const struct edit without_3000 = { "imac:3000", "imac:3001" };
	static const struct packet call = CALL(SYN), call_outside = CALL_OUTSIDE(SYN);
	static const struct packet answer_outside = RETURN_OUTSIDE(SYN | ACK);
	static const struct packet answer = RETURN(SYN | ACK);

	bench_load("lan.json");
	bench_flows_clear();
	ck_assert_int_eq(reason_of(&call, AT_INGRESS_ASIDE), REASON_NONE);
	ck_assert_int_eq(reason_of(&call_outside, AT_EGRESS_LAN_MARKED), REASON_NONE);
	bench_load_edited("lan.json", &without_3000);
	for (int again = 0; again < 2; again++) {
		ck_assert_int_eq(reason_of(&answer_outside, AT_INGRESS), REASON_NONE);
		ck_assert_int_eq(reason_of(&answer, AT_ASIDE_REPLY),
				 again ? REASON_NO_STATE : REASON_REVOKED);
	}
	ck_assert_int_eq(reason_of(&call, AT_INGRESS_ASIDE), REASON_ACL);
	bench_flows_age(31);
	ck_assert_int_eq(reason_of(&answer_outside, AT_INGRESS), REASON_NO_STATE);
}
END_TEST

/*
 * A port that this box publishes, of a container behind an interface that is not guarded: its answers
 * come from there, with our address.
 */
#define ASKED	     IN(UDP(IMAC, ROUTER, 40000, 53))
#define ANSWER	     UDP(ROUTER, IMAC, 53, 40000)
#define ASKED_UDP    UDP(IMAC, ROUTER, 40000, 53)
#define CLOSED(BY)   ABOUT(BY, IMAC, UNREACHABLE, ASKED_UDP)

static const struct trial published[] = {
	{ "the answer of a container", FROM_LAN(ANSWER), PASSES, BEFORE(ASKED) },
	{ "... again", FROM_LAN(ANSWER), PASSES, BEFORE(ASKED, FROM_LAN(ANSWER)) },
	{ "... to a question of nobody", FROM_LAN(ANSWER), UNIDENTIFIED },
	{ "... from another port", FROM_LAN(UDP(ROUTER, IMAC, 54, 40000)), UNIDENTIFIED,
		BEFORE(ASKED) },
	{ "... that this box has answered itself", FROM_LAN(ANSWER), UNIDENTIFIED,
		BEFORE(ASKED, FROM_SELF(ANSWER)) },
	{ "this box, after a container", FROM_SELF(ANSWER), PASSES,
		BEFORE(ASKED, FROM_LAN(ANSWER)) },
	{ "a question of a container", FROM_LAN(UDP(ROUTER, IMAC, 53, 22)), UNIDENTIFIED },
	{ "what this box asked, gone on by a container", FROM_LAN(TCP(ROUTER, IMAC, 40000, 22, ACK)),
		UNIDENTIFIED, BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN))) },
	{ "a container says that its port is closed", FROM_LAN(CLOSED(ROUTER)), PASSES,
		BEFORE(ASKED) },
	{ "... about what this box has answered", FROM_LAN(CLOSED(ROUTER)), UNIDENTIFIED,
		BEFORE(ASKED, FROM_SELF(ANSWER)) },
	{ "... about what nobody asked", FROM_LAN(CLOSED(ROUTER)), UNIDENTIFIED },
};

/* A load does not forget who has answered. */
static const struct trial published_loads[] = {
	{ "the answer of a container", FROM_LAN(ANSWER), PASSES, BEFORE(ASKED, FROM_LAN(ANSWER)),
		.edit = { "imac:22", "imac:23" } },
	{ "... that this box has answered itself", FROM_LAN(ANSWER), UNIDENTIFIED,
		BEFORE(ASKED, FROM_SELF(ANSWER)), .edit = { "imac:22", "imac:23" } },
	{ "this box goes on", FROM_SELF(ANSWER), PASSES, BEFORE(ASKED, FROM_SELF(ANSWER)),
		.edit = { "imac:22", "imac:23" } },
};

static void setup_house(void)
{
	bench_open();
	bench_load("house.json");
}

static void setup_lan(void)
{
	bench_open();
	bench_load("lan.json");
}

static void setup_nat_as(void)
{
	bench_open();
	bench_load("nat-as.json");
}

Suite *nat_suite(void)
{
	Suite *suite = suite_create("nat");
	TCase *lan = tcase_create("lan"), *as = tcase_create("nat as");
	TCase *policies = tcase_create("policies"), *house = tcase_create("published");

	tcase_add_unchecked_fixture(house, setup_house, bench_close);
	tcase_set_timeout(house, TIMEOUT);
	trials_add(house, published, ARRAY_SIZE(published), ANY_FORM);
	suite_add_tcase(suite, house);
	tcase_add_unchecked_fixture(lan, setup_lan, bench_close);
	tcase_set_timeout(lan, TIMEOUT);
	trials_add(lan, source_nat, ARRAY_SIZE(source_nat), ANY_FORM);
	trials_add(lan, strict, ARRAY_SIZE(strict), ANY_FORM);
	trials_add(lan, lifetime, ARRAY_SIZE(lifetime), ANY_FORM);
	trials_add(lan, destination_nat, ARRAY_SIZE(destination_nat), ANY_FORM);
	trials_add(lan, attribution, ARRAY_SIZE(attribution), ANY_FORM);
	tcase_add_test(lan, fragment_of_learned);
	suite_add_tcase(suite, lan);
	tcase_add_unchecked_fixture(as, setup_nat_as, bench_close);
	tcase_set_timeout(as, TIMEOUT);
	trials_add(as, nat_as, ARRAY_SIZE(nat_as), ANY_FORM);
	suite_add_tcase(suite, as);
	tcase_add_unchecked_fixture(policies, bench_open, bench_close);
	tcase_set_timeout(policies, TIMEOUT);
	trials_add_edited(policies, "lan.json", loads, ARRAY_SIZE(loads), ANY_FORM);
	trials_add_edited(policies, "nat-as.json", nat_as_loads, ARRAY_SIZE(nat_as_loads),
			  ANY_FORM);
	trials_add_edited(policies, "house.json", published_loads, ARRAY_SIZE(published_loads),
			  ANY_FORM);
	tcase_add_test(policies, revoked_then_gone);
	suite_add_tcase(suite, policies);
	return suite;
}
