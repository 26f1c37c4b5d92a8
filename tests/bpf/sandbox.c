// SPDX-License-Identifier: GPL-2.0-or-later
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"
#include "mem.h"

#define BPF_FS	     "/sys/fs/bpf"
#define BPF_FS_MAGIC 0xcafe4a11 /* linux/magic.h */
#define NAME	     "aclgate-test-"

/* Directories of a sandbox; what is inside comes before what is around. */
enum directory {
	DIRECTORY_LAYOUT, /* of the pins */
	DIRECTORY_PINS,
	DIRECTORY_STATE,
	DIRECTORY_RUN,
	DIRECTORY_AROUND,
	DIRECTORY_MAX
};

/* @owner: the process that made it. */
static char *path_of(enum directory directory, long owner)
{
	switch (directory) {
	case DIRECTORY_LAYOUT:
		return mem_printf(BPF_FS "/" NAME "%ld/v%d", owner, GATE_LAYOUT);
	case DIRECTORY_PINS:
		return mem_printf(BPF_FS "/" NAME "%ld", owner);
	case DIRECTORY_STATE:
		return mem_printf("/tmp/" NAME "%ld/state", owner);
	case DIRECTORY_RUN:
		return mem_printf("/tmp/" NAME "%ld/run", owner);
	default:
		return mem_printf("/tmp/" NAME "%ld", owner);
	}
}

const char *sandbox_missing(void)
{
	struct statfs fs;

	if (geteuid())
		return "root";
	if (statfs(BPF_FS, &fs) || (unsigned int)fs.f_type != BPF_FS_MAGIC)
		return "a BPF file system on " BPF_FS;
	if (access("/dev/net/tun", R_OK | W_OK))
		return "/dev/net/tun";
	return NULL;
}

/* The files in it, and itself where no directory is inside. */
static void remove_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(path);
}

static void remove_sandbox(long owner)
{
	for (enum directory i = 0; i < DIRECTORY_MAX; i++) {
		_free_ char *path = path_of(i, owner);

		remove_directory(path);
	}
}

static void sweep(const char *where)
{
	DIR *dir = opendir(where);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		long owner;

		if (sscanf(entry->d_name, NAME "%ld", &owner) != 1)
			continue;
		if (kill((pid_t)owner, 0) && errno == ESRCH)
			remove_sandbox(owner);
	}
	closedir(dir);
}

/* The device lives as long as the descriptor, which is that of the process. */
static int make_interface(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR);

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	return fd < 0 ? fd : ioctl(fd, TUNSETIFF, &request);
}

static int enter(long owner)
{
	_free_ char *pins = path_of(DIRECTORY_PINS, owner);
	_free_ char *state = path_of(DIRECTORY_STATE, owner);
	_free_ char *run = path_of(DIRECTORY_RUN, owner);
	_free_ char *around = path_of(DIRECTORY_AROUND, owner);

	if (unshare(CLONE_NEWNET) || mkdir(around, 0700) || mkdir(state, 0700) ||
	    mkdir(run, 0700) || setenv("ACLGATE_PIN_DIR", pins, 1) ||
	    setenv("ACLGATE_STATE_DIR", state, 1) || setenv("ACLGATE_RUN_DIR", run, 1) ||
	    make_interface(SANDBOX_WG) < 0 || make_interface(SANDBOX_LAN) < 0) {
		perror("cannot make a sandbox");
		return -1;
	}
	return 0;
}

static volatile pid_t child;

static void pass_on(int number)
{
	kill(child, number);
}

static void await_signals(void)
{
	struct sigaction action = { .sa_handler = pass_on };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

int sandbox_run(int (*inside)(const void *), const void *argument)
{
	long owner = getpid();
	int status;

	sweep(BPF_FS);
	sweep("/tmp");
	fflush(NULL);
	child = fork();
	if (child < 0)
		return 1;
	if (!child) {
		setpgid(0, 0); /* check ends its whole group by a signal */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		exit(enter(owner) ? 1 : inside(argument));
	}
	await_signals();
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	remove_sandbox(owner);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
