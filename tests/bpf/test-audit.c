// SPDX-License-Identifier: GPL-2.0-or-later
/* In audit mode, what only the policy refuses is told and passes. Everything else is as ever. */
#include "mem.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

#define UNAPPROVED   DROPS, REASON_UNAPPROVED
#define UNKNOWN	     DROPS, REASON_UNKNOWN_SOURCE
#define SPOOFED	     DROPS, REASON_SPOOFED_SOURCE
#define UNIDENTIFIED DROPS, REASON_NAT_UNIDENTIFIED
#define FRAGMENTED   DROPS, REASON_FRAGMENT
#define MALFORMED    DROPS, REASON_MALFORMED
#define DENIED	     AUDITED, REASON_ACL
#define NO_STATE     AUDITED, REASON_NO_STATE
#define REVOKED	     AUDITED, REASON_REVOKED

#define EDITED(FROM, TO) .edit = { FROM, TO }
#define AUDIT		 EDITED("\"devices\"", "\"mode\": \"audit\", \"devices\"")
#define ENFORCE		 EDITED("\"devices\"", "\"mode\": \"enforce\", \"devices\"")
#define AUDIT_WITHOUT_CALLS                                                          \
	EDITED("\"acls\": [\n\t\t{ \"action\": \"accept\", \"src\": [\"windows\"],", \
	       "\"mode\": \"audit\", \"acls\": ["                                    \
	       "{ \"action\": \"accept\", \"src\": [\"azure\"],")

#define ASK(FLAGS, ...)	 TCP(IMAC, VPS, 40000, 3000, FLAGS, __VA_ARGS__)
#define ANSWER(FLAGS)	 TCP(VPS, IMAC, 3000, 40000, FLAGS)
#define SCAN(FLAGS, ...) TCP(IMAC, VPS, 40000, 22, FLAGS, __VA_ARGS__)
#define ECHOED(FLAGS)	 TCP(VPS, IMAC, 22, 40000, FLAGS)
#define CALL(FLAGS)	 TCP(WINDOWS, IMAC, 40000, 3000, FLAGS)
#define RETURN(FLAGS)	 TCP(IMAC, WINDOWS, 3000, 40000, FLAGS)
#define CALLED		 BEFORE(FROM_LAN(CALL(SYN)), IN(RETURN(SYN | ACK)))

/* clang-format off */
static const struct trial softened[] = {
	{ "allowed", IN(ASK(SYN)), OPENS, AUDIT },
	{ "part of a flow", IN(ASK(ACK)), PASSES, BEFORE(IN(ASK(SYN))), AUDIT },
	{ "answer", IN(ANSWER(SYN | ACK)), ANSWERS, BEFORE(IN(ASK(SYN))), AUDIT },
	{ "no rule", IN(SCAN(SYN)), DENIED, AUDIT },
	{ "no rule, UDP", IN(UDP(IMAC, VPS, 40000, 22)), DENIED, AUDIT },
	{ "no rule, echo", IN(PING(IMAC, VPS, 7)), DENIED, AUDIT },
	{ "no rule, GRE", IN(RAW(VPS, IMAC, IPPROTO_GRE)), DENIED, AUDIT },
	{ "no rule, from the LAN", FROM_LAN(TCP(WINDOWS, IMAC, 40000, 22, SYN)), DENIED, AUDIT },
	{ "no rule, from this box", FROM_SELF(TCP(ROUTER, IMAC, 40000, 23, SYN)), DENIED, AUDIT },
	{ "no rule, unmarked", UNMARKED(SCAN(SYN)), DENIED, AUDIT },
	{ "no flow, mid-stream", IN(SCAN(ACK)), NO_STATE, AUDIT },
	{ "no flow, answer", IN(ECHOED(SYN | ACK)), NO_STATE, AUDIT },
	{ "no flow, RST", IN(ECHOED(RST)), NO_STATE, AUDIT },
	{ "no flow, echo reply", IN(PONG(VPS, IMAC, 7)), NO_STATE, AUDIT },
	{ "no flow, error", IN(ABOUT(VPS, IMAC, UNREACHABLE, SCAN(SYN))), NO_STATE, AUDIT },
	{ "no flow, redirect", IN(ICMP(VPS, IMAC, REDIRECT)), NO_STATE, AUDIT },
	{ "SYN against a flow", IN(ANSWER(SYN)), NO_STATE, BEFORE(IN(ASK(SYN))), AUDIT },
	{ "E1: audited at ingress", FORWARDED_REPLY(SCAN(SYN)), NO_STATE, AUDIT },
	{ "E1: audited at ingress, UDP", FORWARDED_REPLY(UDP(IMAC, VPS, 40000, 22)), NO_STATE,
		AUDIT },
	{ "E1: allowed", FORWARDED(ASK(SYN)), PASSES, BEFORE(IN(ASK(SYN))), AUDIT },
	{ "fragment, first", IN(SCAN(SYN, .body = 4, FIRST(7))), DENIED, AUDIT },
	{ "rule gone", FROM_LAN(CALL(ACK)), REVOKED, CALLED, AUDIT_WITHOUT_CALLS,
		.counted = "windows" },
	{ "rule gone, answer", IN(RETURN(ACK)), REVOKED, CALLED, AUDIT_WITHOUT_CALLS },
	{ "rule gone, a new one", FROM_LAN(CALL(SYN)), DENIED, CALLED, AUDIT_WITHOUT_CALLS },
	{ "another rule gone", IN(ANSWER(ACK)), ANSWERS, BEFORE(IN(ASK(SYN))),
		AUDIT_WITHOUT_CALLS },
};

static const struct trial hard[] = {
	{ "unknown source", IN(TCP(STRANGER, VPS, 40000, 3000, SYN)), UNKNOWN, AUDIT },
	{ "unknown source, from the internet", FROM_LAN(TCP(WEB, IMAC, 443, 3000, SYN)), UNKNOWN,
		AUDIT },
	{ "not approved", IN(TCP(LODGER, IMAC, 40000, 3000, SYN)), UNAPPROVED, AUDIT },
	{ "spoofed", IN(CALL(SYN)), SPOOFED, AUDIT },
	{ "spoofed, this box", IN(TCP(ROUTER, IMAC, 40000, 22, SYN)), SPOOFED, AUDIT },
	{ "spoofed, part of a flow", FROM_LAN(ASK(ACK)), SPOOFED, BEFORE(IN(ASK(SYN))), AUDIT },
	{ "NAT before us", FROM_LAN(TCP(ROUTER, IMAC, 40000, 22, SYN)), UNIDENTIFIED, AUDIT },
	{ "malformed", IN(SCAN(SYN, LIES({ DATA_OFFSET, 4 }))), MALFORMED, AUDIT },
	{ "source route", IN(SCAN(SYN, OPTIONS("\x83\7\4\x0a\x4d\0\5\0"))), DROPS,
		REASON_SOURCE_ROUTE, AUDIT, .only = IPV4 },
	{ "routing header", IN(SCAN(SYN, EXTENSIONS({ IPPROTO_ROUTING, 1 }))), DROPS,
		REASON_SOURCE_ROUTE, AUDIT, .only = IPV6 },
	{ "fragment without a first one", IN(LATER(IMAC, VPS, IPPROTO_TCP, 7, 24, 0, 8)),
		FRAGMENTED, AUDIT },
	{ "first fragment too short", IN(SCAN(SYN, FIRST(7), LIES({ LENGTH_BY, -4 }, { CUT, 4 }))),
		FRAGMENTED, AUDIT },
	{ "no IP", IN(SCAN(SYN, LIES({ VERSION, 5 }))), DROPS, REASON_NOT_IP, AUDIT },
	{ "enforced: no rule", IN(SCAN(SYN)), DROPS, REASON_ACL, ENFORCE },
	{ "enforced: no flow", IN(SCAN(ACK)), DROPS, REASON_NO_STATE, ENFORCE },
};
/* clang-format on */

static const struct form form = { 4, 0 };

static const struct edit audit = { "\"devices\"", "\"mode\": \"audit\", \"devices\"" };

static void run(const struct packet *packet, enum place place, struct verdict *ret_verdict)
{
	bench_run(packet, place, &form, 0, ret_verdict);
}

/* What audit lets pass, enforcement does not take for granted. */
START_TEST(back_to_enforce)
{
	static const struct packet scan = SCAN(SYN), answer = ECHOED(SYN | ACK);
	struct verdict verdict;

	bench_load_edited("house.json", &audit);
	bench_flows_clear();
	run(&scan, AT_INGRESS, &verdict);
	ck_assert(verdict.passed && verdict.audited);
	run(&answer, AT_INGRESS, &verdict);
	ck_assert(verdict.passed && verdict.audited);
	ck_assert_uint_eq(bench_flows(), 0);
	bench_load("house.json");
	run(&scan, AT_INGRESS, &verdict);
	ck_assert_int_eq(verdict.reason, REASON_ACL);
	run(&answer, AT_INGRESS, &verdict);
	ck_assert_int_eq(verdict.reason, REASON_NO_STATE);
}
END_TEST

/* The fragments of a datagram share its fate. */
START_TEST(fragments)
{
	static const struct packet first = SCAN(ACK, .body = 4, FIRST(7));
	static const struct packet last = LATER(IMAC, VPS, IPPROTO_TCP, 7, 24, 0, 8);
	struct verdict verdict;

	bench_load_edited("house.json", &audit);
	bench_flows_clear();
	run(&first, AT_INGRESS, &verdict);
	ck_assert(verdict.audited);
	run(&last, AT_INGRESS, &verdict);
	ck_assert(verdict.passed && verdict.audited);
	run(&first, AT_EGRESS_REPLY, &verdict);
	ck_assert(verdict.audited);
	run(&last, AT_EGRESS_REPLY, &verdict);
	ck_assert(verdict.passed && verdict.audited);
	ck_assert_uint_eq(bench_flows(), 0);
	ck_assert(bench_quotas_are_exact());
}
END_TEST

Suite *audit_suite(void)
{
	Suite *suite = suite_create("audit");
	TCase *tcase = tcase_create("audit");

	tcase_add_unchecked_fixture(tcase, bench_open, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add_edited(tcase, "house.json", softened, ARRAY_SIZE(softened), ANY_FORM);
	trials_add_edited(tcase, "house.json", hard, ARRAY_SIZE(hard), ANY_FORM);
	tcase_add_test(tcase, back_to_enforce);
	tcase_add_test(tcase, fragments);
	suite_add_tcase(suite, tcase);
	return suite;
}
