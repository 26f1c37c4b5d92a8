// SPDX-License-Identifier: GPL-2.0-or-later
#include "scrape.h"

#include <fcntl.h>
#include <string.h>

#include "mem.h"
#include "scratch.h"

static const char file[] = "device 1 imac\ndevice 2 a\"b\nrule 1 acls[0]\n";

static void make_names(struct names *ret_names)
{
	_free_ char *path = scratch_path("ids");
	_close_ int fd = -1;

	scratch_write("ids", file, sizeof(file) - 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(names_read(fd, ret_names), 0);
}

/* All of it, which the caller frees. */
static char *text_of(const struct snapshot *snapshot)
{
	struct metrics out = {};
	struct scrape scrape = {};
	char *text;

	while (scrape_next(&scrape, snapshot, &out))
		;
	text = mem_strndup(out.text, out.size);
	metrics_free(&out);
	return text;
}

static struct gate_device_counters devices[3] = {
	[1] = { .passed_packets = { 5, 6 }, .passed_bytes = { 500, 600 } },
	[2] = { .dropped_packets = { [DIRECTION_EGRESS] = { [REASON_ACL] = 3,
							    [REASON_NO_STATE] = 4 } },
		.dropped_bytes = { 0, 70 } },
};
static struct gate_rule_counters rules[2] = { { 1, 100 }, { 2, 200 } };

static struct snapshot loaded(void)
{
	struct snapshot snapshot = {
		.loaded = true,
		.devices = devices,
		.devices_count = ARRAY_SIZE(devices),
		.rules = rules,
		.rules_count = ARRAY_SIZE(rules),
		.body = { .guarded = true,
			  .guard = { .stands = true, .unjudged = 8, .unarmed = 9 },
			  .status = { .generation = { .number = 4 }, .interfaces_count = 1 },
			  .keeper = { .pending = 2, .repairs = { [REPAIR_GUARD] = 7 } } },
	};

	strcpy(snapshot.body.status.interfaces[0].interface.name, "wg0");
	make_names(&snapshot.names);
	return snapshot;
}

static const char *const lines[] = {
	"aclgate_build_info{version=\"" ACLGATE_VERSION "\"} 1\n",
	"aclgate_enforcing 1\n",
	"aclgate_devices_pending 2\n",
	"aclgate_repairs_total{kind=\"attach\"} 0\n",
	"aclgate_repairs_total{kind=\"guard\"} 7\n",
	"aclgate_guard_up 1\n",
	"aclgate_guard_dropped_packets_total{direction=\"ingress\"} 8\n",
	"aclgate_guard_dropped_packets_total{direction=\"egress\"} 9\n",
	"aclgate_interface_enforced{interface=\"wg0\"} 1\n",
	"aclgate_packets_total{device=\"unknown\",direction=\"ingress\",verdict=\"pass\"} 0\n",
	"aclgate_packets_total{device=\"imac\",direction=\"egress\",verdict=\"pass\"} 6\n",
	"aclgate_bytes_total{device=\"imac\",direction=\"ingress\",verdict=\"pass\"} 500\n",
	"aclgate_packets_total{device=\"a\\\"b\",direction=\"egress\",verdict=\"drop\"} 7\n",
	"aclgate_bytes_total{device=\"a\\\"b\",direction=\"egress\",verdict=\"drop\"} 70\n",
	"aclgate_dropped_packets_total{device=\"imac\",direction=\"ingress\",reason=\"acl\"} 0\n",
	"aclgate_dropped_packets_total{device=\"a\\\"b\",direction=\"egress\",reason=\"no_state\"} 4\n",
	"aclgate_rule_packets_total{rule=\"link\"} 1\n",
	"aclgate_rule_bytes_total{rule=\"acls[0]\"} 200\n",
};

START_TEST(shows)
{
	struct snapshot snapshot = loaded();
	_free_ char *text = text_of(&snapshot);

	ck_assert_msg(strstr(text, lines[_i]), "%s", lines[_i]);
	names_free(&snapshot.names);
}
END_TEST

/* A family has one head, and its samples stand behind it. */
START_TEST(families)
{
	struct snapshot snapshot = loaded();
	_free_ char *text = text_of(&snapshot);
	const char *family = NULL;
	size_t length = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, "# TYPE ", 7)) {
			family = line + 7;
			length = strcspn(family, " ");
		} else if (*line != '#') {
			ck_assert_ptr_nonnull(family);
			ck_assert_msg(!strncmp(line, family, length) && strchr(" {", line[length]),
				      "%s", line);
		}
	}
	names_free(&snapshot.names);
}
END_TEST

/* Audited packets have a series in audit mode, or where there are any. */
START_TEST(audit)
{
	struct snapshot snapshot = loaded();
	_free_ char *without = text_of(&snapshot);
	_free_ char *with = NULL, *some = NULL;

	ck_assert_ptr_null(strstr(without, "verdict=\"audit\""));
	devices[1].audited_packets[DIRECTION_INGRESS] = 1;
	some = text_of(&snapshot);
	ck_assert_ptr_nonnull(
		strstr(some, "{device=\"imac\",direction=\"ingress\",verdict=\"audit\"} 1"));
	ck_assert_ptr_null(
		strstr(some, "{device=\"imac\",direction=\"egress\",verdict=\"audit\"}"));
	snapshot.body.status.generation.features = GATE_AUDIT;
	with = text_of(&snapshot);
	ck_assert_ptr_nonnull(
		strstr(with, "{device=\"imac\",direction=\"egress\",verdict=\"audit\"} 0"));
	names_free(&snapshot.names);
}
END_TEST

START_TEST(nothing_loaded)
{
	struct snapshot snapshot = {};
	_free_ char *text = text_of(&snapshot);

	ck_assert_ptr_nonnull(strstr(text, "aclgate_enforcing 0\n"));
	ck_assert_ptr_nonnull(strstr(text, "aclgate_devices_pending 0\n"));
	ck_assert_ptr_null(strstr(text, "aclgate_guard_up"));
	ck_assert_ptr_null(strstr(text, "aclgate_policy_info"));
	ck_assert_ptr_null(strstr(text, "aclgate_packets_total"));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("scrape");

	scratch_add(suite, shows, ARRAY_SIZE(lines));
	scratch_add(suite, families, 1);
	scratch_add(suite, audit, 1);
	unit_add(suite, nothing_loaded, 1);
	return suite;
}
