// SPDX-License-Identifier: GPL-2.0-or-later
/* What stands in the words of rules and tests alike: a host, ports, a protocol. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "mem.h"
#include "resolve_parts.h"

static char *bracketed(const char *host, size_t length)
{
	const char *close = memchr(host, ']', length);
	char *inner, address[INET6_ADDRSTRLEN];
	size_t rest;
	struct in6_addr parsed;

	if (!close || (size_t)(close - host - 1) >= sizeof(address))
		return NULL;
	memcpy(address, host + 1, (size_t)(close - host - 1));
	address[close - host - 1] = '\0';
	rest = length - (size_t)(close + 1 - host);
	if (inet_pton(AF_INET6, address, &parsed) != 1 || (rest && close[1] != '/'))
		return NULL;
	inner = mem_printf("%s%.*s", address, (int)rest, close + 1);
	return inner;
}

int resolve_host_port(const struct word *word, struct diag *diag, char **ret_host, char **ret_ports)
{
	const char *colon = strrchr(word->text, ':');
	size_t length = colon ? (size_t)(colon - word->text) : 0;
	char *host;

	if (!colon) {
		diag_error(diag, word->place,
			   "dst=\"%s\": hostport must contain a colon (\":\"), as in \"%s:443\"",
			   word->text, word->text);
		return -EINVAL;
	}
	host = word->text[0] == '[' ? bracketed(word->text, length) :
				      mem_strndup(word->text, length);
	if (!host) {
		diag_error(diag, word->place,
			   "dst=\"%s\": only an IPv6 address stands in brackets, its prefix length "
			   "behind them",
			   word->text);
		return -EINVAL;
	}
	*ret_host = host;
	*ret_ports = mem_strdup(colon + 1);
	return 0;
}

int resolve_ports(struct diag *diag, const char *key, const struct word *word, const char *text,
		  uint8_t protocol, struct ports *ret_ports)
{
	_free_ char *message = NULL;
	char number[8];

	if (ports_parse(text, ret_ports, &message)) {
		diag_error(diag, word->place, "%s=\"%s\": %s", key, word->text, message);
		return -EINVAL;
	}
	if (protocol && !protocol_has_ports(protocol) && !ports_are_all(ret_ports)) {
		diag_error(diag, word->place, "%s=\"%s\": protocol %s has no ports: write \"*\"",
			   key, word->text, protocol_name(protocol, number));
		ports_free(ret_ports);
		return -EINVAL;
	}
	return 0;
}

int resolve_protocol(struct diag *diag, const struct word *word, uint8_t *ret_protocol)
{
	if (!word->text || !protocol_parse(word->text, ret_protocol))
		return 0;
	diag_error(diag, word->place, "unknown protocol \"%s\"", word->text);
	return -EINVAL;
}
