// SPDX-License-Identifier: GPL-2.0-or-later
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "metrics.h"
#include "scrape.h"

/* That are accepted before those that are there get their turn. */
#define ACCEPTED_AT_ONCE 16
#define UNCHUNKED	 4096 /* a piece for clients that speak HTTP/1.0 */
#define CROWD		 8    /* connections: more than a few Prometheus and people have */
#define ACCURACY	 1000 /* us */

struct connection {
	TAILQ_ENTRY(connection) others;
	int socket;
	bool closed; /* by us; the server has yet to see it */
};

struct http {
	struct MHD_Daemon *daemon;
	struct supply *supply;
	TAILQ_HEAD(, connection) connections; /* the one that has not moved for longest first */
	unsigned int count;		      /* of those that are not closed */
	sd_event_source *listening;
	sd_event_source *ready; /* the server's own epoll */
	sd_event_source *timer; /* ... and its timeouts */
	sd_event_source *again; /* ... where it has more to do at once */
};

static const char landing[] =
	"<!DOCTYPE html><title>acld</title><h1>acld</h1><p><a href=\"/metrics\">metrics</a>\n";

/* ---------------------------------------------------------------- answers */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int status,
			      const char *type, struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int status,
				   const char *type, const char *text)
{
	return answer(
		connection, status, type,
		MHD_create_response_from_buffer(strlen(text), (char *)text, MHD_RESPMEM_MUST_COPY));
}

static enum MHD_Result answer_error(struct MHD_Connection *connection, int error)
{
	_free_ char *text = NULL;

	if (error == -ENOTCONN || error == -ECONNRESET)
		text = mem_strdup("acld's keeper is not there (acld --keeper)\n");
	else if (error == -ETIMEDOUT)
		text = mem_strdup("acld's keeper does not answer\n");
	else if (error == -ESTALE)
		text = mem_strdup("acld's keeper is of another build\n");
	else
		text = mem_printf("cannot read the gate: %s\n", strerror(-error));
	return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain; charset=utf-8",
			   text);
}

/* One scrape on its way to a client. */
struct stream {
	struct http *http;
	struct connection *connection;
	struct supplied *supplied;
	struct scrape scrape;
	struct metrics piece;
	size_t sent; /* of it */
};

static size_t hand_over(struct stream *stream, char *to, size_t room)
{
	size_t left = stream->piece.size - stream->sent;
	size_t part = left < room ? left : room;

	memcpy(to, stream->piece.text + stream->sent, part);
	stream->sent += part;
	return part;
}

static ssize_t on_stream(void *context, uint64_t position, char *to, size_t room)
{
	struct stream *stream = context;
	size_t done = 0;

	(void)position;
	TAILQ_REMOVE(&stream->http->connections, stream->connection, others);
	TAILQ_INSERT_TAIL(&stream->http->connections, stream->connection, others);
	if (stream->supplied->gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	while (done < room) {
		if (stream->sent == stream->piece.size) {
			stream->sent = stream->piece.size = 0;
			if (!scrape_next(&stream->scrape, &stream->supplied->snapshot,
					 &stream->piece))
				break;
		}
		done += hand_over(stream, to + done, room - done);
	}
	return done ? (ssize_t)done : MHD_CONTENT_READER_END_OF_STREAM;
}

static void on_stream_end(void *context)
{
	struct stream *stream = context;

	supply_return(stream->http->supply, stream->supplied);
	metrics_free(&stream->piece);
	free(stream);
}

static struct connection *connection_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
		->socket_context;
}

static enum MHD_Result answer_metrics(struct http *http, struct MHD_Connection *connection)
{
	struct supplied *supplied;
	struct MHD_Response *response;
	struct stream *stream;
	int error = supply_take(http->supply, http->count > CROWD, &supplied);

	if (error)
		return answer_error(connection, error);
	stream = mem_alloc(sizeof(*stream));
	stream->http = http;
	stream->connection = connection_of(connection);
	stream->supplied = supplied;
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, UNCHUNKED, on_stream, stream,
						     on_stream_end);
	if (!response)
		on_stream_end(stream);
	return answer(connection, MHD_HTTP_OK, METRICS_CONTENT_TYPE, response);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *body,
				  size_t *body_size, void **request)
{
	(void)version;
	(void)body;
	(void)request;
	if (*body_size) { /* nothing of ours takes a body */
		*body_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain",
				   "only GET is served here\n");
	if (!strcmp(url, "/metrics"))
		return answer_metrics(context, connection);
	if (!strcmp(url, "/"))
		return answer_text(connection, MHD_HTTP_OK, "text/html; charset=utf-8", landing);
	return answer_text(connection, MHD_HTTP_NOT_FOUND, "text/plain", "see /metrics\n");
}

/* ---------------------------------------------------------------- connections */

static void begin(struct http *http, struct MHD_Connection *connection, void **ret_context)
{
	struct connection *ours = mem_alloc(sizeof(*ours));

	ours->socket =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	TAILQ_INSERT_TAIL(&http->connections, ours, others);
	http->count++;
	*ret_context = ours;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **ret_context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http *http = context;
	struct connection *ours = *ret_context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		begin(http, connection, ret_context);
		return;
	}
	TAILQ_REMOVE(&http->connections, ours, others);
	if (!ours->closed)
		http->count--;
	free(ours);
}

/* The server sees the end of it when it runs next. */
static void close_one(struct http *http)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &http->connections, others)
	{
		if (connection->closed)
			continue;
		shutdown(connection->socket, SHUT_RDWR);
		connection->closed = true;
		http->count--;
		return;
	}
}

static void run(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout;
	bool waits;

	MHD_run(http->daemon);
	waits = MHD_get_timeout(http->daemon, &timeout) == MHD_YES;
	if (waits && timeout)
		sd_event_source_set_time_relative(http->timer, (uint64_t)timeout * 1000);
	sd_event_source_set_enabled(http->timer,
				    waits && timeout ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	sd_event_source_set_enabled(http->again,
				    waits && !timeout ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source;
	(void)fd;
	(void)events;
	run(context);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t time, void *context)
{
	(void)source;
	(void)time;
	run(context);
	return 0;
}

static int on_again(sd_event_source *source, void *context)
{
	(void)source;
	run(context);
	return 0;
}

static int on_arrival(sd_event_source *source, int listening, uint32_t events, void *context)
{
	struct http *http = context;

	(void)source;
	(void)events;
	for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
		struct sockaddr_storage address;
		socklen_t size = sizeof(address);
		int socket;

		if (http->count >= HTTP_CONNECTIONS)
			close_one(http);
		socket = accept4(listening, (struct sockaddr *)&address, &size,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (socket < 0)
			break;
		/* closes the socket where it fails */
		MHD_add_connection(http->daemon, socket, (struct sockaddr *)&address, size);
	}
	run(http);
	return 0;
}

/* ---------------------------------------------------------------- start and end */

static int start_daemon(struct http *http)
{
	errno = 0;
	http->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, http,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)(2 * HTTP_CONNECTIONS),
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)HTTP_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
	if (http->daemon)
		return 0;
	return errno ? -errno : -EINVAL;
}

static int add_sources(struct http *http, sd_event *loop, int socket)
{
	int ready = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->listen_fd;
	int error = sd_event_add_io(loop, &http->ready, ready, EPOLLIN, on_ready, http);

	if (error >= 0)
		error = sd_event_add_time_relative(loop, &http->timer, CLOCK_MONOTONIC, 0, ACCURACY,
						   on_timer, http);
	if (error >= 0)
		error = sd_event_add_defer(loop, &http->again, on_again, http);
	if (error >= 0)
		error = sd_event_add_io(loop, &http->listening, socket, EPOLLIN, on_arrival, http);
	return error < 0 ? error : 0;
}

int http_start(sd_event *loop, int socket, struct supply *supply, struct http **ret_http)
{
	struct http *http = mem_alloc(sizeof(*http));
	int error;

	http->supply = supply;
	TAILQ_INIT(&http->connections);
	error = start_daemon(http);
	if (!error)
		error = add_sources(http, loop, socket);
	if (error) {
		http_stop(http);
		return error;
	}
	*ret_http = http;
	return 0;
}

void http_stop(struct http *http)
{
	sd_event_source_disable_unref(http->listening);
	sd_event_source_disable_unref(http->ready);
	sd_event_source_disable_unref(http->timer);
	sd_event_source_disable_unref(http->again);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	free(http);
}
