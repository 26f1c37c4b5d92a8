/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HTTP server: GET /metrics. The one user of libmicrohttpd.
 *
 * Who may keep whom out: connections are taken as they come, up to HTTP_CONNECTIONS; for one more, the
 * one is closed that has not moved for longest: since it came, or since the last piece of metrics that it
 * took. So those who connect and say nothing, or a byte at a time, or do not read, end where the next
 * ones begin, and who sends a request and reads is answered however many of them there are. There is
 * no limit by address: on loopback there is only one, Prometheus' own. A connection on which nothing
 * moves ends after HTTP_SECONDS. Prometheus needs no connection between two scrapes.
 */
#ifndef ACLGATE_HTTP_H
#define ACLGATE_HTTP_H

#include <systemd/sd-event.h>

#include "supply.h"

#define HTTP_CONNECTIONS 128
#define HTTP_SECONDS	 10
#define HTTP_MEMORY	 32768 /* of a connection, for request and answer */

struct http;

/* @socket: listens, and is the server's from now on. */
int http_start(sd_event *loop, int socket, struct supply *supply, struct http **ret_http);

/* Ends open connections. */
void http_stop(struct http *http);

#endif
