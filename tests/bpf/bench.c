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

#include "counters.h"
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
#define TALLY_MAX      128 /* devices, and nobody */
#define RULES_MAX      64  /* that verdicts tell of, and the link */

static struct {
	struct state state;
	uint32_t ifindexes[3]; /* by enum from */
	struct kernel_programs programs[SLOTS][LINKS];
	struct kernel_programs dry[SLOTS][LINKS];
	int totals;
	struct counters counters;
	struct checked checked;
	struct ids ids;
	const char *loaded;
} bench;

static const enum host own_addresses[] = { ROUTER, ROUTER_LAN, ROUTER_LINK };

/* For what happens with every packet: an assertion of check writes to its parent each time. */
static void require(bool holds, const char *what)
{
	if (!holds)
		ck_abort_msg("%s: %s", what, strerror(errno));
}

enum from {
	FROM_HERE, /* this box */
	FROM_WG,
	FROM_LAN,
	FROM_ELSEWHERE,
};

static const struct {
	enum direction direction;
	uint32_t slot; /* of the interface */
	enum from from;
	uint32_t mark;
} places[] = {
	[AT_INGRESS] = { DIRECTION_INGRESS, 0, FROM_WG, 0 },
	[AT_INGRESS_MARKED] = { DIRECTION_INGRESS, 0, FROM_WG, GATE_MARK_MASK },
	[AT_INGRESS_ASIDE] = { DIRECTION_INGRESS, 1, FROM_LAN, 0 },
	[AT_EGRESS_JUDGED] = { DIRECTION_EGRESS, 0, FROM_WG, GATE_MARK_JUDGED },
	[AT_EGRESS_REPLY] = { DIRECTION_EGRESS, 0, FROM_WG, GATE_MARK_MASK },
	[AT_EGRESS_UNMARKED] = { DIRECTION_EGRESS, 0, FROM_WG, 0 },
	[AT_EGRESS_LAN] = { DIRECTION_EGRESS, 0, FROM_LAN, 0 },
	[AT_EGRESS_LAN_MARKED] = { DIRECTION_EGRESS, 0, FROM_LAN, GATE_MARK_JUDGED },
	[AT_EGRESS_LAN_REPLY] = { DIRECTION_EGRESS, 0, FROM_LAN, GATE_MARK_MASK },
	[AT_EGRESS_ELSEWHERE] = { DIRECTION_EGRESS, 0, FROM_ELSEWHERE, 0 },
	[AT_EGRESS_ELSEWHERE_MARKED] = { DIRECTION_EGRESS, 0, FROM_ELSEWHERE, GATE_MARK_JUDGED },
	[AT_EGRESS_SELF] = { DIRECTION_EGRESS, 0, FROM_HERE, 0 },
	[AT_EGRESS_SELF_MARKED] = { DIRECTION_EGRESS, 0, FROM_HERE, GATE_MARK_JUDGED },
	[AT_ASIDE_JUDGED] = { DIRECTION_EGRESS, 1, FROM_WG, GATE_MARK_JUDGED },
	[AT_ASIDE_REPLY] = { DIRECTION_EGRESS, 1, FROM_WG, GATE_MARK_MASK },
	[AT_ASIDE_UNMARKED] = { DIRECTION_EGRESS, 1, FROM_WG, 0 },
	[AT_ASIDE_ELSEWHERE] = { DIRECTION_EGRESS, 1, FROM_ELSEWHERE, 0 },
	[AT_ASIDE_SELF] = { DIRECTION_EGRESS, 1, FROM_HERE, 0 },
};
_Static_assert(ARRAY_SIZE(places) == PLACE_MAX, "every place is described");

enum direction place_direction(enum place place)
{
	return places[place].direction;
}

uint32_t place_slot(enum place place)
{
	return places[place].slot;
}

static uint32_t ifindex_of(enum place place)
{
	enum from from = places[place].from;

	return from == FROM_ELSEWHERE ? ELSEWHERE : bench.ifindexes[from];
}

/* That of lan0, where it is guarded. */
static bool lan_is_guarded(void)
{
	return bench_table()->interfaces_count > 1;
}

bool place_is_first(enum place place)
{
	enum from from = places[place].from;

	if (places[place].direction == DIRECTION_INGRESS ||
	    !(places[place].mark & GATE_MARK_JUDGED))
		return true;
	return from != FROM_WG && !(from == FROM_LAN && lan_is_guarded());
}

static void load_programs(const struct kernel_attachment *attachment,
			  struct kernel_programs *ret_programs)
{
	_free_ char *log = NULL;
	int error = kernel_programs_load(bench.state.pins, attachment, ret_programs, &log);

	ck_assert_msg(!error, "the kernel did not take the programs: %s\n%s", strerror(-error),
		      log ? log : "");
}

static void load_all(void)
{
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		for (unsigned int link = 0; link < LINKS; link++) {
			struct kernel_attachment attachment = {
				.slot = slot,
				.link_header = link ? PACKET_ETHERNET : 0,
				.early = true,
			};

			load_programs(&attachment, &bench.programs[slot][link]);
			attachment.early = false;
			attachment.dry = true;
			load_programs(&attachment, &bench.dry[slot][link]);
		}
	}
}

void bench_open(void)
{
	bench.state = state_get();
	bench.ifindexes[FROM_WG] = if_nametoindex(SANDBOX_WG);
	bench.ifindexes[FROM_LAN] = if_nametoindex(SANDBOX_LAN);
	bench.loaded = "";
	ck_assert_uint_ne(bench.ifindexes[FROM_WG], 0);
	ck_assert_uint_ne(bench.ifindexes[FROM_LAN], 0);
	ck_assert_int_eq(state_mkdir(bench.state.pins, 0700), 0);
	load_all();
	bench_events_open(bench.state.pins);
	ck_assert_int_eq(counters_provide(&bench.state, TALLY_MAX - 1, GATE_CHUNK - 1), 0);
	ck_assert_int_eq(counters_open(&bench.state, &bench.counters), 0);
	bench.totals = kernel_map_open(bench.state.pins, "totals");
	ck_assert_int_ge(bench.totals, 0);
}

static void close_programs(void)
{
	for (size_t slot = 0; slot < SLOTS; slot++) {
		for (size_t link = 0; link < LINKS; link++) {
			kernel_programs_close(&bench.programs[slot][link]);
			kernel_programs_close(&bench.dry[slot][link]);
		}
	}
}

void bench_close(void)
{
	struct diag diag = {};

	close_programs();
	counters_close(&bench.counters);
	close(bench.totals);
	bench_events_close();
	bench_memory_close();
	checked_free(&bench.checked);
	ids_free(&bench.ids);
	ck_assert_int_eq(load_undo(&bench.state, true, &diag), 0);
	diag_free(&diag);
	memset(&bench, 0, sizeof(bench));
}

/* A timer ends when its element is written. */
static void stop_collector(void)
{
	_close_ int map = kernel_map_open(bench.state.pins, "collector");
	static const uint8_t nothing[64];
	uint32_t zero = 0;

	ck_assert_int_eq(kernel_map_put(map, &zero, nothing), 0);
}

void bench_collector_start(void)
{
	ck_assert_int_eq(kernel_collector_start(&bench.programs[0][0]), 0);
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
	int error = load_checked(&bench.state, &bench.checked, BACKEND_BPF, &report);

	ck_assert_msg(!error, "load: %s: %s", strerror(-error), first_error());
	ids_free(&bench.ids);
	ck_assert_int_eq(ids_read(&bench.state, &bench.ids), 0);
	ck_assert_uint_lt(ids_last(&bench.ids, IDS_DEVICE), TALLY_MAX);
	stop_collector();
	bench_memory_open(bench.state.pins);
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

void bench_open_house(void)
{
	bench_open();
	bench_load("house.json");
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
	struct gate_rule_counters sums[GATE_CHUNK] = {};

	require(!counters_rules(&bench.counters, sums, ARRAY_SIZE(sums)),
		"the counters of the rules");
	return sums[rule].packets;
}

/* What the counters say at one moment. */
struct tally {
	struct gate_device_counters devices[TALLY_MAX];
	uint32_t count;
	uint64_t rules[RULES_MAX]; /* packets */
	uint32_t rules_count;
	struct gate_totals flows;
};

static void tally_read(struct tally *tally)
{
	struct gate_rule_counters rules[RULES_MAX] = {};

	tally->count = ids_last(&bench.ids, IDS_DEVICE) + 1;
	require(!counters_devices(&bench.counters, tally->devices, tally->count),
		"the counters of the devices");
	tally->rules_count = ids_last(&bench.ids, IDS_RULE) + 1;
	if (tally->rules_count > RULES_MAX)
		tally->rules_count = RULES_MAX;
	require(!counters_rules(&bench.counters, rules, tally->rules_count),
		"the counters of the rules");
	for (uint32_t id = 0; id < tally->rules_count; id++)
		tally->rules[id] = rules[id].packets;
	tally->flows = bench_totals();
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
	if (after->audited_packets[direction] != before->audited_packets[direction])
		verdict->audited = true;
	book(verdict, after->audited_packets[direction] - before->audited_packets[direction],
	     after->audited_bytes[direction] - before->audited_bytes[direction]);
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
	for (uint32_t id = 0; id < after->rules_count; id++) {
		if (after->rules[id] == before->rules[id])
			continue;
		verdict->credits++;
		verdict->rule = id;
	}
	verdict->created = after->flows.flows_created - before->flows.flows_created;
	verdict->deleted = after->flows.flows_deleted - before->flows.flows_deleted;
}

static struct __sk_buff context_of(enum place place)
{
	return (struct __sk_buff){ .mark = MARK_OF_OTHERS | places[place].mark,
				   .ingress_ifindex = ifindex_of(place) };
}

static int program_of(const struct kernel_programs *programs, enum place place)
{
	return place_direction(place) == DIRECTION_INGRESS ? programs->ingress : programs->egress;
}

/* Returns what the program returned; the mark that it left is in @context. */
static uint32_t run(const uint8_t *bytes, size_t size, enum place place, const struct form *form,
		    struct __sk_buff *context)
{
	const struct kernel_programs *programs =
		&bench.programs[place_slot(place)][form->link_header > 0];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = (__u32)size,
		    .ctx_in = context, .ctx_size_in = sizeof(*context), .ctx_out = context,
		    .ctx_size_out = sizeof(*context));

	require(!bpf_prog_test_run_opts(program_of(programs, place), &options),
		"BPF_PROG_TEST_RUN");
	return options.retval;
}

static uint32_t run_early(const uint8_t *bytes, size_t size, enum place place,
			  const struct form *form, struct __sk_buff *context)
{
	int program = bench.programs[place_slot(place)][form->link_header > 0].early;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = (__u32)size);

	(void)context; /* XDP has no mark */
	require(!bpf_prog_test_run_opts(program, &options), "BPF_PROG_TEST_RUN, early");
	require(options.retval == XDP_PASS || options.retval == XDP_DROP, "pass or drop, early");
	return options.retval == XDP_DROP ? TC_ACT_SHOT : (uint32_t)TC_ACT_UNSPEC;
}

typedef uint32_t run_t(const uint8_t *bytes, size_t size, enum place place, const struct form *form,
		       struct __sk_buff *context);

static void judge_with(run_t *run, const uint8_t *bytes, size_t size, enum place place,
		       const struct form *form, struct __sk_buff *context,
		       struct verdict *ret_verdict)
{
	static struct tally before, after;
	struct verdict verdict = { .mark_before = context->mark,
				   .length = size - form->link_header };
	uint32_t action;

	bench_events_take(&verdict.event);
	tally_read(&before);
	action = run(bytes, size, place, form, context);
	tally_read(&after);
	require(action == (uint32_t)TC_ACT_UNSPEC || action == TC_ACT_SHOT, "pass or drop");
	verdict.passed = action == (uint32_t)TC_ACT_UNSPEC;
	verdict.mark = context->mark;
	tally_compare(&before, &after, &verdict);
	verdict.events = bench_events_take(&verdict.event);
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
	judge_with(run, bytes, size, place, form, &context, ret_verdict);
}

void bench_early(const struct packet *packet, enum place place, const struct form *form,
		 struct verdict *ret_verdict)
{
	uint8_t bytes[PACKET_MAX];
	size_t size = packet_build(packet, form->version, form->link_header, bytes);
	struct __sk_buff context = context_of(place);

	judge_with(run_early, bytes, size, place, form, &context, ret_verdict);
}

void bench_run_bytes(const uint8_t *bytes, size_t size, enum place place, const struct form *form,
		     struct verdict *ret_verdict)
{
	struct __sk_buff context = context_of(place);

	judge_with(run, bytes, size, place, form, &context, ret_verdict);
}

bool bench_passes(const struct packet *packet, enum place place, const struct form *form)
{
	uint8_t bytes[PACKET_MAX];
	size_t size = packet_build(packet, form->version, form->link_header, bytes);
	struct __sk_buff context = context_of(place);

	return run(bytes, size, place, form, &context) == (uint32_t)TC_ACT_UNSPEC;
}

static void trace(int program, const struct packet *packet, enum place place,
		  const struct form *form, struct trace *ret_trace)
{
	uint8_t bytes[PACKET_MAX];
	struct kernel_run run = {
		.packet = bytes,
		.size = packet_build(packet, form->version, form->link_header, bytes),
		.mark = context_of(place).mark,
		.ingress_ifindex = ifindex_of(place),
	};

	require(!kernel_program_run(program, &run), "a dry run");
	ret_trace->passed = run.action == (uint32_t)TC_ACT_UNSPEC;
	memcpy(ret_trace->words, run.words, sizeof(ret_trace->words));
}

void bench_trace(const struct packet *packet, enum place place, const struct form *form,
		 struct trace *ret_trace)
{
	const struct kernel_programs *programs =
		&bench.dry[place_slot(place)][form->link_header > 0];

	trace(program_of(programs, place), packet, place, form, ret_trace);
}

void bench_trace_slot(const struct packet *packet, uint32_t slot, const struct form *form,
		      struct trace *ret_trace)
{
	struct kernel_attachment attachment = { .link_header = form->link_header,
						.dry = true,
						.dry_slot = slot };
	struct kernel_programs programs;

	load_programs(&attachment, &programs);
	trace(programs.ingress, packet, AT_INGRESS, form, ret_trace);
	kernel_programs_close(&programs);
}

uint32_t bench_live_slot(void)
{
	_close_ int map = kernel_map_open(bench.state.pins, "active");
	struct gate_active active;
	uint32_t zero = 0;

	ck_assert_int_eq(kernel_map_get(map, &zero, &active), 0);
	return active.slot;
}

uint64_t bench_fingerprint(void)
{
	static struct tally tally;
	const uint64_t *words = (const uint64_t *)&tally;
	uint64_t hash = bench_memory_fingerprint();
	struct gate_event event;

	memset(&tally, 0, sizeof(tally));
	tally_read(&tally);
	for (size_t i = 0; i < sizeof(tally) / sizeof(*words); i++)
		hash = (hash ^ words[i]) * UINT64_C(0x100000001b3);
	return hash ^ bench_events_take(&event);
}

struct gate_totals bench_totals(void)
{
	struct gate_totals sum;

	require(!kernel_map_sum(bench.totals, 0, (uint64_t *)&sum, sizeof(sum) / sizeof(uint64_t)),
		"the counters of flows");
	return sum;
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
