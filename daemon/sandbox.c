// SPDX-License-Identifier: GPL-2.0-or-later
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mem.h"

#define USER	 "aclgate"
#define NOBODY	 65534
#define FILES	 1024
#define DATA_MAX (256ul << 20) /* three snapshots of the largest gate there can be */

/* ---------------------------------------------------------------- who we are */

/* Without the right to do so there is none that could be gained either: PR_SET_NO_NEW_PRIVS. */
static int drop_bounding(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		if (prctl(PR_CAPBSET_READ, capability) == 1 && prctl(PR_CAPBSET_DROP, capability) &&
		    errno != EPERM)
			return -errno;
	return 0;
}

static int change_user(void)
{
	const struct passwd *user = getpwnam(USER);
	uid_t uid = user ? user->pw_uid : NOBODY;
	gid_t gid = user ? user->pw_gid : NOBODY;

	if (geteuid())
		return 0;
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

/* After the change of user, which forgets it. Who has ended meanwhile is no parent any more. */
static int follow_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int set_limits(void)
{
	static const struct {
		int resource;
		rlim_t limit;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NPROC, 0 },
		{ RLIMIT_NOFILE, FILES },
		{ RLIMIT_DATA, DATA_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit limit;

		if (getrlimit(limits[i].resource, &limit))
			return -errno;
		if (limit.rlim_max > limits[i].limit)
			limit.rlim_max = limits[i].limit;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(limits[i].resource, &limit))
			return -errno;
	}
	return 0;
}

/* ---------------------------------------------------------------- what we may ask the kernel */

static const int allowed[] = {
	/* the loop */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	/* sockets that are there, and those that come in */
	SCMP_SYS(accept4),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(shutdown),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	/* descriptors that were handed to us */
	SCMP_SYS(fstat),
	SCMP_SYS(pread64),
	SCMP_SYS(lseek),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	/* the end */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(tgkill),
};

/* What libraries try, and do without. */
static const int refused[] = { SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(memfd_create) };

static int allow_listed(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && !error; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused) && !error; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
	return error;
}

static int allow_values(scmp_filter_ctx filter, int call, unsigned int argument, const int *values,
			size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, call, 1,
			SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, 0xffffffff, (uint32_t)values[i]));
	return error;
}

/* newfstatat(2) is what fstat(3) is made of; with a path it would tell the size of a file at most. */
static int allow_some(scmp_filter_ctx filter)
{
	static const int reads[] = { BPF_MAP_LOOKUP_ELEM, BPF_OBJ_GET_INFO_BY_FD };
	static const int asks[] = { F_GETFL, F_GETFD, F_SETFL, F_SETFD, F_GET_SEALS };
	int error = allow_values(filter, SCMP_SYS(bpf), 0, reads, ARRAY_SIZE(reads));

	if (!error)
		error = allow_values(filter, SCMP_SYS(fcntl), 1, asks, ARRAY_SIZE(asks));
	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
					 SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH));
	if (!error) /* no memory that can be executed */
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
					 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return error;
}

/* Sending is no way around connect(2): shutdown(2) makes a new socket of one that listened. */
static int allow_sending(scmp_filter_ctx filter)
{
	int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1,
				     SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));

	return error ? error :
		       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
}

/*
 * connect(2) by its descriptor, which for that reason can never be closed or stand for another
 * socket: a TCP connection that came in could otherwise be turned around.
 */
static int allow_connect(scmp_filter_ctx filter, int fd)
{
	int error;

	if (fd < 0)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(close), 0);
	error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 1,
				 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd));
	if (error)
		return error;
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(close), 1,
				SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)fd));
}

static int filter_calls(const struct sandbox *sandbox)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int error = filter ? 0 : -ENOMEM;

	if (!error)
		error = allow_listed(filter);
	if (!error)
		error = allow_some(filter);
	if (!error)
		error = allow_sending(filter);
	if (!error)
		error = allow_connect(filter, sandbox->connects);
	if (!error)
		error = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return error;
}

int sandbox_enter(const struct sandbox *sandbox)
{
	pid_t parent = getppid();
	int error = drop_bounding();

	if (!error)
		error = change_user();
	if (!error)
		error = drop_capabilities();
	if (!error && sandbox->with_parent)
		error = follow_parent(parent);
	if (!error)
		error = set_limits();
	if (!error &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)))
		error = -errno;
	return error ? error : filter_calls(sandbox);
}
