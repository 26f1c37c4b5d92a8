// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bpf/early.h: what XDP takes, and what it leaves to gate_ingress. That it takes nothing for another
 * reason than gate_ingress would is asked of every row of every suite (trial.c).
 */
#include "mem.h"
#include "suites.h"
#include "trial.h"

/* As in test-flow.c. */
#define ASK(FLAGS, ...)	   TCP(IMAC, VPS, 40000, 3000, FLAGS, __VA_ARGS__)
#define ANSWER(FLAGS, ...) TCP(VPS, IMAC, 3000, 40000, FLAGS, __VA_ARGS__)
#define OTHER(FLAGS, ...)  TCP(IMAC, VPS, 40000, 22, FLAGS, __VA_ARGS__)

static const struct form forms[] = {
	{ 4, 0 },
	{ 6, 0 },
	{ 4, PACKET_ETHERNET },
	{ 6, PACKET_ETHERNET },
};

/* clang-format off */
static const struct row {
	const char *name;
	struct packet packet;
	enum reason reason; /* REASON_NONE: it is left */
	enum forms only;
} rows[] = {
	{ "a SYN that no rule allows", OTHER(SYN), REASON_ACL },
	{ "a SYN the other way", TCP(VPS, IMAC, 40000, 3000, SYN), REASON_ACL },
	{ "UDP that no rule allows", UDP(IMAC, VPS, 40000, 3000), REASON_ACL },
	{ "an ACK of no connection", OTHER(ACK), REASON_NO_STATE },
	{ "a FIN of no connection", ASK(FIN | ACK), REASON_NO_STATE },
	{ "a stranger", TCP(STRANGER, VPS, 40000, 3000, SYN), REASON_UNKNOWN_SOURCE },
	{ "the address of this box", TCP(ROUTER, VPS, 40000, 3000, SYN), REASON_SPOOFED_SOURCE },
	{ "a device of the LAN", TCP(WINDOWS, IMAC, 40000, 3000, SYN), REASON_SPOOFED_SOURCE },
	{ "from itself to itself", TCP(IMAC, IMAC, 40000, 3000, SYN), REASON_SPOOFED_SOURCE },
	{ "not approved", TCP(LODGER, IMAC, 40000, 3000, SYN), REASON_UNAPPROVED },
	{ "a SYN that a rule allows", ASK(SYN), REASON_NONE },
	{ "an ACK that a rule allows", ASK(ACK), REASON_NONE },
	{ "UDP that a rule allows", UDP(IMAC, ASPIRE, 40000, 53), REASON_NONE },
	{ "IPv4 options", OTHER(SYN, OPTIONS("\1\1\1\0")), REASON_NONE, IPV4 },
	{ "an extension header", OTHER(SYN, EXTENSIONS({ IPPROTO_DSTOPTS })), REASON_NONE, IPV6 },
	{ "a first fragment", OTHER(SYN, .body = 4, FIRST(7)), REASON_NONE },
	{ "malformed", OTHER(SYN, LIES({ CUT, 1 })), REASON_NONE },
	{ "echo", PING(IMAC, VPS, 7), REASON_NONE },
	{ "another protocol", RAW(IMAC, VPS, IPPROTO_ESP), REASON_NONE },
	{ "a tag", OTHER(SYN, LIES({ VLAN, 0x8100 })), REASON_NONE, ETHERNET },
	{ "DHCP", UDP(UNSPECIFIED, BROADCAST, 68, 67), REASON_NONE, ETHERNET },
};
/* clang-format on */

static void check_row(const struct row *row, const struct form *form)
{
	struct verdict verdict;

	bench_early(&row->packet, AT_INGRESS, form, &verdict);
	ck_assert_msg(verdict.passed == !row->reason && verdict.reason == row->reason,
		      "%s, IPv%u%s: reason %u, expected %u", row->name, form->version,
		      form->link_header ? " on Ethernet" : "", verdict.reason, row->reason);
}

START_TEST(takes)
{
	const struct row *row = &rows[_i];

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		unsigned int version = forms[i].version == 4 ? IPV4 : IPV6;

		if ((row->only & (IPV4 | IPV6) && !(row->only & version)) ||
		    (row->only & ETHERNET && !forms[i].link_header))
			continue;
		check_row(row, &forms[i]);
	}
}
END_TEST

/* Whatever the policy says of them alone. */
START_TEST(leaves_flows)
{
	const struct packet syn = ASK(SYN), answer = ANSWER(SYN | ACK), back = ANSWER(SYN);

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct row rows_of_flow[] = { { "an answer", answer, REASON_NONE, 0 },
						    { "a SYN back", back, REASON_NONE, 0 } };
		struct verdict verdict;

		bench_flows_clear();
		check_row(&(struct row){ "no flow yet", answer, REASON_NO_STATE, 0 }, &forms[i]);
		bench_run(&syn, AT_INGRESS, &forms[i], 0, &verdict);
		ck_assert(verdict.passed);
		for (size_t j = 0; j < ARRAY_SIZE(rows_of_flow); j++)
			check_row(&rows_of_flow[j], &forms[i]);
	}
}
END_TEST

START_TEST(leaves_what_audit_lets_pass)
{
	const struct edit audit = { "\"devices\"", "\"mode\": \"audit\", \"devices\"" };
	const struct row denied = { "no rule", OTHER(SYN), REASON_NONE, 0 };
	const struct row stranger = { "a stranger", TCP(STRANGER, VPS, 40000, 22, SYN),
				      REASON_UNKNOWN_SOURCE, 0 };

	bench_flows_clear();
	bench_load_edited("house.json", &audit);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		check_row(&denied, &forms[i]);
		check_row(&stranger, &forms[i]);
	}
	bench_load("house.json");
}
END_TEST

Suite *early_suite(void)
{
	Suite *suite = suite_create("early");
	TCase *tcase = tcase_create("early drop");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	tcase_add_loop_test(tcase, takes, 0, ARRAY_SIZE(rows));
	tcase_add_test(tcase, leaves_flows);
	tcase_add_test(tcase, leaves_what_audit_lets_pass);
	suite_add_tcase(suite, tcase);
	return suite;
}
