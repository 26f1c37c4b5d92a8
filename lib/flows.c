// SPDX-License-Identifier: GPL-2.0-or-later
#include "flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel.h"
#include "lifetime.h"
#include "mem.h"

static const char *const states[] = {
	[FLOW_OPENING] = "opening",
	[FLOW_ESTABLISHED] = "established",
	[FLOW_CLOSING] = "closing",
};
_Static_assert(ARRAY_SIZE(states) == FLOW_CLOSING + 1, "a name for every state");

static const char *const kinds[] = {
	[FLOW_JUDGED] = "judged",
	[FLOW_NAT_AS] = "nat-as",
	[FLOW_LEARNED] = "learned",
};
_Static_assert(ARRAY_SIZE(kinds) == FLOW_LEARNED + 1, "a name for every kind");

const char *flow_state_name(enum flow_state state)
{
	return state < ARRAY_SIZE(states) ? states[state] : "?";
}

const char *flow_kind_name(enum flow_kind kind)
{
	return kind < ARRAY_SIZE(kinds) ? kinds[kind] : "?";
}

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* All but the addresses. */
static bool make_flow(const struct gate_flow *held, const __be16 port[2], uint64_t age,
		      const struct gate_settings *settings, struct flow *flow)
{
	uint8_t opener = held->opener & 1;
	uint64_t lifetime = flow_lifetime(held, flow->protocol, settings);

	if (age > lifetime)
		return false;
	flow->opener.device = held->device[opener];
	flow->other.device = held->device[!opener];
	if (is_icmp(flow->protocol)) {
		flow->echo = ntohs(port[0] | port[1]);
	} else {
		flow->opener.port = ntohs(port[opener]);
		flow->other.port = ntohs(port[!opener]);
	}
	flow->state = (enum flow_state)held->state;
	flow->kind = (enum flow_kind)held->kind;
	flow->rule = held->rule;
	flow->generation = GATE_STAMP_GENERATION(held->stamp);
	flow->idle = age;
	flow->left = lifetime - age;
	return true;
}

/* Another CPU may have written the time after we read the clock. */
static uint64_t age_of(const struct gate_flow *held, uint64_t now)
{
	return now > held->last ? now - held->last : 0;
}

bool flow_from4(const struct gate_flow4_key *key, const struct gate_flow *held,
		const struct gate_settings *settings, uint64_t now, struct flow *ret_flow)
{
	struct flow flow = { .protocol = key->protocol };
	uint8_t opener = held->opener & 1;

	flow.opener.address = address_from_bytes((const uint8_t *)&key->addr[opener], 4);
	flow.other.address = address_from_bytes((const uint8_t *)&key->addr[!opener], 4);
	if (!make_flow(held, key->port, age_of(held, now), settings, &flow))
		return false;
	*ret_flow = flow;
	return true;
}

bool flow_from6(const struct gate_flow6_key *key, const struct gate_flow *held,
		const struct gate_settings *settings, uint64_t now, struct flow *ret_flow)
{
	struct flow flow = { .protocol = key->protocol };
	uint8_t opener = held->opener & 1;

	flow.opener.address = address_from_bytes((const uint8_t *)&key->addr[opener], 16);
	flow.other.address = address_from_bytes((const uint8_t *)&key->addr[!opener], 16);
	if (!make_flow(held, key->port, age_of(held, now), settings, &flow))
		return false;
	*ret_flow = flow;
	return true;
}

/* What has been read so far, and the buffers of one shard. */
struct reading {
	const struct gate_settings *settings;
	struct flow *flows;
	size_t count, capacity;
	union {
		struct gate_flow4_key v4[GATE_FLOWS_PER_SHARD];
		struct gate_flow6_key v6[GATE_FLOWS_PER_SHARD];
	} keys;
	struct gate_flow held[GATE_FLOWS_PER_SHARD];
};

static void add_flows(struct reading *reading, enum kernel_table table, uint32_t count)
{
	struct timespec clock;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &clock);
	now = (uint64_t)clock.tv_sec * SECOND + (uint64_t)clock.tv_nsec;
	for (uint32_t i = 0; i < count; i++) {
		struct flow *flow;

		reading->flows = mem_grow(reading->flows, reading->count, &reading->capacity,
					  sizeof(*reading->flows));
		flow = &reading->flows[reading->count];
		if (table == TABLE_FLOWS4 ? flow_from4(&reading->keys.v4[i], &reading->held[i],
						       reading->settings, now, flow) :
					    flow_from6(&reading->keys.v6[i], &reading->held[i],
						       reading->settings, now, flow))
			reading->count++;
	}
}

static int read_shard(const struct state *state, enum kernel_table table, uint32_t shard,
		      struct reading *reading)
{
	_close_ int map = kernel_table_open(state->pins, table, shard);
	uint32_t count = GATE_FLOWS_PER_SHARD;
	int error = map < 0 ? map : kernel_map_read(map, &reading->keys, reading->held, &count);

	if (!error)
		add_flows(reading, table, count);
	return error;
}

int flows_read(const struct state *state, const struct gate_settings *settings,
	       struct flow **ret_flows, size_t *ret_count)
{
	_free_ struct reading *reading = mem_alloc(sizeof(*reading));
	int error = 0;

	reading->settings = settings;
	for (uint32_t shard = 0; shard < GATE_FLOW_SHARDS && !error; shard++) {
		error = read_shard(state, TABLE_FLOWS4, shard, reading);
		if (!error)
			error = read_shard(state, TABLE_FLOWS6, shard, reading);
	}
	if (error) {
		free(reading->flows);
		return error;
	}
	*ret_flows = reading->flows;
	*ret_count = reading->count;
	return 0;
}
