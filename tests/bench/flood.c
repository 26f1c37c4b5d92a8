// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Floods a wire with packets that no policy allows, as fast as one CPU makes them.
 *
 *   flood send INTERFACE CPU COUNT <FRAME	prints ns a packet
 *   flood swallow INTERFACE		attaches the least that can receive: XDP_DROP
 *
 * The frames are made by a program under BPF_PROG_TEST_RUN that redirects them to the wire. What
 * the other end does with them happens on the same CPU, between two batches: so the time is that of
 * generator and receiver together. It is that of the quickest twentieth.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flood.skel.h"
#include "tool.h"

#define PARTS 20
#define BATCH 64 /* the ring of a veth has room for 256 */

static unsigned int index_of(const char *interface)
{
	unsigned int index = if_nametoindex(interface);

	if (!index)
		die(interface);
	return index;
}

static struct flood_bpf *load(unsigned int index)
{
	struct flood_bpf *skeleton = flood_bpf__open();

	if (!skeleton)
		die("open");
	skeleton->rodata->target = index;
	if (flood_bpf__load(skeleton))
		die("load");
	return skeleton;
}

static int swallow(char **arguments)
{
	unsigned int index = index_of(arguments[0]);
	struct flood_bpf *skeleton = load(index);
	int program = bpf_program__fd(skeleton->progs.flood_swallow);

	if (bpf_xdp_attach((int)index, program, XDP_FLAGS_DRV_MODE, NULL))
		die("attach");
	flood_bpf__destroy(skeleton);
	return 0;
}

/* ns a packet, as the kernel measures its loop: to set one up and to end it takes jiffies. */
static uint32_t send_part(int program, void *frame, uint32_t size, int count)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = size,
		    .repeat = count, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

	if (bpf_prog_test_run_opts(program, &options))
		die("test run");
	return options.duration;
}

static int send_frames(char **arguments)
{
	struct flood_bpf *skeleton = load(index_of(arguments[0]));
	int program = bpf_program__fd(skeleton->progs.flood_generate);
	int part = atoi(arguments[2]) / PARTS;
	uint32_t best = 0;
	uint8_t frame[256];
	ssize_t size = read(0, frame, sizeof(frame));

	if (size <= 0)
		die("frame");
	pin(atoi(arguments[1]));
	for (int i = 0; i < PARTS; i++) {
		uint32_t taken = send_part(program, frame, (uint32_t)size, part);

		if (!i || taken < best)
			best = taken;
	}
	printf("%u\n", best);
	flood_bpf__destroy(skeleton);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "send"))
		return send_frames(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "swallow"))
		return swallow(argv + 2);
	fprintf(stderr, "usage: flood send INTERFACE CPU COUNT <FRAME | swallow INTERFACE\n");
	return 2;
}
