// SPDX-License-Identifier: GPL-2.0-or-later
#include "exporter.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "metrics.h"
#include "scrape.h"

/* Prometheus holds one connection; the rest is for people and for those who mean harm. */
#define CONNECTIONS_MAX	   32
#define CONNECTION_SECONDS 10
#define CONNECTION_MEMORY  16384

struct exporter {
	struct state state;
	struct MHD_Daemon *daemon;
};

static const char landing[] =
	"<!DOCTYPE html><title>acld</title><h1>acld</h1><p><a href=\"/metrics\">metrics</a>\n";

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int status,
			      const char *type, char *text, size_t size,
			      enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(size, text, mode);
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
	return answer(connection, status, type, (char *)text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_metrics(const struct exporter *exporter,
				      struct MHD_Connection *connection)
{
	_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int error;

	if (!out)
		return MHD_NO;
	error = scrape(&exporter->state, out);
	if (error)
		fprintf(out, "cannot read the gate: %s\n", strerror(-error));
	if (fclose(out))
		return MHD_NO;
	return answer(connection, error ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
		      error ? "text/plain; charset=utf-8" : METRICS_CONTENT_TYPE, text, size,
		      MHD_RESPMEM_MUST_COPY);
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

int exporter_start(const struct state *state, const struct sockaddr *address,
		   struct exporter **ret_exporter)
{
	unsigned int flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;
	struct exporter *exporter = mem_alloc(sizeof(*exporter));
	int error;

	if (address->sa_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	exporter->state = *state;
	errno = 0;
	exporter->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, exporter, MHD_OPTION_SOCK_ADDR, address,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	if (exporter->daemon) {
		*ret_exporter = exporter;
		return 0;
	}
	error = errno ? -errno : -EINVAL;
	free(exporter);
	return error;
}

void exporter_stop(struct exporter *exporter)
{
	MHD_stop_daemon(exporter->daemon);
	free(exporter);
}
