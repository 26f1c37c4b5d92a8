// SPDX-License-Identifier: GPL-2.0-or-later
#include "ids.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "mem.h"

static const char *const kinds[] = { [IDS_DEVICE] = "device", [IDS_RULE] = "rule" };
static const uint32_t limits[] = { [IDS_DEVICE] = GATE_DEVICES_MAX, [IDS_RULE] = GATE_RULES_MAX };

uint32_t ids_get(struct ids *ids, enum ids_kind kind, const char *name)
{
	uint32_t id = intern_add(&ids->names[kind], name, strlen(name) + 1) + 1;

	return id < limits[kind] ? id : 0;
}

uint32_t ids_last(const struct ids *ids, enum ids_kind kind)
{
	return (uint32_t)ids->names[kind].count;
}

const char *ids_name(const struct ids *ids, enum ids_kind kind, uint32_t id)
{
	return id && id <= ids_last(ids, kind) ? ids->names[kind].items[id - 1].bytes : NULL;
}

const char *ids_device(const struct ids *ids, uint32_t id)
{
	return id ? ids_name(ids, IDS_DEVICE, id) : IDS_UNKNOWN;
}

const char *ids_rule(const struct ids *ids, uint32_t id)
{
	return id ? ids_name(ids, IDS_RULE, id) : IDS_LINK;
}

/* Ids are written in their order, so the next line of a kind has the next id. */
static int read_line(struct ids *ids, char *line)
{
	for (enum ids_kind kind = 0; kind < IDS_KINDS; kind++) {
		size_t length = strlen(kinds[kind]);
		unsigned long id;
		char *end;

		if (strncmp(line, kinds[kind], length) || line[length] != ' ')
			continue;
		id = strtoul(line + length + 1, &end, 10);
		if (*end != ' ' || ids_get(ids, kind, end + 1) != id)
			return -EBADMSG;
		return 0;
	}
	return -EBADMSG;
}

int ids_read(const struct state *state, struct ids *ret_ids)
{
	_free_ char *path = state_path(state->dir, "ids");
	_free_ char *line = NULL;
	FILE *file = fopen(path, "re");
	struct ids ids = {};
	size_t size = 0;
	ssize_t length;
	int error = 0;

	if (!file && errno != ENOENT)
		return -errno;
	while (file && !error && (length = getline(&line, &size, file)) > 0) {
		bool whole = line[length - 1] == '\n';

		line[length - 1] = '\0';
		whole = whole && strlen(line) == (size_t)length - 1;
		error = whole ? read_line(&ids, line) : -EBADMSG;
	}
	if (file && !error && ferror(file))
		error = -EIO;
	if (file)
		fclose(file);
	if (error)
		ids_free(&ids);
	else
		*ret_ids = ids;
	return error;
}

int ids_write(const struct state *state, const struct ids *ids)
{
	_free_ char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -errno;
	for (enum ids_kind kind = 0; kind < IDS_KINDS; kind++)
		for (uint32_t id = 1; id <= ids_last(ids, kind); id++)
			fprintf(file, "%s %u %s\n", kinds[kind], id, ids_name(ids, kind, id));
	if (fclose(file))
		return -errno;
	return state_write(state, "ids", text, size);
}

void ids_free(struct ids *ids)
{
	for (enum ids_kind kind = 0; kind < IDS_KINDS; kind++)
		intern_free(&ids->names[kind]);
}
