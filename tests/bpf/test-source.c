// SPDX-License-Identifier: GPL-2.0-or-later
/* bpf/gate.bpf.c: who may speak where, what a mark is worth, and where a packet comes from. */
#include <string.h>

#include "mem.h"
#include "suites.h"
#include "trial.h"

#define DENIED	     DROPS, REASON_ACL
#define NO_STATE     DROPS, REASON_NO_STATE
#define UNKNOWN	     DROPS, REASON_UNKNOWN_SOURCE
#define UNAPPROVED   DROPS, REASON_UNAPPROVED
#define SPOOFED	     DROPS, REASON_SPOOFED_SOURCE
#define UNIDENTIFIED DROPS, REASON_NAT_UNIDENTIFIED

/* iMac → VPS, both on wg0. */
#define ASK(FLAGS)    TCP(IMAC, VPS, 40000, 3000, FLAGS)
#define ANSWER(FLAGS) TCP(VPS, IMAC, 3000, 40000, FLAGS)

/* Windows, on the LAN → iMac, on wg0. */
#define CALL(FLAGS)   TCP(WINDOWS, IMAC, 40000, 3000, FLAGS)
#define RETURN(FLAGS) TCP(IMAC, WINDOWS, 3000, 40000, FLAGS)

/* iMac → a web server on the internet. */
#define FETCH(FLAGS) TCP(IMAC, WEB, 40000, 443, FLAGS)
#define PAGE(FLAGS)  TCP(WEB, IMAC, 443, 40000, FLAGS)

/* clang-format off */
static const struct trial ingress[] = {
	{ "a device, allowed", IN(ASK(SYN)), OPENS },
	{ "a device that nothing allows", IN(TCP(IMAC, WINDOWS, 40000, 3000, SYN)), DENIED },
	{ "an address that no device has", IN(TCP(STRANGER, VPS, 40000, 3000, SYN)), UNKNOWN },
	{ "an address of the internet", IN(TCP(WEB, IMAC, 443, 3000, SYN)), UNKNOWN },
	{ "an address of the internet, as answer", IN(PAGE(SYN | ACK)), UNKNOWN,
		BEFORE(IN(FETCH(SYN))) },
	{ "a device that is not approved", IN(TCP(LODGER, IMAC, 40000, 3000, SYN)), UNAPPROVED },
	{ "... with what no rule allows", IN(TCP(LODGER, IMAC, 40000, 22, SYN)), UNAPPROVED },
	{ "... with an echo", IN(PING(LODGER, IMAC, 7)), UNAPPROVED },
	{ "... with what opens nothing", IN(TCP(LODGER, IMAC, 40000, 3000, FIN)), UNAPPROVED },
	{ "to a device that is not approved", IN(TCP(IMAC, LODGER, 40000, 3000, SYN)), DENIED },
	{ "a device of the LAN", IN(CALL(SYN)), SPOOFED },
	{ "this box", IN(TCP(ROUTER, IMAC, 40000, 22, SYN)), SPOOFED },
	{ "this box, as on the LAN", IN(TCP(ROUTER_LAN, IMAC, 40000, 22, SYN)), SPOOFED },
	{ "this box, to itself", IN(TCP(ROUTER, ROUTER, 40000, 22, SYN)), SPOOFED },
	{ "the destination itself", IN(TCP(IMAC, IMAC, 3000, 3000, SYN)), SPOOFED },
	{ "the destination itself, UDP", IN(UDP(IMAC, IMAC, 53, 53)), SPOOFED },
	{ "the destination itself, unnamed", IN(TCP(WEB, WEB, 443, 443, SYN)), SPOOFED },
	{ "from another guarded interface", IN_ASIDE(ASK(SYN)), SPOOFED },
	{ "... as part of a live flow", IN_ASIDE(ASK(ACK)), SPOOFED, BEFORE(IN(ASK(SYN))) },
	{ "... as an answer", IN_ASIDE(ANSWER(SYN | ACK)), SPOOFED, BEFORE(IN(ASK(SYN))) },
	{ "... as an answer to another flow", IN_ASIDE(RETURN(SYN | ACK)), SPOOFED,
		BEFORE(FROM_LAN(CALL(SYN))) },
	{ "a device that speaks on the LAN, aside", IN_ASIDE(CALL(SYN)), SPOOFED },
	{ "behind a device", IN(UDP(PRINTER, IMAC, 40000, 514)), OPENS },
	{ "behind a device, another port", IN(UDP(PRINTER, IMAC, 40000, 515)), DENIED },
	{ "behind a device, not named", IN(UDP(SCANNER, IMAC, 40000, 514)), DENIED },
	{ "to what is behind a device", IN(TCP(IMAC, PRINTER, 40000, 631, SYN)), OPENS },
	{ "to its neighbour", IN(TCP(IMAC, SCANNER, 40000, 631, SYN)), DENIED },
	{ "answer from behind a device", IN(TCP(PRINTER, IMAC, 631, 40000, SYN | ACK)), ANSWERS,
		BEFORE(IN(TCP(IMAC, PRINTER, 40000, 631, SYN))) },
	{ "to the internet", IN(FETCH(SYN)), OPENS },
	{ "to the internet, another port", IN(TCP(IMAC, WEB, 40000, 80, SYN)), DENIED },
	{ "to this box", IN(UDP(IMAC, ROUTER, 40000, 53)), OPENS },
	{ "to this box on the LAN", IN(UDP(IMAC, ROUTER_LAN, 40000, 53)), OPENS },
	{ "to this box, another port", IN(TCP(IMAC, ROUTER, 40000, 22, SYN)), DENIED },
	{ "to a stranger", IN(TCP(IMAC, STRANGER, 40000, 3000, SYN)), DENIED },
};

static const struct trial marks[] = {
	{ "brings the mark, allowed", IN_MARKED(ASK(SYN)), OPENS },
	{ "brings the mark, denied", IN_MARKED(TCP(IMAC, VPS, 40000, 22, SYN)), DENIED },
	{ "brings the mark, answers", IN_MARKED(ANSWER(SYN | ACK)), ANSWERS, BEFORE(IN(ASK(SYN))) },
	{ "brings the mark, is part of a flow", IN_MARKED(ASK(ACK)), PASSES, BEFORE(IN(ASK(SYN))) },
	{ "brings the mark, stranger", IN_MARKED(TCP(STRANGER, VPS, 40000, 3000, SYN)), UNKNOWN },
	{ "from the LAN with the mark, allowed", FROM_LAN_MARKED(CALL(SYN)), OPENS },
	{ "from the LAN with the mark, denied", FROM_LAN_MARKED(TCP(WINDOWS, IMAC, 40000, 22, SYN)),
		DENIED },
	{ "from the LAN with the mark, stranger", FROM_LAN_MARKED(TCP(STRANGER, IMAC, 40000, 3000,
		SYN)), UNKNOWN },
	{ "from the LAN with the mark, spoofed", FROM_LAN_MARKED(ASK(SYN)), SPOOFED },
	{ "... part of a live flow, spoofed", FROM_LAN_MARKED(ASK(ACK)), SPOOFED,
		BEFORE(IN(ASK(SYN))) },
	{ "from the LAN with the mark, this box", FROM_LAN_MARKED(TCP(ROUTER, IMAC, 40000, 22,
		SYN)), UNIDENTIFIED },
	{ "from this box with the mark, allowed", FROM_SELF_MARKED(TCP(ROUTER, IMAC, 40000, 22,
		SYN)), OPENS },
	{ "from this box with the mark, denied", FROM_SELF_MARKED(TCP(ROUTER, IMAC, 40000, 23,
		SYN)), DENIED },
	{ "from this box with the mark, stranger", FROM_SELF_MARKED(TCP(STRANGER, IMAC, 40000, 3000,
		SYN)), UNKNOWN },
	{ "from this box with the mark, spoofed", FROM_SELF_MARKED(ASK(SYN)), SPOOFED },
};

static const struct trial forwarded[] = {
	{ "E1: judged at ingress", FORWARDED(ASK(SYN)), PASSES, BEFORE(IN(ASK(SYN))) },
	{ "E1: no flow: NAT made it", FORWARDED(ASK(SYN)), LEARNS },
	{ "E1: no flow but another", FORWARDED(ASK(SYN)), LEARNS,
		BEFORE(IN(TCP(IMAC, VPS, 40001, 3000, SYN))) },
	{ "E1: ACK without a flow", FORWARDED(ASK(ACK)), LEARNS },
	{ "E1: answer", FORWARDED(ANSWER(SYN | ACK)), PASSES,
		BEFORE(IN(ASK(SYN)), FORWARDED(ASK(SYN)), IN(ANSWER(SYN | ACK))) },
	{ "E1: SYN against the flow", FORWARDED(ANSWER(SYN)), NO_STATE, BEFORE(IN(ASK(SYN))) },
	{ "E1: UDP", FORWARDED(UDP(IMAC, ASPIRE, 40000, 53)), PASSES,
		BEFORE(IN(UDP(IMAC, ASPIRE, 40000, 53))) },
	{ "E1: UDP without a flow", FORWARDED(UDP(IMAC, ASPIRE, 40000, 53)), LEARNS },
	{ "E1: echo", FORWARDED(PING(VPS, ASPIRE, 7)), PASSES, BEFORE(IN(PING(VPS, ASPIRE, 7))) },
	{ "E1: echo with another id", FORWARDED(PING(VPS, ASPIRE, 8)), LEARNS,
		BEFORE(IN(PING(VPS, ASPIRE, 7))) },
	{ "E1: malformed", FORWARDED(TCP(IMAC, VPS, 40000, 3000, SYN, LIES({ LENGTH_BY, 1 }))),
		DROPS, REASON_MALFORMED },
	{ "E2: allowed", UNMARKED(ASK(SYN)), OPENS },
	{ "E2: denied", UNMARKED(TCP(IMAC, VPS, 40000, 22, SYN)), DENIED },
	{ "E2: part of a flow", UNMARKED(ASK(ACK)), PASSES, BEFORE(IN(ASK(SYN))) },
	{ "E2: answer", UNMARKED(ANSWER(SYN | ACK)), PASSES, BEFORE(IN(ASK(SYN))) },
	{ "E2: answer to nothing", UNMARKED(ANSWER(SYN | ACK)), NO_STATE },
	{ "E2: stranger", UNMARKED(TCP(STRANGER, VPS, 40000, 3000, SYN)), UNKNOWN },
	{ "E2: not approved", UNMARKED(TCP(LODGER, IMAC, 40000, 3000, SYN)), UNAPPROVED },
	{ "E2: a device of the LAN", UNMARKED(CALL(SYN)), SPOOFED },
	{ "E2: this box", UNMARKED(TCP(ROUTER, IMAC, 40000, 22, SYN)), SPOOFED },
};

static const struct trial from_lan[] = {
	{ "E3: allowed", FROM_LAN(CALL(SYN)), OPENS },
	{ "E3: denied", FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3001, SYN)), DENIED },
	{ "E3: to another device", FROM_LAN(TCP(WINDOWS, AZURE, 40000, 3000, SYN)), DENIED },
	{ "E3: a list of ports, first", FROM_LAN(TCP(WINDOWS, VPS, 40000, 22, SYN)), OPENS },
	{ "E3: a list of ports, second", FROM_LAN(TCP(WINDOWS, VPS, 40000, 8080, SYN)), OPENS },
	{ "E3: a list of ports, between", FROM_LAN(TCP(WINDOWS, VPS, 40000, 3000, SYN)), DENIED },
	{ "E3: a list of ports, UDP", FROM_LAN(UDP(WINDOWS, VPS, 40000, 22)), DENIED },
	{ "E3: answered", IN(RETURN(SYN | ACK)), ANSWERS, BEFORE(FROM_LAN(CALL(SYN))) },
	{ "E3: answered with SYN", IN(RETURN(SYN)), NO_STATE, BEFORE(FROM_LAN(CALL(SYN))) },
	{ "E3: the caller goes on", FROM_LAN(CALL(ACK)), PASSES,
		BEFORE(FROM_LAN(CALL(SYN)), IN(RETURN(SYN | ACK))) },
	{ "E3: answered by a third device", IN(TCP(VPS, WINDOWS, 3000, 40000, SYN | ACK)), NO_STATE,
		BEFORE(FROM_LAN(CALL(SYN))) },
	{ "E3: called back", IN(TCP(IMAC, WINDOWS, 40000, 3000, SYN)), DENIED,
		BEFORE(FROM_LAN(CALL(SYN)), IN(RETURN(SYN | ACK))) },
	{ "E3: a device of wg0", FROM_LAN(ASK(SYN)), SPOOFED },
	{ "E3: a device of wg0, part of a flow", FROM_LAN(ASK(ACK)), SPOOFED,
		BEFORE(IN(ASK(SYN))) },
	{ "E3: a device of wg0, as an answer", FROM_LAN(ANSWER(SYN | ACK)), SPOOFED,
		BEFORE(IN(ASK(SYN))) },
	{ "E3: behind a device of wg0", FROM_LAN(UDP(PRINTER, IMAC, 40000, 514)), SPOOFED },
	{ "E3: not approved", FROM_LAN(TCP(LODGER, IMAC, 40000, 3000, SYN)), UNAPPROVED },
	{ "E3: this box: NAT before us", FROM_LAN(TCP(ROUTER, IMAC, 40000, 22, SYN)),
		UNIDENTIFIED },
	{ "E3: this box on the LAN", FROM_LAN(TCP(ROUTER_LAN, IMAC, 40000, 22, SYN)),
		UNIDENTIFIED },
	{ "E3: this box, part of its flow", FROM_LAN(TCP(ROUTER, IMAC, 40000, 22, ACK)),
		UNIDENTIFIED, BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN))) },
	{ "E3: the destination itself", FROM_LAN(TCP(WINDOWS, WINDOWS, 3000, 3000, SYN)), SPOOFED },
	{ "E3: a device of another interface", FROM_ELSEWHERE(CALL(SYN)), SPOOFED },
	{ "E3: ... part of a flow", FROM_ELSEWHERE(CALL(ACK)), SPOOFED,
		BEFORE(FROM_LAN(CALL(SYN))) },
	{ "E3: a device of wg0, elsewhere", FROM_ELSEWHERE(ASK(SYN)), SPOOFED },
	{ "E3: this box, elsewhere", FROM_ELSEWHERE(TCP(ROUTER, IMAC, 40000, 22, SYN)),
		UNIDENTIFIED },
	{ "E3: unnamed, elsewhere, opens", FROM_ELSEWHERE(TCP(WEB, IMAC, 443, 3000, SYN)),
		UNKNOWN },
	{ "E3: unnamed, elsewhere, answers", FROM_ELSEWHERE(PAGE(SYN | ACK)), PASSES,
		BEFORE(IN(FETCH(SYN))) },
	{ "E3: unnamed, opens", FROM_LAN(TCP(WEB, IMAC, 443, 3000, SYN)), UNKNOWN },
	{ "E3: unnamed, mid-stream", FROM_LAN(PAGE(ACK)), UNKNOWN },
	{ "E3: unnamed, UDP", FROM_LAN(UDP(WEB, ASPIRE, 443, 53)), UNKNOWN },
	{ "E3: unnamed, echo", FROM_LAN(PING(WEB, IMAC, 7)), UNKNOWN },
	{ "E3: unnamed, answers", FROM_LAN(PAGE(SYN | ACK)), PASSES, BEFORE(IN(FETCH(SYN))) },
	{ "E3: unnamed, answers another", FROM_LAN(TCP(HOP, IMAC, 443, 40000, SYN | ACK)), UNKNOWN,
		BEFORE(IN(FETCH(SYN))) },
	{ "E3: unnamed, answers with SYN", FROM_LAN(PAGE(SYN)), NO_STATE, BEFORE(IN(FETCH(SYN))) },
	{ "E3: unnamed of the wg0 network", FROM_LAN(TCP(STRANGER, IMAC, 40000, 3000, SYN)),
		UNKNOWN },
};

static const struct trial from_self[] = {
	{ "E4: this box, allowed", FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN)), OPENS },
	{ "E4: with its address on the LAN", FROM_SELF(TCP(ROUTER_LAN, IMAC, 40000, 22, SYN)),
		OPENS },
	{ "E4: this box, denied", FROM_SELF(TCP(ROUTER, IMAC, 40000, 23, SYN)), DENIED },
	{ "E4: to any address", FROM_SELF(TCP(ROUTER, STRANGER, 40000, 123, SYN)), OPENS },
	{ "E4: answered", IN(TCP(IMAC, ROUTER, 22, 40000, SYN | ACK)), ANSWERS,
		BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN))) },
	{ "E4: called back", IN(TCP(IMAC, ROUTER, 22, 40000, SYN)), NO_STATE,
		BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN))) },
	{ "E4: answers", FROM_SELF(UDP(ROUTER, IMAC, 53, 40000)), PASSES,
		BEFORE(IN(UDP(IMAC, ROUTER, 40000, 53))) },
	{ "E4: answers to nothing", FROM_SELF(UDP(ROUTER, IMAC, 53, 40000)), DENIED },
	{ "E4: closed port", FROM_SELF(TCP(ROUTER, IMAC, 3000, 40000, RST | ACK)), NO_STATE },
	{ "E4: not its address, of the LAN", FROM_SELF(CALL(SYN)), SPOOFED },
	{ "E4: not its address, part of a flow", FROM_SELF(CALL(ACK)), SPOOFED,
		BEFORE(FROM_LAN(CALL(SYN))) },
	{ "E4: not its address, of wg0", FROM_SELF(ASK(SYN)), SPOOFED },
	{ "E4: not its address, unnamed", FROM_SELF(TCP(WEB, IMAC, 443, 3000, SYN)), UNKNOWN },
	{ "E4: not its address, not approved", FROM_SELF(TCP(LODGER, IMAC, 40000, 3000, SYN)),
		UNAPPROVED },
};
/* clang-format on */

/* ::ffff:a.b.c.d is the IPv4 address to user space, and to nobody on the wire. */
static enum reason reason_of_mapped(const struct packet *packet, size_t at, enum place place)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };
	const struct form form = { 6, 0 };
	const struct end *end = at == 8 ? &packet->src : &packet->dst;
	uint8_t bytes[PACKET_MAX];
	size_t size = packet_build(packet, form.version, form.link_header, bytes);
	struct verdict verdict;

	memcpy(bytes + at, prefix, sizeof(prefix));
	address_bytes(host_address(end->host, 4), bytes + at + sizeof(prefix));
	bench_run_bytes(bytes, size, place, &form, &verdict);
	return verdict.passed ? REASON_NONE : verdict.reason;
}

START_TEST(mapped)
{
	static const struct packet ask = ASK(SYN), call = CALL(SYN);
	static const struct packet fetch = FETCH(SYN);

	bench_flows_clear();
	ck_assert_int_eq(reason_of_mapped(&ask, 8, AT_INGRESS), REASON_UNKNOWN_SOURCE);
	ck_assert_int_eq(reason_of_mapped(&ask, 24, AT_INGRESS), REASON_ACL);
	ck_assert_int_eq(reason_of_mapped(&fetch, 24, AT_INGRESS), REASON_ACL);
	ck_assert_int_eq(reason_of_mapped(&call, 8, AT_EGRESS_LAN), REASON_UNKNOWN_SOURCE);
	ck_assert_int_eq(reason_of_mapped(&call, 24, AT_EGRESS_LAN), REASON_ACL);
}
END_TEST

/* Wherever the rest of IPv6 may be reached. The last address of all is in the class of the unnamed. */
START_TEST(mapped_and_wide_rules)
{
	static const char web[] = "\"web4:443\", \"web6:443\"";
	static const struct edit edits[] = {
		{ web, "\"*:443\"" },
		{ web, "\"::/0:443\"" },
		{ web, "\"8000::/1:443\"" },
		{ web, "\"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:443\"" },
	};
	static const struct packet fetch = FETCH(SYN);

	bench_load_edited("house.json", &edits[_i]);
	bench_flows_clear();
	ck_assert_int_eq(reason_of_mapped(&fetch, 24, AT_INGRESS), REASON_ACL);
}
END_TEST

Suite *source_suite(void)
{
	Suite *suite = suite_create("source");
	TCase *tcase = tcase_create("sources");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add(tcase, ingress, ARRAY_SIZE(ingress), ANY_FORM);
	trials_add(tcase, marks, ARRAY_SIZE(marks), ANY_FORM);
	trials_add(tcase, forwarded, ARRAY_SIZE(forwarded), ANY_FORM);
	trials_add(tcase, from_lan, ARRAY_SIZE(from_lan), ANY_FORM);
	trials_add(tcase, from_self, ARRAY_SIZE(from_self), ANY_FORM);
	tcase_add_test(tcase, mapped);
	tcase_add_loop_test(tcase, mapped_and_wide_rules, 0, 4);
	suite_add_tcase(suite, tcase);
	return suite;
}
