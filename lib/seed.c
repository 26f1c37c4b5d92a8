// SPDX-License-Identifier: GPL-2.0-or-later
#include "seed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack.h"
#include "mem.h"

static struct gate_address gate_address(address_t address)
{
	struct gate_address made = {};

	address_bytes(address, (uint8_t *)&made);
	return made;
}

static struct gate_seed seed_of(const struct connection *connection, const struct tuple *tuple,
				enum flow_kind kind, uint32_t slot)
{
	return (struct gate_seed){
		.src = gate_address(tuple->src),
		.dst = gate_address(tuple->dst),
		.sport = htons(tuple->sport),
		.dport = htons(tuple->dport),
		.version = address_is_ipv4(tuple->src) ? 4 : 6,
		.protocol = connection->protocol,
		.state = connection->state,
		.kind = kind,
		.slot = slot,
	};
}

/* Returns whether the policy allows it, or a negative errno. */
static int run(const struct kernel_programs *programs, const struct gate_seed *seed)
{
	struct kernel_run run = { .packet = seed, .size = sizeof(*seed) };
	int error = kernel_program_run(programs->seed, &run);

	return error ? error : run.action == REASON_NONE;
}

static int seed_one(const struct kernel_programs *programs, const struct connection *connection,
		    uint32_t slot)
{
	struct gate_seed seed = seed_of(connection, &connection->original, FLOW_JUDGED, slot);
	int allowed = run(programs, &seed);
	struct tuple after;

	if (allowed <= 0 || !connection_is_translated(connection, &after))
		return allowed;
	seed = seed_of(connection, &after, FLOW_LEARNED, slot);
	return run(programs, &seed);
}

int seed_flows(const struct kernel_programs *programs, const struct generation *generation,
	       struct diag *diag)
{
	_free_ struct connection *connections = NULL;
	size_t count = 0;
	int result = conntrack_read(&connections, &count);

	if (result == -EOPNOTSUPP) {
		diag_note(diag, PLACE_NONE,
			  "this kernel tracks no connections: those that exist now go on with the "
			  "next packet of their opener");
		return 0;
	}
	for (size_t i = 0; i < count && result >= 0; i++)
		result = seed_one(programs, &connections[i], generation->slot);
	if (result >= 0)
		return 0;
	diag_error(diag, PLACE_NONE, "cannot take over the connections that exist now: %s",
		   strerror(-result));
	return result;
}
