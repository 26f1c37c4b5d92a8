// SPDX-License-Identifier: GPL-2.0-or-later
#include "keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "child.h"
#include "exits.h"
#include "heal.h"
#include "log.h"
#include "mem.h"
#include "moment.h"
#include "server.h"

struct running {
	struct keeper keeper;
	struct server *server;
	struct child *child; /* NULL: exporters are started by somebody else */
	struct heal *heal;
};

static void tell_ready(void *context)
{
	(void)context;
	sd_notify(0, "READY=1");
}

static int on_end(sd_event_source *source, const struct signalfd_siginfo *signal, void *context)
{
	struct running *running = context;

	(void)source;
	(void)signal;
	sd_notify(0, "STOPPING=1");
	if (running->child)
		child_end(running->child);
	else
		sd_event_exit(running->keeper.loop, EXIT_DONE);
	return 0;
}

/* sd_notify(3): the moment is that of the message, so that systemd can tell two reloads apart. */
static int on_reload(sd_event_source *source, const struct signalfd_siginfo *signal, void *context)
{
	struct running *running = context;

	(void)source;
	(void)signal;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, moment_now());
	heal_reload(running->heal, tell_ready);
	return 0;
}

static int add_signals(struct running *running)
{
	sd_event *loop = running->keeper.loop;
	int error = sd_event_add_signal(loop, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_end,
					running);

	if (error >= 0)
		error = sd_event_add_signal(loop, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_end,
					    running);
	if (error >= 0)
		error = sd_event_add_signal(loop, NULL, SIGHUP | SD_EVENT_SIGNAL_PROCMASK,
					    on_reload, running);
	return error;
}

/* Of the loop's child watch: it asks for the signal to be blocked. */
static void block_child_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Descriptors on their way to exporters count as ours (unix(7), ETOOMANYREFS). */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int start(struct running *running, const char *listen)
{
	struct keeper *keeper = &running->keeper;
	int error = sd_event_new(&keeper->loop);

	if (error >= 0)
		error = add_signals(running);
	if (error >= 0)
		error = sd_event_set_watchdog(keeper->loop, 1);
	if (error >= 0)
		error = server_start(keeper->loop, &keeper->state, &keeper->tells,
				     &running->server);
	if (error >= 0)
		error = listen ? child_start(keeper->loop, running->server, listen,
					     &running->child) :
				 server_listen(running->server);
	if (error >= 0)
		error = heal_start(keeper, tell_ready, running, &running->heal);
	return error;
}

static void stop(struct running *running)
{
	if (running->heal)
		heal_stop(running->heal);
	if (running->child)
		child_free(running->child);
	if (running->server)
		server_stop(running->server);
	sd_event_unref(running->keeper.loop);
}

int keeper_run(const char *listen)
{
	struct running running = { .keeper.state = state_get() };
	int result;

	block_child_signal();
	raise_limit();
	result = start(&running, listen);
	if (result == -EADDRINUSE) {
		log_line(LOG_ERR, "another keeper serves %s/" ANSWER_SOCKET,
			 running.keeper.state.run);
	} else if (result < 0) {
		log_line(LOG_ERR, "the keeper cannot start: %s%s", strerror(-result),
			 result == -EPERM || result == -EACCES ? " (it needs root)" : "");
	} else {
		result = sd_event_loop(running.keeper.loop);
		if (result < 0)
			log_line(LOG_ERR, "the keeper's loop: %s", strerror(-result));
	}
	stop(&running);
	return result < 0 ? EXIT_FAILED : result;
}
