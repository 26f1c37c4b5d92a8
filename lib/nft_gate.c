// SPDX-License-Identifier: GPL-2.0-or-later
#include "nft_gate.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "digest.h"
#include "mem.h"
#include "nft_policy.h"
#include "reason.h"

#define GUARDED "guarded"

static size_t count_rules(const struct nft_table *table)
{
	size_t rules = 0;

	for (size_t i = 0; i < table->chains_count; i++)
		rules += table->chains[i].count;
	return rules;
}

/* nft(8) takes 127 bytes. */
static char *write_comment(const struct gate_policy *policy, uint32_t number, size_t rules)
{
	char hash[DIGEST_TEXT];

	return mem_printf("policy %u at %" PRIu64 ", %zu rules on %zu, %s, %s", number,
			  policy->loaded, rules, policy->table->interfaces_count,
			  policy->table->features & GATE_AUDIT ? "audit" : "enforce",
			  digest_format(policy->sha256, hash));
}

static bool read_hash(const char *text, uint8_t sha256[32])
{
	for (size_t i = 0; i < 32; i++) {
		unsigned int byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		sha256[i] = (uint8_t)byte;
	}
	return true;
}

/* How much there was when it was loaded. */
struct extent {
	size_t rules, interfaces;
};

static bool read_comment(const char *comment, struct gate_generation *generation,
			 struct extent *ret_extent)
{
	char mode[8], hash[65];

	if (sscanf(comment, "policy %u at %llu, %zu rules on %zu, %7[a-z], %64[0-9a-f]",
		   &generation->number, &generation->loaded, &ret_extent->rules,
		   &ret_extent->interfaces, mode, hash) != 6 ||
	    strlen(hash) != 64)
		return false;
	generation->features = strcmp(mode, "audit") ? 0 : GATE_AUDIT;
	return read_hash(hash, generation->sha256);
}

static struct nft_set *find_set(const struct nft_table *table, const char *name)
{
	struct nft_set *set = table->sets;

	while (strcmp(set->name, name))
		set++;
	return set;
}

int nft_gate_load(const struct gate_policy *policy, uint32_t number, struct diag *diag)
{
	_free_ char *comment = NULL;
	struct nft_builder builder;
	int error = nft_policy_build(policy->table, time(NULL), diag, &builder);

	if (error)
		return error;
	comment = write_comment(policy, number, count_rules(&builder.table));
	find_set(&builder.table, GUARDED)->comment = comment;
	error = nft_commit(&builder.table);
	nft_builder_free(&builder);
	if (error == -EOPNOTSUPP)
		diag_error(
			diag, PLACE_NONE,
			"this kernel has no nftables, or not all of it that a policy needs: load the "
			"modules nf_tables and nf_conntrack");
	else if (error)
		diag_error(diag, PLACE_NONE, "nftables did not take the policy: %s",
			   strerror(-error));
	return error;
}

static int on_guarded(const struct nft_element *element, const struct nft_counter *counter,
		      void *context)
{
	struct nft_gate *gate = context;

	(void)counter;
	if (gate->interfaces_count == GATE_GUARDED_MAX)
		return -E2BIG;
	memcpy(gate->interfaces[gate->interfaces_count++], element->low,
	       sizeof(gate->interfaces[0]) - 1);
	return 0;
}

/* As nft_policy.c makes it, as far as nft_stands() looks at it. */
static int stands(size_t rules)
{
	struct nft_chain chains[] = {
		{ .name = "prerouting",
		  .is_base = true,
		  .hook = NF_INET_PRE_ROUTING,
		  .priority = NFT_POLICY_PREROUTING,
		  .count = rules },
		{ .name = "forward",
		  .is_base = true,
		  .hook = NF_INET_FORWARD,
		  .priority = NFT_POLICY_FORWARD },
		{ .name = "postrouting",
		  .is_base = true,
		  .hook = NF_INET_POST_ROUTING,
		  .priority = NFT_POLICY_POSTROUTING },
	};
	const struct nft_table table = { .name = NFT_POLICY_TABLE,
					 .chains = chains,
					 .chains_count = ARRAY_SIZE(chains) };

	return nft_stands(&table);
}

static int read_once(struct nft_gate *ret_gate)
{
	_free_ char *comment = NULL;
	struct extent extent = {};
	struct nft_gate gate = {};
	int result = nft_read_set(NFT_POLICY_TABLE, GUARDED, on_guarded, &gate);

	*ret_gate = gate;
	if (!result)
		result = nft_read_comment(NFT_POLICY_TABLE, GUARDED, &comment);
	if (result || !comment || !read_comment(comment, &gate.generation, &extent))
		return result == -ENOENT ? 0 : result;
	*ret_gate = gate;
	if (extent.interfaces != gate.interfaces_count)
		return 0;
	result = stands(extent.rules);
	ret_gate->stands = result > 0;
	return result < 0 ? result : 0;
}

int nft_gate_read(struct nft_gate *ret_gate)
{
	int error = -EAGAIN;

	for (int i = 0; i < NFT_ATTEMPTS && error == -EAGAIN; i++)
		error = read_once(ret_gate);
	return error;
}

int nft_gate_remove(void)
{
	return nft_delete(NFT_POLICY_TABLE);
}

/* ---------------------------------------------------------------- counters */

/* A set whose elements count packets for their comments. */
struct counting {
	struct ids ids;
	struct counted *counted;
	const char *set;
};

static bool begins(const char *set, const char *with)
{
	return !strncmp(set, with, strlen(with));
}

static void count_device(struct gate_device_counters *device, const char *set,
			 const struct nft_counter *counter)
{
	enum direction direction = strstr(set, "_to_") ? DIRECTION_EGRESS : DIRECTION_INGRESS;

	if (begins(set, "passed_")) {
		device->passed_packets[direction] += counter->packets;
		device->passed_bytes[direction] += counter->bytes;
	} else if (begins(set, "audited_")) {
		device->audited_packets[direction] += counter->packets;
		device->audited_bytes[direction] += counter->bytes;
	} else {
		device->dropped_packets[direction][REASON_NONE] += counter->packets;
		device->dropped_bytes[direction] += counter->bytes;
	}
}

static bool is_of_devices(const char *set)
{
	return begins(set, "passed_") || begins(set, "audited_") || begins(set, "dropped_");
}

static int on_counted(const struct nft_element *element, const struct nft_counter *counter,
		      void *context)
{
	struct counting *counting = context;
	struct counted *counted = counting->counted;
	enum ids_kind kind = is_of_devices(counting->set) ? IDS_DEVICE : IDS_RULE;
	uint32_t id;

	if (!element->comment || !counter->packets)
		return 0;
	id = ids_get(&counting->ids, kind, element->comment);
	if (kind == IDS_DEVICE && id < counted->devices_count) {
		count_device(&counted->devices[id], counting->set, counter);
	} else if (kind == IDS_RULE && id < counted->rules_count) {
		counted->rules[id].packets += counter->packets;
		counted->rules[id].bytes += counter->bytes;
	}
	return 0;
}

static int on_set(const char *set, void *context)
{
	struct counting *counting = context;
	int error;

	counting->set = set;
	error = nft_read_set(NFT_POLICY_TABLE, set, on_counted, counting);
	return error == -ENOENT ? 0 : error; /* another load has replaced it meanwhile */
}

static int count_reasons(struct gate_device_counters *all)
{
	struct nft_counter counters[REASON_MAX] = {};
	int error;

	for (enum reason reason = 0; reason < REASON_MAX; reason++)
		counters[reason].name = reason_name(reason);
	error = nft_read_counters(NFT_POLICY_TABLE, counters, REASON_MAX);
	for (enum reason reason = 1; reason < REASON_MAX; reason++)
		all->dropped_packets[DIRECTION_INGRESS][reason] = counters[reason].packets;
	return error;
}

static int count_once(struct counting *counting)
{
	struct counted *counted = counting->counted;
	int error;

	memset(counted->devices, 0, counted->devices_count * sizeof(*counted->devices));
	memset(counted->rules, 0, counted->rules_count * sizeof(*counted->rules));
	error = nft_read_sets(NFT_POLICY_TABLE, on_set, counting);
	return error ? error : count_reasons(&counted->devices[0]);
}

int nft_gate_count(const struct state *state, struct counted *ret_counted)
{
	struct counted counted = {};
	struct counting counting = { .counted = &counted };
	int error = ids_read(state, &counting.ids);

	counted.devices_count = ids_last(&counting.ids, IDS_DEVICE) + 1;
	counted.rules_count = ids_last(&counting.ids, IDS_RULE) + 1;
	counted.devices = mem_alloc(counted.devices_count * sizeof(*counted.devices));
	counted.rules = mem_alloc(counted.rules_count * sizeof(*counted.rules));
	if (!error)
		error = -EAGAIN;
	for (int i = 0; i < NFT_ATTEMPTS && error == -EAGAIN; i++)
		error = count_once(&counting);
	ids_free(&counting.ids);
	*ret_counted = counted;
	return error;
}
