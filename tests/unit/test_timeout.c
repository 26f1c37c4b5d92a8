// SPDX-License-Identifier: GPL-2.0-or-later
#include "timeout.h"

#include "mem.h"
#include "unit.h"

/* The keys of the policy, and what its manual says of each. */
static const struct {
	enum timeout timeout;
	const char *name;
	uint32_t seconds;
} timeouts[] = {
	{ TIMEOUT_HANDSHAKE, "tcpHandshake", 30 },
	{ TIMEOUT_ESTABLISHED, "tcpEstablished", 24 * 3600 },
	{ TIMEOUT_CLOSING, "tcpClosing", 30 },
	{ TIMEOUT_UDP, "udp", 60 },
	{ TIMEOUT_ANSWERED, "udpAnswered", 180 },
	{ TIMEOUT_ECHO, "echo", 30 },
	{ TIMEOUT_FRAGMENT, "fragments", 30 },
};

START_TEST(known)
{
	enum timeout timeout = timeouts[_i].timeout;

	ck_assert_str_eq(timeout_name(timeout), timeouts[_i].name);
	ck_assert_uint_eq(timeout_default(timeout), timeouts[_i].seconds);
	ck_assert_uint_ge(timeout_default(timeout), TIMEOUT_SECONDS_MIN);
	ck_assert_uint_le(timeout_default(timeout), TIMEOUT_SECONDS_MAX);
}
END_TEST

START_TEST(all)
{
	ck_assert_uint_eq(ARRAY_SIZE(timeouts), TIMEOUT_MAX);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("timeout");

	unit_add(suite, known, ARRAY_SIZE(timeouts));
	unit_add(suite, all, 1);
	return suite;
}
