// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "beside.h"
#include "gate.skel.h"
#include "mem.h"

int kernel_map_open(const char *pins, const char *name)
{
	_free_ char *path = mem_printf("%s/%s", pins, name);
	int fd = bpf_obj_get(path);

	return fd < 0 ? -errno : fd;
}

int kernel_map_open_read(const char *pins, const char *name)
{
	LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = BPF_F_RDONLY);
	_free_ char *path = mem_printf("%s/%s", pins, name);
	int fd = bpf_obj_get_opts(path, &options);

	return fd < 0 ? -errno : fd;
}

int kernel_map_get(int map, const void *key, void *ret_value)
{
	return bpf_map_lookup_elem(map, key, ret_value) ? -errno : 0;
}

int kernel_map_put(int map, const void *key, const void *value)
{
	return bpf_map_update_elem(map, key, value, BPF_ANY) ? -errno : 0;
}

int kernel_map_delete(int map, const void *key)
{
	return bpf_map_delete_elem(map, key) ? -errno : 0;
}

int kernel_map_fill(int map, const void *keys, const void *values, uint32_t count)
{
	uint32_t done = count;

	if (!count)
		return 0;
	return bpf_map_update_batch(map, keys, values, &done, NULL) ? -errno : 0;
}

/* ENOENT: that was the last bucket; ENOSPC: there are more than fit. */
int kernel_map_read(int map, void *ret_keys, void *ret_values, uint32_t *count)
{
	uint32_t position;

	if (bpf_map_lookup_batch(map, NULL, &position, ret_keys, ret_values, count, NULL))
		return errno == ENOENT || errno == ENOSPC ? 0 : -errno;
	return 0;
}

int kernel_cpus(void)
{
	return libbpf_num_possible_cpus();
}

int kernel_map_sum(int map, uint32_t key, uint64_t *ret_sums, size_t words)
{
	int cpus = libbpf_num_possible_cpus();
	_free_ uint64_t *values = NULL;

	if (cpus < 0)
		return cpus;
	values = mem_alloc_raw((size_t)cpus * words * sizeof(*values));
	if (bpf_map_lookup_elem(map, &key, values))
		return -errno;
	memset(ret_sums, 0, words * sizeof(*ret_sums));
	for (size_t cpu = 0; cpu < (size_t)cpus; cpu++)
		for (size_t i = 0; i < words; i++)
			ret_sums[i] += values[cpu * words + i];
	return 0;
}

/* Arrays that kernel_table_write() fills; of any size. */
#define WRITTEN (BPF_F_INNER_MAP | BPF_F_MMAPABLE)

static const struct {
	const char *name;
	enum bpf_map_type type;
	uint32_t key;
	uint32_t value;
	uint32_t flags;
} tables[] = {
	[TABLE_HOSTS4] = { "hosts4", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct gate_line4), WRITTEN },
	[TABLE_HOSTS6] = { "hosts6", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct gate_line6), WRITTEN },
	[TABLE_PREFIX4] = { "prefix4", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct gate_prefix4),
			    sizeof(struct gate_identity), BPF_F_NO_PREALLOC },
	[TABLE_PREFIX6] = { "prefix6", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct gate_prefix6),
			    sizeof(struct gate_identity), BPF_F_NO_PREALLOC },
	[TABLE_PAIRS] = { "pairs", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct gate_pair_line), WRITTEN },
	[TABLE_RANGES] = { "ranges", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct gate_range), WRITTEN },
	[TABLE_SLOTS] = { "slots", BPF_MAP_TYPE_HASH, 4, 4, 0 },
	[TABLE_FLOWS4] = { "flows4", BPF_MAP_TYPE_HASH, sizeof(struct gate_flow4_key),
			   sizeof(struct gate_flow), 0 },
	[TABLE_FRAGMENTS] = { "fragments", BPF_MAP_TYPE_HASH, sizeof(struct gate_fragment_key),
			      sizeof(struct gate_fragment), 0 },
	[TABLE_DEVICES] = { "device_counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4,
			    sizeof(struct gate_device_block), 0 },
	[TABLE_RULES] = { "rule_counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4,
			  sizeof(struct gate_rule_block), 0 },
	[TABLE_FLOWS6] = { "flows6", BPF_MAP_TYPE_HASH, sizeof(struct gate_flow6_key),
			   sizeof(struct gate_flow), 0 },
};
_Static_assert(ARRAY_SIZE(tables) == TABLE_MAX, "every table is described");

int kernel_table_create(enum kernel_table table, uint32_t entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = tables[table].flags);
	int fd = bpf_map_create(tables[table].type, tables[table].name, tables[table].key,
				tables[table].value, entries ? entries : 1, &options);

	return fd < 0 ? -errno : fd;
}

int kernel_table_check(enum kernel_table table, int fd, uint32_t entries)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) || info.type != tables[table].type ||
	    info.key_size != tables[table].key || info.value_size != tables[table].value ||
	    info.max_entries != entries)
		return -EINVAL;
	return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY ? 0 : -EINVAL;
}

/* Of an array, what is mapped at once: pages and elements as a whole. */
#define WINDOW (4096u * 8)

int kernel_table_write(enum kernel_table table, int fd, uint32_t count,
		       kernel_write_elements *write, const void *context)
{
	const size_t element = tables[table].value;

	for (uint32_t first = 0; first < count; first += WINDOW) {
		uint32_t part = count - first < WINDOW ? count - first : WINDOW;
		void *elements = mmap(NULL, part * element, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				      (off_t)(first * element));

		if (elements == MAP_FAILED)
			return -errno;
		write(elements, first, part, context);
		if (munmap(elements, part * element))
			return -errno;
	}
	return 0;
}

const char *kernel_table_name(enum kernel_table table)
{
	return tables[table].name;
}

int kernel_table_open(const char *pins, enum kernel_table table, uint32_t index)
{
	_close_ int outer = kernel_map_open(pins, tables[table].name);
	uint32_t id;
	int fd = outer < 0 ? outer : kernel_map_get(outer, &index, &id);

	if (fd)
		return fd;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

int kernel_map_pin(int map, const char *pins, const char *name)
{
	_free_ char *path = mem_printf("%s/%s", pins, name);

	return bpf_obj_pin(map, path) ? -errno : 0;
}

int kernel_map_next(int map, const void *key, void *ret_key)
{
	return bpf_map_get_next_key(map, key, ret_key) ? -errno : 0;
}

struct put {
	struct kernel_put put;
	pthread_t thread;
	int error;
};

static void *put_one(void *argument)
{
	struct put *put = argument;

	put->error = kernel_map_put(put->put.map, &put->put.key, &put->put.value);
	return NULL;
}

int kernel_map_put_all(const struct kernel_put *puts, size_t count)
{
	_free_ struct put *all = mem_alloc(count * sizeof(*all));
	size_t started = 0;
	int error = 0;

	for (; started < count && !error; started++) {
		all[started].put = puts[started];
		error = -pthread_create(&all[started].thread, NULL, put_one, &all[started]);
		if (error)
			break;
	}
	for (size_t i = 0; i < started; i++) {
		pthread_join(all[i].thread, NULL);
		error = error ? error : all[i].error;
	}
	return error;
}

/* libbpf speaks through a callback without a context, in the thread that loads. */
static _Thread_local FILE *log_stream;

static int to_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (!log_stream || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(log_stream, format, arguments);
}

int kernel_probe(void)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K }, /* r0 = 0 */
		{ .code = BPF_JMP | BPF_EXIT },
	};
	_close_ int program = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "gate_probe", "GPL", nothing,
					    ARRAY_SIZE(nothing), NULL);

	return program < 0 ? -errno : 0;
}

const void *kernel_object(size_t *ret_size)
{
	return gate_bpf__elf_bytes(ret_size);
}

static int pin_maps(struct gate_bpf *gate, const char *pins)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, gate->obj) {
		_free_ char *path = mem_printf("%s/%s", pins, bpf_map__name(map));

		if (bpf_map__is_internal(map))
			continue;
		if (bpf_map__set_pin_path(map, path))
			return -errno;
	}
	return 0;
}

static int choose_programs(struct gate_bpf *gate, const struct kernel_attachment *attachment,
			   bool only_maps)
{
	struct bpf_program *program = bpf_object__next_program(gate->obj, NULL);
	int error = 0;

	for (; program && !error; program = bpf_object__next_program(gate->obj, program)) {
		bool wanted = program != gate->progs.gate_early || attachment->early;

		error = bpf_program__set_autoload(program, wanted && !only_maps);
	}
	return error;
}

static int load_skeleton(struct gate_bpf *gate, const char *pins,
			 const struct kernel_attachment *attachment, bool only_maps)
{
	int error = pin_maps(gate, pins);

	if (!error)
		error = choose_programs(gate, attachment, only_maps);
	if (error)
		return error;
	gate->rodata->own_slot = attachment->slot;
	gate->rodata->link_header = attachment->link_header;
	if (attachment->mark_bit) {
		gate->rodata->mark_judged = GATE_MARK_JUDGED_AT(attachment->mark_bit);
		gate->rodata->mark_reply = GATE_MARK_REPLY_AT(attachment->mark_bit);
	}
	gate->rodata->dry = attachment->dry;
	gate->rodata->dry_slot = attachment->dry_slot;
	return gate_bpf__load(gate);
}

/* The descriptors outlive the skeleton, which closes its own. */
static void take_programs(const struct gate_bpf *gate, struct kernel_programs *ret_programs)
{
	int early = bpf_program__fd(gate->progs.gate_early);

	*ret_programs = (struct kernel_programs){
		.ingress = dup(bpf_program__fd(gate->progs.gate_ingress)),
		.egress = dup(bpf_program__fd(gate->progs.gate_egress)),
		.seed = dup(bpf_program__fd(gate->progs.gate_seed)),
		.collect = dup(bpf_program__fd(gate->progs.gate_collect)),
		.early = early < 0 ? -1 : dup(early),
	};
}

/* Without @ret_programs, only the maps. */
static int load_object(const char *pins, const struct kernel_attachment *attachment,
		       struct kernel_programs *ret_programs, char **ret_log)
{
	struct gate_bpf *gate;
	size_t size = 0;
	int error;

	log_stream = open_memstream(ret_log, &size);
	libbpf_set_print(to_log);
	gate = gate_bpf__open();
	error = gate ? load_skeleton(gate, pins, attachment, !ret_programs) : -errno;
	if (!error && ret_programs)
		take_programs(gate, ret_programs);
	gate_bpf__destroy(gate);
	fclose(log_stream);
	log_stream = NULL;
	if (!error) {
		free(*ret_log);
		*ret_log = NULL;
	}
	return error;
}

int kernel_programs_load(const char *pins, const struct kernel_attachment *attachment,
			 struct kernel_programs *ret_programs, char **ret_log)
{
	return load_object(pins, attachment, ret_programs, ret_log);
}

struct kernel_loading {
	char *pins;
	struct kernel_attachment attachment;
	struct kernel_programs programs;
	struct beside beside;
	char *log;
};

static int load_beside(void *context)
{
	struct kernel_loading *loading = context;

	return load_object(loading->pins, &loading->attachment, &loading->programs, &loading->log);
}

int kernel_programs_begin(const char *pins, const struct kernel_attachment *attachment,
			  struct kernel_loading **ret_loading, char **ret_log)
{
	struct kernel_loading *loading;
	int error = load_object(pins, attachment, NULL, ret_log);

	if (error)
		return error;
	loading = mem_alloc(sizeof(*loading));
	*loading = (struct kernel_loading){ .pins = mem_strdup(pins), .attachment = *attachment };
	beside_start(&loading->beside, load_beside, loading);
	*ret_loading = loading;
	return 0;
}

int kernel_programs_finish(struct kernel_loading *loading, struct kernel_programs *ret_programs,
			   char **ret_log)
{
	int error = beside_finish(&loading->beside);

	if (!error)
		*ret_programs = loading->programs;
	*ret_log = loading->log;
	free(loading->pins);
	free(loading);
	return error;
}

int kernel_program_run(int program, struct kernel_run *run)
{
	struct __sk_buff context = { .mark = run->mark, .ingress_ifindex = run->ingress_ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = run->packet,
		    .data_size_in = (uint32_t)run->size, .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .ctx_out = &context,
		    .ctx_size_out = sizeof(context));

	if (bpf_prog_test_run_opts(program, &options))
		return -errno;
	memcpy(run->words, context.cb, sizeof(run->words));
	run->mark = context.mark;
	run->action = options.retval;
	return 0;
}

/* Timers are allocated without waiting for memory, which may fail once. */
#define COLLECTOR_ATTEMPTS 20
#define COLLECTOR_PAUSE	   10000 /* us */

static int start_collector(const struct kernel_programs *programs)
{
	char packet[64] = {}; /* not looked at, but there must be one */
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet));

	if (bpf_prog_test_run_opts(programs->collect, &options))
		return -errno;
	return options.retval ? -EIO : 0;
}

int kernel_collector_start(const struct kernel_programs *programs)
{
	int error = start_collector(programs);

	for (int i = 1; i < COLLECTOR_ATTEMPTS && error == -EIO; i++) {
		usleep(COLLECTOR_PAUSE);
		error = start_collector(programs);
	}
	return error;
}

struct kernel_ring {
	struct ring_buffer *buffer;
	void (*each)(const void *bytes, size_t size, void *context);
	void *context;
};

static int ring_sample(void *context, void *bytes, size_t size)
{
	struct kernel_ring *ring = context;

	ring->each(bytes, size, ring->context);
	return 0;
}

int kernel_ring_open(int map, void (*each)(const void *bytes, size_t size, void *context),
		     void *context, struct kernel_ring **ret_ring)
{
	_free_ struct kernel_ring *ring = mem_alloc(sizeof(*ring));

	*ring = (struct kernel_ring){ .each = each, .context = context };
	libbpf_set_print(to_log);
	ring->buffer = ring_buffer__new(map, ring_sample, ring, NULL);
	if (!ring->buffer)
		return -errno;
	*ret_ring = TAKE_PTR(ring);
	return 0;
}

int kernel_ring_wait(struct kernel_ring *ring, int milliseconds)
{
	int result = ring_buffer__poll(ring->buffer, milliseconds);

	return result < 0 ? result : 0;
}

void kernel_ring_close(struct kernel_ring *ring)
{
	if (!ring)
		return;
	ring_buffer__free(ring->buffer);
	free(ring);
}

void kernel_programs_close(struct kernel_programs *programs)
{
	close(programs->ingress);
	close(programs->egress);
	close(programs->seed);
	close(programs->collect);
	if (programs->early >= 0)
		close(programs->early);
}

/* `interfaces` is the last: while it is there, so may the others be (lib/older.c). */
static const char *const other_maps[] = { "generations", "active",	  "secret",
					  "collector",	 "device_states", "totals",
					  "events",	 "clocks",	  "interfaces" };

static int unpin(const char *pins, const char *name)
{
	_free_ char *path = mem_printf("%s/%s", pins, name);

	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/*
 * A map that is pinned as NAME, and inner ones as NAME_0, NAME_1 …: from the last, so that whoever dies
 * here leaves no gap.
 */
static int unpin_table(const char *pins, enum kernel_table table)
{
	const bool has_chunks = table == TABLE_DEVICES || table == TABLE_RULES;
	int error = 0;

	for (unsigned int i = has_chunks ? GATE_CHUNKS_MAX : 0; i-- && !error;) {
		_free_ char *inner = mem_printf("%s_%u", tables[table].name, i);

		error = unpin(pins, inner);
	}
	return error ? error : unpin(pins, tables[table].name);
}

/*
 * Flows go before the generations that they are compared with: if we are killed in between, none is
 * left that a later load could take for newer than it is.
 */
int kernel_unpin(const char *pins)
{
	int error = 0;

	for (int table = TABLE_MAX - 1; table >= 0 && !error; table--)
		error = unpin_table(pins, (enum kernel_table)table);
	for (size_t i = 0; i < ARRAY_SIZE(other_maps) && !error; i++)
		error = unpin(pins, other_maps[i]);
	if (!error && rmdir(pins) && errno != ENOENT && errno != ENOTEMPTY)
		error = -errno;
	return error;
}
