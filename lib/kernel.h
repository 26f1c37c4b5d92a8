/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What we ask of the kernel's BPF, but for the hooks of hook.h. Every call returns 0 or more, or a
 * negative errno.
 */
#ifndef ACLGATE_KERNEL_H
#define ACLGATE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

/* Maps by the name under which they are pinned. */
int kernel_map_open(const char *pins, const char *name);

/* The same, and nobody can write through that descriptor. */
int kernel_map_open_read(const char *pins, const char *name);

int kernel_map_get(int map, const void *key, void *ret_value);
int kernel_map_put(int map, const void *key, const void *value);
int kernel_map_delete(int map, const void *key);

/* Many at once; keys and values are packed arrays. */
int kernel_map_fill(int map, const void *keys, const void *values, uint32_t count);

/*
 * All elements of a hash map, up to *count, and then how many there were. What is added or removed
 * meanwhile may be among them or not.
 */
int kernel_map_read(int map, void *ret_keys, void *ret_values, uint32_t *count);

/* How many CPUs have a value; read from a file at the first call, and known from then on. */
int kernel_cpus(void);

/* Sums a per-CPU value that consists of @words counters. */
int kernel_map_sum(int map, uint32_t key, uint64_t *ret_sums, size_t words);

/* Maps of maps, and what is in them: tables of a generation, shards, chunks of counters. */
enum kernel_table {
	TABLE_HOSTS4,
	TABLE_HOSTS6,
	TABLE_PREFIX4,
	TABLE_PREFIX6,
	TABLE_PAIRS,
	TABLE_RANGES,
	TABLE_SLOTS,
	TABLE_FLOWS4,
	TABLE_FLOWS6,
	TABLE_FRAGMENTS,
	TABLE_DEVICES,
	TABLE_RULES,
	TABLE_MAX
};

/* A new inner map. */
int kernel_table_create(enum kernel_table table, uint32_t entries);

/* Is the descriptor one of those, of @entries, and open for reading only? 0 or -EINVAL. */
int kernel_table_check(enum kernel_table table, int fd, uint32_t entries);

/* Fills in @count elements, which are those of the table from @first on, and zero. */
typedef void kernel_write_elements(void *elements, uint32_t first, uint32_t count,
				   const void *context);

/*
 * Hands the memory of a new array (hosts, pairs, ranges) to @write, piece by piece: filling it by its
 * keys takes half a second for what memory takes in milliseconds.
 */
int kernel_table_write(enum kernel_table table, int fd, uint32_t count,
		       kernel_write_elements *write, const void *context);

const char *kernel_table_name(enum kernel_table table);

/* The inner map at @index; needs CAP_SYS_ADMIN. -ENOENT: there is none. */
int kernel_table_open(const char *pins, enum kernel_table table, uint32_t index);

/* One element of a map. @value: an inner map where @map is one of maps. */
struct kernel_put {
	int map;
	uint32_t key;
	int value;
};

/*
 * Puts them all. The kernel waits for a grace period after each update of a map of maps; these wait
 * for the same one.
 */
int kernel_map_put_all(const struct kernel_put *puts, size_t count);

/* Under @pins, by that name. */
int kernel_map_pin(int map, const char *pins, const char *name);

/* Goes through a map: @key is that of the element before, NULL at the start. -ENOENT at the end. */
int kernel_map_next(int map, const void *key, void *ret_key);

struct kernel_programs {
	int ingress;
	int egress;
	int seed;
	int collect;
	int early; /* XDP; -1 where the attachment wants none */
};

/* What the programs know of where they are attached: constants of bpf/source.h. */
struct kernel_attachment {
	uint32_t slot;
	uint32_t link_header; /* bytes in front of the IP header */
	uint8_t mark_bit;     /* 0: GATE_MARK_BIT */
	bool early;
	bool dry;
	uint32_t dry_slot;
};

/* 0, or why the kernel takes no program of tc from us: -EPERM may also mean a lockdown. */
int kernel_probe(void);

/* The object that the programs are loaded from. */
const void *kernel_object(size_t *ret_size);

/*
 * Loads the programs for one guarded interface. Maps that are pinned under @pins are used, the
 * others are created and pinned there. Where it fails, *ret_log has what libbpf and the verifier
 * said, and the caller frees it.
 */
int kernel_programs_load(const char *pins, const struct kernel_attachment *attachment,
			 struct kernel_programs *ret_programs, char **ret_log);

/*
 * The same in two calls: after the first one the maps are there, and the verifier, which takes its
 * time, works in a thread. The second one waits for it, and belongs to every first that returned 0.
 */
struct kernel_loading;

int kernel_programs_begin(const char *pins, const struct kernel_attachment *attachment,
			  struct kernel_loading **ret_loading, char **ret_log);
int kernel_programs_finish(struct kernel_loading *loading, struct kernel_programs *ret_programs,
			   char **ret_log);

/* A packet before a program, and what became of it. */
struct kernel_run {
	const void *packet; /* as on the link */
	size_t size;
	uint32_t mark;
	uint32_t ingress_ifindex;
	uint32_t words[5]; /* out: its control block */
	uint32_t action;   /* out: what the program returned */
};

int kernel_program_run(int program, struct kernel_run *run);

/* Starts the collector, or hands a running one over to these programs. */
int kernel_collector_start(const struct kernel_programs *programs);

void kernel_programs_close(struct kernel_programs *programs);

/* A ring buffer, and who hears what is in it: @bytes are there for the time of the call. */
struct kernel_ring;

int kernel_ring_open(int map, void (*each)(const void *bytes, size_t size, void *context),
		     void *context, struct kernel_ring **ret_ring);

/* Waits until there is something, and hands over all of it. -EINTR: a signal came. */
int kernel_ring_wait(struct kernel_ring *ring, int milliseconds);

void kernel_ring_close(struct kernel_ring *ring);

/* Removes the pins of all maps, and the directory if nothing else is in it. */
int kernel_unpin(const char *pins);

#endif
