// SPDX-License-Identifier: GPL-2.0-or-later
#include "wanted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "source.h"

static const char *const backends[] = {
	[BACKEND_AUTO] = "auto", [BACKEND_BPF] = "bpf", [BACKEND_NFT] = "nft"
};

int wanted_backend(const char *name, enum backend *ret_backend)
{
	for (enum backend backend = 0; backend < ARRAY_SIZE(backends); backend++) {
		if (strcmp(name, backends[backend]))
			continue;
		*ret_backend = backend;
		return 0;
	}
	return -EINVAL;
}

int wanted_guard(struct wanted *wanted, const char *name)
{
	for (size_t i = 0; i < wanted->guarded_count; i++)
		if (!strcmp(wanted->guarded[i], name))
			return 0;
	if (wanted->guarded_count == GUARD_PLACES_MAX)
		return -E2BIG;
	strncpy(wanted->guarded[wanted->guarded_count++], name, IFNAMSIZ - 1);
	return 0;
}

/* Each line of a file in the state directory; where there is none, no line. */
static int each_line(const struct state *state, const char *file,
		     int (*take)(struct wanted *, char *line), struct wanted *wanted)
{
	_free_ char *path = state_path(state->dir, file);
	struct sources sources = {};
	int error = sources_read(&sources, path);
	char *rest;

	if (error < 0)
		return error == -ENOENT ? 0 : error;
	rest = sources.items[0].text;
	error = strlen(rest) == sources.items[0].size ? 0 : -EBADMSG;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line && take(wanted, line))
			error = -EBADMSG;
	sources_free(&sources);
	return error;
}

static int take_guarded(struct wanted *wanted, char *line)
{
	return strlen(line) < IFNAMSIZ && !wanted_guard(wanted, line) ? 0 : -EBADMSG;
}

static int take_text(const char *text, char *ret_text, size_t size)
{
	if (strlen(text) >= size)
		return -EBADMSG;
	strcpy(ret_text, text);
	return 0;
}

static int take_option(struct wanted *wanted, char *line)
{
	char *value = strchr(line, ' ');

	if (!value)
		return -EBADMSG;
	*value++ = '\0';
	if (!strcmp(line, "backend"))
		return wanted_backend(value, &wanted->backend) ? -EBADMSG : 0;
	if (!strcmp(line, "sha256"))
		return take_text(value, wanted->sha256, sizeof(wanted->sha256));
	if (!strcmp(line, "interface"))
		return take_text(value, wanted->interface, sizeof(wanted->interface));
	if (!strcmp(line, "outside") && wanted->outside_count < GATE_OUTSIDE_MAX)
		return take_text(value, wanted->outside[wanted->outside_count++], IFNAMSIZ);
	return -EBADMSG;
}

static bool exists(const char *directory, const char *name)
{
	_free_ char *path = state_path(directory, name);

	return !access(path, F_OK);
}

int wanted_read_guarded(const struct state *state, struct wanted *ret_wanted)
{
	struct wanted wanted = { .opened = exists(state->run, WANTED_OPENED),
				 .unread = exists(state->dir, WANTED_UNREAD) };
	int error = each_line(state, WANTED_GUARDED, take_guarded, &wanted);

	*ret_wanted = wanted;
	return error;
}

int wanted_read(const struct state *state, struct wanted *ret_wanted)
{
	struct wanted wanted;
	int error = wanted_read_guarded(state, &wanted);

	if (!error)
		error = each_line(state, WANTED_OPTIONS, take_option, &wanted);
	if (!error)
		*ret_wanted = wanted;
	return error;
}

char *wanted_guarded_text(const struct wanted *wanted)
{
	char names[GUARD_PLACES_MAX * (IFNAMSIZ + 1)] = "";
	size_t size = 0;

	for (size_t i = 0; i < wanted->guarded_count; i++)
		size += (size_t)snprintf(names + size, sizeof(names) - size, "%s\n",
					 wanted->guarded[i]);
	return mem_strdup(names);
}

char *wanted_options_text(const struct wanted *wanted)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	fprintf(out, "sha256 %s\nbackend %s\n", wanted->sha256, backends[wanted->backend]);
	if (wanted->interface[0])
		fprintf(out, "interface %s\n", wanted->interface);
	for (size_t i = 0; i < wanted->outside_count; i++)
		fprintf(out, "outside %s\n", wanted->outside[i]);
	if (fclose(out))
		abort();
	return text;
}

int wanted_write_opened(const struct state *state, bool opened)
{
	_free_ char *path = state_path(state->run, WANTED_OPENED);
	_close_ int fd = -1;
	int error;

	if (!opened)
		return unlink(path) && errno != ENOENT ? -errno : 0;
	error = state_mkdir(state->run, 0755);
	if (error)
		return error;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : 0;
}
