/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prometheus' text format, version 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats). A family is announced, then all its
 * samples follow.
 */
#ifndef ACLGATE_METRICS_H
#define ACLGATE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type {
	METRIC_COUNTER, /* its name ends in _total */
	METRIC_GAUGE,
};

struct metric_label {
	const char *name;
	const char *value; /* any text: it is escaped */
};

/* What was written; without a NUL. Whoever has read it sets `size` back to 0. */
struct metrics {
	char *text;
	size_t size, capacity;
};

void metrics_family(struct metrics *out, const char *name, enum metric_type type, const char *help);

void metrics_sample(struct metrics *out, const char *name, const struct metric_label *labels,
		    size_t count, uint64_t value);

void metrics_free(struct metrics *out);

#endif
