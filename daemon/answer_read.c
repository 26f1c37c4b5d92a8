// SPDX-License-Identifier: GPL-2.0-or-later
/* What came with an answer, looked at before it is used. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "kernel.h"
#include "mem.h"

int answer_ids(const struct answer *answer)
{
	struct stat file;

	if (!answer->body.ids)
		return -1;
	if (fstat(answer->fds[0], &file) || !S_ISREG(file.st_mode) ||
	    (fcntl(answer->fds[0], F_GETFL) & O_ACCMODE) != O_RDONLY)
		return -EPROTO;
	return answer->fds[0];
}

static int check_maps(const int *fds, uint32_t count, enum kernel_table table)
{
	for (uint32_t i = 0; i < count; i++)
		if (kernel_table_check(table, fds[i], counters_blocks(table)))
			return -EPROTO;
	return 0;
}

/* A file that can no longer change, of at most @limit elements. */
static int read_sealed(int fd, size_t element, size_t limit, void **ret_elements, size_t *ret_count)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct stat file;
	size_t size;

	if ((fcntl(fd, F_GET_SEALS) & seals) != seals || fstat(fd, &file) ||
	    (size_t)file.st_size % element || (size_t)file.st_size / element > limit)
		return -EPROTO;
	size = (size_t)file.st_size;
	*ret_elements = mem_alloc_raw(size);
	*ret_count = size / element;
	return pread(fd, *ret_elements, size, 0) == file.st_size ? 0 : -EPROTO;
}

static int take_counted(const struct answer *answer, struct counted *counted)
{
	const int *fds = answer->fds + answer->body.ids;
	void *devices = NULL, *rules = NULL;
	int error = read_sealed(fds[0], sizeof(*counted->devices), GATE_DEVICES_MAX, &devices,
				&counted->devices_count);

	if (!error)
		error = read_sealed(fds[1], sizeof(*counted->rules), GATE_RULES_MAX, &rules,
				    &counted->rules_count);
	counted->devices = devices;
	counted->rules = rules;
	return error;
}

static int take_maps(struct answer *answer, struct counters *counters)
{
	const struct answer_body *body = &answer->body;
	const int *devices = answer->fds + body->ids, *rules = devices + body->devices;
	int error = check_maps(devices, body->devices, TABLE_DEVICES);

	if (!error)
		error = check_maps(rules, body->rules, TABLE_RULES);
	if (error)
		return error;
	memcpy(counters->devices, devices, body->devices * sizeof(int));
	memcpy(counters->rules, rules, body->rules * sizeof(int));
	counters->device_chunks = body->devices;
	counters->rule_chunks = body->rules;
	answer->count = body->ids; /* the others are theirs now */
	return 0;
}

int answer_counters(struct answer *answer, struct counters *ret_counters)
{
	int error;

	ret_counters->counted = (struct counted){};
	ret_counters->device_chunks = ret_counters->rule_chunks = 0;
	error = answer->body.counted ? take_counted(answer, &ret_counters->counted) :
				       take_maps(answer, ret_counters);
	if (error)
		counters_close(ret_counters);
	return error;
}
