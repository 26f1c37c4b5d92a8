// SPDX-License-Identifier: GPL-2.0-or-later
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "mem.h"

#define FILE_MAX (64 * 1024 * 1024)

static const struct {
	const char *word;
	uint32_t limit;
} kinds[] = {
	[IDS_DEVICE] = { "device ", GATE_DEVICES_MAX },
	[IDS_RULE] = { "rule ", GATE_RULES_MAX },
};

/* Not by its offset: who else has this file open shares it. */
static int read_all(int fd, char **ret_text, size_t *ret_size)
{
	_free_ char *text = NULL;
	struct stat file;
	size_t size = 0;

	if (fstat(fd, &file))
		return -errno;
	if (file.st_size > FILE_MAX)
		return -EBADMSG;
	text = mem_alloc_raw((size_t)file.st_size + 1);
	while (size < (size_t)file.st_size) {
		ssize_t got = pread(fd, text + size, (size_t)file.st_size - size, (off_t)size);

		if (got <= 0)
			return got ? -errno : -EBADMSG;
		size += (size_t)got;
	}
	text[size] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

/* Ids are written in their order, so the next line of a kind has the next id. */
static int take_line(struct names *names, const size_t capacity[IDS_KINDS], char *line)
{
	for (enum ids_kind kind = 0; kind < IDS_KINDS; kind++) {
		size_t length = strlen(kinds[kind].word);
		unsigned long id;
		char *end;

		if (strncmp(line, kinds[kind].word, length))
			continue;
		id = strtoul(line + length, &end, 10);
		if (*end != ' ' || id != names->counts[kind] + 1 || id >= kinds[kind].limit ||
		    names->counts[kind] == capacity[kind])
			return -EBADMSG;
		names->lines[kind][names->counts[kind]++] = (uint32_t)(end + 1 - names->text);
		return 0;
	}
	return -EBADMSG;
}

static void make_room(struct names *names, size_t size, size_t ret_capacity[IDS_KINDS])
{
	const char *line = names->text;

	ret_capacity[IDS_DEVICE] = ret_capacity[IDS_RULE] = 0;
	while (line) {
		ret_capacity[*line == *kinds[IDS_DEVICE].word ? IDS_DEVICE : IDS_RULE]++;
		line = memchr(line, '\n', size - (size_t)(line - names->text));
		line = line ? line + 1 : NULL;
	}
	for (enum ids_kind kind = 0; kind < IDS_KINDS; kind++)
		names->lines[kind] = mem_alloc_raw((ret_capacity[kind] + 1) * sizeof(uint32_t));
}

static int take_lines(struct names *names, size_t size)
{
	char *line = names->text, *end = names->text + size;
	size_t capacity[IDS_KINDS];

	make_room(names, size, capacity);
	while (line < end) {
		char *feed = memchr(line, '\n', (size_t)(end - line));

		if (!feed)
			return -EBADMSG;
		*feed = '\0';
		if (strlen(line) != (size_t)(feed - line) || take_line(names, capacity, line))
			return -EBADMSG;
		line = feed + 1;
	}
	return 0;
}

int names_read(int fd, struct names *ret_names)
{
	struct names names = {};
	size_t size = 0;
	int error = fd < 0 ? 0 : read_all(fd, &names.text, &size);

	if (!error && size)
		error = take_lines(&names, size);
	if (error)
		names_free(&names);
	else
		*ret_names = names;
	return error;
}

uint32_t names_count(const struct names *names, enum ids_kind kind)
{
	return names->counts[kind] + 1;
}

const char *names_get(const struct names *names, enum ids_kind kind, uint32_t id)
{
	if (!id)
		return kind == IDS_DEVICE ? IDS_UNKNOWN : IDS_LINK;
	return names->text + names->lines[kind][id - 1];
}

void names_free(struct names *names)
{
	free(names->text);
	for (enum ids_kind kind = 0; kind < IDS_KINDS; kind++)
		free(names->lines[kind]);
	*names = (struct names){};
}
