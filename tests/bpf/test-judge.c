// SPDX-License-Identifier: GPL-2.0-or-later
/* bpf/judge.h: the edges of port ranges, and rules over very many devices. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

#define NO_RULE UINT32_MAX

/* A new packet, and the rule that allows it. */
struct inquiry {
	struct end src, dst;
	uint8_t protocol;
	uint16_t port;
	uint32_t rule;
};

static struct packet packet_of(const struct inquiry *inquiry)
{
	return (struct packet){ .src = inquiry->src,
				.dst = inquiry->dst,
				.protocol = inquiry->protocol,
				.shape = packet_shape(inquiry->protocol),
				.sport = 40000,
				.dport = inquiry->port,
				.flags = SYN,
				.icmp = ECHO_REQUEST };
}

/* The rule must get the credit as well. */
static void ask(const struct inquiry *inquiry, const struct form *form)
{
	struct packet packet = packet_of(inquiry);
	bool allowed = inquiry->rule != NO_RULE;
	uint32_t rule = allowed ? bench_rule(inquiry->rule) : 0;
	uint64_t credit = bench_rule_packets(rule);
	struct verdict verdict;

	bench_run(&packet, AT_INGRESS, form, 0, &verdict);
	if (verdict.passed == allowed && verdict.created == allowed &&
	    verdict.reason == (allowed ? REASON_NONE : REASON_ACL) &&
	    bench_rule_packets(rule) == credit + allowed)
		return;
	ck_abort_msg("IPv%u protocol %u port %u, expected %s by rule %d: %s, credit +%u",
		     form->version, inquiry->protocol, inquiry->port, allowed ? "allowed" : "acl",
		     (int)inquiry->rule, reason_name(verdict.reason),
		     (unsigned int)(bench_rule_packets(rule) - credit));
}

#define IMAC_VPS       \
	{ IMAC, 0 },   \
	{              \
		VPS, 0 \
	}
#define VPS_IMAC        \
	{ VPS, 0 },     \
	{               \
		IMAC, 0 \
	}
#define AZURE_WEB      \
	{ AZURE, 0 },  \
	{              \
		WEB, 0 \
	}

static const struct inquiry edges[] = {
	{ IMAC_VPS, IPPROTO_TCP, 0, NO_RULE },	   { IMAC_VPS, IPPROTO_TCP, 1, 0 },
	{ IMAC_VPS, IPPROTO_TCP, 2, NO_RULE },	   { IMAC_VPS, IPPROTO_TCP, 21, NO_RULE },
	{ IMAC_VPS, IPPROTO_TCP, 22, 0 },	   { IMAC_VPS, IPPROTO_TCP, 23, 1 },
	{ IMAC_VPS, IPPROTO_TCP, 24, 1 },	   { IMAC_VPS, IPPROTO_TCP, 25, NO_RULE },
	{ IMAC_VPS, IPPROTO_TCP, 442, NO_RULE },   { IMAC_VPS, IPPROTO_TCP, 443, 0 },
	{ IMAC_VPS, IPPROTO_TCP, 444, NO_RULE },   { IMAC_VPS, IPPROTO_TCP, 999, NO_RULE },
	{ IMAC_VPS, IPPROTO_TCP, 1000, 0 },	   { IMAC_VPS, IPPROTO_TCP, 1499, 0 },
	{ IMAC_VPS, IPPROTO_TCP, 1500, 0 },	   { IMAC_VPS, IPPROTO_TCP, 2000, 0 },
	{ IMAC_VPS, IPPROTO_TCP, 2001, 1 },	   { IMAC_VPS, IPPROTO_TCP, 2500, 1 },
	{ IMAC_VPS, IPPROTO_TCP, 2501, NO_RULE },  { IMAC_VPS, IPPROTO_TCP, 4999, NO_RULE },
	{ IMAC_VPS, IPPROTO_TCP, 5000, 2 },	   { IMAC_VPS, IPPROTO_TCP, 5005, 2 },
	{ IMAC_VPS, IPPROTO_TCP, 5006, NO_RULE },  { IMAC_VPS, IPPROTO_TCP, 65534, NO_RULE },
	{ IMAC_VPS, IPPROTO_TCP, 65535, 0 },	   { IMAC_VPS, IPPROTO_UDP, 0, NO_RULE },
	{ IMAC_VPS, IPPROTO_UDP, 1, NO_RULE },	   { IMAC_VPS, IPPROTO_UDP, 22, NO_RULE },
	{ IMAC_VPS, IPPROTO_UDP, 5000, 2 },	   { IMAC_VPS, IPPROTO_UDP, 5006, NO_RULE },
	{ IMAC_VPS, IPPROTO_UDP, 65535, NO_RULE }, { IMAC_VPS, IPPROTO_SCTP, 0, 3 },
	{ IMAC_VPS, IPPROTO_SCTP, 1, 3 },	   { IMAC_VPS, IPPROTO_SCTP, 65535, 3 },
	{ IMAC_VPS, IPPROTO_ESP, 0, 4 },	   { IMAC_VPS, IPPROTO_AH, 0, NO_RULE },
	{ IMAC_VPS, IPPROTO_IPIP, 0, NO_RULE },	   { VPS_IMAC, IPPROTO_TCP, 0, 5 },
	{ VPS_IMAC, IPPROTO_TCP, 1, 5 },	   { VPS_IMAC, IPPROTO_TCP, 65535, 5 },
	{ VPS_IMAC, IPPROTO_UDP, 0, 5 },	   { VPS_IMAC, IPPROTO_UDP, 65535, 5 },
	{ VPS_IMAC, IPPROTO_SCTP, 1, NO_RULE },	   { VPS_IMAC, IPPROTO_ESP, 0, NO_RULE },
	{ AZURE_WEB, IPPROTO_UDP, 0, NO_RULE },	   { AZURE_WEB, IPPROTO_UDP, 1, 6 },
	{ AZURE_WEB, IPPROTO_UDP, 65535, 6 },	   { AZURE_WEB, IPPROTO_TCP, 1, NO_RULE },
};

START_TEST(edge)
{
	static const struct form forms[] = {
		{ 4, 0 }, { 6, 0 }, { 4, PACKET_ETHERNET }, { 6, PACKET_ETHERNET }
	};

	bench_load("ports.json");
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		bench_flows_clear();
		ask(&edges[_i], &forms[i]);
	}
}
END_TEST

/* As many ranges as a pair may have: every other port, so that no two of them join. */
static char *every_other_port(unsigned int count)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "{ \"devices\": { \"imac\": { \"addresses\": [\"10.77.0.2\"] },"
		     " \"vps\": { \"addresses\": [\"10.77.0.3\"] } },"
		     " \"acls\": [ { \"action\": \"accept\", \"src\": [\"imac\"],"
		     " \"proto\": \"tcp\", \"dst\": [\"vps:1");
	for (unsigned int i = 1; i < count; i++)
		fprintf(out, ",%u", 2 * i + 1);
	fprintf(out, "\"] } ] }");
	fclose(out);
	return text;
}

START_TEST(fullest_pair)
{
	static const struct form form = { 4, 0 };
	_free_ char *text = every_other_port(GATE_RANGES_PER_PAIR);
	_free_ char *more = every_other_port(GATE_RANGES_PER_PAIR + 1);

	ck_assert_int_eq(bench_load_text(more), -EINVAL);
	ck_assert_int_eq(bench_load_text(text), 0);
	for (uint16_t port = 0; port < 2 * GATE_RANGES_PER_PAIR + 3; port++) {
		struct inquiry inquiry = { IMAC_VPS, IPPROTO_TCP, port, NO_RULE };

		if (port & 1 && port < 2 * GATE_RANGES_PER_PAIR)
			inquiry.rule = 0;
		ask(&inquiry, &form);
	}
}
END_TEST

/* More than TABLE_NARROW_MAX of them, and a rule from each to the next one. */
#define CROWD 100

/* The rules behind those of the crowd. */
enum {
	RULE_ALL_TO_ALL = CROWD,
	RULE_ALL_TO_FIRST,
	RULE_SECOND_TO_ALL,
	RULE_LATE,
};

static struct end member(unsigned int i, unsigned int version)
{
	return (struct end){ HOST_LITERAL,
			     (version == 4 ? ADDRESS_IPV4 | 0x0a320000 : (address_t)0xfd50 << 112) +
				     i + 1 };
}

static void write_rule(FILE *out, const char *src, const char *dst)
{
	fprintf(out,
		"{ \"action\": \"accept\", \"proto\": \"tcp\", \"src\": [\"%s\"], "
		"\"dst\": [\"%s\"] },\n",
		src, dst);
}

static char *crowd(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "{ \"devices\": {");
	for (unsigned int i = 0; i < CROWD; i++)
		fprintf(out, "\"d%u\": { \"addresses\": [\"10.50.0.%u\", \"fd50::%x\"] },\n", i,
			i + 1, i + 1);
	fprintf(out, "}, \"acls\": [\n");
	for (unsigned int i = 0; i < CROWD; i++) {
		_free_ char *src = mem_printf("d%u", i);
		_free_ char *dst = mem_printf("d%u:%u", (i + 1) % CROWD, 1000 + i);

		write_rule(out, src, dst);
	}
	write_rule(out, "*", "*:443");
	write_rule(out, "*", "d0:80");
	write_rule(out, "d1", "*:81");
	write_rule(out, "d2", "d3:443,1002");
	fprintf(out, "] }");
	fclose(out);
	return text;
}

static void ask_member(unsigned int i, const struct form *form)
{
	struct end self = member(i, form->version);
	struct end next = member((i + 1) % CROWD, form->version);
	struct end other = member((i + 7) % CROWD, form->version);
	struct end web = { WEB, 0 };
	const struct inquiry inquiries[] = {
		{ self, next, IPPROTO_TCP, (uint16_t)(1000 + i), i },
		{ self, next, IPPROTO_TCP, (uint16_t)(1001 + i), NO_RULE },
		{ self, next, IPPROTO_UDP, (uint16_t)(1000 + i), NO_RULE },
		{ self, other, IPPROTO_TCP, (uint16_t)(1000 + i), NO_RULE },
		{ next, self, IPPROTO_TCP, (uint16_t)(1000 + i), NO_RULE },
		{ self, other, IPPROTO_TCP, 443, RULE_ALL_TO_ALL },
		{ self, next, IPPROTO_TCP, 443, RULE_ALL_TO_ALL },
		{ self, web, IPPROTO_TCP, 443, RULE_ALL_TO_ALL },
		{ self, web, IPPROTO_TCP, 444, NO_RULE },
		{ self, web, IPPROTO_UDP, 443, NO_RULE },
		{ other, member(0, form->version), IPPROTO_TCP, 80, RULE_ALL_TO_FIRST },
		{ other, member(5, form->version), IPPROTO_TCP, 80, NO_RULE },
		{ self, web, IPPROTO_TCP, 81, i == 1 ? RULE_SECOND_TO_ALL : NO_RULE },
		{ self, other, IPPROTO_TCP, 81, i == 1 ? RULE_SECOND_TO_ALL : NO_RULE },
	};

	for (size_t j = 0; j < ARRAY_SIZE(inquiries); j++) {
		bench_flows_clear();
		/* d7 of d0, d12 of d5: a packet to itself is spoofed */
		if (inquiries[j].src.address != inquiries[j].dst.address)
			ask(&inquiries[j], form);
	}
}

START_TEST(wide)
{
	const uint32_t levels = GATE_HAS_FINE_FINE | GATE_HAS_FINE_COARSE | GATE_HAS_COARSE_FINE |
				GATE_HAS_COARSE_COARSE;
	_free_ char *text = crowd();

	ck_assert_int_eq(bench_load_text(text), 0);
	ck_assert_uint_eq(bench_table()->features & levels, levels);
	ck_assert_uint_gt(bench_table()->fine, TABLE_NARROW_MAX);
	for (unsigned int i = 0; i < CROWD; i++) {
		ask_member(i, &(struct form){ 4, i & 1 ? PACKET_ETHERNET : 0 });
		ask_member(i, &(struct form){ 6, i & 1 ? 0 : PACKET_ETHERNET });
	}
}
END_TEST

START_TEST(wide_is_not_everybody)
{
	static const struct packet packets[] = { TCP(WEB, IMAC, 40000, 443, SYN),
						 TCP(STRANGER, WEB, 40000, 443, SYN) };
	_free_ char *text = crowd();
	struct verdict verdict;

	ck_assert_int_eq(bench_load_text(text), 0);
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		bench_run(&packets[i], AT_INGRESS, &(struct form){ 4, 0 }, 0, &verdict);
		ck_assert_str_eq(reason_name(verdict.reason), "unknown_source");
		bench_run(&packets[i], AT_EGRESS_LAN, &(struct form){ 6, 0 }, 0, &verdict);
		ck_assert_str_eq(reason_name(verdict.reason), "unknown_source");
	}
}
END_TEST

static void setup(void)
{
	bench_open();
	bench_load("ports.json");
}

Suite *judge_suite(void)
{
	Suite *suite = suite_create("judge");
	TCase *ports = tcase_create("ports");
	TCase *tcase = tcase_create("policies");

	tcase_add_unchecked_fixture(ports, setup, bench_close);
	tcase_set_timeout(ports, TIMEOUT);
	tcase_add_loop_test(ports, edge, 0, ARRAY_SIZE(edges));
	suite_add_tcase(suite, ports);
	tcase_add_unchecked_fixture(tcase, bench_open, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	tcase_add_test(tcase, fullest_pair);
	tcase_add_test(tcase, wide);
	tcase_add_test(tcase, wide_is_not_everybody);
	suite_add_tcase(suite, tcase);
	return suite;
}
