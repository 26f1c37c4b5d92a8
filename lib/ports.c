// SPDX-License-Identifier: GPL-2.0-or-later
#include "ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"

/* The first name of a number is the one that we print. */
static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "icmp", 1 },	{ "icmpv4", 1 }, { "igmp", 2 }, { "ipv4", 4 },	     { "ip-in-ip", 4 },
	{ "tcp", 6 },	{ "egp", 8 },	 { "igp", 9 },	{ "udp", 17 },	     { "dccp", 33 },
	{ "gre", 47 },	{ "esp", 50 },	 { "ah", 51 },	{ "ipv6-icmp", 58 }, { "icmpv6", 58 },
	{ "tsmp", 99 }, { "sctp", 132 }, { "fc", 133 },
};

bool protocol_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Digits only, no leading zero. Returns -1 for what is no number or over @max. */
static long number_parse(const char *text, size_t length, long max)
{
	long value = 0;

	if (!length || length > 5 || (length > 1 && text[0] == '0'))
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value <= max ? value : -1;
}

int protocol_parse(const char *text, uint8_t *ret_protocol)
{
	long number = number_parse(text, strlen(text), 255);

	if (number > 0) {
		*ret_protocol = (uint8_t)number;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!strcasecmp(protocols[i].name, text)) {
			*ret_protocol = protocols[i].number;
			return 0;
		}
	}
	return -EINVAL;
}

const char *protocol_name(uint8_t protocol, char text[8])
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	snprintf(text, 8, "%u", protocol);
	return text;
}

/* The wording is that of Tailscale's parser. */
static char *range_parse(const char *text, size_t length, struct port_range *ret_range)
{
	const char *dash = memchr(text, '-', length);
	size_t first_length = dash ? (size_t)(dash - text) : length;
	long low = number_parse(text, first_length, UINT16_MAX), high = low;
	int printed = (int)length;

	if (length == 1 && *text == '*') {
		*ret_range = (struct port_range){ 0, UINT16_MAX };
		return NULL;
	}
	if (low < 0)
		return mem_printf(
			"port range \"%.*s\": invalid first integer: a port is a number from 1 to 65535",
			printed, text);
	if (dash)
		high = number_parse(dash + 1, length - first_length - 1, UINT16_MAX);
	if (high < 0)
		return mem_printf(
			"port range \"%.*s\": invalid last integer: a port is a number from 1 to 65535",
			printed, text);
	if (low == 0)
		return mem_printf("port range \"%.*s\": first port must be >0, "
				  "or use '*' for wildcard",
				  printed, text);
	if (low > high)
		return mem_printf("port range \"%.*s\": first port must be <= last port", printed,
				  text);
	*ret_range = (struct port_range){ (uint16_t)low, (uint16_t)high };
	return NULL;
}

int ports_parse(const char *text, struct ports *ret_ports, char **ret_message)
{
	struct ports ports = {};
	const char *at = text;

	for (;;) {
		size_t length = strcspn(at, ",");
		struct port_range range;
		char *message = range_parse(at, length, &range);

		if (!message && range.low == 0 && strlen(text) > 1)
			message = mem_printf("port range \"%s\": '*' stands alone", text);
		if (message) {
			ports_free(&ports);
			*ret_message = message;
			return -EINVAL;
		}
		ports.items = mem_grow(ports.items, ports.count, &ports.capacity,
				       sizeof(*ports.items));
		ports.items[ports.count++] = range;
		if (!at[length])
			break;
		at += length + 1;
	}
	*ret_ports = ports;
	return 0;
}

bool ports_are_all(const struct ports *ports)
{
	return ports->count == 1 && ports->items[0].low == 0;
}

void ports_free(struct ports *ports)
{
	free(ports->items);
	*ports = (struct ports){};
}
