/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What acld has to say: to the journal with fields where stderr is the journal, else a line on
 * stderr, "acld: …". Priorities are those of syslog(3).
 */
#ifndef ACLGATE_LOG_H
#define ACLGATE_LOG_H

#include <stddef.h>
#include <syslog.h>

/* Beside MESSAGE and PRIORITY. The message itself says it as well: stderr has no fields. */
struct log_field {
	const char *name; /* ACLGATE_… */
	const char *value;
};

#define LOG_FIELDS_MAX 8

void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

void log_fields(int priority, const struct log_field *fields, size_t count, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
