// SPDX-License-Identifier: GPL-2.0-or-later
#include "scrape.h"

#include <stdio.h>

#include "digest.h"
#include "mem.h"
#include "reason.h"

/* A family: writes piece number @step of it, or returns false where there is none. */
typedef bool write_step(const struct snapshot *snapshot, uint32_t step, struct metrics *out);

/* ---------------------------------------------------------------- acld and the gate */

static bool write_build(const struct snapshot *snapshot, uint32_t step, struct metrics *out)
{
	struct metric_label label = { "version", ACLGATE_VERSION };

	(void)snapshot;
	if (step)
		return false;
	metrics_family(out, "aclgate_build_info", METRIC_GAUGE, "The version of acld.");
	metrics_sample(out, "aclgate_build_info", &label, 1, 1);
	return true;
}

static bool write_enforcing(const struct snapshot *snapshot, uint32_t step, struct metrics *out)
{
	if (step)
		return false;
	metrics_family(out, "aclgate_enforcing", METRIC_GAUGE,
		       "1 if a policy is loaded, not in audit mode, and every guarded interface is "
		       "judged by it.");
	metrics_sample(out, "aclgate_enforcing", NULL, 0,
		       snapshot->loaded && gate_status_enforced(&snapshot->body.status));
	return true;
}

static bool write_keeper(const struct snapshot *snapshot, uint32_t step, struct metrics *out)
{
	const struct answer_keeper *keeper = &snapshot->body.keeper;

	if (step)
		return false;
	metrics_family(out, "aclgate_devices_pending", METRIC_GAUGE,
		       "Devices that WireGuard knows and nobody has approved.");
	metrics_sample(out, "aclgate_devices_pending", NULL, 0, keeper->pending);
	metrics_family(out, "aclgate_repairs_total", METRIC_COUNTER,
		       "What the keeper has mended since it was started.");
	for (enum repair repair = 0; repair < REPAIR_MAX; repair++) {
		struct metric_label label = { "kind", repair_name(repair) };

		metrics_sample(out, "aclgate_repairs_total", &label, 1, keeper->repairs[repair]);
	}
	return true;
}

static bool write_guard(const struct snapshot *snapshot, uint32_t step, struct metrics *out)
{
	const struct metric_label ingress = { "direction", direction_name(DIRECTION_INGRESS) };
	const struct metric_label egress = { "direction", direction_name(DIRECTION_EGRESS) };
	const struct guard_status *guard = &snapshot->body.guard;

	if (step || !snapshot->body.guarded)
		return false;
	metrics_family(out, "aclgate_guard_up", METRIC_GAUGE,
		       "1 if nftables keeps out what the programs did not judge.");
	metrics_sample(out, "aclgate_guard_up", NULL, 0, guard->stands);
	if (!guard->stands)
		return true;
	metrics_family(
		out, "aclgate_guard_dropped_packets_total", METRIC_COUNTER,
		"Packets that the guard dropped: no program of ours had judged them, or watches "
		"where they would have left.");
	metrics_sample(out, "aclgate_guard_dropped_packets_total", &ingress, 1, guard->unjudged);
	metrics_sample(out, "aclgate_guard_dropped_packets_total", &egress, 1, guard->unarmed);
	return true;
}

static bool write_interfaces(const struct snapshot *snapshot, uint32_t step, struct metrics *out)
{
	const struct gate_status *status = &snapshot->body.status;

	if (step || !snapshot->loaded)
		return false;
	metrics_family(out, "aclgate_interface_enforced", METRIC_GAUGE,
		       "1 if every packet of this guarded interface is judged.");
	for (size_t i = 0; i < status->interfaces_count; i++) {
		struct metric_label label = { "interface", status->interfaces[i].interface.name };

		metrics_sample(out, "aclgate_interface_enforced", &label, 1,
			       status->interfaces[i].enforcement == ENFORCED);
	}
	return true;
}

static bool write_policy(const struct snapshot *snapshot, uint32_t step, struct metrics *out)
{
	const struct gate_generation *generation = &snapshot->body.status.generation;
	char hash[DIGEST_TEXT], number[16];
	struct metric_label labels[] = {
		{ "sha256", digest_format(generation->sha256, hash) },
		{ "generation", number },
	};

	if (step || !snapshot->loaded)
		return false;
	snprintf(number, sizeof(number), "%u", generation->number);
	metrics_family(out, "aclgate_policy_info", METRIC_GAUGE, "The policy that is enforced.");
	metrics_sample(out, "aclgate_policy_info", labels, 2, 1);
	metrics_family(out, "aclgate_policy_load_timestamp_seconds", METRIC_GAUGE,
		       "When it was loaded, in seconds since the epoch.");
	metrics_sample(out, "aclgate_policy_load_timestamp_seconds", NULL, 0, generation->loaded);
	return true;
}

static bool write_flows(const struct snapshot *snapshot, uint32_t step, struct metrics *out)
{
	const struct gate_totals *totals = &snapshot->body.status.totals;

	if (step || !snapshot->loaded)
		return false;
	metrics_family(out, "aclgate_flows", METRIC_GAUGE,
		       "Connections in the flow tables, those that timed out and are not yet "
		       "collected included.");
	metrics_sample(out, "aclgate_flows", NULL, 0,
		       totals->flows_created - totals->flows_deleted);
	metrics_family(out, "aclgate_flows_limit", METRIC_GAUGE,
		       "Room for connections, IPv4 and IPv6 together.");
	metrics_sample(out, "aclgate_flows_limit", NULL, 0, 2 * GATE_FLOWS_MAX);
	metrics_family(out, "aclgate_events_lost_total", METRIC_COUNTER,
		       "Events that nobody will read: too many of one device, or nobody reads.");
	metrics_sample(out, "aclgate_events_lost_total", NULL, 0, totals->events_lost);
	return true;
}

/* ---------------------------------------------------------------- devices */

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
	bool shown;
};

#define VERDICTS 3

/* Audited ones have a series in audit mode, and as long as there are any. */
static void verdicts_of(const struct snapshot *snapshot, uint32_t id, enum direction direction,
			struct verdict ret_verdicts[VERDICTS])
{
	const struct gate_device_counters *device = &snapshot->devices[id];
	uint64_t audited = device->audited_packets[direction];
	bool audit = snapshot->body.status.generation.features & GATE_AUDIT;

	ret_verdicts[0] = (struct verdict){ "pass", device->passed_packets[direction],
					    device->passed_bytes[direction], true };
	ret_verdicts[1] = (struct verdict){ "drop", dropped(device, direction),
					    device->dropped_bytes[direction], true };
	ret_verdicts[2] = (struct verdict){ "audit", audited, device->audited_bytes[direction],
					    audit || audited };
}

static void write_verdicts(const struct snapshot *snapshot, uint32_t id, const char *name,
			   bool bytes, struct metrics *out)
{
	for (int i = 0; i < DIRECTION_MAX * VERDICTS; i++) {
		enum direction direction = i / VERDICTS;
		struct verdict verdicts[VERDICTS];
		const struct verdict *verdict = &verdicts[i % VERDICTS];

		verdicts_of(snapshot, id, direction, verdicts);
		struct metric_label labels[] = {
			{ "device", names_get(&snapshot->names, IDS_DEVICE, id) },
			{ "direction", direction_name(direction) },
			{ "verdict", verdict->name },
		};

		if (verdict->shown)
			metrics_sample(out, name, labels, ARRAY_SIZE(labels),
				       bytes ? verdict->bytes : verdict->packets);
	}
}

static bool write_packets(const struct snapshot *snapshot, uint32_t id, struct metrics *out)
{
	static const char name[] = "aclgate_packets_total";

	if (id >= snapshot->devices_count)
		return false;
	if (!id)
		metrics_family(out, name, METRIC_COUNTER,
			       "Packets by the device they came from, and what became of them.");
	write_verdicts(snapshot, id, name, false, out);
	return true;
}

static bool write_bytes(const struct snapshot *snapshot, uint32_t id, struct metrics *out)
{
	static const char name[] = "aclgate_bytes_total";

	if (id >= snapshot->devices_count)
		return false;
	if (!id)
		metrics_family(out, name, METRIC_COUNTER,
			       "Bytes of those packets, from the IP header on.");
	write_verdicts(snapshot, id, name, true, out);
	return true;
}

/* A device has a series for "acl" from the start; one for another reason once it happens. */
static bool write_drops(const struct snapshot *snapshot, uint32_t id, struct metrics *out)
{
	static const char name[] = "aclgate_dropped_packets_total";

	if (id >= snapshot->devices_count)
		return false;
	if (!id)
		metrics_family(out, name, METRIC_COUNTER,
			       "Dropped packets by the device they came from and the reason.");
	for (int i = 0; i < DIRECTION_MAX * REASON_MAX; i++) {
		enum direction direction = i / REASON_MAX;
		enum reason reason = i % REASON_MAX;
		uint64_t packets = snapshot->devices[id].dropped_packets[direction][reason];
		struct metric_label labels[] = {
			{ "device", names_get(&snapshot->names, IDS_DEVICE, id) },
			{ "direction", direction_name(direction) },
			{ "reason", reason_name(reason) },
		};

		if (packets || reason == REASON_ACL)
			metrics_sample(out, name, labels, ARRAY_SIZE(labels), packets);
	}
	return true;
}

/* ---------------------------------------------------------------- rules */

static bool write_rule_packets(const struct snapshot *snapshot, uint32_t id, struct metrics *out)
{
	static const char name[] = "aclgate_rule_packets_total";
	struct metric_label label = { "rule", NULL };

	if (id >= snapshot->rules_count)
		return false;
	if (!id)
		metrics_family(out, name, METRIC_COUNTER,
			       "Packets of connections that the rule allowed, in both directions; "
			       "\"link\" is what an Ethernet link needs to live.");
	label.value = names_get(&snapshot->names, IDS_RULE, id);
	metrics_sample(out, name, &label, 1, snapshot->rules[id].packets);
	return true;
}

static bool write_rule_bytes(const struct snapshot *snapshot, uint32_t id, struct metrics *out)
{
	static const char name[] = "aclgate_rule_bytes_total";
	struct metric_label label = { "rule", NULL };

	if (id >= snapshot->rules_count)
		return false;
	if (!id)
		metrics_family(out, name, METRIC_COUNTER,
			       "Bytes of those packets, from the IP header on.");
	label.value = names_get(&snapshot->names, IDS_RULE, id);
	metrics_sample(out, name, &label, 1, snapshot->rules[id].bytes);
	return true;
}

static write_step *const families[] = {
	write_build,	  write_enforcing, write_keeper,       write_guard,
	write_interfaces, write_policy,	   write_flows,	       write_packets,
	write_bytes,	  write_drops,	   write_rule_packets, write_rule_bytes,
};

bool scrape_next(struct scrape *scrape, const struct snapshot *snapshot, struct metrics *out)
{
	while (scrape->family < ARRAY_SIZE(families)) {
		if (families[scrape->family](snapshot, scrape->step, out)) {
			scrape->step++;
			return true;
		}
		scrape->family++;
		scrape->step = 0;
	}
	return false;
}
