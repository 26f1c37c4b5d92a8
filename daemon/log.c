// SPDX-License-Identifier: GPL-2.0-or-later
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "mem.h"

/* systemd.exec(5): $JOURNAL_STREAM is "device:inode" of what it connected us to. */
static bool find_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	uint64_t device, inode;
	struct stat stream;

	return text && sscanf(text, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &stream) && stream.st_dev == device && stream.st_ino == inode;
}

static bool to_journal(void)
{
	static enum {
		UNKNOWN,
		STREAM,
		JOURNAL
	} known;

	if (known == UNKNOWN)
		known = find_journal() ? JOURNAL : STREAM;
	return known == JOURNAL;
}

static int send_fields(int priority, const struct log_field *fields, size_t count,
		       const char *message)
{
	struct iovec items[LOG_FIELDS_MAX + 2];
	char *texts[LOG_FIELDS_MAX + 2];
	size_t all = 0;
	int error;

	texts[all++] = mem_printf("MESSAGE=%s", message);
	texts[all++] = mem_printf("PRIORITY=%d", priority);
	for (size_t i = 0; i < count && i < LOG_FIELDS_MAX; i++)
		texts[all++] = mem_printf("%s=%s", fields[i].name, fields[i].value);
	for (size_t i = 0; i < all; i++)
		items[i] = (struct iovec){ texts[i], strlen(texts[i]) };
	error = sd_journal_sendv(items, (int)all);
	for (size_t i = 0; i < all; i++)
		free(texts[i]);
	return error;
}

static void say(int priority, const struct log_field *fields, size_t count, const char *format,
		va_list arguments)
{
	_free_ char *message = NULL;

	if (vasprintf(&message, format, arguments) < 0)
		abort();
	if (!to_journal() || send_fields(priority, fields, count, message) < 0)
		fprintf(stderr, "acld: %s\n", message);
}

void log_line(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(priority, NULL, 0, format, arguments);
	va_end(arguments);
}

void log_fields(int priority, const struct log_field *fields, size_t count, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(priority, fields, count, format, arguments);
	va_end(arguments);
}
