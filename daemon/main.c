// SPDX-License-Identifier: GPL-2.0-or-later
/* acld: keeps the gate, and shows its counters to Prometheus. The gate does not need it. */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>

#include "exits.h"
#include "exporter.h"
#include "keeper.h"
#include "listen.h"

#define LISTEN_DEFAULT "127.0.0.1:9817"

enum mode {
	MODE_BOTH,
	MODE_KEEPER,
	MODE_EXPORTER,
};

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: acld [--keeper | --exporter] [--listen ADDR:PORT]\n"
		"       acld --version\n\n"
		"Keeps the gate, and serves its counters at http://" LISTEN_DEFAULT "/metrics.\n"
		"  --listen ADDR:PORT  serve there; the metrics name your devices\n"
		"  --keeper            only keep: exporters come to exporter.sock in /run/aclgate\n"
		"  --exporter          only serve: without privileges, what a keeper tells\n");
}

static int fail_usage(void)
{
	print_usage(stderr);
	return EXIT_USAGE;
}

/* What has no address of ours to serve at is refused before anything is started. */
static int run(enum mode mode, const char *listen)
{
	struct sockaddr_storage address;

	if (mode == MODE_KEEPER)
		return listen ? fail_usage() : keeper_run(NULL);
	listen = listen ? listen : LISTEN_DEFAULT;
	if (listen_parse(listen, &address)) {
		fprintf(stderr, "acld: --listen takes ADDR:PORT or [ADDR]:PORT, not \"%s\"\n",
			listen);
		return EXIT_USAGE;
	}
	return mode == MODE_EXPORTER ? exporter_run(listen, &address) : keeper_run(listen);
}

/* Bigger pieces go back to the kernel when they are freed. */
#define MMAP_THRESHOLD (64 * 1024)

int main(int count, char **arguments)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' }, { "keeper", no_argument, NULL, 'k' },
		{ "exporter", no_argument, NULL, 'e' },	    { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },	    {},
	};
	enum mode mode = MODE_BOTH;
	const char *listen = NULL;
	int letter;

	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	while ((letter = getopt_long(count, arguments, "hV", options, NULL)) != -1) {
		switch (letter) {
		case 'l':
			listen = optarg;
			break;
		case 'k':
		case 'e':
			if (mode != MODE_BOTH)
				return fail_usage();
			mode = letter == 'k' ? MODE_KEEPER : MODE_EXPORTER;
			break;
		case 'h':
			print_usage(stdout);
			return EXIT_DONE;
		case 'V':
			puts("acld " ACLGATE_VERSION);
			return EXIT_DONE;
		default:
			return fail_usage();
		}
	}
	return optind < count ? fail_usage() : run(mode, listen);
}
