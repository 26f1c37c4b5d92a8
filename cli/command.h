/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of aclctl: a table of name, function and help, from which usage is printed. */
#ifndef ACLGATE_COMMAND_H
#define ACLGATE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "diag.h"
#include "state.h"

/* The exit codes, of every command. */
enum exit_code {
	EXIT_DONE = 0,	   /* done, or allowed */
	EXIT_REJECTED = 1, /* the policy was rejected, or access denied */
	EXIT_USAGE = 2,
	EXIT_UNENFORCED = 3, /* something guarded is not enforced */
	EXIT_PRIVILEGE = 4,
};

/* The options of all commands; each takes some of them. */
struct options {
	const char *policy;
	const char *inventory;
	const char *name;
	const char *interface;
	const char *print;
	const char *backend;
	const char *device;
	const char *count;
	bool batch;
	bool dry_run;
	bool open;
	bool json;
	/* of trace */
	const char *packet;
	const char *capture;
	const char *direction;
	const char *from;
	const char *fragment;
	const char *sport;
	uint8_t tcp_flags;
	bool judged;
};

struct command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *help;
	const char *takes; /* the short letters of its options, see main.c */
	int arguments_min, arguments_max;
	int (*run)(const struct options *options, char **arguments);
};

int command_check(const struct options *options, char **arguments);
int command_load(const struct options *options, char **arguments);
int command_restore(const struct options *options, char **arguments);
int command_test(const struct options *options, char **arguments);
int command_can(const struct options *options, char **arguments);
int command_status(const struct options *options, char **arguments);
int command_trace(const struct options *options, char **arguments);
int command_devices(const struct options *options, char **arguments);
int command_flows(const struct options *options, char **arguments);
int command_monitor(const struct options *options, char **arguments);
int command_approve(const struct options *options, char **arguments);
int command_guard(const struct options *options, char **arguments);
int command_unload(const struct options *options, char **arguments);

#define INVENTORY_DEFAULT "/etc/aclgate/inventory.json"

/* @inventory, or the default one where it exists, or NULL. */
const char *inventory_or_default(const char *inventory);

/* EXIT_PRIVILEGE for EACCES and EPERM, else EXIT_REJECTED. */
int exit_code_of(int error);

/* Prints findings to stderr: file:line:column, the line, a caret. */
void print_diag(struct diag *diag, const struct sources *sources);

/* One line, for what has no place in a file. */
void print_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says why nothing can be read of a gate. Returns the exit code. */
int print_unreadable(int error);

#define TIME_TEXT 48

/* Microseconds since the epoch, in the local time zone. */
const char *format_time(uint64_t time, char text[TIME_TEXT]);

#endif
