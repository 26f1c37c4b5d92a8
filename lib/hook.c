// SPDX-License-Identifier: GPL-2.0-or-later
#include "hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "mem.h"

/* Not in the headers of Debian 12 (include/uapi/linux/bpf.h of 6.6). */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS  47
#define ATTACH_BEFORE	   (1u << 3)

#define FILTER_HANDLE	0xac1
#define FILTER_PRIORITY 1

static enum bpf_attach_type tcx_type(enum direction direction)
{
	return (enum bpf_attach_type)(direction == DIRECTION_INGRESS ? ATTACH_TCX_INGRESS :
								       ATTACH_TCX_EGRESS);
}

/* The ifindex is the first word of the link's info, as in `xdp`; it is 0 once the device is gone.
 */
static int link_info(int link, uint32_t *ret_ifindex, uint32_t *ret_program)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(link, &info, &size))
		return -errno;
	*ret_ifindex = info.xdp.ifindex;
	*ret_program = info.prog_id;
	return 0;
}

/* -ENOENT: no link; -ENODEV: one whose device is gone; -EBUSY: one that lives on another device. */
static int open_link_at(const char *path, uint32_t on, uint32_t *ret_program)
{
	_close_ int link = bpf_obj_get(path);
	uint32_t ifindex = 0;
	int error;

	if (link < 0)
		return -errno;
	error = link_info(link, &ifindex, ret_program);
	if (error)
		return error;
	if (ifindex != on)
		return ifindex ? -EBUSY : -ENODEV;
	return TAKE_FD(link);
}

/* The pin changes hands in one step: an old link lives until the new one does. */
static int pin_link(int link, const char *path)
{
	_free_ char *temporary = mem_printf("%s_new", path);

	unlink(temporary); /* of a load that was killed */
	if (bpf_obj_pin(link, temporary) || rename(temporary, path)) {
		int error = -errno;

		unlink(temporary);
		return error;
	}
	return 0;
}

int hook_may_look(void)
{
	uint32_t first;

	return bpf_prog_get_next_id(0, &first) && errno == EPERM ? -EPERM : 0;
}

/* As kernel_object() names them; a gate whose pins are gone is known by nothing else. */
static bool is_ours(uint32_t program, enum direction direction)
{
	_close_ int fd = bpf_prog_get_fd_by_id(program);
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return false;
	return !strcmp(info.name, direction == DIRECTION_INGRESS ? "gate_ingress" : "gate_egress");
}

/* One of every policy's tables, and of no other gate's. */
static uint32_t own_map(const struct hook *hook)
{
	_free_ char *path = mem_printf("%s/active", hook->pins);
	_close_ int map = bpf_obj_get(path);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	return map < 0 || bpf_obj_get_info_by_fd(map, &info, &size) ? 0 : info.id;
}

/* Ours, and of this gate: another one, with pins elsewhere, has the same names and other tables. */
static bool judges_here(uint32_t program, const struct hook *hook)
{
	_close_ int fd = is_ours(program, hook->direction) ? bpf_prog_get_fd_by_id(program) : -1;
	uint32_t maps[64], own = own_map(hook);
	struct bpf_prog_info info = { .nr_map_ids = ARRAY_SIZE(maps), .map_ids = (uintptr_t)maps };
	__u32 size = sizeof(info);

	if (fd < 0 || !own || bpf_obj_get_info_by_fd(fd, &info, &size))
		return false;
	for (size_t i = 0; i < info.nr_map_ids && i < ARRAY_SIZE(maps); i++)
		if (maps[i] == own)
			return true;
	return false;
}

/* The programs in the order in which packets meet them, 0 behind the last. */
struct chain {
	uint32_t programs[64];
};

/* None where the kernel has no TCX (before 6.6). */
static struct chain read_tcx(const struct hook *hook)
{
	struct chain chain = {};
	uint32_t count = ARRAY_SIZE(chain.programs);

	if (bpf_prog_query((int)hook->ifindex, tcx_type(hook->direction), 0, NULL, chain.programs,
			   &count))
		return (struct chain){};
	return chain;
}

static int detach_tcx(const struct hook *hook, uint32_t except)
{
	struct chain chain = read_tcx(hook);

	for (size_t i = 0; i < ARRAY_SIZE(chain.programs) && chain.programs[i]; i++) {
		_close_ int program = -1;

		if (chain.programs[i] == except || !is_ours(chain.programs[i], hook->direction))
			continue;
		program = bpf_prog_get_fd_by_id(chain.programs[i]);
		if (program < 0 ||
		    bpf_prog_detach2(program, (int)hook->ifindex, tcx_type(hook->direction)))
			return -errno;
	}
	return 0;
}

static int program_id(int program, uint32_t *ret_id)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size))
		return -errno;
	*ret_id = info.id;
	return 0;
}

/*
 * In the place of our own program if that is the first, else in front of all. Not by a link: a pinned
 * one goes with its pin, and then the gate would be at the mercy of whoever tidies up /sys/fs/bpf.
 */
static int attach_tcx(const struct hook *hook, int program)
{
	uint32_t first = read_tcx(hook).programs[0], id = 0;
	bool replaces = first && is_ours(first, hook->direction);
	_close_ int old = replaces ? bpf_prog_get_fd_by_id(first) : -1;
	LIBBPF_OPTS(bpf_prog_attach_opts, options,
		    .flags = replaces ? BPF_F_REPLACE : ATTACH_BEFORE, .replace_prog_fd = old);
	int error;

	if (replaces && old < 0)
		return -errno;
	if (!replaces)
		options.replace_prog_fd = 0;
	if (bpf_prog_attach_opts(program, (int)hook->ifindex, tcx_type(hook->direction), &options))
		return -errno;
	error = program_id(program, &id);
	return error ? error : detach_tcx(hook, id);
}

static struct bpf_tc_hook filter_hook(const struct hook *hook)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = (int)hook->ifindex,
		.attach_point = hook->direction == DIRECTION_INGRESS ? BPF_TC_INGRESS :
								       BPF_TC_EGRESS,
	};
}

static int attach_filter(const struct hook *hook, int program)
{
	struct bpf_tc_hook point = filter_hook(hook);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .prog_fd = program, .flags = BPF_TC_F_REPLACE);
	int error = bpf_tc_hook_create(&point);

	if (error && error != -EEXIST)
		return error;
	return bpf_tc_attach(&point, &options);
}

/* Kernels before 6.6 do not know the attach type and say EINVAL. */
int hook_attach(const struct hook *hook, int program)
{
	int error = attach_tcx(hook, program);

	return error == -EINVAL ? attach_filter(hook, program) : error;
}

/* The program at our handle, or 0. */
static uint32_t filter_program(const struct hook *hook)
{
	struct bpf_tc_hook point = filter_hook(hook);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	libbpf_set_print(NULL); /* that there is none is an answer, not a message for users */
	if (bpf_tc_query(&point, &options) || !is_ours(options.prog_id, hook->direction))
		return 0;
	return options.prog_id;
}

static int detach_filter(const struct hook *hook)
{
	struct bpf_tc_hook point = filter_hook(hook);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	return filter_program(hook) ? bpf_tc_detach(&point, &options) : 0;
}

int hook_detach(const struct hook *hook)
{
	int error = detach_tcx(hook, 0);

	return error ? error : detach_filter(hook);
}

static bool has_tcx(const struct chain *chain, const struct hook *hook)
{
	for (size_t i = 0; i < ARRAY_SIZE(chain->programs) && chain->programs[i]; i++)
		if (judges_here(chain->programs[i], hook))
			return true;
	return false;
}

enum attached hook_attached(const struct hook *hook)
{
	struct chain chain = read_tcx(hook);
	uint32_t first = chain.programs[0];

	if (has_tcx(&chain, hook))
		return judges_here(first, hook) ? ATTACHED : ATTACHED_BEHIND;
	if (!judges_here(filter_program(hook), hook))
		return ATTACHED_NOT;
	if (first ||
	    !filter_is_first(hook->ifindex, hook->direction, FILTER_PRIORITY, FILTER_HANDLE))
		return ATTACHED_BEHIND;
	return ATTACHED;
}

static char *early_path(const struct hook *hook)
{
	return mem_printf("%s/%s_early", hook->pins, hook->interface);
}

/* Native where the driver can: generic XDP copies each packet into one piece first. */
static int create_early(const struct hook *hook, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
	int link = bpf_link_create(program, (int)hook->ifindex, BPF_XDP, &options);

	if (link < 0 && errno != EBUSY) {
		options.flags = XDP_FLAGS_SKB_MODE;
		link = bpf_link_create(program, (int)hook->ifindex, BPF_XDP, &options);
	}
	return link < 0 ? -errno : link;
}

int hook_attach_early(const struct hook *hook, int program)
{
	_free_ char *path = early_path(hook);
	uint32_t old;
	_close_ int running = open_link_at(path, hook->ifindex, &old), link = -1;

	if (running >= 0)
		return bpf_link_update(running, program, NULL) ? -errno : 0;
	link = create_early(hook, program);
	return link < 0 ? link : pin_link(link, path);
}

int hook_detach_early(const struct hook *hook)
{
	_free_ char *path = early_path(hook);
	uint32_t program;
	_close_ int link = open_link_at(path, hook->ifindex, &program);

	if (link >= 0 && bpf_link_detach(link))
		return -errno;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

enum early hook_early(const struct hook *hook)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	_free_ char *path = early_path(hook);
	uint32_t program;
	_close_ int link = open_link_at(path, hook->ifindex, &program);

	if (link < 0 || bpf_xdp_query((int)hook->ifindex, 0, &query))
		return EARLY_NOT;
	if (query.drv_prog_id == program || query.hw_prog_id == program)
		return EARLY_NATIVE;
	return query.skb_prog_id == program ? EARLY_GENERIC : EARLY_NOT;
}
