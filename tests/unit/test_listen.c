// SPDX-License-Identifier: GPL-2.0-or-later
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>

#include "mem.h"
#include "unit.h"

/* @host NULL: refused. */
static const struct {
	const char *text;
	const char *host;
	const char *port;
} addresses[] = {
	{ "127.0.0.1:9100", "127.0.0.1", "9100" },
	{ "0.0.0.0:1", "0.0.0.0", "1" },
	{ "10.77.0.1:65535", "10.77.0.1", "65535" },
	{ "[::1]:9100", "::1", "9100" },
	{ "[::]:9100", "::", "9100" },
	{ "", NULL, NULL },
	{ ":", NULL, NULL },
	{ ":9100", NULL, NULL },
	{ "9100", NULL, NULL },
	{ "127.0.0.1", NULL, NULL },
	{ "127.0.0.1:", NULL, NULL },
	{ "127.0.0.1:x", NULL, NULL },
	{ "127.0.0.1:http", NULL, NULL },
	{ "127.0.0.1:9100x", NULL, NULL },
	{ "127.0.0.1:-1", NULL, NULL },
	{ "127.0.0.1:65536", NULL, NULL },
	{ "127.0.0.1:99999", NULL, NULL },
	{ "localhost:9100", NULL, NULL },
	{ "127.0.0.256:9100", NULL, NULL },
	{ "::1:9100", NULL, NULL },
	{ "[]:9100", NULL, NULL },
	{ "[::1]", NULL, NULL },
	{ "[::1]x:9100", NULL, NULL },
	{ "[::1:9100", NULL, NULL },
	{ "[127.0.0.1]:9100", NULL, NULL },
};

START_TEST(parse)
{
	struct sockaddr_storage address = {};
	char host[64] = "", port[16] = "";
	int error = listen_parse(addresses[_i].text, &address);

	ck_assert_int_eq(error, addresses[_i].host ? 0 : -EINVAL);
	if (error) {
		ck_assert_uint_eq(address.ss_family, AF_UNSPEC);
		return;
	}
	ck_assert_int_eq(getnameinfo((const struct sockaddr *)&address, sizeof(address), host,
				     sizeof(host), port, sizeof(port),
				     NI_NUMERICHOST | NI_NUMERICSERV),
			 0);
	ck_assert_str_eq(host, addresses[_i].host);
	ck_assert_str_eq(port, addresses[_i].port);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("listen");

	unit_add(suite, parse, ARRAY_SIZE(addresses));
	return suite;
}
