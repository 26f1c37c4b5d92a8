// SPDX-License-Identifier: GPL-2.0-or-later
#include "rig.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "counters.h"
#include "dice.h"
#include "gate.h"
#include "kernel.h"
#include "load.h"
#include "mem.h"
#include "sandbox.h"

#define SECOND	      UINT64_C(1000000000)
#define WG1	      "wg1"
#define ELSEWHERE     4141 /* ifindex of an interface that nobody knows */
#define ETHERNET      14
#define SLOTS	      2
#define DEVICES_MAX   255
#define SLACK	      (SECOND / 2) /* between the clocks of two readers */
#define SHARDED_KINDS 3

const char *const rig_addresses[RIG_ADDRESSES] = { "10.77.0.1", "192.168.77.1", "fd77::1",
						   "fd00:77::1" };

enum sharded {
	FLOWS4,
	FLOWS6,
	PARTS,
};

static struct {
	struct state state;
	uint32_t ifindex[FROM_MAX];
	struct kernel_programs programs[SLOTS][2][2]; /* by slot, Ethernet, dry */
	int shards[SHARDED_KINDS][GATE_FLOW_SHARDS];
	int device_states, totals;
	struct counters counters;
	struct ids ids;
	uint64_t removed; /* flows, by rig_collect() and rig_clear() */
	bool has_shards;
} rig;

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Lives as long as the process. */
static void make_interface(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR);

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	require(fd >= 0 && !ioctl(fd, TUNSETIFF, &request), name);
}

static void load_programs(uint32_t slot, bool ethernet, bool dry)
{
	struct kernel_attachment attachment = {
		.slot = slot, .link_header = ethernet ? ETHERNET : 0, .early = !dry, .dry = dry
	};
	_free_ char *log = NULL;
	int error = kernel_programs_load(rig.state.pins, &attachment,
					 &rig.programs[slot][ethernet][dry], &log);

	if (error)
		fprintf(stderr, "%s\n", log ? log : "");
	require(!error, "the kernel did not take the programs");
}

void rig_open(void)
{
	make_interface(WG1);
	rig.state = state_get();
	rig.ifindex[FROM_WG0] = if_nametoindex(SANDBOX_WG);
	rig.ifindex[FROM_WG1] = if_nametoindex(WG1);
	rig.ifindex[FROM_LAN] = if_nametoindex(SANDBOX_LAN);
	rig.ifindex[FROM_ELSEWHERE] = ELSEWHERE;
	require(!state_mkdir(rig.state.pins, 0700), rig.state.pins);
	for (uint32_t i = 0; i < SLOTS * 4; i++)
		load_programs(i & 1, i & 2, i & 4);
	require(!counters_provide(&rig.state, DEVICES_MAX, GATE_CHUNK - 1), "counters");
	require(!counters_open(&rig.state, &rig.counters), "counters");
	rig.device_states = kernel_map_open(rig.state.pins, "device_states");
	rig.totals = kernel_map_open(rig.state.pins, "totals");
	require(rig.device_states >= 0 && rig.totals >= 0, "maps");
}

void rig_close(void)
{
	struct diag diag = {};

	for (size_t i = 0; i < SLOTS * 4; i++)
		kernel_programs_close(&rig.programs[i & 1][(i & 2) / 2][i / 4]);
	for (size_t i = 0; rig.has_shards && i < SHARDED_KINDS * GATE_FLOW_SHARDS; i++)
		close(rig.shards[i / GATE_FLOW_SHARDS][i % GATE_FLOW_SHARDS]);
	counters_close(&rig.counters);
	close(rig.device_states);
	close(rig.totals);
	ids_free(&rig.ids);
	load_undo(&rig.state, true, &diag);
	diag_free(&diag);
}

static int open_shard(size_t kind, uint32_t shard)
{
	static const enum kernel_table tables[] = { TABLE_FLOWS4, TABLE_FLOWS6, TABLE_FRAGMENTS };
	int fd = kernel_table_open(rig.state.pins, tables[kind], shard);

	require(fd >= 0, "shards");
	return fd;
}

/* Once: what a policy's first load created. */
static void open_shards(void)
{
	_free_ char *collector = state_path(rig.state.pins, "collector");

	for (size_t kind = 0; kind < SHARDED_KINDS; kind++)
		for (uint32_t shard = 0; shard < GATE_FLOW_SHARDS; shard++)
			rig.shards[kind][shard] = open_shard(kind, shard);
	rig.has_shards = true;
	/* a timer ends when user space has lost its map: here only rig_collect() collects */
	require(!unlink(collector), "the collector");
}

static int check_text(const char *text, struct checked *checked)
{
	address_t addresses[RIG_ADDRESSES];
	struct box box = { .addresses = addresses, .count = RIG_ADDRESSES };
	_free_ char *path = state_path(rig.state.dir, "text.json");
	FILE *file = fopen(path, "w");
	const char *unreadable;

	for (size_t i = 0; i < RIG_ADDRESSES; i++)
		require(!address_parse(rig_addresses[i], &addresses[i]), rig_addresses[i]);
	require(file && fputs(text, file) >= 0 && !fclose(file), path);
	return check_files(checked, path, NULL, &box, &unreadable);
}

int rig_load(const char *text, struct checked *ret_checked, uint32_t *ret_generation)
{
	struct load_report report;

	*ret_checked = (struct checked){};
	if (check_text(text, ret_checked)) {
		for (size_t i = 0; i < ret_checked->diag.count; i++)
			if (ret_checked->diag.items[i].severity == SEVERITY_ERROR)
				printf("refused: %s\n", ret_checked->diag.items[i].text);
		checked_free(ret_checked);
		*ret_checked = (struct checked){};
		return -EINVAL;
	}
	require(!load_checked(&rig.state, ret_checked, BACKEND_BPF, &report), "load");
	*ret_generation = report.generation;
	ids_free(&rig.ids);
	require(!ids_read(&rig.state, &rig.ids) && ids_last(&rig.ids, IDS_DEVICE) <= DEVICES_MAX,
		"ids");
	if (!rig.has_shards)
		open_shards();
	return 0;
}

uint32_t rig_device(const struct checked *checked, uint32_t device)
{
	return device == NOBODY ?
		       0 :
		       ids_get(&rig.ids, IDS_DEVICE, checked->policy.devices[device].name.text);
}

uint32_t rig_rule(const struct checked *checked, uint32_t rule)
{
	return rule == NOBODY ? 0 : ids_get(&rig.ids, IDS_RULE, checked->ruleset.rules[rule].label);
}

/* Returns whether it was run. */
static bool run_one(const struct meeting *meeting, bool dry, struct kernel_run *run)
{
	const struct kernel_programs *programs =
		&rig.programs[meeting->slot][meeting->ethernet][dry];
	bool ingress = meeting->direction == DIRECTION_INGRESS;

	*run = (struct kernel_run){
		.packet = meeting->bytes,
		.size = meeting->size,
		.mark = meeting->mark,
		.ingress_ifindex = rig.ifindex[ingress ? meeting->slot : meeting->from],
	};
	if (kernel_program_run(ingress ? programs->ingress : programs->egress, run))
		return false;
	require(run->action == (uint32_t)TC_ACT_UNSPEC || run->action == TC_ACT_SHOT,
		"pass or drop");
	return true;
}

/* Whether the early drop takes the packet; it is asked about half of those that come in. */
static bool drops_early(const struct meeting *meeting)
{
	int program = rig.programs[meeting->slot][meeting->ethernet][false].early;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = meeting->bytes,
		    .data_size_in = (uint32_t)meeting->size);

	if (meeting->direction != DIRECTION_INGRESS || dice_once_in(2))
		return false;
	require(!bpf_prog_test_run_opts(program, &options), "BPF_PROG_TEST_RUN, early");
	require(options.retval == XDP_PASS || options.retval == XDP_DROP, "pass or drop, early");
	return options.retval == XDP_DROP;
}

bool rig_run(const struct meeting *meeting, struct outcome *ret_outcome)
{
	struct kernel_run dry, live;
	uint32_t flags;

	if (!run_one(meeting, true, &dry))
		return false;
	if (drops_early(meeting)) {
		live = dry;
		live.action = TC_ACT_SHOT;
	} else {
		require(run_one(meeting, false, &live), "BPF_PROG_TEST_RUN");
	}
	flags = dry.words[TRACE_FLAGS];
	*ret_outcome = (struct outcome){
		.passes = live.action != TC_ACT_SHOT,
		.dry_passes = dry.action != TC_ACT_SHOT,
		.reason = dry.words[TRACE_REASON],
		.audited = flags & TRACED_AUDITED,
		.known = flags & TRACED_FLOW,
		.reply = flags & TRACED_REPLY,
		.link = flags & TRACED_LINK,
		.rule = dry.words[TRACE_RULE],
		.device = dry.words[TRACE_DEVICE],
		.mark = live.mark,
		.dry_mark = dry.mark,
	};
	return true;
}

typedef void visit_t(enum sharded kind, int shard, const void *key, void *context);

/* Calls @visit for every flow and part, which it may delete. */
static void each(visit_t *visit, void *context)
{
	for (size_t i = 0; rig.has_shards && i < SHARDED_KINDS * GATE_FLOW_SHARDS; i++) {
		enum sharded kind = i / GATE_FLOW_SHARDS;
		int shard = rig.shards[kind][i % GATE_FLOW_SHARDS];
		uint8_t keys[2][sizeof(struct gate_flow6_key)] = {}; /* the largest */
		int end = bpf_map_get_next_key(shard, NULL, keys[0]);

		while (!end) {
			end = bpf_map_get_next_key(shard, keys[0], keys[1]);
			visit(kind, shard, keys[0], context);
			memcpy(keys[0], keys[1], sizeof(keys[0]));
		}
	}
}

static void get(int shard, const void *key, void *ret_value)
{
	require(!bpf_map_lookup_elem(shard, key, ret_value), "an element");
}

static uint64_t sooner(uint64_t expires, uint64_t ns)
{
	if (expires == GATE_NEVER)
		return expires;
	return expires > ns ? expires - ns : 1;
}

static void age(enum sharded kind, int shard, const void *key, void *context)
{
	const uint64_t *ns = context;
	union {
		struct gate_flow flow;
		struct gate_fragment part;
	} value;

	get(shard, key, &value);
	if (kind == PARTS) {
		value.part.last -= *ns;
	} else {
		value.flow.last -= *ns;
		value.flow.expires = sooner(value.flow.expires, *ns);
	}
	require(!bpf_map_update_elem(shard, key, &value, BPF_EXIST), "an element that aged");
}

/* Deadlines stand in the tables of the generation that is live. */
static void age_rules(uint64_t ns)
{
	_close_ int active = kernel_map_open(rig.state.pins, "active");
	struct gate_active live;
	struct gate_range range;
	uint32_t zero = 0;
	_close_ int table = -1;

	require(active >= 0 && !kernel_map_get(active, &zero, &live), "active");
	table = kernel_table_open(rig.state.pins, TABLE_RANGES, live.slot);
	require(table >= 0, "ranges");
	for (uint32_t i = 0; !kernel_map_get(table, &i, &range); i++) {
		if (range.expires == GATE_NEVER || !range.expires)
			continue;
		range.expires = sooner(range.expires, ns);
		require(!kernel_map_put(table, &i, &range), "a range");
	}
}

void rig_pass(uint64_t ns)
{
	each(age, &ns);
	age_rules(ns);
}

static void take_back(uint32_t owner, bool part)
{
	struct gate_device_state state;

	require(!kernel_map_get(rig.device_states, &owner, &state), "a device");
	state.flows -= !part;
	state.fragments -= part;
	require(!kernel_map_put(rig.device_states, &owner, &state), "a device");
}

static void remove_one(enum sharded kind, int shard, const void *key, void *context)
{
	union {
		struct gate_flow flow;
		struct gate_fragment part;
	} value;

	(void)context;
	get(shard, key, &value);
	require(!bpf_map_delete_elem(shard, key), "an element to delete");
	rig.removed += kind != PARTS;
	if (kind == PARTS)
		take_back(value.part.owner, true);
	else
		take_back(value.flow.owner, false);
}

void rig_clear(void)
{
	each(remove_one, NULL);
}

static address_t address_of(const struct gate_address *words, unsigned int version)
{
	return reading_address((const uint8_t *)words, version);
}

/* As @naive calls it: from the side that opened it. */
static struct tuple tuple_of(enum sharded kind, const void *bytes, const struct gate_flow *flow)
{
	const struct gate_flow4_key *v4 = bytes;
	const struct gate_flow6_key *v6 = bytes;
	unsigned int opener = flow->opener;
	struct tuple tuple = { .role = ROLE_PLAIN };

	if (kind == FLOWS4) {
		tuple.src = reading_address((const uint8_t *)&v4->addr[opener], 4);
		tuple.dst = reading_address((const uint8_t *)&v4->addr[!opener], 4);
	} else {
		tuple.src = address_of(&v6->addr[opener], 6);
		tuple.dst = address_of(&v6->addr[!opener], 6);
	}
	tuple.sport = __builtin_bswap16(kind == FLOWS4 ? v4->port[opener] : v6->port[opener]);
	tuple.dport = __builtin_bswap16(kind == FLOWS4 ? v4->port[!opener] : v6->port[!opener]);
	tuple.protocol = kind == FLOWS4 ? v4->protocol : v6->protocol;
	if (kind == FLOWS4 ? v4->asks : v6->asks)
		tuple.role = ROLE_ASK;
	return tuple;
}

static const struct naive_flow *find(const struct naive *naive, const struct tuple *tuple)
{
	for (size_t i = 0; i < naive->flows_count; i++) {
		const struct tuple *other = &naive->flows[i].tuple;

		if (other->src == tuple->src && other->dst == tuple->dst &&
		    other->sport == tuple->sport && other->dport == tuple->dport &&
		    other->protocol == tuple->protocol &&
		    (other->role == ROLE_ASK) == (tuple->role == ROLE_ASK))
			return &naive->flows[i];
	}
	return NULL;
}

static const struct naive_part *find_part(const struct naive *naive,
					  const struct gate_fragment_key *key)
{
	for (size_t i = 0; i < naive->parts_count; i++) {
		const struct naive_part *part = &naive->parts[i];

		if (part->id == __builtin_bswap32(key->id) >> (key->version == 4 ? 16 : 0) &&
		    part->version == key->version &&
		    part->tuple.src == address_of(&key->src, key->version) &&
		    part->tuple.dst == address_of(&key->dst, key->version) &&
		    (key->version == 6 || part->protocol == key->protocol))
			return part;
	}
	return NULL;
}

struct check {
	const struct naive *naive;
	size_t flows, parts;
	FILE *out;
};

/* The clocks of both are read one after the other. */
static bool same_time(const struct naive *naive, uint64_t last, uint64_t naive_last)
{
	return llabs((int64_t)(last - (naive_last - naive->skipped))) < (int64_t)SLACK;
}

static void check_flow(struct check *check, const struct tuple *tuple, const struct gate_flow *flow)
{
	const struct naive *naive = check->naive;
	const struct naive_flow *other = find(naive, tuple);
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];
	const char *wrong = NULL;

	if (!other)
		wrong = "is not there";
	else if (other->kind != flow->kind)
		wrong = "has another kind";
	else if (other->state != flow->state)
		wrong = "has another state";
	else if (other->over != (bool)(flow->seen & FLOW_SEEN_OVER))
		wrong = "is over, or not";
	else if (!same_time(naive, flow->last, other->last))
		wrong = "was refreshed at another time";
	else if (flow->owner != other->owner)
		wrong = "is of another device";
	if (wrong)
		fprintf(check->out,
			"the flow %s:%u -> %s:%u protocol %u of the programs %s for naive\n",
			address_format(tuple->src, src), tuple->sport,
			address_format(tuple->dst, dst), tuple->dport, tuple->protocol, wrong);
}

static void check_part(struct check *check, const struct naive_part *other,
		       const struct gate_fragment *part)
{
	if (!other)
		fprintf(check->out, "the programs know a part that naive does not\n");
	else if (part->owner != other->owner && !other->audited)
		fprintf(check->out, "part %u is of device %u for the programs, of %u for naive\n",
			other->id, part->owner, other->owner);
}

static void check_one(enum sharded kind, int shard, const void *key, void *context)
{
	struct check *check = context;
	struct gate_fragment part;
	struct gate_flow flow;
	struct tuple tuple;

	if (kind == PARTS) {
		get(shard, key, &part);
		check->parts++;
		check_part(check, find_part(check->naive, key), &part);
		return;
	}
	get(shard, key, &flow);
	tuple = tuple_of(kind, key, &flow);
	check->flows++;
	check_flow(check, &tuple, &flow);
}

static void collect_one(enum sharded kind, int shard, const void *key, void *context)
{
	const struct naive *naive = ((struct check *)context)->naive;
	const struct naive_flow *other;
	const struct naive_part *part;
	struct gate_flow flow;
	struct tuple tuple;

	if (kind == PARTS) {
		part = find_part(naive, key);
		if (part && naive_part_is_over(naive, part))
			remove_one(kind, shard, key, NULL);
		return;
	}
	get(shard, key, &flow);
	tuple = tuple_of(kind, key, &flow);
	other = find(naive, &tuple);
	if (other && naive_flow_is_over(naive, other))
		remove_one(kind, shard, key, NULL);
}

void rig_collect(const struct naive *naive)
{

	struct check check = { .naive = naive };

	each(collect_one, &check);
}

static bool has_audited_parts(const struct naive *naive)
{
	for (size_t i = 0; i < naive->parts_count; i++)
		if (naive->parts[i].audited)
			return true;
	return false;
}

/* Each device has as much of its quota as there is in the tables. */
static void check_quotas(struct check *check)
{
	const struct naive *naive = check->naive;
	size_t count = naive->checked->policy.devices_count;
	bool audited = has_audited_parts(naive);

	for (size_t i = 0; i <= count; i++) {
		uint32_t id = rig_device(naive->checked, i < count ? (uint32_t)i : NOBODY);
		struct gate_device_state state;

		require(!kernel_map_get(rig.device_states, &id, &state), "a device");
		if (state.flows != naive_flows(naive, id) ||
		    (!audited && state.fragments != naive_parts(naive, id)))
			fprintf(check->out,
				"%s (%u) has %u flows and %u parts for the programs, and %u and %u for "
				"naive\n",
				ids_device(&rig.ids, id), id, state.flows, state.fragments,
				naive_flows(naive, id), naive_parts(naive, id));
	}
}

char *rig_check(const struct naive *naive)
{
	struct gate_totals totals;
	char *text = NULL;
	size_t size;
	struct check check = { .naive = naive, .out = open_memstream(&text, &size) };

	each(check_one, &check);
	require(!kernel_map_sum(rig.totals, 0, (uint64_t *)&totals, sizeof(totals) / 8), "totals");
	if (check.flows != naive->flows_count || check.parts != naive->parts_count)
		fprintf(check.out,
			"%zu flows and %zu parts for the programs, %zu and %zu for naive\n",
			check.flows, check.parts, naive->flows_count, naive->parts_count);
	if (totals.flows_created - totals.flows_deleted - rig.removed != check.flows)
		fprintf(check.out, "%zu flows, but %llu created, %llu deleted\n", check.flows,
			totals.flows_created, totals.flows_deleted);
	check_quotas(&check);
	fclose(check.out);
	if (!size)
		mem_freep(&text);
	return size ? text : NULL;
}

struct rig_tally rig_tally(void)
{
	struct gate_device_counters devices[DEVICES_MAX + 1] = {};
	struct rig_tally tally = {};

	require(!counters_devices(&rig.counters, devices, ARRAY_SIZE(devices)), "counters");
	for (uint32_t id = 0; id <= DEVICES_MAX; id++) {
		for (int direction = 0; direction < DIRECTION_MAX; direction++) {
			tally.passed += devices[id].passed_packets[direction];
			tally.audited += devices[id].audited_packets[direction];
			for (int reason = 0; reason < REASON_MAX; reason++)
				tally.dropped[reason] +=
					devices[id].dropped_packets[direction][reason];
		}
	}
	return tally;
}
