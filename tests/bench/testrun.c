// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a packet costs in the programs alone, in ns, by BPF_PROG_TEST_RUN:
 *
 *	testrun POLICY.json [CASE…]
 *
 * Prints a JSON object a line: {"name": …, "ns": …}. Each figure is the minimum of several rounds
 * that take turns. The packets are IPv4 and TCP, between addresses that the policy allows, through
 * the first interface that it guards.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <math.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive.h"
#include "drive.skel.h"
#include "kernel.h"
#include "load.h"
#include "mem.h"
#include "sandbox.h"
#include "tool.h"

#define ROUNDS	   12
#define PACKETS	   400000
#define NEW_FLOWS  8192 /* a round: far from full tables and from quotas */
#define NEW_ROUNDS 24
#define PASS	   (uint32_t) - 1 /* TC_ACT_UNSPEC */
#define DROP	   2		  /* TC_ACT_SHOT */

static struct {
	struct state state;
	struct checked checked;
	struct kernel_programs programs;
	struct drive_bpf *drive;
	struct drive_tuple tuples[DRIVE_TUPLES];
	uint32_t tuples_count;
	char *const *wanted; /* names of cases; none: all of them */
} run;

struct frame {
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t body[24];
};

enum flags {
	SYN,
	ACK,
};

static struct frame frame_of(const struct drive_tuple *tuple, enum flags flags)
{
	return (struct frame){
		.ip = { .version = 4,
			.ihl = 5,
			.ttl = 64,
			.protocol = IPPROTO_TCP,
			.tot_len = htons(sizeof(struct frame)),
			.saddr = tuple->src,
			.daddr = tuple->dst },
		.tcp = { .source = tuple->sport,
			 .dest = tuple->dport,
			 .doff = 5,
			 .syn = flags == SYN,
			 .ack = flags == ACK },
	};
}

/* The mean of @repeat runs, in ns. All must end with @action. */
static double measure(int program, const struct frame *frame, uint32_t ingress, int repeat,
		      uint32_t action)
{
	struct __sk_buff context = { .ingress_ifindex = ingress };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(*frame),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = repeat);

	if (bpf_prog_test_run_opts(program, &options))
		die("a test run");
	if (options.retval != action) {
		fprintf(stderr, "testrun: the program returned %d and not %d\n",
			(int)options.retval, (int)action);
		exit(1);
	}
	return options.duration;
}

static void drive_with(int program, bool new_ports)
{
	uint32_t zero = 0;

	run.drive->bss->packets = 0;
	run.drive->bss->new_ports = new_ports;
	run.drive->bss->tuples_count = run.tuples_count;
	if (program < 0)
		bpf_map_delete_elem(bpf_map__fd(run.drive->maps.under_test), &zero);
	else if (bpf_map_update_elem(bpf_map__fd(run.drive->maps.under_test), &zero, &program, 0))
		die("a tail call");
}

/* All flows, and what their devices have used of their quotas. */
static void forget_flows(void)
{
	static const struct gate_device_state none;
	_close_ int states = kernel_map_open(run.state.pins, "device_states");

	for (uint32_t i = 0; i < GATE_FLOW_SHARDS; i++) {
		_close_ int shard = kernel_table_open(run.state.pins, TABLE_FLOWS4, i);
		struct gate_flow4_key key;

		while (shard >= 0 && !bpf_map_get_next_key(shard, NULL, &key))
			bpf_map_delete_elem(shard, &key);
	}
	for (uint32_t i = 1; i <= run.checked.table.devices_count; i++)
		if (kernel_map_put(states, &i, &none))
			die("the state of a device");
}

/* By the class over narrow selectors; in the order of the table. */
static const struct table_address *address_of(uint32_t class)
{
	const struct table *table = &run.checked.table;

	for (size_t i = 0; i < table->addresses_count; i++)
		if (table->addresses[i].identity.fine == class &&
		    address_is_ipv4(table->addresses[i].prefix.first))
			return &table->addresses[i];
	return NULL;
}

static __be32 in_packet(const struct table_address *address)
{
	uint8_t bytes[16];
	__be32 word;

	address_bytes(address->prefix.first, bytes);
	memcpy(&word, bytes, sizeof(word));
	return word;
}

static bool tuple_of(const struct table_pair *pair, struct drive_tuple *tuple)
{
	const struct table_address *src = address_of(pair->classes.source);
	const struct table_address *dst = address_of(pair->classes.destination);
	const struct table_range *range = &run.checked.table.ranges[pair->ports.first];

	if (!src || !dst || !src->identity.device || range->low >> 16 != IPPROTO_TCP)
		return false;
	*tuple = (struct drive_tuple){ in_packet(src), in_packet(dst), htons(DRIVE_FIRST_PORT),
				       htons(range->low & 0xffff) };
	return true;
}

/* From all over the table. */
static void find_tuples(void)
{
	const struct table *table = &run.checked.table;
	size_t step = table->pairs_count / DRIVE_TUPLES + 1;

	for (size_t i = 0; i < table->pairs_count && run.tuples_count < DRIVE_TUPLES; i += step)
		if (tuple_of(&table->pairs[i], &run.tuples[run.tuples_count]))
			run.tuples_count++;
	if (!run.tuples_count) {
		fprintf(stderr, "testrun: the policy allows no TCP between single addresses\n");
		exit(1);
	}
	for (uint32_t i = 0; i < run.tuples_count; i++)
		if (kernel_map_put(bpf_map__fd(run.drive->maps.tuples), &i, &run.tuples[i]))
			die("tuples");
}

static void open_flow(const struct drive_tuple *tuple)
{
	struct frame syn = frame_of(tuple, SYN), ack = frame_of(tuple, ACK);
	struct drive_tuple back = { tuple->dst, tuple->src, tuple->dport, tuple->sport };
	struct frame answer = frame_of(&back, ACK);

	answer.tcp.syn = 1;
	measure(run.programs.ingress, &syn, 0, 1, PASS);
	measure(run.programs.egress, &answer, if_nametoindex(SANDBOX_LAN), 1, PASS);
	measure(run.programs.ingress, &ack, 0, 1, PASS);
}

static void open_flows(void)
{
	int known = bpf_map__fd(run.drive->maps.known);

	forget_flows();
	for (uint32_t i = 0; i < run.tuples_count; i++) {
		const struct drive_tuple *tuple = &run.tuples[i];
		struct {
			__be32 addr[2];
			__be16 port[2];
			uint8_t protocol, pad[3];
		} key = {
			{ tuple->src, tuple->dst }, { tuple->sport, tuple->dport }, IPPROTO_TCP, {}
		};
		uint64_t one = 1;

		if (kernel_map_put(known, &key, &one))
			die("known");
		open_flow(tuple);
	}
}

static double floor_one(void)
{
	struct frame frame = frame_of(&run.tuples[0], ACK);

	return measure(bpf_program__fd(run.drive->progs.gate_floor), &frame, 0, PACKETS, PASS);
}

static double established_one(void)
{
	struct frame frame = frame_of(&run.tuples[0], ACK);

	return measure(run.programs.ingress, &frame, 0, PACKETS, PASS);
}

static double answer_one(void)
{
	const struct drive_tuple *tuple = &run.tuples[0];
	struct drive_tuple back = { tuple->dst, tuple->src, tuple->dport, tuple->sport };
	struct frame frame = frame_of(&back, ACK);

	return measure(run.programs.egress, &frame, if_nametoindex(SANDBOX_LAN), PACKETS, PASS);
}

static double refused_one(void)
{
	struct drive_tuple tuple = run.tuples[0];
	struct frame frame;

	tuple.dport = htons(1);
	frame = frame_of(&tuple, SYN);
	return measure(run.programs.ingress, &frame, 0, PACKETS, DROP);
}

static double driven(int program, enum flags flags, bool new_ports, int packets)
{
	struct frame frame = frame_of(&run.tuples[0], flags);

	drive_with(program, new_ports);
	return measure(bpf_program__fd(run.drive->progs.drive), &frame, 0, packets, PASS);
}

static double driver(void)
{
	return driven(-1, ACK, false, PACKETS);
}

static double floor_many(void)
{
	return driven(bpf_program__fd(run.drive->progs.gate_floor), ACK, false, PACKETS);
}

static double established_many(void)
{
	return driven(run.programs.ingress, ACK, false, PACKETS);
}

static double new_many(void)
{
	forget_flows();
	return driven(run.programs.ingress, SYN, true, NEW_FLOWS);
}

/* @driven: the driver's own time is taken off. Flows are opened before those that need them. */
static struct {
	const char *name;
	double (*once)(void);
	bool driven;
	double best;
} cases[] = {
	{ "driver", driver, false, INFINITY },
	{ "floor", floor_one, false, INFINITY },
	{ "established", established_one, false, INFINITY },
	{ "answer", answer_one, false, INFINITY },
	{ "refused", refused_one, false, INFINITY },
	{ "floor-many", floor_many, true, INFINITY },
	{ "established-many", established_many, true, INFINITY },
	{ "new", new_many, true, INFINITY },
};

static bool is_wanted(const char *name)
{
	for (char *const *wanted = run.wanted; *wanted; wanted++)
		if (!strcmp(*wanted, name))
			return true;
	return !*run.wanted;
}

static void print_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (is_wanted(cases[i].name))
			printf("{\"name\": \"%s\", \"ns\": %.1f}\n", cases[i].name,
			       cases[i].best - (cases[i].driven ? cases[0].best : 0));
}

static void measure_cases(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		open_flows();
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			double once = is_wanted(cases[i].name) ? cases[i].once() : INFINITY;

			if (once < cases[i].best)
				cases[i].best = once;
		}
	}
}

static void load_policy(const char *file)
{
	struct kernel_attachment attachment = {};
	struct load_report report;
	struct box box = {};
	_free_ char *log = NULL;
	const char *unreadable;

	if (check_files(&run.checked, file, NULL, &box, &unreadable) ||
	    load_checked(&run.state, &run.checked, BACKEND_BPF, &report)) {
		fprintf(stderr, "testrun: %s is not loaded; aclctl check tells why\n", file);
		exit(1);
	}
	if (kernel_programs_load(run.state.pins, &attachment, &run.programs, &log))
		die("the programs");
}

static int inside(const void *arguments)
{
	char *const *argv = *(char *const *const *)arguments;
	struct diag diag = {};

	run.state = state_get();
	run.drive = drive_bpf__open_and_load();
	if (!run.drive)
		die("drive.bpf.c");
	run.wanted = argv + 2;
	load_policy(argv[1]);
	find_tuples();
	measure_cases();
	print_cases();
	kernel_programs_close(&run.programs);
	drive_bpf__destroy(run.drive);
	checked_free(&run.checked);
	return load_undo(&run.state, true, &diag);
}

int main(int argc, char **argv)
{
	const char *missing = sandbox_missing();

	if (argc < 2) {
		fprintf(stderr, "usage: testrun POLICY.json [CASE...]\n");
		return 2;
	}
	if (missing) {
		fprintf(stderr, "testrun: needs %s\n", missing);
		return 1;
	}
	return sandbox_run(inside, &argv);
}
