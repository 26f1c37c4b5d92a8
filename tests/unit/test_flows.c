// SPDX-License-Identifier: GPL-2.0-or-later
#include "flows.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lifetime.h"
#include "mem.h"
#include "notation.h"
#include "unit.h"

static const struct gate_settings settings = {
	.timeout = { [TIMEOUT_HANDSHAKE] = 10,
		     [TIMEOUT_ESTABLISHED] = 1000,
		     [TIMEOUT_CLOSING] = 20,
		     [TIMEOUT_UDP] = 60,
		     [TIMEOUT_ANSWERED] = 180,
		     [TIMEOUT_ECHO] = 30 },
};

/* @left: seconds of @timeout, where the opener's last packet is two seconds old. */
static const struct {
	uint8_t protocol;
	enum flow_state state;
	unsigned int timeout;
	enum flow_kind kind;
} rows[] = {
	{ IPPROTO_TCP, FLOW_OPENING, 10, FLOW_JUDGED },
	{ IPPROTO_TCP, FLOW_ESTABLISHED, 1000, FLOW_JUDGED },
	{ IPPROTO_TCP, FLOW_CLOSING, 20, FLOW_JUDGED },
	{ IPPROTO_UDP, FLOW_OPENING, 60, FLOW_JUDGED },
	{ IPPROTO_UDP, FLOW_ESTABLISHED, 180, FLOW_JUDGED },
	{ IPPROTO_GRE, FLOW_OPENING, 60, FLOW_JUDGED },
	{ IPPROTO_ICMP, FLOW_OPENING, 30, FLOW_JUDGED },
	{ IPPROTO_ICMP, FLOW_ESTABLISHED, 30, FLOW_JUDGED },
	{ IPPROTO_ICMPV6, FLOW_OPENING, 30, FLOW_JUDGED },
	/* what NAT changed lives no longer than conntrack remembers it */
	{ IPPROTO_UDP, FLOW_OPENING, 29, FLOW_LEARNED },
	{ IPPROTO_UDP, FLOW_ESTABLISHED, 29, FLOW_NAT_AS },
	{ IPPROTO_TCP, FLOW_ESTABLISHED, 1000, FLOW_LEARNED },
};

static struct gate_flow held_flow(uint8_t opener, enum flow_state state, enum flow_kind kind)
{
	return (struct gate_flow){
		.stamp = GATE_STAMP(7, 0x1234, 0, GATE_FROM_UNKNOWN),
		.last = 100 * SECOND,
		.rule = 3,
		.device = { 11, 12 },
		.opener = opener,
		.state = (uint8_t)state,
		.kind = (uint8_t)kind,
	};
}

START_TEST(timeout)
{
	struct gate_flow held = held_flow(0, rows[_i].state, rows[_i].kind);
	struct gate_flow4_key key = { .protocol = rows[_i].protocol };
	uint64_t limit = rows[_i].timeout * SECOND;
	struct flow flow;

	ck_assert(flow_from4(&key, &held, &settings, 102 * SECOND, &flow));
	ck_assert_uint_eq(flow.idle, 2 * SECOND);
	ck_assert_uint_eq(flow.left, limit - 2 * SECOND);
	ck_assert(flow_from4(&key, &held, &settings, held.last + limit, &flow));
	ck_assert_uint_eq(flow.left, 0);
	ck_assert(!flow_from4(&key, &held, &settings, held.last + limit + 1, &flow));
	/* the clock was read before the packet came */
	ck_assert(flow_from4(&key, &held, &settings, 99 * SECOND, &flow));
	ck_assert_uint_eq(flow.idle, 0);
}
END_TEST

/* Whichever side opened it. */
START_TEST(sides)
{
	uint8_t opener = (uint8_t)_i;
	struct gate_flow held = held_flow(opener, FLOW_ESTABLISHED, FLOW_LEARNED);
	struct gate_flow4_key key = { .protocol = IPPROTO_TCP };
	struct flow flow;

	memcpy(key.addr, (uint8_t[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	key.port[0] = htons(1001);
	key.port[1] = htons(1002);
	ck_assert(flow_from4(&key, &held, &settings, held.last, &flow));
	ck_assert(flow.opener.address == notation_address(opener ? "10.0.0.2" : "10.0.0.1"));
	ck_assert(flow.other.address == notation_address(opener ? "10.0.0.1" : "10.0.0.2"));
	ck_assert_uint_eq(flow.opener.port, opener ? 1002 : 1001);
	ck_assert_uint_eq(flow.other.port, opener ? 1001 : 1002);
	ck_assert_uint_eq(flow.opener.device, opener ? 12 : 11);
	ck_assert_uint_eq(flow.other.device, opener ? 11 : 12);
	ck_assert_uint_eq(flow.generation, 7);
	ck_assert_uint_eq(flow.rule, 3);
	ck_assert_str_eq(flow_kind_name(flow.kind), "learned");
	ck_assert_str_eq(flow_state_name(flow.state), "established");
}
END_TEST

/* The identifier stands on the side that asks. */
START_TEST(echo)
{
	uint8_t opener = (uint8_t)_i;
	struct gate_flow held = held_flow(opener, FLOW_OPENING, FLOW_LEARNED);
	struct gate_flow6_key key = { .protocol = IPPROTO_ICMPV6, .asks = (uint8_t)(1 + opener) };
	struct flow flow;

	memset(&key.addr[1], 0xfd, 16);
	key.port[opener] = htons(77);
	ck_assert(flow_from6(&key, &held, &settings, held.last, &flow));
	ck_assert_uint_eq(flow.echo, 77);
	ck_assert_uint_eq(flow.opener.port, 0);
	ck_assert_uint_eq(flow.other.port, 0);
	ck_assert((opener ? flow.other : flow.opener).address == 0);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("flows");

	unit_add(suite, timeout, ARRAY_SIZE(rows));
	unit_add(suite, sides, 2);
	unit_add(suite, echo, 2);
	return suite;
}
