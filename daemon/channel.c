// SPDX-License-Identifier: GPL-2.0-or-later
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "exits.h"
#include "log.h"
#include "mem.h"
#include "moment.h"

#define ANSWER_TIMEOUT 1000    /* ms */
#define PATIENCE       1000000 /* us */

static bool is_seqpacket(int fd)
{
	int domain, type;
	socklen_t size = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) && domain == AF_UNIX &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_SEQPACKET;
}

/* Away from stdin, which may be read or closed by anyone. */
static int take_stdin(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	_close_ int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)
		return -errno;
	return fd;
}

static int on_gone(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct channel *channel = context;

	(void)source;
	(void)fd;
	(void)events;
	log_line(LOG_NOTICE, "the keeper has gone");
	return sd_event_exit(channel->loop, EXIT_AGAIN);
}

/* Answers are read where they are asked for: only its end is waited for here. */
static int watch(struct channel *channel)
{
	int error = sd_event_add_io(channel->loop, &channel->source, channel->fd, 0, on_gone,
				    channel);

	channel->connected = error >= 0;
	return error < 0 ? error : 0;
}

static int channel_connect(struct channel *channel)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, channel->path);
	if (connect(channel->fd, (const struct sockaddr *)&address, sizeof(address)))
		return errno == EACCES ? -errno : -ENOTCONN;
	return watch(channel);
}

int channel_open(sd_event *loop, const struct state *state, struct channel *ret_channel)
{
	struct channel *channel = ret_channel;
	struct sockaddr_un address;

	*channel = (struct channel){ .loop = loop, .inherited = is_seqpacket(STDIN_FILENO) };
	channel->path = state_path(state->run, ANSWER_SOCKET);
	if (strlen(channel->path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	channel->fd = channel->inherited ?
			      take_stdin() :
			      socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (channel->fd < 0)
		return channel->inherited ? channel->fd : -errno;
	if (channel->inherited)
		return watch(channel);
	channel_connect(channel); /* now, as who may no longer be allowed to in the sandbox */
	return 0;
}

/* What cannot get better on this connection ends the exporter, after it has said so over HTTP. */
static void judge(struct channel *channel, int error)
{
	if (error == -ETIMEDOUT)
		channel->patience = moment_now() + PATIENCE;
	if (error != -ESTALE && error != -EPROTO && error != -ECONNRESET)
		return;
	if (error == -ESTALE)
		log_line(LOG_ERR, "the keeper is of another build");
	else if (error == -EPROTO)
		log_line(LOG_ERR, "what the keeper said is no answer");
	sd_event_exit(channel->loop, EXIT_AGAIN);
}

int channel_ask(struct channel *channel, struct answer *ret_answer)
{
	int error = channel->connected ? 0 : channel_connect(channel);

	if (!error && moment_now() < channel->patience)
		error = -ETIMEDOUT;
	else if (!error) {
		error = answer_ask(channel->fd, ++channel->number, ANSWER_TIMEOUT, ret_answer);
		judge(channel, error);
	}
	return error;
}

void channel_close(struct channel *channel)
{
	sd_event_source_disable_unref(channel->source);
	free(channel->path);
}
