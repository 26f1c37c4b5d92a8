// SPDX-License-Identifier: GPL-2.0-or-later
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exits.h"
#include "log.h"
#include "mem.h"

#define PAUSE_FIRST 100000   /* us */
#define PAUSE_LAST  10000000 /* us; whoever stayed longer than this begins anew */
#define END_TIMEOUT 1000000  /* us */
#define ACCURACY    1000     /* us */

struct child {
	sd_event *loop;
	struct server *server;
	char *listen;
	pid_t pid; /* 0: none runs */
	sd_event_source *process;
	sd_event_source *timer;	 /* until the next start, or until it is killed */
	uint64_t started, pause; /* us */
	unsigned int starts;
	bool ending;
};

static uint64_t now(const struct child *child)
{
	uint64_t time = 0;

	sd_event_now(child->loop, CLOCK_MONOTONIC, &time);
	return time;
}

/* Nothing of the keeper's goes with it but the socket. */
static void become_exporter(int socket, const char *listen)
{
	char *arguments[] = { "acld", "--exporter", "--listen", (char *)listen, NULL };
	int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	unsetenv("NOTIFY_SOCKET"); /* are the keeper's */
	unsetenv("WATCHDOG_USEC");
	if (program >= 0 && dup2(socket, STDIN_FILENO) == STDIN_FILENO)
		fexecve(program, arguments, environ);
	_exit(EXIT_FAILED);
}

static int on_end(sd_event_source *source, const siginfo_t *information, void *context);

static int launch(struct child *child)
{
	int sockets[2];
	int error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	child->pid = fork();
	if (!child->pid)
		become_exporter(sockets[1], child->listen);
	close(sockets[1]);
	if (child->pid < 0) {
		error = -errno;
		child->pid = 0;
		close(sockets[0]);
		return error;
	}
	child->started = now(child);
	child->starts++;
	error = server_add(child->server, sockets[0]);
	if (error < 0)
		return error;
	child->process = sd_event_source_disable_unref(child->process);
	error = sd_event_add_child(child->loop, &child->process, child->pid, WEXITED, on_end,
				   child);
	return error < 0 ? error : 0;
}

static void set_timer(struct child *child, uint64_t time)
{
	sd_event_source_set_time_relative(child->timer, time);
	sd_event_source_set_enabled(child->timer, SD_EVENT_ONESHOT);
}

static void start_later(struct child *child)
{
	bool stayed = now(child) - child->started > PAUSE_LAST;

	if (stayed || !child->pause)
		child->pause = PAUSE_FIRST;
	else if (child->pause < PAUSE_LAST)
		child->pause *= 2;
	set_timer(child, child->pause);
}

static int on_timer(sd_event_source *source, uint64_t time, void *context)
{
	struct child *child = context;
	int error;

	(void)source;
	(void)time;
	if (child->ending) {
		kill(child->pid, SIGKILL);
		return 0;
	}
	error = launch(child);
	if (!error)
		return 0;
	log_line(LOG_ERR, "cannot start the exporter: %s", strerror(-error));
	start_later(child);
	return 0;
}

static void tell_end(const struct child *child, const siginfo_t *information)
{
	bool exited = information->si_code == CLD_EXITED;
	_free_ char *count = mem_printf("%u", child->starts);
	const struct log_field field = { "ACLGATE_EXPORTER_STARTS", count };

	log_fields(LOG_WARNING, &field, 1,
		   "the exporter ended by %s %d; it is started again (%u so far)",
		   exited ? "itself, status" : "signal", information->si_status, child->starts);
}

/* An address that cannot be had at the first start is the fault of who started us. */
static int on_end(sd_event_source *source, const siginfo_t *information, void *context)
{
	struct child *child = context;

	(void)source;
	child->pid = 0;
	if (child->ending)
		return sd_event_exit(child->loop, EXIT_DONE);
	if (child->starts == 1 && information->si_code == CLD_EXITED &&
	    information->si_status == EXIT_FAILED)
		return sd_event_exit(child->loop, EXIT_FAILED);
	tell_end(child, information);
	start_later(child);
	return 0;
}

int child_start(sd_event *loop, struct server *server, const char *listen, struct child **ret_child)
{
	struct child *child = mem_alloc(sizeof(*child));
	int error;

	*child = (struct child){ .loop = loop, .server = server, .listen = mem_strdup(listen) };
	error = sd_event_add_time_relative(loop, &child->timer, CLOCK_MONOTONIC, 0, ACCURACY,
					   on_timer, child);
	if (error >= 0)
		error = sd_event_source_set_enabled(child->timer, SD_EVENT_OFF);
	if (error >= 0)
		error = launch(child);
	if (error < 0) {
		child_free(child);
		return error;
	}
	*ret_child = child;
	return 0;
}

void child_end(struct child *child)
{
	child->ending = true;
	if (!child->pid) {
		sd_event_exit(child->loop, EXIT_DONE);
		return;
	}
	kill(child->pid, SIGTERM);
	set_timer(child, END_TIMEOUT);
}

void child_free(struct child *child)
{
	sd_event_source_disable_unref(child->process);
	sd_event_source_disable_unref(child->timer);
	if (child->pid)
		kill(child->pid, SIGKILL);
	free(child->listen);
	free(child);
}
