// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statfs.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "box.h"
#include "digest.h"
#include "kernel.h"
#include "mem.h"

#define BPF_FS_MAGIC 0xcafe4a11 /* linux/magic.h */

#define ETHERNET_HEADER 14

/* The tables of a generation, from TABLE_ADDR4 on. */
#define GENERATION_TABLES (TABLE_SLOTS + 1)

struct interface {
	const char *name;
	uint32_t ifindex;
	uint32_t link_header;
	uint8_t build[12]; /* as in struct gate_interface */
	struct kernel_programs programs;
	bool loaded;
};

static int fail(struct diag *diag, int error, const char *what)
{
	diag_error(diag, PLACE_NONE, "%s: %s", what, strerror(-error));
	return error;
}

static int open_map(const struct state *state, const char *name)
{
	return kernel_map_open(state->pins, name);
}

static void identify_build(uint8_t ret_build[12])
{
	uint8_t sha256[32];
	size_t size;
	const void *object = kernel_object(&size);

	digest_bytes(object, size, sha256);
	memcpy(ret_build, sha256, 12);
}

/* Checks before anything is touched. */
static int find_interface(const struct table *table, struct diag *diag, struct interface *interface)
{
	enum box_link link;
	int ifindex;

	interface->name = table->interfaces[0];
	if (table->interfaces_count > 1) {
		diag_error(diag, PLACE_NONE, "this version guards one interface, not %zu",
			   table->interfaces_count);
		return -EOPNOTSUPP;
	}
	ifindex = box_interface(interface->name, &link);
	if (ifindex < 0) {
		diag_error(diag, PLACE_NONE,
			   "there is no interface \"%s\": bring it up first, or "
			   "name another one under \"interfaces\"",
			   interface->name);
		return -ENODEV;
	}
	if (link != LINK_IP) {
		diag_error(diag, PLACE_NONE,
			   "\"%s\" is neither a WireGuard nor a TUN interface, "
			   "the ones that this version guards",
			   interface->name);
		return -EOPNOTSUPP;
	}
	identify_build(interface->build);
	interface->ifindex = (uint32_t)ifindex;
	interface->link_header = link == LINK_ETHERNET ? ETHERNET_HEADER : 0;
	return 0;
}

/* Of the directory itself or, where it is not there yet, of the closest one above it. */
static bool is_bpf_fs(const char *directory)
{
	_free_ char *path = mem_strdup(directory);
	struct statfs fs;
	char *slash;

	while (statfs(path, &fs)) {
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || slash == path)
			return false;
		*slash = '\0';
	}
	return (unsigned int)fs.f_type == BPF_FS_MAGIC;
}

static int prepare_pins(const struct state *state, struct diag *diag)
{
	int error;

	if (!is_bpf_fs(state->pins) && !geteuid()) {
		diag_error(diag, PLACE_NONE,
			   "%s is not on a BPF file system: mount -t bpf bpf /sys/fs/bpf",
			   state->pins);
		return -ENOTSUP;
	}
	error = state_mkdir(state->pins, 0700);
	return error ? fail(diag, error, state->pins) : 0;
}

/* One interface at a time: what is guarded now stays guarded until somebody says otherwise. */
static int check_same_interface(const struct state *state, const struct interface *interface,
				struct diag *diag)
{
	_close_ int map = open_map(state, "interfaces");
	struct gate_interface guarded = {};
	uint32_t slot = 0;

	if (map < 0 || kernel_map_get(map, &slot, &guarded) || !guarded.name[0] ||
	    !strcmp(guarded.name, interface->name))
		return 0;
	diag_error(diag, PLACE_NONE, "\"%s\" is guarded now: unload first, then load for \"%s\"",
		   guarded.name, interface->name);
	return -EBUSY;
}

static int load_programs(const struct state *state, struct interface *interface, struct diag *diag)
{
	_free_ char *log = NULL;
	int error = kernel_programs_load(state->pins, 0, interface->link_header,
					 &interface->programs, &log);

	if (!error) {
		interface->loaded = true;
		return 0;
	}
	diag_error(diag, PLACE_NONE, "the kernel did not take the programs: %s\n%s",
		   strerror(-error), log ? log : "");
	/* EACCES is the verifier's word, and not about who we are */
	return error == -EACCES ? -ENOTSUP : error;
}

/* In one batch, for the kernel waits for a grace period after each update of such a map. */
static int fill_shards(const struct state *state, enum kernel_table table)
{
	_close_ int outer = open_map(state, kernel_table_name(table));
	uint32_t shards[GATE_FLOW_SHARDS], last = GATE_FLOW_SHARDS - 1, id, count = 0;
	int inner[GATE_FLOW_SHARDS], error = 0;

	if (outer < 0)
		return outer;
	if (!kernel_map_get(outer, &last, &id))
		return 0; /* filled by an earlier load */
	for (; count < GATE_FLOW_SHARDS; count++) {
		shards[count] = count;
		inner[count] = kernel_table_create(table, GATE_FLOWS_PER_SHARD);
		if (inner[count] < 0) {
			error = inner[count];
			break;
		}
	}
	if (!error)
		error = kernel_map_fill(outer, shards, inner, count);
	while (count)
		close(inner[--count]);
	return error;
}

/* Once for the life of the pins: the flow tables and the secret that spreads flows over them. */
static int prepare_flows(const struct state *state)
{
	_close_ int map = open_map(state, "active");
	struct gate_active active;
	uint32_t zero = 0;
	int error = map < 0 ? map : kernel_map_get(map, &zero, &active);

	while (!error && !active.seed) {
		if (getrandom(&active.seed, sizeof(active.seed), 0) != sizeof(active.seed))
			return -errno;
		error = kernel_map_put(map, &zero, &active);
	}
	if (!error)
		error = fill_shards(state, TABLE_FLOWS4);
	return error ? error : fill_shards(state, TABLE_FLOWS6);
}

/* Keys and values of one table, packed for the kernel. */
struct rows {
	uint8_t *keys;
	uint8_t *values;
	size_t key_size, value_size;
	uint32_t count;
};

static struct rows rows_new(size_t count, size_t key_size, size_t value_size)
{
	return (struct rows){ mem_alloc(count * key_size), mem_alloc(count * value_size), key_size,
			      value_size, 0 };
}

static void rows_add(struct rows *rows, const void *key, const void *value)
{
	memcpy(rows->keys + rows->count * rows->key_size, key, rows->key_size);
	memcpy(rows->values + rows->count * rows->value_size, value, rows->value_size);
	rows->count++;
}

static void rows_free(struct rows *rows)
{
	free(rows->keys);
	free(rows->values);
}

static struct gate_identity with_counter(const struct gate_policy *policy,
					 const struct gate_identity *identity)
{
	struct gate_identity counted = *identity;

	if (identity->device)
		counted.device = ids_get(policy->ids, IDS_DEVICE,
					 policy->table->devices[identity->device - 1]);
	return counted;
}

static struct rows address_rows(const struct gate_policy *policy, bool ipv4)
{
	const struct table *table = policy->table;
	struct rows rows = rows_new(table->addresses_count, ipv4 ? 4 : 16,
				    sizeof(struct gate_identity));

	for (size_t i = 0; i < table->addresses_count; i++) {
		const struct table_address *item = &table->addresses[i];
		struct gate_identity identity = with_counter(policy, &item->identity);
		uint8_t bytes[16];

		if (address_is_ipv4(item->prefix.first) != ipv4)
			continue;
		address_bytes(item->prefix.first, bytes);
		rows_add(&rows, bytes, &identity);
	}
	return rows;
}

static struct rows prefix_rows(const struct gate_policy *policy, bool ipv4)
{
	const struct table *table = policy->table;
	struct rows rows = rows_new(table->prefixes_count,
				    ipv4 ? sizeof(struct gate_prefix4) :
					   sizeof(struct gate_prefix6),
				    sizeof(struct gate_identity));

	for (size_t i = 0; i < table->prefixes_count; i++) {
		const struct table_address *item = &table->prefixes[i];
		struct gate_identity identity = with_counter(policy, &item->identity);
		struct gate_prefix6 key = { .length = item->prefix.bits - (ipv4 ? 96 : 0) };

		if (address_is_ipv4(item->prefix.first) != ipv4)
			continue;
		address_bytes(item->prefix.first, key.addr);
		rows_add(&rows, &key, &identity);
	}
	return rows;
}

static struct rows pair_rows(const struct table *table)
{
	struct rows rows = rows_new(table->pairs_count, sizeof(struct gate_pair),
				    sizeof(struct gate_ports));

	for (size_t i = 0; i < table->pairs_count; i++)
		rows_add(&rows, &table->pairs[i].classes, &table->pairs[i].ports);
	return rows;
}

/* A deadline in seconds since the epoch, on the clock that the programs have. */
static uint64_t to_boot_clock(int64_t expires)
{
	struct timespec wall, boot;
	int64_t left;

	if (expires == EXPIRES_NEVER)
		return GATE_NEVER;
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	left = expires - wall.tv_sec;
	if (left <= 0)
		return 1; /* long ago */
	if (left > INT64_MAX / 1000000000 - boot.tv_sec)
		return INT64_MAX; /* nobody of us will be there */
	return (uint64_t)(boot.tv_sec + left) * 1000000000u;
}

static struct rows range_rows(const struct gate_policy *policy)
{
	const struct table *table = policy->table;
	struct rows rows = rows_new(table->ranges_count, sizeof(uint32_t),
				    sizeof(struct gate_range));

	for (uint32_t i = 0; i < table->ranges_count; i++) {
		struct gate_range range = table->ranges[i];

		range.expires = to_boot_clock(table->rules[range.order].expires);
		range.rule = ids_get(policy->ids, IDS_RULE, table->rules[range.order].label);
		rows_add(&rows, &i, &range);
	}
	return rows;
}

static void add_slot(struct rows *rows, const char *interface, uint32_t slot)
{
	uint32_t ifindex = if_nametoindex(interface);

	if (ifindex)
		rows_add(rows, &ifindex, &slot);
}

/* An interface that is not there has no slot: nothing passes from it, until the next load. */
static struct rows slot_rows(const struct table *table)
{
	struct rows rows = rows_new(table->interfaces_count + table->outside_count,
				    sizeof(uint32_t), sizeof(uint32_t));

	for (uint32_t i = 0; i < table->interfaces_count; i++)
		add_slot(&rows, table->interfaces[i], i);
	for (uint32_t i = 0; i < table->outside_count; i++)
		add_slot(&rows, table->outside[i], GATE_GUARDED_MAX + i);
	return rows;
}

static struct rows rows_of(const struct gate_policy *policy, enum kernel_table table)
{
	switch (table) {
	case TABLE_ADDR4:
	case TABLE_ADDR6:
		return address_rows(policy, table == TABLE_ADDR4);
	case TABLE_PREFIX4:
	case TABLE_PREFIX6:
		return prefix_rows(policy, table == TABLE_PREFIX4);
	case TABLE_PAIRS:
		return pair_rows(policy->table);
	case TABLE_SLOTS:
		return slot_rows(policy->table);
	default:
		return range_rows(policy);
	}
}

static int build_table(const struct state *state, const struct gate_policy *policy,
		       enum kernel_table table, uint32_t slot)
{
	_close_ int outer = open_map(state, kernel_table_name(table));
	_close_ int inner = -1;
	struct rows rows;
	int error;

	if (outer < 0)
		return outer;
	rows = rows_of(policy, table);
	inner = kernel_table_create(table, rows.count);
	error = inner < 0 ? inner : kernel_map_fill(inner, rows.keys, rows.values, rows.count);
	rows_free(&rows);
	return error ? error : kernel_map_put(outer, &slot, &inner);
}

/* A slot is free when it is neither live nor was live before: packets may still be on their way. */
static int build_generation(const struct state *state, const struct gate_policy *policy,
			    uint32_t *ret_slot, uint32_t *ret_number)
{
	_close_ int active_map = open_map(state, "active");
	_close_ int headers = open_map(state, "generations");
	struct gate_generation live = {}, header = { .features = policy->table->features,
						     .loaded = policy->loaded };
	struct gate_active active;
	uint32_t zero = 0, slot;
	int error;

	if (active_map < 0 || headers < 0)
		return active_map < 0 ? active_map : headers;
	error = kernel_map_get(active_map, &zero, &active);
	if (!error)
		error = kernel_map_get(headers, &active.slot, &live);
	slot = active.slot % (GATE_SLOTS - 1) + 1;
	for (enum kernel_table table = 0; table < GENERATION_TABLES && !error; table++)
		error = build_table(state, policy, table, slot);
	if (error)
		return error;
	header.number = live.number + 1 ? live.number + 1 : 1; /* 0 is no policy */
	memcpy(header.sha256, policy->sha256, sizeof(header.sha256));
	*ret_slot = slot;
	*ret_number = header.number;
	return kernel_map_put(headers, &slot, &header);
}

/*
 * One store, and the policy is another. Then one outer element is written again, for only that
 * waits until no CPU runs a program that read the old slot.
 */
static int publish(const struct state *state, uint32_t slot)
{
	_close_ int map = open_map(state, "active");
	_close_ int outer = open_map(state, kernel_table_name(TABLE_PAIRS));
	_close_ int empty = kernel_table_create(TABLE_PAIRS, 1);
	struct gate_active active;
	uint32_t zero = 0;
	int error;

	if (map < 0 || outer < 0 || empty < 0)
		return map < 0 ? map : outer < 0 ? outer : empty;
	error = kernel_map_get(map, &zero, &active);
	if (error)
		return error;
	active.slot = slot;
	error = kernel_map_put(map, &zero, &active);
	if (!error)
		kernel_map_put(outer, &zero, &empty); /* slot 0 is nobody's */
	return error;
}

static struct kernel_hook hook_of(const struct state *state, const char *interface,
				  uint32_t ifindex, enum direction direction)
{
	return (struct kernel_hook){ state->pins, interface, ifindex, direction };
}

/* What is written of the build is what is_running() will believe: nothing, before it runs. */
static int register_interface(const struct state *state, const struct interface *interface,
			      bool attached)
{
	_close_ int names = open_map(state, "interfaces");
	struct gate_interface entry = { .ifindex = interface->ifindex };
	uint32_t slot = 0;

	if (names < 0)
		return names;
	strncpy(entry.name, interface->name, sizeof(entry.name) - 1);
	if (attached)
		memcpy(entry.build, interface->build, sizeof(entry.build));
	return kernel_map_put(names, &slot, &entry);
}

static int attach_one(const struct state *state, const struct interface *interface,
		      enum direction direction, int program)
{
	struct kernel_hook hook = hook_of(state, interface->name, interface->ifindex, direction);
	int error = kernel_attach(&hook, program);

	if (error)
		return error;
	return kernel_attached(&hook) == ATTACHED ? 0 : -EEXIST;
}

/* Egress first: nothing leaves unjudged while packets already come in judged. */
static int attach_both(const struct state *state, const struct interface *interface)
{
	int error = register_interface(state, interface, false);

	if (!error)
		error = attach_one(state, interface, DIRECTION_EGRESS, interface->programs.egress);
	if (!error)
		error = attach_one(state, interface, DIRECTION_INGRESS,
				   interface->programs.ingress);
	return error ? error : register_interface(state, interface, true);
}

static int attach(const struct state *state, const struct interface *interface, struct diag *diag)
{
	int error = attach_both(state, interface);

	if (error == -EEXIST)
		diag_error(
			diag, PLACE_NONE,
			"somebody else's program runs before ours on \"%s\", and may let packets "
			"pass: remove it",
			interface->name);
	else if (error == -EBUSY)
		diag_error(diag, PLACE_NONE,
			   "our programs run on an interface that was called \"%s\": unload, then "
			   "load again",
			   interface->name);
	else if (error)
		fail(diag, error, "cannot attach to the interface");
	return error;
}

/* Our programs of this very build are there: there is nothing to verify and attach again. */
static bool is_running(const struct state *state, const struct interface *interface)
{
	_close_ int names = open_map(state, "interfaces");
	struct gate_interface entry;
	uint32_t slot = 0;

	if (names < 0 || kernel_map_get(names, &slot, &entry) ||
	    entry.ifindex != interface->ifindex ||
	    memcmp(entry.build, interface->build, sizeof(entry.build)))
		return false;
	for (enum direction direction = 0; direction < DIRECTION_MAX; direction++) {
		struct kernel_hook hook = hook_of(state, interface->name, interface->ifindex,
						  direction);

		if (kernel_attached(&hook) != ATTACHED)
			return false;
	}
	return true;
}

static int prepare(const struct state *state, struct interface *interface, struct diag *diag)
{
	int error = load_programs(state, interface, diag);

	if (error)
		return error;
	error = prepare_flows(state);
	if (!error)
		error = kernel_collector_start(&interface->programs);
	return error ? fail(diag, error, "cannot prepare the kernel's tables") : 0;
}

static int load_interface(const struct state *state, const struct gate_policy *policy,
			  struct interface *interface, struct diag *diag, uint32_t *ret_number)
{
	bool running = is_running(state, interface);
	uint32_t slot;
	int error = running ? 0 : prepare(state, interface, diag);

	if (error)
		return error;
	error = build_generation(state, policy, &slot, ret_number);
	if (error)
		return fail(diag, error, "cannot fill the kernel's tables");
	error = running ? 0 : attach(state, interface, diag);
	if (error)
		return error;
	error = publish(state, slot);
	return error ? fail(diag, error, "cannot publish the policy") : 0;
}

static bool is_published(const struct state *state)
{
	_close_ int map = open_map(state, "active");
	struct gate_active active = {};
	uint32_t zero = 0;

	if (map < 0)
		return map != -ENOENT; /* what cannot be read may be there */
	return kernel_map_get(map, &zero, &active) || active.slot;
}

int gate_load(const struct state *state, const struct gate_policy *policy, struct diag *diag,
	      uint32_t *ret_number)
{
	struct interface interface = {};
	bool published;
	int error = find_interface(policy->table, diag, &interface);

	if (!error)
		error = prepare_pins(state, diag);
	if (!error)
		error = check_same_interface(state, &interface, diag);
	if (error)
		return error;
	published = is_published(state);
	error = load_interface(state, policy, &interface, diag, ret_number);
	if (interface.loaded)
		kernel_programs_close(&interface.programs);
	if (error && !published)
		gate_unload(state, diag);
	return error;
}

static int detach_slot(const struct state *state, const struct gate_interface *interface)
{
	int error = 0;

	for (enum direction direction = 0; direction < DIRECTION_MAX && !error; direction++) {
		struct kernel_hook hook = hook_of(state, interface->name, interface->ifindex,
						  direction);

		error = kernel_detach(&hook);
	}
	return error;
}

int gate_unload(const struct state *state, struct diag *diag)
{
	_close_ int names = open_map(state, "interfaces");
	int error = names < 0 && names != -ENOENT ? names : 0;

	for (uint32_t slot = 0; names >= 0 && slot < GATE_GUARDED_MAX && !error; slot++) {
		struct gate_interface interface;

		error = kernel_map_get(names, &slot, &interface);
		if (!error && interface.name[0])
			error = detach_slot(state, &interface);
	}
	if (!error)
		error = kernel_unpin(state->pins);
	return error ? fail(diag, error, "cannot unload") : 0;
}

static const char *const enforcement_texts[] = {
	[ENFORCED] = "enforced",
	[ENFORCED_NOT_ABSENT] = "not enforced: the interface is gone, or is another one of that "
				"name; load again",
	[ENFORCED_NOT_DETACHED] = "not enforced: the programs were removed; load again",
	[ENFORCED_NOT_BEHIND] = "not enforced: another program runs before ours",
};
_Static_assert(ARRAY_SIZE(enforcement_texts) == ENFORCEMENT_MAX, "a text for each");

const char *gate_enforcement_text(enum gate_enforcement enforcement)
{
	return enforcement_texts[enforcement];
}

static enum gate_enforcement enforcement_of(const struct state *state,
					    const struct gate_interface *interface)
{
	enum gate_enforcement worst = ENFORCED;

	if (if_nametoindex(interface->name) != interface->ifindex)
		return ENFORCED_NOT_ABSENT;
	for (enum direction direction = 0; direction < DIRECTION_MAX; direction++) {
		struct kernel_hook hook = hook_of(state, interface->name, interface->ifindex,
						  direction);
		enum kernel_attached attached = kernel_attached(&hook);

		if (attached == ATTACHED_NOT)
			return ENFORCED_NOT_DETACHED;
		if (attached == ATTACHED_BEHIND)
			worst = ENFORCED_NOT_BEHIND;
	}
	return worst;
}

static int read_interfaces(const struct state *state, struct gate_status *status)
{
	_close_ int names = open_map(state, "interfaces");

	if (names < 0)
		return names;
	for (uint32_t slot = 0; slot < GATE_GUARDED_MAX; slot++) {
		struct gate_interface interface;
		int error = kernel_map_get(names, &slot, &interface);

		if (error)
			return error;
		if (!interface.name[0])
			continue;
		status->interfaces[status->interfaces_count].interface = interface;
		status->interfaces[status->interfaces_count++].enforcement =
			enforcement_of(state, &interface);
	}
	return 0;
}

int gate_status(const struct state *state, struct gate_status *ret_status)
{
	_close_ int active_map = open_map(state, "active");
	_close_ int headers = open_map(state, "generations");
	_close_ int flows = open_map(state, "flow_counters");
	struct gate_status status = {};
	struct gate_active active;
	uint32_t zero = 0;
	int error;

	if (active_map < 0 || headers < 0 || flows < 0)
		return active_map < 0 ? active_map : headers < 0 ? headers : flows;
	error = kernel_map_get(active_map, &zero, &active);
	if (!error)
		error = kernel_map_get(headers, &active.slot, &status.generation);
	if (!error)
		error = kernel_map_sum(flows, 0, (uint64_t *)&status.flows,
				       sizeof(status.flows) / sizeof(uint64_t));
	if (!error)
		error = read_interfaces(state, &status);
	if (!error)
		*ret_status = status;
	return error;
}

bool gate_status_enforced(const struct gate_status *status)
{
	if (!status->generation.number || !status->interfaces_count)
		return false;
	for (size_t i = 0; i < status->interfaces_count; i++)
		if (status->interfaces[i].enforcement != ENFORCED)
			return false;
	return true;
}

int gate_counters_open(const struct state *state, struct gate_counters *ret_counters)
{
	_close_ int devices = open_map(state, "device_counters");
	_close_ int rules = open_map(state, "rule_counters");

	if (devices < 0 || rules < 0)
		return devices < 0 ? devices : rules;
	*ret_counters = (struct gate_counters){ TAKE_FD(devices), TAKE_FD(rules) };
	return 0;
}

int gate_counters_device(const struct gate_counters *counters, uint32_t id,
			 struct gate_device_counters *ret_sum)
{
	return kernel_map_sum(counters->devices, id, (uint64_t *)ret_sum,
			      sizeof(*ret_sum) / sizeof(uint64_t));
}

int gate_counters_rule(const struct gate_counters *counters, uint32_t id,
		       struct gate_rule_counters *ret_sum)
{
	return kernel_map_sum(counters->rules, id, (uint64_t *)ret_sum,
			      sizeof(*ret_sum) / sizeof(uint64_t));
}

void gate_counters_close(struct gate_counters *counters)
{
	close(counters->devices);
	close(counters->rules);
}
