// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "mem.h"
#include "probe.h"

static const struct command commands[] = {
	{ "load", "FILE", "check FILE, then enforce it in place of the loaded policy", "iIBnj", 1,
	  1, command_load },
	{ "restore", "", "enforce once more what was loaded last, as this machine is now", "j", 0,
	  0, command_restore },
	{ "check", "FILE", "parse, resolve and compile FILE and run its tests", "ipj", 1, 1,
	  command_check },
	{ "test", "FILE", "run the tests of FILE and show each", "ij", 1, 1, command_test },
	{ "can", "SRC DST:PORT[/PROTO]", "may SRC open a connection to DST?", "Pibj", 0, 2,
	  command_can },
	{ "trace", "SRC DST:PORT[/PROTO]", "what the loaded programs would do with a packet",
	  "PiSarFgsfxcwDJj", 0, 2, command_trace },
	{ "devices", "", "who is behind which key, and who waits for approval", "j", 0, 0,
	  command_devices },
	{ "flows", "", "the connections that the gate knows", "dj", 0, 0, command_flows },
	{ "monitor", "", "what is opened and dropped, as it happens", "dCj", 0, 0,
	  command_monitor },
	{ "status", "", "what is enforced, by which policy, and what was dropped", "j", 0, 0,
	  command_status },
	{ "approve", "KEY", "admit the WireGuard peer that has this public key", "iNj", 1, 1,
	  command_approve },
	{ "guard", "on|off", "keep shut what no program of ours judges, or open it", "G", 1, 1,
	  command_guard },
	{ "unload", "", "detach the programs: nothing passes any more", "o", 0, 0, command_unload },
};

static const struct {
	char letter;
	const char *name;
	const char *argument;
	const char *help;
} option_table[] = {
	{ 'P', "policy", "FILE", "ask this policy, not the loaded one" },
	{ 'i', "inventory", "FILE", "devices and hosts stand in FILE" },
	{ 'N', "name", "NAME", "call it so, where no device has that key yet" },
	{ 'I', "interface", "NAME", "guard this interface, whatever the policy says" },
	{ 'B', "backend", "NAME", "\"bpf\", \"nft\", or \"auto\": bpf where the kernel lets us" },
	{ 'G', "interface", "NAME", "this interface, and those that are shut already" },
	{ 'o', "open", NULL, "... or everything does: the guard goes as well" },
	{ 'n', "dry-run", NULL, "check only, change nothing" },
	{ 'p', "print", "WHAT", "print what the kernel would see: \"table\" or \"nft\"" },
	{ 'b', "batch", NULL, "read lines \"SRC DST PROTO PORT\" from standard input" },
	{ 'S', "syn", NULL, "TCP that opens a connection (the default)" },
	{ 'a', "ack", NULL, "TCP that acknowledges" },
	{ 'r', "rst", NULL, "TCP that resets" },
	{ 'F', "fin", NULL, "TCP that ends" },
	{ 'g', "frag", "WHICH", "only the \"first\" or a \"later\" fragment" },
	{ 's', "sport", "PORT", "source port; of an echo the identifier" },
	{ 'x', "packet", "HEX", "this packet, in place of SRC and DST" },
	{ 'c', "pcap", "FILE", "these packets, in place of SRC and DST" },
	{ 'w', "interface", "NAME", "the guarded interface where they are" },
	{ 'D', "direction", "WAY", "\"ingress\" or \"egress\", seen from there" },
	{ 'f', "from", "NAME", "the interface where they came in, or \"self\"" },
	{ 'J', "judged", NULL, "a guarded interface let it in" },
	{ 'd', "device", "NAME", "only of this device" },
	{ 'C', "count", "N", "end after N events" },
	{ 'j', "json", NULL, "print JSON" },
};

static void set_option(struct options *options, char letter, const char *argument)
{
	switch (letter) {
	case 'P':
		options->policy = argument;
		break;
	case 'i':
		options->inventory = argument;
		break;
	case 'N':
		options->name = argument;
		break;
	case 'I':
	case 'w':
	case 'G':
		options->interface = argument;
		break;
	case 'B':
		options->backend = argument;
		break;
	case 'o':
		options->open = true;
		break;
	case 'n':
		options->dry_run = true;
		break;
	case 'p':
		options->print = argument;
		break;
	case 'b':
		options->batch = true;
		break;
	case 'S':
		options->tcp_flags |= PROBE_TCP_SYN;
		break;
	case 'a':
		options->tcp_flags |= PROBE_TCP_ACK;
		break;
	case 'r':
		options->tcp_flags |= PROBE_TCP_RST;
		break;
	case 'F':
		options->tcp_flags |= PROBE_TCP_FIN;
		break;
	case 'g':
		options->fragment = argument;
		break;
	case 's':
		options->sport = argument;
		break;
	case 'x':
		options->packet = argument;
		break;
	case 'c':
		options->capture = argument;
		break;
	case 'D':
		options->direction = argument;
		break;
	case 'f':
		options->from = argument;
		break;
	case 'J':
		options->judged = true;
		break;
	case 'd':
		options->device = argument;
		break;
	case 'C':
		options->count = argument;
		break;
	case 'j':
		options->json = true;
		break;
	}
}

static void print_command(const struct command *command, FILE *out)
{
	fprintf(out, "usage: aclctl %s", command->name);
	for (size_t i = 0; i < ARRAY_SIZE(option_table); i++)
		if (strchr(command->takes, option_table[i].letter))
			fprintf(out, " [--%s%s%s]", option_table[i].name,
				option_table[i].argument ? " " : "",
				option_table[i].argument ? option_table[i].argument : "");
	fprintf(out, "%s%s\n\n%s\n", *command->arguments ? " " : "", command->arguments,
		command->help);
	for (size_t i = 0; i < ARRAY_SIZE(option_table); i++)
		if (strchr(command->takes, option_table[i].letter))
			fprintf(out, "  --%-10s %-5s %s\n", option_table[i].name,
				option_table[i].argument ? option_table[i].argument : "",
				option_table[i].help);
}

static void print_usage(FILE *out)
{
	fprintf(out, "usage: aclctl COMMAND [OPTION]... [ARGUMENT]...\n"
		     "       aclctl COMMAND --help\n"
		     "       aclctl --version\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-7s %-21s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* getopt's own table, of what this command takes. */
static void long_options(const struct command *command, struct option *table)
{
	*table++ = (struct option){ "help", no_argument, NULL, 'h' };
	for (size_t i = 0; i < ARRAY_SIZE(option_table); i++)
		if (strchr(command->takes, option_table[i].letter))
			*table++ = (struct option){ option_table[i].name,
						    option_table[i].argument ? required_argument :
									       no_argument,
						    NULL, option_table[i].letter };
	*table = (struct option){};
}

/* An answer that could not be written is none: the disk may be full. */
static int close_output(int code)
{
	int error = ferror(stdout) ? EIO : 0;

	if (fclose(stdout))
		error = errno;
	if (!error)
		return code;
	print_error("cannot write the answer: %s", strerror(error));
	return code ? code : EXIT_USAGE; /* whoever asked has not been told "denied" */
}

static int run(const struct command *command, int count, char **arguments)
{
	struct option table[ARRAY_SIZE(option_table) + 2];
	struct options options = {};
	int letter;

	arguments[0] = (char *)"aclctl"; /* getopt's own messages begin with it */
	long_options(command, table);
	while ((letter = getopt_long(count, arguments, "h", table, NULL)) != -1) {
		if (letter == 'h') {
			print_command(command, stdout);
			return EXIT_DONE;
		}
		if (letter == '?') {
			print_command(command, stderr);
			return EXIT_USAGE;
		}
		set_option(&options, (char)letter, optarg);
	}
	if (count - optind < command->arguments_min || count - optind > command->arguments_max) {
		print_command(command, stderr);
		return EXIT_USAGE;
	}
	return close_output(command->run(&options, arguments + optind));
}

/*
 * Memory for large things goes back when they go. By itself malloc() learns from the first of them
 * to keep such memory, in which the next one, of another size, does not fit: a third of what a load
 * of 100,000 rules needed.
 */
#define RETURNED_SIZE (1 << 20)

int main(int count, char **arguments)
{
	const char *name = count > 1 ? arguments[1] : "";
	const struct command *command = find_command(name);

	mallopt(M_MMAP_THRESHOLD, RETURNED_SIZE);
	if (command)
		return run(command, count - 1, arguments + 1);
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		puts("aclctl " ACLGATE_VERSION);
		return EXIT_DONE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		print_usage(stdout);
		return EXIT_DONE;
	}
	if (*name)
		print_error("there is no command \"%s\"", name);
	print_usage(stderr);
	return EXIT_USAGE;
}
