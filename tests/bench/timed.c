// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a command, and says what it took: timed COMMAND...
 *
 * The kernel counts the memory of whoever starts a program as part of its peak, so this is small.
 * The command's standard output is thrown away. When this is killed, the command is too.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Noreturn void become(char **command)
{
	int nowhere = open("/dev/null", O_WRONLY);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || nowhere < 0 || dup2(nowhere, 1) < 0)
		perror("timed");
	else if (execvp(command[0], command))
		perror(command[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	struct rusage usage;
	double begin;
	int status;
	pid_t child;

	if (argc < 2) {
		fprintf(stderr, "usage: timed COMMAND...\n");
		return 2;
	}
	begin = now();
	child = fork();
	if (!child)
		become(argv + 1);
	if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
		perror("timed");
		return 1;
	}
	printf("{\"seconds\":%.6f,\"kib\":%ld}\n", now() - begin, usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
