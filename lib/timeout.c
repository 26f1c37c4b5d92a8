// SPDX-License-Identifier: GPL-2.0-or-later
#include "timeout.h"

#include "mem.h"

static const struct {
	const char *name;
	uint32_t seconds;
} timeouts[] = {
	[TIMEOUT_HANDSHAKE] = { "tcpHandshake", 30 },
	[TIMEOUT_ESTABLISHED] = { "tcpEstablished", 24 * 60 * 60 },
	[TIMEOUT_CLOSING] = { "tcpClosing", 30 },
	[TIMEOUT_UDP] = { "udp", 60 },
	[TIMEOUT_ANSWERED] = { "udpAnswered", 180 },
	[TIMEOUT_ECHO] = { "echo", 30 },
	[TIMEOUT_FRAGMENT] = { "fragments", 30 },
};
_Static_assert(ARRAY_SIZE(timeouts) == TIMEOUT_MAX, "a name for every timeout");

const char *timeout_name(enum timeout timeout)
{
	return timeouts[timeout].name;
}

uint32_t timeout_default(enum timeout timeout)
{
	return timeouts[timeout].seconds;
}
