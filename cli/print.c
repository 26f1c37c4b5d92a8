// SPDX-License-Identifier: GPL-2.0-or-later
/* What people see when something is wrong. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

const char *inventory_or_default(const char *inventory)
{
	if (inventory)
		return inventory;
	return access(INVENTORY_DEFAULT, F_OK) ? NULL : INVENTORY_DEFAULT;
}

int exit_code_of(int error)
{
	return error == -EPERM || error == -EACCES ? EXIT_PRIVILEGE : EXIT_REJECTED;
}

static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(STDERR_FILENO) && !(no_color && *no_color);
}

static const char *const colours[] = {
	[SEVERITY_NOTE] = "\033[1;36m",
	[SEVERITY_WARNING] = "\033[1;35m",
	[SEVERITY_ERROR] = "\033[1;31m",
};

static void print_severity(enum severity severity)
{
	bool colour = wants_colour();

	fprintf(stderr, "%s%s:%s ", colour ? colours[severity] : "", severity_name(severity),
		colour ? "\033[0m" : "");
}

/* What stands at a place: a string with its quotes, a word or number, or one character. */
static size_t token_length(const char *text, size_t size)
{
	size_t length = 1;

	if (*text == '"') {
		while (length < size && text[length] != '"')
			length += text[length] == '\\' ? 2 : 1;
		return length < size ? length + 1 : size;
	}
	while (length < size &&
	       (isalnum((unsigned char)text[length]) || strchr("+-.", text[length])))
		length++;
	return isalnum((unsigned char)*text) || *text == '-' ? length : 1;
}

/* All bytes of a character but the first begin with the bits 10 (RFC 3629). */
static bool begins_character(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

/* Tabs are kept in front of the caret, so that it stands where the finding is. */
static void print_line(const struct position *position)
{
	size_t at = position->column - 1;
	size_t length = at < position->length ?
				token_length(position->start + at, position->length - at) :
				1;

	fprintf(stderr, "%5u | %.*s\n      | ", position->line, (int)position->length,
		position->start);
	for (size_t i = 0; i < at; i++)
		if (begins_character(position->start[i]))
			fputc(position->start[i] == '\t' ? '\t' : ' ', stderr);
	fputc('^', stderr);
	for (size_t i = 1; i < length; i++)
		if (begins_character(position->start[at + i]))
			fputc('~', stderr);
	fputc('\n', stderr);
}

static void print_finding(const struct finding *finding, const struct sources *sources)
{
	struct position position;

	if (!sources_find(sources, finding->place, &position)) {
		fprintf(stderr, "aclctl: ");
		print_severity(finding->severity);
		fprintf(stderr, "%s\n", finding->text);
		return;
	}
	fprintf(stderr, "%s:%u:%u: ", position.source->name, position.line, position.column);
	print_severity(finding->severity);
	fprintf(stderr, "%s\n", finding->text);
	if (position.length < 400)
		print_line(&position);
}

void print_diag(struct diag *diag, const struct sources *sources)
{
	diag_sort(diag);
	for (size_t i = 0; i < diag->count; i++)
		print_finding(&diag->items[i], sources);
	if (diag->errors > DIAG_ERRORS_MAX)
		print_error("%zu more errors", diag->errors - DIAG_ERRORS_MAX);
}

void print_error(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "aclctl: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

int print_unreadable(int error)
{
	if (error == -ENOENT) {
		print_error("nothing is loaded; \"aclctl status\" says what is shut");
		return EXIT_UNENFORCED;
	}
	if (error == -EOPNOTSUPP) {
		print_error("the policy is enforced by nftables, which cannot tell that: see "
			    "\"conntrack -L\" and \"nft list table inet aclgate\", or load it with "
			    "--backend bpf");
		return EXIT_REJECTED;
	}
	print_error("cannot read the gate: %s%s", strerror(-error),
		    exit_code_of(error) == EXIT_PRIVILEGE ? " (try sudo)" : "");
	return exit_code_of(error) == EXIT_PRIVILEGE ? EXIT_PRIVILEGE : EXIT_UNENFORCED;
}

const char *format_time(uint64_t time, char text[TIME_TEXT])
{
	time_t seconds = (time_t)(time / 1000000);
	struct tm local;
	size_t length;

	localtime_r(&seconds, &local);
	length = strftime(text, TIME_TEXT, "%Y-%m-%d %H:%M:%S", &local);
	snprintf(text + length, TIME_TEXT - length, ".%06u", (unsigned int)(time % 1000000));
	return text;
}
