// SPDX-License-Identifier: GPL-2.0-or-later
#include "server.h"

#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "moment.h"

#define GROUP	 "aclgate"
#define ACCURACY 1000 /* us */

struct client {
	struct server *server;
	sd_event_source *source; /* owns the socket; NULL: this place is free */
};

struct server {
	sd_event *loop;
	struct state state;
	const struct answer_keeper *keeper;
	struct client clients[SERVER_CLIENTS];
	sd_event_source *listening;
	sd_event_source *pause; /* enabled: `answer` is fresh */
	struct answer answer;
	char *path;
};

static void drop(struct client *client)
{
	client->source = sd_event_source_disable_unref(client->source);
}

/* From here on an answer is made anew, and whoever has had one may ask again. */
static int on_pause_over(sd_event_source *source, uint64_t now, void *context)
{
	struct server *server = context;

	(void)source;
	(void)now;
	answer_close(&server->answer);
	malloc_trim(0);
	for (size_t i = 0; i < SERVER_CLIENTS; i++)
		if (server->clients[i].source)
			sd_event_source_set_enabled(server->clients[i].source, SD_EVENT_ON);
	return 0;
}

static int freshen(struct server *server)
{
	int enabled = SD_EVENT_OFF;
	int error = sd_event_source_get_enabled(server->pause, &enabled);

	if (error < 0 || enabled != SD_EVENT_OFF)
		return error < 0 ? error : 0;
	answer_make(&server->state, server->keeper, &server->answer);
	error = sd_event_source_set_time(server->pause, moment_now() + SERVER_PAUSE);
	return error < 0 ? error : sd_event_source_set_enabled(server->pause, SD_EVENT_ONESHOT);
}

/* One of another build learns whom it has met, and no more. */
static int serve(struct server *server, int socket, const struct answer_request *request)
{
	struct answer_head head = answer_head(request->head.number);
	int error;

	if (!answer_is_ours(&request->head)) {
		send(socket, &head, sizeof(head), MSG_DONTWAIT | MSG_NOSIGNAL);
		return -ESTALE;
	}
	error = freshen(server);
	return error < 0 ? error : answer_send(socket, &server->answer, request->head.number);
}

static int on_client(sd_event_source *source, int socket, uint32_t events, void *context)
{
	struct client *client = context;
	struct answer_request request;
	ssize_t size = recv(socket, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	if (size < 0 && (errno == EAGAIN || errno == EINTR) && !(events & (EPOLLHUP | EPOLLERR)))
		return 0;
	if (size != sizeof(request) || serve(client->server, socket, &request))
		drop(client);
	else
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

int server_add(struct server *server, int socket)
{
	struct client *client = server->clients;
	int error;

	while (client < server->clients + SERVER_CLIENTS && client->source)
		client++;
	if (client == server->clients + SERVER_CLIENTS) {
		close(socket);
		return -EBUSY;
	}
	client->server = server;
	error = sd_event_add_io(server->loop, &client->source, socket, EPOLLIN, on_client, client);
	if (error < 0) {
		close(socket);
		return error;
	}
	sd_event_source_set_io_fd_own(client->source, 1);
	sd_event_source_set_priority(client->source, SD_EVENT_PRIORITY_IDLE);
	return 0;
}

static int on_connection(sd_event_source *source, int listening, uint32_t events, void *context)
{
	int socket = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	if (socket >= 0 && server_add(context, socket) == -EBUSY)
		log_line(LOG_WARNING, "more than %d exporters: one was sent away", SERVER_CLIENTS);
	return 0;
}

int server_start(sd_event *loop, const struct state *state, const struct answer_keeper *keeper,
		 struct server **ret_server)
{
	struct server *server = mem_alloc(sizeof(*server));
	int error;

	server->loop = loop;
	server->state = *state;
	server->keeper = keeper;
	error = sd_event_add_time_relative(loop, &server->pause, CLOCK_MONOTONIC, 0, ACCURACY,
					   on_pause_over, server);
	if (error >= 0)
		error = sd_event_source_set_enabled(server->pause, SD_EVENT_OFF);
	if (error < 0) {
		server_stop(server);
		return error;
	}
	*ret_server = server;
	return 0;
}

/* ---------------------------------------------------------------- the socket in the file system */

/* One that nobody listens at was left by a keeper that was killed. */
static int remove_stale(const struct sockaddr_un *address)
{
	_close_ int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (probe < 0)
		return -errno;
	if (!connect(probe, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN)
		return -EADDRINUSE;
	return unlink(address->sun_path) && errno != ENOENT ? -errno : 0;
}

/* Without CAP_CHOWN this works where the keeper is in the group. */
static void let_group_in(const char *path)
{
	const struct group *group = getgrnam(GROUP);

	if (!group)
		return;
	if (chown(path, (uid_t)-1, group->gr_gid) || chmod(path, 0660))
		log_line(LOG_WARNING, "cannot give %s to the group " GROUP ": %m", path);
}

static int bind_quietly(int socket, const struct sockaddr_un *address)
{
	mode_t mask = umask(0177);
	int error = bind(socket, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;

	umask(mask);
	return error;
}

static int open_socket(const char *path)
{
	_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	error = remove_stale(&address);
	if (!error)
		error = bind_quietly(fd, &address);
	if (error)
		return error;
	let_group_in(path);
	return listen(fd, SERVER_CLIENTS) ? -errno : TAKE_FD(fd);
}

int server_listen(struct server *server)
{
	_free_ char *path = state_path(server->state.run, ANSWER_SOCKET);
	int error = state_mkdir(server->state.run, 0755);
	int fd = error ? error : open_socket(path);

	if (fd < 0)
		return fd;
	error = sd_event_add_io(server->loop, &server->listening, fd, EPOLLIN, on_connection,
				server);
	if (error < 0) {
		close(fd);
		return error;
	}
	sd_event_source_set_io_fd_own(server->listening, 1);
	sd_event_source_set_priority(server->listening, SD_EVENT_PRIORITY_IDLE);
	server->path = TAKE_PTR(path);
	return 0;
}

void server_stop(struct server *server)
{
	for (size_t i = 0; i < SERVER_CLIENTS; i++)
		drop(&server->clients[i]);
	sd_event_source_disable_unref(server->listening);
	sd_event_source_disable_unref(server->pause);
	answer_close(&server->answer);
	if (server->path)
		unlink(server->path);
	free(server->path);
	free(server);
}
