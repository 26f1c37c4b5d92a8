// SPDX-License-Identifier: GPL-2.0-or-later
/* What events say, and that whoever is noisy loses only his own. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

#define SECOND UINT64_C(1000000000)

/* A packet, and what its event says beside addresses, time, length and device. */
static const struct telling {
	const char *name;
	struct packet packet;
	enum place place;
	enum event_kind kind;
	enum reason reason;
	uint16_t sport, dport;
	uint8_t tcp_flags;
	uint8_t icmp_type[2]; /* IPv4, IPv6 */
	int rule;	      /* number in the file; -1: none */
	const char *device;
} tellings[] = {
	/* clang-format off */
	{ "TCP opens", TCP(IMAC, VPS, 40000, 3000, SYN), AT_INGRESS, EVENT_OPENED, REASON_NONE,
		40000, 3000, SYN, { 0, 0 }, 2, "imac" },
	{ "UDP opens", UDP(IMAC, ASPIRE, 40000, 53), AT_INGRESS, EVENT_OPENED, REASON_NONE,
		40000, 53, 0, { 0, 0 }, 3, "imac" },
	{ "echo opens", PING(VPS, ASPIRE, 7), AT_INGRESS, EVENT_OPENED, REASON_NONE, 7, 0, 0,
		{ 8, 128 }, -2, "vps" },
	{ "GRE opens", RAW(IMAC, VPS, IPPROTO_GRE), AT_INGRESS, EVENT_OPENED, REASON_NONE, 0, 0, 0,
		{ 0, 0 }, 5, "imac" },
	{ "behind a device", UDP(PRINTER, IMAC, 40000, 514), AT_INGRESS, EVENT_OPENED, REASON_NONE,
		40000, 514, 0, { 0, 0 }, 8, "vps" },
	{ "from the LAN", TCP(WINDOWS, IMAC, 40000, 3000, SYN), AT_EGRESS_LAN, EVENT_OPENED,
		REASON_NONE, 40000, 3000, SYN, { 0, 0 }, 0, "windows" },
	{ "from this box", TCP(ROUTER, IMAC, 40000, 22, SYN), AT_EGRESS_SELF, EVENT_OPENED,
		REASON_NONE, 40000, 22, SYN, { 0, 0 }, 13, "router" },
	{ "no rule", TCP(IMAC, VPS, 40000, 22, SYN | ECE), AT_INGRESS, EVENT_DROPPED, REASON_ACL,
		40000, 22, SYN | ECE, { 0, 0 }, -1, "imac" },
	{ "no flow", TCP(VPS, IMAC, 3000, 40000, FIN | ACK), AT_INGRESS, EVENT_DROPPED,
		REASON_NO_STATE, 3000, 40000, FIN | ACK, { 0, 0 }, -1, "vps" },
	{ "echo reply", PONG(ASPIRE, VPS, 7), AT_INGRESS, EVENT_DROPPED, REASON_NO_STATE, 0, 7, 0,
		{ 0, 129 }, -1, "aspire" },
	{ "redirect", ICMP(VPS, ASPIRE, REDIRECT), AT_INGRESS, EVENT_DROPPED, REASON_NO_STATE, 0, 0,
		0, { 5, 137 }, -1, "vps" },
	{ "stranger", UDP(STRANGER, VPS, 1, 2), AT_INGRESS, EVENT_DROPPED, REASON_UNKNOWN_SOURCE, 1,
		2, 0, { 0, 0 }, -1, NULL },
	{ "spoofed", UDP(WINDOWS, IMAC, 1, 2), AT_INGRESS, EVENT_DROPPED, REASON_SPOOFED_SOURCE, 1,
		2, 0, { 0, 0 }, -1, NULL },
	{ "spoofed, aside", UDP(IMAC, VPS, 1, 2), AT_INGRESS_ASIDE, EVENT_DROPPED,
		REASON_SPOOFED_SOURCE, 1, 2, 0, { 0, 0 }, -1, NULL },
	{ "not approved", UDP(LODGER, IMAC, 1, 2), AT_INGRESS, EVENT_DROPPED, REASON_UNAPPROVED, 1,
		2, 0, { 0, 0 }, -1, "lodger" },
	{ "later fragment", LATER(IMAC, VPS, IPPROTO_TCP, 7, 24, 0, 8), AT_INGRESS, EVENT_DROPPED,
		REASON_FRAGMENT, 0, 0, 0, { 0, 0 }, -1, "imac" },
	{ "malformed", TCP(IMAC, VPS, 40000, 3000, SYN, LIES({ DATA_OFFSET, 1 })), AT_INGRESS,
		EVENT_DROPPED, REASON_MALFORMED, 0, 0, 0, { 0, 0 }, -1, "imac" },
	/* clang-format on */
};

static const struct form forms[] = {
	{ 4, 0 }, { 6, 0 }, { 4, PACKET_ETHERNET }, { 6, PACKET_ETHERNET }
};

static uint64_t boot_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* In network byte order, an IPv4 address in the first four bytes. */
static bool is_address(const struct gate_address *in_event, address_t address)
{
	uint8_t bytes[16] = {};

	address_bytes(address, bytes);
	return !memcmp(in_event, bytes, sizeof(bytes));
}

static void check_places(const struct telling *telling, const struct gate_event *event,
			 const struct form *form)
{
	ck_assert(is_address(&event->src, packet_src(&telling->packet, form->version)));
	ck_assert(is_address(&event->dst, packet_dst(&telling->packet, form->version)));
	ck_assert_uint_eq(event->version, form->version);
	ck_assert_uint_eq(event->slot, place_slot(telling->place));
	ck_assert_uint_eq(event->direction, place_direction(telling->place));
	ck_assert_uint_eq(ntohs(event->sport), telling->sport);
	ck_assert_uint_eq(ntohs(event->dport), telling->dport);
	ck_assert_uint_eq(event->tcp_flags, telling->tcp_flags);
	ck_assert_uint_eq(event->icmp_type, telling->icmp_type[form->version == 6]);
}

/* -2: the rules for ICMP, one for each version. */
static uint32_t rule_of(const struct telling *telling, const struct form *form)
{
	if (telling->rule == -1)
		return 0;
	return bench_rule(telling->rule == -2 ? form->version == 4 ? 9 : 10 :
						(uint32_t)telling->rule);
}

START_TEST(content)
{
	const struct telling *telling = &tellings[_i];

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		uint64_t before = boot_time();
		struct verdict verdict;

		bench_flows_clear();
		bench_run(&telling->packet, telling->place, &forms[i], 0, &verdict);
		ck_assert_msg(verdict.events == 1, "%s: %u events", telling->name, verdict.events);
		check_places(telling, &verdict.event, &forms[i]);
		ck_assert_uint_eq(verdict.event.kind, telling->kind);
		ck_assert_uint_eq(verdict.event.reason, telling->reason);
		ck_assert_uint_eq(verdict.event.length, verdict.length);
		ck_assert_uint_eq(verdict.event.rule, rule_of(telling, &forms[i]));
		ck_assert_uint_eq(verdict.event.device, bench_device(telling->device));
		ck_assert_uint_ge(verdict.event.time, before);
		ck_assert_uint_le(verdict.event.time, boot_time());
	}
}
END_TEST

/* What cannot be read is not told. */
START_TEST(unreadable)
{
	static const struct packet packet = TCP(IMAC, VPS, 1, 2, SYN, LIES({ VERSION, 5 }));
	struct verdict verdict;

	bench_flows_clear();
	bench_run(&packet, AT_INGRESS, &forms[_i], 0, &verdict);
	ck_assert_uint_eq(verdict.events, 1);
	ck_assert_uint_eq(verdict.event.reason, REASON_NOT_IP);
	ck_assert_uint_eq(verdict.event.version, 0);
	ck_assert_uint_eq(verdict.event.device, 0);
	ck_assert_uint_eq(verdict.event.src.word[0] | verdict.event.dst.word[1], 0);
	ck_assert_uint_eq(verdict.event.length, verdict.length);
}
END_TEST

static const struct form form = { 4, 0 };

static const struct packet scan = TCP(VPS, IMAC, 1, 2, SYN);
static const struct packet other_scan = TCP(AZURE, IMAC, 1, 2, SYN);
static const struct packet spoofed = TCP(WINDOWS, IMAC, 1, 2, SYN);

/* Returns how many events came of so many packets. */
static unsigned int send_many(const struct packet *packet, unsigned int count)
{
	struct gate_event last;

	bench_events_take(&last);
	for (unsigned int i = 0; i < count; i++)
		bench_passes(packet, AT_INGRESS, &form);
	return bench_events_take(&last);
}

/* A full bucket, and what time has added since @start. */
static unsigned int most_since(uint64_t start)
{
	return GATE_EVENTS_BURST + (unsigned int)((boot_time() - start) / GATE_EVENTS_INTERVAL) + 1;
}

/* So many at once, and a few more for the time that it took. */
START_TEST(burst)
{
	uint64_t lost = bench_totals().events_lost, start = boot_time();
	unsigned int told;

	bench_flows_clear();
	told = send_many(&scan, 3 * GATE_EVENTS_BURST);
	ck_assert_uint_ge(told, GATE_EVENTS_BURST);
	ck_assert_uint_le(told, most_since(start));
	ck_assert_uint_eq(bench_totals().events_lost - lost, 3 * GATE_EVENTS_BURST - told);
}
END_TEST

START_TEST(exact_burst)
{
	uint64_t lost = bench_totals().events_lost;

	bench_flows_clear();
	ck_assert_uint_eq(send_many(&scan, GATE_EVENTS_BURST), GATE_EVENTS_BURST);
	ck_assert_uint_eq(bench_totals().events_lost, lost);
}
END_TEST

/* Then one each interval: what another process of this machine takes is in the bounds. */
START_TEST(rate)
{
	uint64_t start;
	unsigned int told, most;

	bench_flows_clear();
	send_many(&scan, 2 * GATE_EVENTS_BURST);
	start = boot_time();
	usleep(1000000);
	told = send_many(&scan, 2 * GATE_EVENTS_BURST);
	most = (unsigned int)((boot_time() - start) / GATE_EVENTS_INTERVAL) + 1;
	ck_assert_uint_ge(told, 1000000000 / GATE_EVENTS_INTERVAL - 1);
	ck_assert_uint_le(told, most);
}
END_TEST

START_TEST(not_more_than_a_burst)
{
	unsigned int told;
	uint64_t start;

	bench_flows_clear();
	send_many(&scan, GATE_EVENTS_BURST / 4);
	usleep(2500000);
	start = boot_time();
	told = send_many(&scan, 2 * GATE_EVENTS_BURST);
	ck_assert_uint_le(told, most_since(start));
}
END_TEST

START_TEST(noisy)
{
	bench_flows_clear();
	send_many(&scan, 5 * GATE_EVENTS_BURST);
	ck_assert_uint_eq(send_many(&other_scan, 50), 50);
	ck_assert_uint_eq(send_many(&spoofed, 50), 50);
	ck_assert_uint_lt(send_many(&scan, 50), 50);
}
END_TEST

/* Nobody takes the events of another by using his address. */
START_TEST(noisy_by_spoofing)
{
	static const struct packet stranger = TCP(STRANGER, IMAC, 1, 2, SYN);
	static const struct packet call = TCP(WINDOWS, IMAC, 40000, 3000, SYN);
	struct verdict verdict;

	bench_flows_clear();
	send_many(&spoofed, 5 * GATE_EVENTS_BURST);
	send_many(&stranger, 5 * GATE_EVENTS_BURST);
	bench_run(&call, AT_EGRESS_LAN, &form, 0, &verdict);
	ck_assert_uint_eq(verdict.events, 1);
	ck_assert_uint_eq(verdict.event.kind, EVENT_OPENED);
}
END_TEST

/* What is part of a flow is not told. */
START_TEST(silence)
{
	static const struct packet ask = TCP(IMAC, VPS, 40000, 3000, ACK);
	uint64_t lost = bench_totals().events_lost;

	bench_flows_clear();
	ck_assert_uint_eq(send_many(&ask, 1), 1);
	ck_assert_uint_eq(send_many(&ask, 1000), 0);
	ck_assert_uint_eq(bench_totals().events_lost, lost);
}
END_TEST

/* Nobody reads: what does not fit is lost, and packets are judged as ever. */
START_TEST(full_ring)
{
	unsigned int room = GATE_EVENTS_BYTES / (sizeof(struct gate_event) + 8);
	struct gate_event last;
	uint64_t lost = bench_totals().events_lost;

	bench_events_take(&last);
	for (unsigned int i = 0; i < room + 100; i++) {
		if (i % GATE_EVENTS_BURST == 0)
			bench_flows_clear();
		ck_assert(!bench_passes(&scan, AT_INGRESS, &form));
	}
	ck_assert_uint_ge(bench_totals().events_lost - lost, 100);
	ck_assert_uint_le(bench_events_take(&last), room);
	bench_flows_clear();
	ck_assert_uint_eq(send_many(&scan, 1), 1);
}
END_TEST

Suite *events_suite(void)
{
	Suite *suite = suite_create("events");
	TCase *tcase = tcase_create("events");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	tcase_add_loop_test(tcase, content, 0, ARRAY_SIZE(tellings));
	tcase_add_loop_test(tcase, unreadable, 0, ARRAY_SIZE(forms));
	tcase_add_test(tcase, burst);
	tcase_add_test(tcase, exact_burst);
	tcase_add_test(tcase, rate);
	tcase_add_test(tcase, not_more_than_a_burst);
	tcase_add_test(tcase, noisy);
	tcase_add_test(tcase, noisy_by_spoofing);
	tcase_add_test(tcase, silence);
	tcase_add_test(tcase, full_ring);
	suite_add_tcase(suite, tcase);
	return suite;
}
