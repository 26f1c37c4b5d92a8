// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The programs against what user space says: new flows under policies by chance, and packets with
 * bytes by chance. ACLGATE_TEST_SEED repeats a run.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dice.h"
#include "invent.h"
#include "mem.h"
#include "naive.h"
#include "reason.h"
#include "suites.h"
#include "trial.h"

#define POLICIES	   30
#define CROWDED_ONCE_IN	   8
#define PACKETS_PER_POLICY 800
#define MUTANTS		   20000

/* Addresses at which the answer may change. */
struct pool {
	address_t *items;
	size_t count, capacity;
};

static void pool_add(struct pool *pool, address_t address)
{
	pool->items = mem_grow(pool->items, pool->count, &pool->capacity, sizeof(*pool->items));
	pool->items[pool->count++] = address;
}

static void pool_add_prefix(struct pool pools[2], const struct prefix *prefix)
{
	address_t first = prefix->first, last = prefix_last(prefix), size = last - first;
	address_t inside = size ? ((address_t)dice_bits() << 64 | dice_bits()) % size : 0;
	const address_t edges[] = { first, first,     first + inside, first + inside,
				    last,  first - 1, last + 1 };

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		pool_add(&pools[!address_is_ipv4(edges[i])], edges[i]);
}

/* By IP version: 4, 6. */
static void pools_fill(struct pool pools[2])
{
	const struct table *table = bench_table();

	for (size_t i = 0; i < table->addresses_count; i++)
		pool_add_prefix(pools, &table->addresses[i].prefix);
	for (size_t i = 0; i < table->prefixes_count; i++)
		pool_add_prefix(pools, &table->prefixes[i].prefix);
	pool_add(&pools[0], host_address(WEB, 4));
	pool_add(&pools[1], host_address(WEB, 6));
}

static void pools_free(struct pool pools[2])
{
	free(pools[0].items);
	free(pools[1].items);
}

/* Where a packet of this source comes from, if nobody cheats. */
static enum place honest_place(address_t source)
{
	struct gate_identity identity = naive_identity(bench_table(), source);

	if (identity.speaks & GATE_SPEAKS_SELF)
		return AT_EGRESS_SELF;
	if (identity.speaks & ((1u << GATE_GUARDED_MAX) - 1))
		return dice_once_in(2) ? AT_INGRESS : AT_EGRESS_UNMARKED;
	if (!identity.device)
		return dice_once_in(2) ? AT_INGRESS : AT_EGRESS_LAN;
	return AT_EGRESS_LAN;
}

/* Protocol and port that some rule names, or their neighbours. */
static uint32_t some_key(void)
{
	const struct table *table = bench_table();
	const struct gate_range *range;

	if (!table->ranges_count || dice_once_in(5))
		return GATE_PORT_KEY(dice_once_in(2) ? IPPROTO_TCP : IPPROTO_UDP, dice(65536));
	range = &table->ranges[dice((unsigned int)table->ranges_count)];
	switch (dice(5)) {
	case 0:
		return range->low;
	case 1:
		return range->high;
	case 2:
		return range->low - 1;
	case 3:
		return range->high + 1;
	}
	return range->low + dice(range->high - range->low + 1);
}

static struct packet some_packet(const struct pool *pool, unsigned int version)
{
	uint32_t key = some_key();
	struct packet packet = {
		.src = { HOST_LITERAL, pool->items[dice((unsigned int)pool->count)] },
		.dst = { HOST_LITERAL, pool->items[dice((unsigned int)pool->count)] },
		.protocol = (uint16_t)(key >> 16),
		.sport = (uint16_t)dice(65536),
		.dport = (uint16_t)key,
		.flags = dice_once_in(4) ? ACK | PSH : SYN,
		.icmp = ECHO_REQUEST,
		.id = (uint16_t)dice(65536),
		.body = 40, /* BPF_PROG_TEST_RUN reads 8.0.0.0 as an ethertype and wants a header */
	};

	/* the other version's ICMP is malformed */
	if (packet.protocol == (version == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		packet.protocol = version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	packet.shape = packet_shape((uint8_t)packet.protocol);
	return packet;
}

/* What a difference is about. */
struct difference {
	const char *policy;
	const struct packet *packet;
	const struct form *form;
	enum place place;
	enum reason expected;
	uint32_t rule;
};

static void report(const struct difference *difference, const struct verdict *verdict)
{
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];

	printf("%s-> %s protocol %u port %u at place %d, link header %u:\n"
	       "the table says %s (rule %u), the programs say %s\n%s\n",
	       address_format(packet_src(difference->packet, difference->form->version), src),
	       address_format(packet_dst(difference->packet, difference->form->version), dst),
	       difference->packet->protocol, difference->packet->dport, (int)difference->place,
	       difference->form->link_header, reason_name(difference->expected), difference->rule,
	       verdict->passed ? "allowed" : reason_name(verdict->reason), difference->policy);
	fflush(stdout);
}

/* Returns whether both said the same, and credited the same rule. */
static bool agree(struct difference *difference)
{
	const struct packet *packet = difference->packet;
	unsigned int version = difference->form->version;
	bool allowed;
	uint32_t counter;
	uint64_t credit;
	struct verdict verdict;

	difference->expected = table_judge(bench_table(), packet_src(packet, version),
					   packet_dst(packet, version), (uint8_t)packet->protocol,
					   packet->dport, &difference->rule);
	if (difference->expected == REASON_ACL && packet->shape == SHAPE_TCP &&
	    !(packet->flags & SYN))
		difference->expected = REASON_NO_STATE;
	allowed = difference->expected == REASON_NONE;
	counter = allowed ? bench_rule(difference->rule) : 0;
	credit = bench_rule_packets(counter);
	bench_run(packet, difference->place, difference->form, 0, &verdict);
	if (verdict.passed)
		bench_flows_clear();
	if (verdict.bookings == 1 && verdict.passed == allowed &&
	    verdict.reason == difference->expected && verdict.created == allowed &&
	    !verdict.deleted && bench_rule_packets(counter) == credit + allowed)
		return true;
	report(difference, &verdict);
	return false;
}

/* What was said how often, so that a run which never allows anything is seen. */
struct score {
	unsigned int packets;
	unsigned int differences;
	unsigned int reasons[REASON_MAX];
};

static void run_policy(const char *text, struct score *score)
{
	struct pool pools[2] = {};

	pools_fill(pools);
	bench_flows_clear();
	for (unsigned int i = 0; i < PACKETS_PER_POLICY && score->differences < 3; i++) {
		struct form form = { dice_once_in(2) ? 4 : 6,
				     dice_once_in(2) ? PACKET_ETHERNET : 0 };
		struct packet packet = some_packet(&pools[form.version == 6], form.version);
		struct difference difference = { .policy = text, .packet = &packet, .form = &form };

		if (!packet.protocol || packet.src.address == packet.dst.address)
			continue;
		difference.place = honest_place(packet.src.address);
		score->packets++;
		score->differences += !agree(&difference);
		score->reasons[difference.expected]++;
	}
	pools_free(pools);
}

static void print_score(const struct score *score, uint64_t seed, const char *what)
{
	printf("ACLGATE_TEST_SEED=%llu: %u %s, %u differences:", (unsigned long long)seed,
	       score->packets, what, score->differences);
	for (enum reason reason = 0; reason < REASON_MAX; reason++)
		if (score->reasons[reason])
			printf(" %u %s", score->reasons[reason], reason_name(reason));
	printf("\n");
	fflush(stdout);
}

START_TEST(policies)
{
	uint64_t seed = dice_seed();
	struct score score = {};
	unsigned int refused = 0;

	printf("ACLGATE_TEST_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	dice_start(seed);
	for (unsigned int i = 0; i < POLICIES && score.differences < 3; i++) {
		_free_ char *text = invent_policy(i % CROWDED_ONCE_IN == 0);

		if (bench_load_text(text))
			refused++;
		else
			run_policy(text, &score);
	}
	print_score(&score, seed, "packets of new flows");
	ck_assert_uint_eq(score.differences, 0);
	ck_assert_uint_le(refused, POLICIES / 10);
	ck_assert_uint_ge(score.reasons[REASON_NONE], score.packets / 50);
	ck_assert_uint_ge(score.reasons[REASON_ACL], score.packets / 50);
}
END_TEST

static const struct packet originals[] = {
	TCP(IMAC, VPS, 40000, 3000, SYN),
	TCP(IMAC, VPS, 40000, 3000, ACK, .body = 12, LIES({ DATA_OFFSET, 8 })),
	TCP(IMAC, VPS, 40000, 3000, SYN, OPTIONS("\x44\x8\5\0\0\0\0\0\x94\4\0\0"),
	    EXTENSIONS({ IPPROTO_HOPOPTS }, { IPPROTO_ROUTING }, { IPPROTO_DSTOPTS })),
	UDP(IMAC, ASPIRE, 40000, 53, .body = 30),
	SCTP(IMAC, VPS, 40000, 5000, .body = 20),
	RAW(IMAC, VPS, IPPROTO_GRE),
	PING(VPS, ASPIRE, 7, .body = 56),
	PONG(VPS, ASPIRE, 7, .body = 56),
	ABOUT(VPS, IMAC, UNREACHABLE, TCP(IMAC, VPS, 40000, 3000, SYN)),
	UDP(PRINTER, IMAC, 40000, 514),
};

/* Headers are hit more often than what is behind, and by numbers that mean something. */
static size_t mutate(uint8_t *bytes, size_t size, size_t link_header)
{
	static const uint8_t values[] = { 0,  1,  2,  4,  5,   6,   7,	 17,  20, 43,
					  44, 47, 58, 60, 128, 131, 132, 137, 255 };

	for (unsigned int i = 0, count = 1 + dice(3); i < count; i++) {
		unsigned int span = (unsigned int)size - (unsigned int)link_header;
		size_t at = link_header + dice(dice_once_in(2) && span > 24 ? 24 : span);

		if (dice_once_in(2))
			bytes[at] ^= (uint8_t)(1u << dice(8));
		else
			bytes[at] = values[dice(ARRAY_SIZE(values))];
	}
	/* not below what BPF_PROG_TEST_RUN takes */
	if (dice_once_in(6) && size > link_header + 42)
		size -= dice((unsigned int)(size - link_header - 41));
	return size;
}

static void print_bytes(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

static void run_mutant(struct score *score)
{
	struct form form = { dice_once_in(2) ? 4 : 6, dice_once_in(2) ? PACKET_ETHERNET : 0 };
	uint8_t bytes[PACKET_MAX];
	size_t size = packet_build(&originals[dice(ARRAY_SIZE(originals))], form.version,
				   form.link_header, bytes);
	enum reason expected;
	struct verdict verdict;

	size = mutate(bytes, size, form.link_header);
	expected = naive_judge(bench_table(), bytes, size, &form);
	bench_run_bytes(bytes, size, AT_INGRESS, &form, &verdict);
	if (verdict.passed)
		bench_flows_clear();
	score->packets++;
	score->reasons[expected]++;
	if (naive_agrees(expected, &verdict))
		return;
	score->differences++;
	printf("expected %s, got %s, link header %u: ", reason_name(expected),
	       reason_name(verdict.reason), form.link_header);
	print_bytes(bytes, size);
}

START_TEST(mutants)
{
	uint64_t seed = dice_seed();
	struct score score = {};

	dice_start(seed);
	bench_load("house.json");
	bench_flows_clear();
	while (score.packets < MUTANTS && score.differences < 10)
		run_mutant(&score);
	print_score(&score, seed, "packets with other bytes");
	ck_assert_uint_eq(score.differences, 0);
	ck_assert_uint_ge(score.reasons[REASON_NONE], score.packets / 20);
	ck_assert_uint_ge(score.reasons[REASON_MALFORMED], score.packets / 20);
}
END_TEST

Suite *random_suite(void)
{
	Suite *suite = suite_create("random");
	TCase *tcase = tcase_create("random");

	tcase_add_unchecked_fixture(tcase, bench_open, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	tcase_add_test(tcase, policies);
	tcase_add_test(tcase, mutants);
	suite_add_tcase(suite, tcase);
	return suite;
}
