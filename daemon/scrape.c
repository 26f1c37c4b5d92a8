// SPDX-License-Identifier: GPL-2.0-or-later
#include "scrape.h"

#include <errno.h>
#include <stdlib.h>

#include "digest.h"
#include "counters.h"
#include "gate.h"
#include "ids.h"
#include "mem.h"
#include "metrics.h"
#include "reason.h"

/* What is read before anything is written, so that a scrape is whole or is none. */
struct scraped {
	struct gate_status status;
	struct guard_status guard; /* also where nothing is loaded */
	bool guarded;		   /* it could be read, which needs CAP_NET_ADMIN */
	struct ids ids;
	struct gate_device_counters *devices; /* by id, 0 is for packets of no device */
	struct gate_rule_counters *rules;     /* by id, 0 is for what an Ethernet link needs */
	bool loaded;
};

static int read_counters(const struct state *state, struct scraped *scraped)
{
	uint32_t devices = ids_last(&scraped->ids, IDS_DEVICE) + 1;
	uint32_t rules = ids_last(&scraped->ids, IDS_RULE) + 1;
	struct counters counters;
	int error = counters_open(state, &counters);

	if (error)
		return error;
	scraped->devices = mem_alloc(devices * sizeof(*scraped->devices));
	scraped->rules = mem_alloc(rules * sizeof(*scraped->rules));
	for (uint32_t id = 0; id < devices && !error; id++)
		error = counters_device(&counters, id, &scraped->devices[id]);
	for (uint32_t id = 0; id < rules && !error; id++)
		error = counters_rule(&counters, id, &scraped->rules[id]);
	counters_close(&counters);
	return error;
}

static int read_all(const struct state *state, struct scraped *scraped)
{
	int error = gate_status(state, &scraped->status);

	scraped->guarded = !guard_read(0, &scraped->guard);
	if (!error)
		error = ids_read(state, &scraped->ids);
	if (!error)
		error = read_counters(state, scraped);
	scraped->loaded = !error;
	return error == -ENOENT ? 0 : error;
}

static uint64_t dropped(const struct gate_device_counters *device, enum direction direction)
{
	uint64_t sum = 0;

	for (enum reason reason = 0; reason < REASON_MAX; reason++)
		sum += device->dropped_packets[direction][reason];
	return sum;
}

/* What became of packets, and how many of them or of their bytes. */
struct verdict {
	const char *name;
	uint64_t packets;
	uint64_t bytes;
};

#define VERDICTS 3

static void verdicts_of(const struct gate_device_counters *device, enum direction direction,
			struct verdict ret_verdicts[VERDICTS])
{
	ret_verdicts[0] = (struct verdict){ "pass", device->passed_packets[direction],
					    device->passed_bytes[direction] };
	ret_verdicts[1] = (struct verdict){ "drop", dropped(device, direction),
					    device->dropped_bytes[direction] };
	ret_verdicts[2] = (struct verdict){ "audit", device->audited_packets[direction],
					    device->audited_bytes[direction] };
}

static void write_device_verdicts(const struct scraped *scraped, uint32_t id,
				  enum direction direction, const char *name, bool bytes, FILE *out)
{
	struct verdict verdicts[VERDICTS];

	verdicts_of(&scraped->devices[id], direction, verdicts);
	for (size_t i = 0; i < VERDICTS; i++) {
		struct metric_label labels[] = {
			{ "device", ids_device(&scraped->ids, id) },
			{ "direction", direction_name(direction) },
			{ "verdict", verdicts[i].name },
		};

		metrics_sample(out, name, labels, 3,
			       bytes ? verdicts[i].bytes : verdicts[i].packets);
	}
}

static void write_verdicts(const struct scraped *scraped, const char *name, bool bytes, FILE *out)
{
	for (uint32_t id = 0; id <= ids_last(&scraped->ids, IDS_DEVICE); id++)
		for (enum direction direction = 0; direction < DIRECTION_MAX; direction++)
			write_device_verdicts(scraped, id, direction, name, bytes, out);
}

/* A device has a series for "acl" from the start; one for another reason once it happens. */
static void write_drops(const struct scraped *scraped, const char *name, FILE *out)
{
	for (uint32_t id = 0; id <= ids_last(&scraped->ids, IDS_DEVICE); id++) {
		for (int i = 0; i < DIRECTION_MAX * REASON_MAX; i++) {
			enum direction direction = i / REASON_MAX;
			enum reason reason = i % REASON_MAX;
			uint64_t packets = scraped->devices[id].dropped_packets[direction][reason];
			struct metric_label labels[] = {
				{ "device", ids_device(&scraped->ids, id) },
				{ "direction", direction_name(direction) },
				{ "reason", reason_name(reason) },
			};

			if (packets || reason == REASON_ACL)
				metrics_sample(out, name, labels, 3, packets);
		}
	}
}

static void write_rules(const struct scraped *scraped, const char *name, bool bytes, FILE *out)
{
	for (uint32_t id = 0; id <= ids_last(&scraped->ids, IDS_RULE); id++) {
		struct metric_label label = { "rule", ids_rule(&scraped->ids, id) };

		metrics_sample(out, name, &label, 1,
			       bytes ? scraped->rules[id].bytes : scraped->rules[id].packets);
	}
}

static void write_counters(const struct scraped *scraped, FILE *out)
{
	metrics_family(out, "aclgate_packets_total", METRIC_COUNTER,
		       "Packets by the device they came from, and what became of them.");
	write_verdicts(scraped, "aclgate_packets_total", false, out);
	metrics_family(out, "aclgate_bytes_total", METRIC_COUNTER,
		       "Bytes of those packets, from the IP header on.");
	write_verdicts(scraped, "aclgate_bytes_total", true, out);
	metrics_family(out, "aclgate_dropped_packets_total", METRIC_COUNTER,
		       "Dropped packets by the device they came from and the reason.");
	write_drops(scraped, "aclgate_dropped_packets_total", out);
	metrics_family(out, "aclgate_rule_packets_total", METRIC_COUNTER,
		       "Packets of connections that the rule allowed, in both directions; \"link\" "
		       "is what an Ethernet link needs to live.");
	write_rules(scraped, "aclgate_rule_packets_total", false, out);
	metrics_family(out, "aclgate_rule_bytes_total", METRIC_COUNTER,
		       "Bytes of those packets, from the IP header on.");
	write_rules(scraped, "aclgate_rule_bytes_total", true, out);
}

static void write_policy(const struct gate_generation *generation, FILE *out)
{
	char hash[DIGEST_TEXT], number[16];
	struct metric_label labels[] = {
		{ "sha256", digest_format(generation->sha256, hash) },
		{ "generation", number },
	};

	snprintf(number, sizeof(number), "%u", generation->number);
	metrics_family(out, "aclgate_policy_info", METRIC_GAUGE, "The policy that is enforced.");
	metrics_sample(out, "aclgate_policy_info", labels, 2, 1);
	metrics_family(out, "aclgate_policy_load_timestamp_seconds", METRIC_GAUGE,
		       "When it was loaded, in seconds since the epoch.");
	metrics_sample(out, "aclgate_policy_load_timestamp_seconds", NULL, 0, generation->loaded);
}

static void write_interfaces(const struct gate_status *status, FILE *out)
{
	metrics_family(out, "aclgate_interface_enforced", METRIC_GAUGE,
		       "1 if every packet of this guarded interface is judged.");
	for (size_t i = 0; i < status->interfaces_count; i++) {
		struct metric_label label = { "interface", status->interfaces[i].interface.name };

		metrics_sample(out, "aclgate_interface_enforced", &label, 1,
			       status->interfaces[i].enforcement == ENFORCED);
	}
}

static void write_flows(const struct gate_status *status, FILE *out)
{
	metrics_family(out, "aclgate_flows", METRIC_GAUGE,
		       "Connections in the flow tables, those that timed out and are not yet "
		       "collected included.");
	metrics_sample(out, "aclgate_flows", NULL, 0,
		       status->totals.flows_created - status->totals.flows_deleted);
	metrics_family(out, "aclgate_flows_limit", METRIC_GAUGE,
		       "Room for connections, IPv4 and IPv6 together.");
	metrics_sample(out, "aclgate_flows_limit", NULL, 0, 2 * GATE_FLOWS_MAX);
	metrics_family(out, "aclgate_events_lost_total", METRIC_COUNTER,
		       "Events that nobody will read: too many of one device, or nobody reads.");
	metrics_sample(out, "aclgate_events_lost_total", NULL, 0, status->totals.events_lost);
}

static void write_guard(const struct guard_status *guard, FILE *out)
{
	const struct metric_label ingress = { "direction", direction_name(DIRECTION_INGRESS) };
	const struct metric_label egress = { "direction", direction_name(DIRECTION_EGRESS) };

	metrics_family(out, "aclgate_guard_up", METRIC_GAUGE,
		       "1 if nftables keeps out what the programs did not judge.");
	metrics_sample(out, "aclgate_guard_up", NULL, 0, guard->stands);
	if (!guard->stands)
		return;
	metrics_family(
		out, "aclgate_guard_dropped_packets_total", METRIC_COUNTER,
		"Packets that the guard dropped: no program of ours had judged them, or watches "
		"where they would have left.");
	metrics_sample(out, "aclgate_guard_dropped_packets_total", &ingress, 1, guard->unjudged);
	metrics_sample(out, "aclgate_guard_dropped_packets_total", &egress, 1, guard->unarmed);
}

static void write_build(FILE *out)
{
	struct metric_label label = { "version", ACLGATE_VERSION };

	metrics_family(out, "aclgate_build_info", METRIC_GAUGE, "The version of acld.");
	metrics_sample(out, "aclgate_build_info", &label, 1, 1);
}

static void write_all(const struct scraped *scraped, FILE *out)
{
	write_build(out);
	metrics_family(out, "aclgate_enforcing", METRIC_GAUGE,
		       "1 if a policy is loaded, not in audit mode, and every guarded interface is "
		       "judged by it.");
	metrics_sample(out, "aclgate_enforcing", NULL, 0,
		       scraped->loaded && gate_status_enforced(&scraped->status));
	if (scraped->guarded)
		write_guard(&scraped->guard, out);
	if (!scraped->loaded)
		return;
	write_interfaces(&scraped->status, out);
	write_policy(&scraped->status.generation, out);
	write_flows(&scraped->status, out);
	write_counters(scraped, out);
}

int scrape(const struct state *state, FILE *out)
{
	struct scraped scraped = {};
	int error = read_all(state, &scraped);

	if (!error)
		write_all(&scraped, out);
	free(scraped.devices);
	free(scraped.rules);
	ids_free(&scraped.ids);
	return error;
}
