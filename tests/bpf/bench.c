// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench.h"

#include <bpf/bpf.h>
#include <check.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate.h"
#include "kernel.h"
#include "load.h"
#include "mem.h"
#include "sandbox.h"
#include "state.h"

#define MARK_OF_OTHERS 0xc00f1234u /* bits that are not ours */
#define ELSEWHERE      4141	   /* ifindex of an interface that nobody knows */
#define SLOTS	       2
#define LINKS	       2
#define VERSIONS       2
#define TALLY_MAX      128 /* devices, and nobody */

static struct {
	struct state state;
	uint32_t wg, lan; /* ifindexes */
	struct kernel_programs programs[SLOTS][LINKS];
	int flows[VERSIONS][GATE_FLOW_SHARDS];
	int flow_counters;
	struct gate_counters counters;
	struct checked checked;
	struct ids ids;
	const char *loaded;
	bool has_flows;
} bench;

static const enum host own_addresses[] = { ROUTER, ROUTER_LAN };

/* For what happens with every packet: an assertion of check writes to its parent each time. */
static void require(bool holds, const char *what)
{
	if (!holds)
		ck_abort_msg("%s: %s", what, strerror(errno));
}

enum direction place_direction(enum place place)
{
	return place >= AT_EGRESS_JUDGED ? DIRECTION_EGRESS : DIRECTION_INGRESS;
}

static bool from_aside(enum place place)
{
	return place == AT_INGRESS_ASIDE;
}

static void load_programs(uint32_t slot, unsigned int link_header)
{
	_free_ char *log = NULL;
	int error = kernel_programs_load(bench.state.pins, slot, link_header,
					 &bench.programs[slot][link_header > 0], &log);

	ck_assert_msg(!error, "the kernel did not take the programs: %s\n%s", strerror(-error),
		      log ? log : "");
}

void bench_open(void)
{
	bench.state = state_get();
	bench.wg = if_nametoindex(SANDBOX_WG);
	bench.lan = if_nametoindex(SANDBOX_LAN);
	bench.loaded = "";
	ck_assert_uint_ne(bench.wg, 0);
	ck_assert_uint_ne(bench.lan, 0);
	ck_assert_int_eq(state_mkdir(bench.state.pins, 0700), 0);
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		load_programs(slot, 0);
		load_programs(slot, PACKET_ETHERNET);
	}
	ck_assert_int_eq(gate_counters_open(&bench.state, &bench.counters), 0);
	bench.flow_counters = kernel_map_open(bench.state.pins, "flow_counters");
	ck_assert_int_ge(bench.flow_counters, 0);
}

static void close_flows(void)
{
	for (size_t version = 0; version < VERSIONS; version++)
		for (size_t shard = 0; shard < GATE_FLOW_SHARDS; shard++)
			close(bench.flows[version][shard]);
}

void bench_close(void)
{
	struct diag diag = {};

	for (size_t slot = 0; slot < SLOTS; slot++)
		for (size_t link = 0; link < LINKS; link++)
			kernel_programs_close(&bench.programs[slot][link]);
	gate_counters_close(&bench.counters);
	close(bench.flow_counters);
	if (bench.has_flows)
		close_flows();
	checked_free(&bench.checked);
	ids_free(&bench.ids);
	ck_assert_int_eq(load_undo(&bench.state, &diag), 0);
	diag_free(&diag);
	memset(&bench, 0, sizeof(bench));
}

static void open_flows(void)
{
	for (size_t version = 0; version < VERSIONS; version++) {
		_close_ int outer = kernel_map_open(bench.state.pins,
						    version ? "flows6" : "flows4");

		for (uint32_t shard = 0; shard < GATE_FLOW_SHARDS; shard++) {
			uint32_t id;

			ck_assert_int_eq(kernel_map_get(outer, &shard, &id), 0);
			bench.flows[version][shard] = bpf_map_get_fd_by_id(id);
			ck_assert_int_ge(bench.flows[version][shard], 0);
		}
	}
	bench.has_flows = true;
}

/* With the addresses of this box, as if wg0 and the LAN port had them. */
static int check_file(const char *path)
{
	address_t addresses[2 * ARRAY_SIZE(own_addresses)];
	struct box box = { .addresses = addresses };
	const char *unreadable;

	for (size_t i = 0; i < ARRAY_SIZE(own_addresses); i++) {
		addresses[box.count++] = host_address(own_addresses[i], 4);
		addresses[box.count++] = host_address(own_addresses[i], 6);
	}
	checked_free(&bench.checked);
	bench.checked = (struct checked){};
	return check_files(&bench.checked, path, NULL, &box, &unreadable);
}

static const char *first_error(void)
{
	const struct diag *diag = &bench.checked.diag;

	for (size_t i = 0; i < diag->count; i++)
		if (diag->items[i].severity == SEVERITY_ERROR)
			return diag->items[i].text;
	return "";
}

static void publish(void)
{
	struct load_report report;
	int error = load_checked(&bench.state, &bench.checked, &report);

	ck_assert_msg(!error, "load: %s: %s", strerror(-error), first_error());
	ids_free(&bench.ids);
	ck_assert_int_eq(ids_read(&bench.state, &bench.ids), 0);
	ck_assert_uint_lt(ids_last(&bench.ids, IDS_DEVICE), TALLY_MAX);
	if (!bench.has_flows)
		open_flows();
}

void bench_load(const char *name)
{
	_free_ char *path = mem_printf("%s/%s", POLICY_DIRECTORY, name);
	int error;

	if (!strcmp(bench.loaded, name))
		return;
	error = check_file(path);
	ck_assert_msg(!error, "%s: %s: %s", name, strerror(-error), first_error());
	publish();
	bench.loaded = name;
}

int bench_load_text(const char *text)
{
	_free_ char *path = state_path(bench.state.dir, "text.json");
	FILE *file = fopen(path, "w");
	int error;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	error = check_file(path);
	bench.loaded = "";
	if (!error)
		publish();
	return error;
}

static char *read_text(const char *name)
{
	_free_ char *path = mem_printf("%s/%s", POLICY_DIRECTORY, name);
	struct sources sources = {};
	char *text;

	ck_assert_int_eq(sources_read(&sources, path), 0);
	text = mem_strdup(sources.items[0].text);
	sources_free(&sources);
	return text;
}

void bench_load_edited(const char *name, const struct edit *edit)
{
	_free_ char *text = read_text(name), *edited = NULL;
	const char *at = strstr(text, edit->from);

	ck_assert_msg(at != NULL, "%s has no %s", name, edit->from);
	edited = mem_printf("%.*s%s%s", (int)(at - text), text, edit->to, at + strlen(edit->from));
	ck_assert_msg(!bench_load_text(edited), "%s: %s", edit->to, first_error());
}

uint32_t bench_generation(void)
{
	struct gate_status status;

	ck_assert_int_eq(gate_status(&bench.state, &status), 0);
	return status.generation.number;
}

const struct table *bench_table(void)
{
	return &bench.checked.table;
}

uint32_t bench_device(const char *name)
{
	return name ? ids_get(&bench.ids, IDS_DEVICE, name) : 0;
}

uint32_t bench_rule(uint32_t number)
{
	return ids_get(&bench.ids, IDS_RULE, bench_table()->rules[number].label);
}

uint64_t bench_rule_packets(uint32_t rule)
{
	struct gate_rule_counters sum;

	require(!gate_counters_rule(&bench.counters, rule, &sum), "the counters of a rule");
	return sum.packets;
}

/* What the counters say at one moment. */
struct tally {
	struct gate_device_counters devices[TALLY_MAX];
	uint32_t count;
	struct gate_flow_counters flows;
};

static void tally_read(struct tally *tally)
{
	tally->count = ids_last(&bench.ids, IDS_DEVICE) + 1;
	for (uint32_t id = 0; id < tally->count; id++)
		require(!gate_counters_device(&bench.counters, id, &tally->devices[id]),
			"the counters of a device");
	tally->flows = bench_flow_counters();
}

static void book(struct verdict *verdict, uint64_t packets, uint64_t bytes)
{
	if (!packets && !bytes)
		return;
	verdict->bookings++;
	verdict->packets += packets;
	verdict->bytes += bytes;
}

/* What of one device's counters rose for one direction. */
static void compare(const struct gate_device_counters *before,
		    const struct gate_device_counters *after, enum direction direction,
		    struct verdict *verdict)
{
	unsigned int bookings = verdict->bookings;
	uint64_t bytes = after->dropped_bytes[direction] - before->dropped_bytes[direction];

	book(verdict, after->passed_packets[direction] - before->passed_packets[direction],
	     after->passed_bytes[direction] - before->passed_bytes[direction]);
	for (enum reason reason = 0; reason < REASON_MAX; reason++) {
		uint64_t packets = after->dropped_packets[direction][reason] -
				   before->dropped_packets[direction][reason];

		book(verdict, packets, packets ? bytes : 0);
		if (packets)
			verdict->reason = reason;
	}
	if (verdict->bookings > bookings)
		verdict->direction = direction;
}

static void tally_compare(const struct tally *before, const struct tally *after,
			  struct verdict *verdict)
{
	for (uint32_t id = 0; id < after->count; id++) {
		unsigned int bookings = verdict->bookings;

		for (enum direction direction = 0; direction < DIRECTION_MAX; direction++)
			compare(&before->devices[id], &after->devices[id], direction, verdict);
		if (verdict->bookings > bookings)
			verdict->device = id;
	}
	verdict->created = after->flows.created - before->flows.created;
	verdict->deleted = after->flows.deleted - before->flows.deleted;
}

static uint32_t ifindex_of(enum place place)
{
	switch (place) {
	case AT_EGRESS_LAN:
	case AT_EGRESS_LAN_MARKED:
		return bench.lan;
	case AT_EGRESS_ELSEWHERE:
	case AT_INGRESS_ASIDE:
		return ELSEWHERE;
	case AT_EGRESS_SELF:
	case AT_EGRESS_SELF_MARKED:
		return 0;
	default:
		return bench.wg;
	}
}

static struct __sk_buff context_of(enum place place)
{
	struct __sk_buff context = { .mark = MARK_OF_OTHERS, .ingress_ifindex = ifindex_of(place) };

	if (place == AT_INGRESS_MARKED)
		context.mark |= GATE_MARK_MASK;
	if (place == AT_EGRESS_JUDGED || place == AT_EGRESS_LAN_MARKED ||
	    place == AT_EGRESS_SELF_MARKED)
		context.mark |= GATE_MARK_JUDGED;
	return context;
}

/* Returns what the program returned; the mark that it left is in @context. */
static uint32_t run(const uint8_t *bytes, size_t size, enum place place, const struct form *form,
		    struct __sk_buff *context)
{
	const struct kernel_programs *programs =
		&bench.programs[from_aside(place)][form->link_header > 0];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = (__u32)size,
		    .ctx_in = context, .ctx_size_in = sizeof(*context), .ctx_out = context,
		    .ctx_size_out = sizeof(*context));
	int program = place_direction(place) == DIRECTION_INGRESS ? programs->ingress :
								    programs->egress;

	require(!bpf_prog_test_run_opts(program, &options), "BPF_PROG_TEST_RUN");
	return options.retval;
}

static void judge(const uint8_t *bytes, size_t size, enum place place, const struct form *form,
		  struct __sk_buff *context, struct verdict *ret_verdict)
{
	static struct tally before, after;
	struct verdict verdict = { .mark_before = context->mark,
				   .length = size - form->link_header };
	uint32_t action;

	tally_read(&before);
	action = run(bytes, size, place, form, context);
	tally_read(&after);
	require(action == (uint32_t)TC_ACT_UNSPEC || action == TC_ACT_SHOT, "pass or drop");
	verdict.passed = action == (uint32_t)TC_ACT_UNSPEC;
	verdict.mark = context->mark;
	tally_compare(&before, &after, &verdict);
	*ret_verdict = verdict;
}

void bench_run(const struct packet *packet, enum place place, const struct form *form,
	       unsigned int segments, struct verdict *ret_verdict)
{
	uint8_t bytes[PACKET_MAX];
	size_t size = packet_build(packet, form->version, form->link_header, bytes);
	struct __sk_buff context = context_of(place);

	context.gso_segs = segments;
	context.gso_size = segments ? 1 : 0;
	judge(bytes, size, place, form, &context, ret_verdict);
}

void bench_run_bytes(const uint8_t *bytes, size_t size, enum place place, const struct form *form,
		     struct verdict *ret_verdict)
{
	struct __sk_buff context = context_of(place);

	judge(bytes, size, place, form, &context, ret_verdict);
}

bool bench_passes(const struct packet *packet, enum place place, const struct form *form)
{
	uint8_t bytes[PACKET_MAX];
	size_t size = packet_build(packet, form->version, form->link_header, bytes);
	struct __sk_buff context = context_of(place);

	return run(bytes, size, place, form, &context) == (uint32_t)TC_ACT_UNSPEC;
}

struct gate_flow_counters bench_flow_counters(void)
{
	struct gate_flow_counters sum;

	require(!kernel_map_sum(bench.flow_counters, 0, (uint64_t *)&sum,
				sizeof(sum) / sizeof(uint64_t)),
		"the counters of flows");
	return sum;
}

typedef void visit_t(int shard, const void *key, void *context);

/* Calls @visit for every flow, and returns how many there were. @visit may delete it. */
static size_t each_flow(visit_t *visit, void *context)
{
	size_t count = 0;

	for (size_t i = 0; bench.has_flows && i < VERSIONS * GATE_FLOW_SHARDS; i++) {
		int shard = bench.flows[i / GATE_FLOW_SHARDS][i % GATE_FLOW_SHARDS];
		struct gate_flow6_key keys[2] = {}; /* the larger one: this one and the next */
		int more = bpf_map_get_next_key(shard, NULL, &keys[0]);

		for (; !more; count++) {
			more = bpf_map_get_next_key(shard, &keys[0], &keys[1]);
			visit(shard, &keys[0], context);
			keys[0] = keys[1];
		}
	}
	return count;
}

static void leave(int shard, const void *key, void *context)
{
	(void)shard;
	(void)key;
	(void)context;
}

static void erase(int shard, const void *key, void *context)
{
	(void)context;
	bpf_map_delete_elem(shard, key);
}

static void save(int shard, const void *key, void *context)
{
	struct saved_flows *saved = context;
	struct saved_flow *item = &saved->items[saved->count++];

	require(saved->count <= SAVED_FLOWS_MAX, "too many flows to save");
	item->shard = shard;
	memcpy(&item->key, key, sizeof(item->key));
	require(!bpf_map_lookup_elem(shard, key, &item->flow), "a flow to save");
}

static void age(int shard, const void *key, void *context)
{
	const unsigned int *seconds = context;
	struct gate_flow flow;

	require(!bpf_map_lookup_elem(shard, key, &flow), "a flow to age");
	flow.last -= *seconds * UINT64_C(1000000000);
	require(!bpf_map_update_elem(shard, key, &flow, BPF_EXIST), "a flow that aged");
}

size_t bench_flows(void)
{
	return each_flow(leave, NULL);
}

void bench_flows_clear(void)
{
	each_flow(erase, NULL);
}

void bench_flows_save(struct saved_flows *ret_saved)
{
	ret_saved->count = 0;
	each_flow(save, ret_saved);
}

void bench_flows_restore(const struct saved_flows *saved)
{
	bench_flows_clear();
	for (size_t i = 0; i < saved->count; i++)
		require(!bpf_map_update_elem(saved->items[i].shard, &saved->items[i].key,
					     &saved->items[i].flow, BPF_NOEXIST),
			"a flow to restore");
}

void bench_flows_age(unsigned int seconds)
{
	if (seconds)
		each_flow(age, &seconds);
}

uint32_t bench_verified(enum direction program, unsigned int link_header)
{
	const struct kernel_programs *programs = &bench.programs[0][link_header > 0];
	int fds[] = { programs->ingress, programs->egress, programs->collect };
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	ck_assert_int_eq(bpf_obj_get_info_by_fd(fds[program], &info, &size), 0);
	return info.verified_insns;
}
