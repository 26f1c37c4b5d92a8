// SPDX-License-Identifier: GPL-2.0-or-later
/* The ring buffer of events, as a reader sees it. */
#include "bench.h"

#include <bpf/libbpf.h>
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"

static struct {
	int map;
	struct ring_buffer *ring;
	unsigned int count;
	struct gate_event last;
} events;

static int on_event(void *context, void *data, size_t size)
{
	(void)context;
	if (size < sizeof(events.last))
		return -1;
	memcpy(&events.last, data, sizeof(events.last));
	events.count++;
	return 0;
}

void bench_events_open(const char *pins)
{
	events.map = kernel_map_open(pins, "events");
	ck_assert_int_ge(events.map, 0);
	events.ring = ring_buffer__new(events.map, on_event, NULL, NULL);
	ck_assert_ptr_nonnull(events.ring);
}

void bench_events_close(void)
{
	ring_buffer__free(events.ring);
	close(events.map);
}

unsigned int bench_events_take(struct gate_event *ret_last)
{
	events.count = 0;
	if (ring_buffer__consume(events.ring) < 0)
		ck_abort_msg("the ring buffer of events");
	if (events.count)
		*ret_last = events.last;
	return events.count;
}
