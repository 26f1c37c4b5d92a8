// SPDX-License-Identifier: GPL-2.0-or-later
#include "exporter.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "exits.h"
#include "http.h"
#include "kernel.h"
#include "channel.h"
#include "listen.h"
#include "log.h"
#include "mem.h"
#include "notify.h"
#include "sandbox.h"
#include "supply.h"

struct exporter {
	sd_event *loop;
	struct channel channel;
	struct supply supply;
	struct http *http;
};

static int on_end(sd_event_source *source, const struct signalfd_siginfo *signal, void *context)
{
	(void)signal;
	(void)context;
	notify_send("STOPPING=1");
	return sd_event_exit(sd_event_source_get_event(source), EXIT_DONE);
}

/* SIGHUP is for the keeper: there is nothing to reload here. */
static int on_nothing(sd_event_source *source, const struct signalfd_siginfo *signal, void *context)
{
	(void)source;
	(void)signal;
	(void)context;
	return 0;
}

static int add_signals(sd_event *loop)
{
	int error = sd_event_add_signal(loop, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_end,
					NULL);

	if (error >= 0)
		error = sd_event_add_signal(loop, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_end,
					    NULL);
	if (error >= 0)
		error = sd_event_add_signal(loop, NULL, SIGHUP | SD_EVENT_SIGNAL_PROCMASK,
					    on_nothing, NULL);
	return error;
}

static int start(struct exporter *exporter, int socket)
{
	struct state state = state_get();
	int error = sd_event_new(&exporter->loop);

	if (error >= 0)
		error = add_signals(exporter->loop);
	if (error >= 0)
		error = notify_open(exporter->loop);
	if (error >= 0)
		error = channel_open(exporter->loop, &state, &exporter->channel);
	if (error >= 0)
		error = supply_open(exporter->loop, &exporter->channel, &exporter->supply);
	if (error >= 0)
		error = http_start(exporter->loop, socket, &exporter->supply, &exporter->http);
	return error;
}

/* What is read from files must be known before. */
static int enter_sandbox(const struct exporter *exporter)
{
	bool inherited = exporter->channel.inherited;
	int error = kernel_cpus();

	return error < 0 ? error :
			   sandbox_enter(&(struct sandbox){
				   .connects = inherited ? -1 : exporter->channel.fd,
				   .with_parent = inherited,
			   });
}

static int serve(struct exporter *exporter, int socket, const char *listen)
{
	_free_ char *ready = mem_printf("READY=1\nSTATUS=serving http://%s/metrics", listen);
	int result;

	result = start(exporter, socket);
	if (result >= 0) {
		log_line(LOG_INFO, "serving http://%s/metrics", listen);
		result = enter_sandbox(exporter);
	}
	if (result < 0) {
		log_line(LOG_ERR, "the exporter cannot start: %s", strerror(-result));
		return EXIT_FAILED;
	}
	notify_send(ready);
	result = sd_event_loop(exporter->loop);
	if (result >= 0)
		return result;
	log_line(LOG_ERR, "the exporter's loop: %s", strerror(-result));
	return EXIT_AGAIN;
}

int exporter_run(const char *listen, const struct sockaddr_storage *address)
{
	struct exporter exporter = {};
	int socket = listen_open(address);

	prctl(PR_SET_NAME, "acld-exporter");
	if (socket < 0) {
		log_line(LOG_ERR, "cannot listen on %s: %s", listen, strerror(-socket));
		return EXIT_FAILED;
	}
	return serve(&exporter, socket, listen);
}
