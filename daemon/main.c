// SPDX-License-Identifier: GPL-2.0-or-later
/* acld: shows the counters of the gate to Prometheus. The gate does not need it. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "exporter.h"
#include "listen.h"

#define LISTEN_DEFAULT "127.0.0.1:9817"

enum {
	EXIT_DONE,
	EXIT_FAILED,
	EXIT_USAGE,
};

static void print_usage(FILE *out)
{
	fprintf(out, "usage: acld [--listen ADDR:PORT]\n"
		     "       acld --version\n\n"
		     "Serves the counters of the gate at http://" LISTEN_DEFAULT "/metrics.\n"
		     "  --listen ADDR:PORT  serve there; the metrics name your devices\n");
}

/* Blocked before any thread is made, so that only this one takes them. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int serve(const char *listen)
{
	struct state state = state_get();
	struct sockaddr_storage address;
	struct exporter *exporter;
	sigset_t signals;
	int number, error;

	if (listen_parse(listen, &address)) {
		fprintf(stderr, "acld: --listen takes ADDR:PORT or [ADDR]:PORT, not \"%s\"\n",
			listen);
		return EXIT_USAGE;
	}
	block_signals(&signals);
	error = exporter_start(&state, (const struct sockaddr *)&address, &exporter);
	if (error) {
		fprintf(stderr, "acld: cannot listen on %s: %s\n", listen, strerror(-error));
		return EXIT_FAILED;
	}
	fprintf(stderr, "acld: serving http://%s/metrics\n", listen);
	sigwait(&signals, &number);
	exporter_stop(exporter);
	return EXIT_DONE;
}

int main(int count, char **arguments)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{},
	};
	const char *listen = LISTEN_DEFAULT;
	int letter;

	while ((letter = getopt_long(count, arguments, "hV", options, NULL)) != -1) {
		switch (letter) {
		case 'l':
			listen = optarg;
			break;
		case 'h':
			print_usage(stdout);
			return EXIT_DONE;
		case 'V':
			puts("acld " ACLGATE_VERSION);
			return EXIT_DONE;
		default:
			print_usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < count) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	return serve(listen);
}
