/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protocols and ports as the policy writes them. Names and the reading of a port list are those of
 * Tailscale's client (types/ipproto, tailcfg).
 */
#ifndef ACLGATE_PORTS_H
#define ACLGATE_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port_range {
	uint16_t low;
	uint16_t high;
};

struct ports {
	struct port_range *items;
	size_t count;
	size_t capacity;
};

/* Ports make sense only with TCP, UDP and SCTP. */
bool protocol_has_ports(uint8_t protocol);

/* A name or a number 1 … 255. Returns 0, or -EINVAL. */
int protocol_parse(const char *text, uint8_t *ret_protocol);

/* Its name, or its number as text. */
const char *protocol_name(uint8_t protocol, char text[8]);

/*
 * "*", "22", "80,443", "1000-2000" and mixtures. Returns 0, or -EINVAL with a sentence in
 * @ret_message, which the caller frees.
 */
int ports_parse(const char *text, struct ports *ret_ports, char **ret_message);

bool ports_are_all(const struct ports *ports);

void ports_free(struct ports *ports);

#endif
