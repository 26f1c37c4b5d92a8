// SPDX-License-Identifier: GPL-2.0-or-later
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"
#include "unit.h"

/* Opened before: what may be connected, and what may not. */
#define UNIX 50
#define TCP  51

static long ask_bpf(int command)
{
	union bpf_attr attributes = {};

	if (command == BPF_MAP_LOOKUP_BATCH)
		attributes.batch.map_fd = UNIX;
	else if (command == BPF_MAP_LOOKUP_ELEM)
		attributes.map_fd = UNIX;
	return syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

static long join(int fd)
{
	struct sockaddr_un nobody = { .sun_family = AF_UNIX, .sun_path = "/nonexistent" };

	return connect(fd, (const struct sockaddr *)&nobody, sizeof(nobody));
}

/* A socket that listens is a new one after shutdown(2), and can be connected without connect(2). */
static long open_fast(bool message)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = 1 };
	struct msghdr header = { .msg_name = &nobody, .msg_namelen = sizeof(nobody) };

	return message ? sendmsg(TCP, &header, MSG_FASTOPEN) :
			 sendto(TCP, "", 1, MSG_FASTOPEN, (const struct sockaddr *)&nobody,
				sizeof(nobody));
}

static void *map(int protection)
{
	return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static struct stat file;

/* 0: it could be done; else the errno. */
static int fails(long result)
{
	return result < 0 ? errno : 0;
}

enum call {
	STAT,
	MEMORY,
	BPF_LOOKUP,
	JOIN,
	OPEN,
	BPF_BATCH,
	BPF_UPDATE,
	BPF_CREATE,
	BPF_LOAD,
	BPF_GET,
	BPF_BY_ID,
	OTHER_JOIN,
	CLOSE_IT,
	DUPLICATE,
	SOCKET,
	SOCKET_UNIX,
	FORK,
	EXECUTE,
	TRACE,
	KILL,
	CODE,
	CODE_LATER,
	UNLINK,
	CHANGE_USER,
	OPEN_FAST,
	OPEN_FAST_MESSAGE,
	SEND,
	CALLS
};

static int make(enum call call)
{
	switch (call) {
	case STAT:
		return fails(fstat(UNIX, &file));
	case MEMORY:
		return map(PROT_READ | PROT_WRITE) == MAP_FAILED;
	case BPF_LOOKUP:
		return fails(ask_bpf(BPF_MAP_LOOKUP_ELEM));
	case BPF_BATCH:
		return fails(ask_bpf(BPF_MAP_LOOKUP_BATCH));
	case JOIN:
		return fails(join(UNIX));
	case OPEN:
		return fails(open("/etc/passwd", O_RDONLY));
	case BPF_UPDATE:
		return fails(ask_bpf(BPF_MAP_UPDATE_ELEM));
	case BPF_CREATE:
		return fails(ask_bpf(BPF_MAP_CREATE));
	case BPF_LOAD:
		return fails(ask_bpf(BPF_PROG_LOAD));
	case BPF_GET:
		return fails(ask_bpf(BPF_OBJ_GET));
	case BPF_BY_ID:
		return fails(ask_bpf(BPF_MAP_GET_FD_BY_ID));
	case OTHER_JOIN:
		return fails(join(TCP));
	case CLOSE_IT:
		return fails(close(UNIX));
	case DUPLICATE:
		return fails(dup2(TCP, UNIX));
	case SOCKET:
		return fails(socket(AF_INET, SOCK_STREAM, 0));
	case SOCKET_UNIX:
		return fails(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	case FORK:
		return fails(fork());
	case EXECUTE:
		return fails(execl("/bin/true", "true", NULL));
	case TRACE:
		return fails(prctl(PR_SET_DUMPABLE, 1));
	case KILL:
		return fails(kill(getppid(), 0));
	case CODE:
		return map(PROT_READ | PROT_EXEC) == MAP_FAILED;
	case CODE_LATER:
		return fails(mprotect(map(PROT_READ), 4096, PROT_READ | PROT_EXEC));
	case UNLINK:
		return fails(unlink("/nonexistent"));
	case CHANGE_USER:
		return fails(setuid(0));
	case OPEN_FAST:
		return fails(open_fast(false));
	case OPEN_FAST_MESSAGE:
		return fails(open_fast(true));
	case SEND:
		return fails(send(TCP, "", 1, MSG_NOSIGNAL));
	case CALLS:
		break;
	}
	abort();
}

/* The errno of a call that is let through or refused (no map is at hand here); -1: it ends the process. */
static const int expected[CALLS] = {
	[STAT] = 0,
	[MEMORY] = 0,
	[BPF_LOOKUP] = EINVAL,
	[JOIN] = ENOENT,
	[OPEN] = EACCES,
	[BPF_BATCH] = -1,
	[BPF_UPDATE] = -1,
	[BPF_CREATE] = -1,
	[BPF_LOAD] = -1,
	[BPF_GET] = -1,
	[BPF_BY_ID] = -1,
	[OTHER_JOIN] = -1,
	[CLOSE_IT] = -1,
	[DUPLICATE] = -1,
	[SOCKET] = -1,
	[SOCKET_UNIX] = -1,
	[FORK] = -1,
	[EXECUTE] = -1,
	[TRACE] = -1,
	[KILL] = -1,
	[CODE] = -1,
	[CODE_LATER] = -1,
	[UNLINK] = -1,
	[CHANGE_USER] = -1,
	[OPEN_FAST] = -1,
	[OPEN_FAST_MESSAGE] = -1,
	[SEND] = EPIPE,
};

static void open_sockets(void)
{
	int here = socket(AF_UNIX, SOCK_SEQPACKET, 0), there = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(dup2(here, UNIX), UNIX);
	ck_assert_int_eq(dup2(there, TCP), TCP);
}

static int status_of(enum call call, int connects)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (!child)
		_exit(sandbox_enter(&(struct sandbox){ .connects = connects }) ? 250 : make(call));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

static void assert_status(int status, int expectation)
{
	if (expectation < 0) {
		ck_assert(WIFSIGNALED(status));
		ck_assert_int_eq(WTERMSIG(status), SIGSYS);
	} else {
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), expectation);
	}
}

START_TEST(calls)
{
	open_sockets();
	assert_status(status_of(_i, UNIX), expected[_i]);
}
END_TEST

/* Who needs no keeper cannot connect anything, and may close everything. */
START_TEST(without_keeper)
{
	open_sockets();
	assert_status(status_of(JOIN, -1), -1);
	assert_status(status_of(CLOSE_IT, -1), 0);
	assert_status(status_of(SOCKET, -1), -1);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("sandbox");

	unit_add(suite, calls, CALLS);
	unit_add(suite, without_keeper, 1);
	return suite;
}
