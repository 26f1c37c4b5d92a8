// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics.h"

#include "mem.h"
#include "unit.h"

static void assert_text(struct metrics *out, const char *expected)
{
	_free_ char *text = mem_strndup(out->text, out->size);

	ck_assert_str_eq(text, expected);
	metrics_free(out);
}

START_TEST(family)
{
	struct metrics out = {};

	metrics_family(&out, "aclgate_flows", METRIC_GAUGE, "Flows.");
	metrics_sample(&out, "aclgate_flows", NULL, 0, 7);
	metrics_family(&out, "aclgate_packets_total", METRIC_COUNTER, "Packets.");
	assert_text(&out, "# HELP aclgate_flows Flows.\n# TYPE aclgate_flows gauge\n"
			  "aclgate_flows 7\n"
			  "# HELP aclgate_packets_total Packets.\n"
			  "# TYPE aclgate_packets_total counter\n");
}
END_TEST

/* Text format 0.0.4: backslash, double quote and line feed are escaped in label values. */
static const struct {
	struct metric_label labels[2];
	size_t count;
	uint64_t value;
	const char *line;
} samples[] = {
	{ {}, 0, 0, "x 0\n" },
	{ {}, 0, UINT64_MAX, "x 18446744073709551615\n" },
	{ { { "device", "imac" } }, 1, 1, "x{device=\"imac\"} 1\n" },
	{ { { "device", "imac" }, { "reason", "acl" } },
	  2,
	  1,
	  "x{device=\"imac\",reason=\"acl\"} 1\n" },
	{ { { "device", "" } }, 1, 1, "x{device=\"\"} 1\n" },
	{ { { "device", "a\"b" } }, 1, 1, "x{device=\"a\\\"b\"} 1\n" },
	{ { { "device", "a\\b" } }, 1, 1, "x{device=\"a\\\\b\"} 1\n" },
	{ { { "device", "a\nb" } }, 1, 1, "x{device=\"a\\nb\"} 1\n" },
	{ { { "device", "a\tb" } }, 1, 1, "x{device=\"a\tb\"} 1\n" },
	{ { { "device", "caf\xc3\xa9 {},=" } }, 1, 1, "x{device=\"caf\xc3\xa9 {},=\"} 1\n" },
};

START_TEST(sample)
{
	struct metrics out = {};

	metrics_sample(&out, "x", samples[_i].labels, samples[_i].count, samples[_i].value);
	assert_text(&out, samples[_i].line);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("metrics");

	unit_add(suite, family, 1);
	unit_add(suite, sample, ARRAY_SIZE(samples));
	return suite;
}
