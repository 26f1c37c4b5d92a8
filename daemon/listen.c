// SPDX-License-Identifier: GPL-2.0-or-later
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>

#include "mem.h"

int listen_parse(const char *text, struct sockaddr_storage *ret_address)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool brackets = length > 2 && text[0] == '[' && text[length - 1] == ']';
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM,
				  .ai_family = brackets ? AF_INET6 : AF_INET };
	_free_ char *host = mem_strndup(text + brackets, length - 2 * brackets);
	struct addrinfo *found;

	if (!length || getaddrinfo(host, colon + 1, &hints, &found))
		return -EINVAL;
	memcpy(ret_address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}
