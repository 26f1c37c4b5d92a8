// SPDX-License-Identifier: GPL-2.0-or-later
/* The answer of an implementation in user space. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "wireguard_build.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int parse_key(const char *text, uint8_t ret_key[KEY_BYTES])
{
	if (strlen(text) != 2 * KEY_BYTES)
		return -EBADMSG;
	for (size_t i = 0; i < KEY_BYTES; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EBADMSG;
		ret_key[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int parse_number(const char *text, uint64_t *ret_number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EBADMSG;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return *end || errno ? -EBADMSG : 0;
}

static struct wireguard_peer *last_peer(const struct wireguard_text *text)
{
	return &text->wireguard->peers[text->wireguard->peers_count - 1];
}

static int on_public_key(struct wireguard_text *text, char *value)
{
	uint8_t key[KEY_BYTES];

	if (parse_key(value, key))
		return -EBADMSG;
	wireguard_add_peer(text->wireguard, key);
	text->peer = true;
	return 0;
}

static int on_handshake(struct wireguard_text *text, char *value)
{
	uint64_t seconds;

	if (parse_number(value, &seconds) || seconds > INT64_MAX)
		return -EBADMSG;
	last_peer(text)->handshake = (int64_t)seconds;
	return 0;
}

static int on_received(struct wireguard_text *text, char *value)
{
	return parse_number(value, &last_peer(text)->received);
}

static int on_sent(struct wireguard_text *text, char *value)
{
	return parse_number(value, &last_peer(text)->sent);
}

static int on_allowed(struct wireguard_text *text, char *value)
{
	char *slash = strchr(value, '/');
	uint8_t bytes[16];
	uint64_t length;
	bool ipv4;

	if (!slash)
		return -EBADMSG;
	*slash = '\0';
	ipv4 = inet_pton(AF_INET, value, bytes) == 1;
	if ((!ipv4 && inet_pton(AF_INET6, value, bytes) != 1) || parse_number(slash + 1, &length) ||
	    length > (ipv4 ? 32 : 128))
		return -EBADMSG;
	if (!ipv4 && address_is_ipv4(address_from_bytes(bytes, 16)))
		return 0;
	return wireguard_add_allowed(text->wireguard, address_from_bytes(bytes, ipv4 ? 4 : 16),
				     (unsigned int)length + (ipv4 ? 96 : 0));
}

static int on_errno(struct wireguard_text *text, char *value)
{
	text->success = !strcmp(value, "0");
	return text->success ? 0 : -EIO;
}

static const struct {
	const char *key;
	bool peer; /* it is about one */
	int (*take)(struct wireguard_text *text, char *value);
} keys[] = {
	{ "public_key", false, on_public_key },
	{ "allowed_ip", true, on_allowed },
	{ "last_handshake_time_sec", true, on_handshake },
	{ "rx_bytes", true, on_received },
	{ "tx_bytes", true, on_sent },
	{ "errno", false, on_errno },
};

/* Keys that we do not know may come with later versions. */
static int take_line(struct wireguard_text *text, char *line)
{
	char *value = strchr(line, '=');

	if (!*line) {
		text->ended = true;
		return text->success ? 0 : -EBADMSG;
	}
	if (!value || text->success)
		return -EBADMSG;
	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(line, keys[i].key))
			continue;
		return keys[i].peer && !text->peer ? -EBADMSG : keys[i].take(text, value);
	}
	return 0;
}

int wireguard_take_text(struct wireguard_text *text, char *bytes, size_t size, size_t *ret_used)
{
	size_t used = 0;
	char *end;

	while (used < size && (end = memchr(bytes + used, '\n', size - used))) {
		char *line = bytes + used;
		int error;

		*end = '\0';
		if (text->ended || strlen(line) != (size_t)(end - line))
			return -EBADMSG;
		error = take_line(text, line);
		if (error)
			return error;
		used = (size_t)(end - bytes) + 1;
	}
	*ret_used = used;
	return 0;
}
