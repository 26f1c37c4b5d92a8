// SPDX-License-Identifier: GPL-2.0-or-later
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "mem.h"

struct events {
	int lock; /* that no other reader has */
	int totals;
	int active;
	int headers;
	struct kernel_ring *ring;
	char *pin;
	ino_t inode;	/* of the pin: a gate that is loaded after an unload has another one */
	uint64_t start; /* ns of the boot clock */
	uint64_t lost;	/* that were told, or from before the start */
	/* of the wait that is under way */
	void (*each)(const struct gate_event *event, void *context);
	void *context;
	int count;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t events_wall_clock(uint64_t boot)
{
	uint64_t now = clock_ns(CLOCK_BOOTTIME);

	return (clock_ns(CLOCK_REALTIME) - (now > boot ? now - boot : 0)) / 1000;
}

/* Whoever is killed loses the lock with its descriptors. */
static int lock_reader(const struct state *state)
{
	_free_ char *path = state_path(state->run, "monitor");
	_close_ int fd = -1;
	int error = state_mkdir(state->run, 0755);

	if (error)
		return error;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return TAKE_FD(fd);
}

static void hear(const void *bytes, size_t size, void *context)
{
	const struct gate_event *event = bytes;
	struct events *events = context;

	if (size < sizeof(*event) || event->time < events->start || !events->each)
		return;
	events->each(event, events->context);
	events->count++;
}

static uint64_t read_lost(const struct events *events)
{
	struct gate_totals totals;

	if (kernel_map_sum(events->totals, 0, (uint64_t *)&totals,
			   sizeof(totals) / sizeof(uint64_t)))
		return events->lost;
	return totals.events_lost;
}

static int open_maps(const struct state *state, struct events *events)
{
	_close_ int ring = kernel_map_open(state->pins, "events");
	struct stat status;

	events->totals = kernel_map_open(state->pins, "totals");
	events->active = kernel_map_open(state->pins, "active");
	events->headers = kernel_map_open(state->pins, "generations");
	events->pin = state_path(state->pins, "events");
	if (ring < 0)
		return ring;
	if (events->totals < 0 || events->active < 0 || events->headers < 0)
		return -ENOENT;
	if (stat(events->pin, &status))
		return -errno;
	events->inode = status.st_ino;
	return kernel_ring_open(ring, hear, events, &events->ring);
}

int events_open(const struct state *state, struct events **ret_events)
{
	_free_ struct events *events = mem_alloc(sizeof(*events));
	int error;

	events->totals = events->active = events->headers = -1;
	events->lock = lock_reader(state);
	error = events->lock < 0 ? events->lock : open_maps(state, events);
	if (error) {
		events_close(TAKE_PTR(events));
		return error;
	}
	events->lost = read_lost(events);
	events->start = clock_ns(CLOCK_BOOTTIME);
	*ret_events = TAKE_PTR(events);
	return 0;
}

static bool is_loaded(const struct events *events)
{
	struct stat status;

	return !stat(events->pin, &status) && status.st_ino == events->inode;
}

int events_wait(struct events *events, int milliseconds,
		void (*each)(const struct gate_event *event, void *context), void *context)
{
	int result;

	events->each = each;
	events->context = context;
	events->count = 0;
	result = kernel_ring_wait(events->ring, milliseconds);
	if (result < 0)
		return result;
	return is_loaded(events) ? events->count : -ENOENT;
}

uint64_t events_lost(struct events *events)
{
	uint64_t total = read_lost(events), more = total - events->lost;

	events->lost = total;
	return more;
}

uint32_t events_generation(const struct events *events)
{
	struct gate_generation header = {};
	struct gate_active active = {};
	uint32_t zero = 0;

	if (kernel_map_get(events->active, &zero, &active))
		return 0;
	kernel_map_get(events->headers, &active.slot, &header);
	return header.number;
}

void events_close(struct events *events)
{
	if (!events)
		return;
	kernel_ring_close(events->ring);
	free(events->pin);
	mem_closep(&events->headers);
	mem_closep(&events->active);
	mem_closep(&events->totals);
	mem_closep(&events->lock);
	free(events);
}
