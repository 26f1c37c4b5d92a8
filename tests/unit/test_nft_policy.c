// SPDX-License-Identifier: GPL-2.0-or-later
/* Random policies: what the sets and chains of the nft table say is what the table says. */
#include "nft_policy.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

#include "dice.h"
#include "flatten.h"
#include "generate.h"
#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "told.h"
#include "unit.h"

#define POLICIES   60
#define QUESTIONS  300 /* of each policy */
#define NEIGHBOURS 100

struct trial {
	uint64_t seed;
	struct dice dice;
	char *policy;
	address_t addresses[2];
	struct box box;
	struct checked checked;
	struct segments segments;
	struct nft_builder builder;
};

/* What opens a connection, and where it comes in. */
struct tuple {
	address_t src, dst;
	uint8_t protocol;
	uint16_t port;
	const char *interface;
};

static void trial_start(struct trial *trial, uint64_t seed)
{
	_free_ char *findings = NULL;
	struct checked *checked = &trial->checked;

	*trial = (struct trial){ .seed = seed, .dice = { seed } };
	trial->policy = generate_policy(&trial->dice);
	trial->addresses[0] = notation_address("10.255.255.1");
	trial->addresses[1] = notation_address("fd77::ffff:1");
	trial->box = (struct box){ .addresses = trial->addresses,
				   .count = dice_roll(&trial->dice, 3) };
	pipeline(checked, trial->policy, NULL, &trial->box, STAGE_COMPILE);
	findings = told(&checked->diag, &checked->sources);
	ck_assert_msg(!checked->diag.errors, "ACLGATE_SEED=%" PRIu64 ": %s", seed, findings);
	flatten(&checked->table, &trial->segments);
	ck_assert_int_eq(
		nft_policy_build(&checked->table, PIPELINE_NOW, &checked->diag, &trial->builder),
		0);
}

static void trial_end(struct trial *trial)
{
	nft_builder_free(&trial->builder);
	segments_free(&trial->segments);
	checked_free(&trial->checked);
	mem_freep(&trial->policy);
}

/* Returns how many bytes the field has for this packet, or 0 where it has none. */
static size_t read_address(address_t address, size_t size, uint8_t bytes[16])
{
	return address_bytes(address, bytes) == size ? size : 0;
}

static size_t read_field(const struct tuple *tuple, enum nft_field field, uint8_t bytes[16])
{
	size_t size = nft_fields[field].size;

	memset(bytes, 0, 16);
	switch (field) {
	case NFT_FIELD_IIFNAME:
		strncpy((char *)bytes, tuple->interface, 15);
		return size;
	case NFT_FIELD_NFPROTO:
		bytes[0] = address_is_ipv4(tuple->src) ? NFPROTO_IPV4 : NFPROTO_IPV6;
		return size;
	case NFT_FIELD_CT_ORIGINAL_PROTOCOL:
	case NFT_FIELD_CT_REPLY_PROTOCOL:
		bytes[0] = tuple->protocol;
		return size;
	case NFT_FIELD_CT_ORIGINAL_DPORT:
	case NFT_FIELD_CT_REPLY_SPORT:
		bytes[0] = (uint8_t)(tuple->port >> 8);
		bytes[1] = (uint8_t)tuple->port;
		return size;
	case NFT_FIELD_IP_SADDR:
	case NFT_FIELD_IP6_SADDR:
	case NFT_FIELD_CT_ORIGINAL_SADDR:
	case NFT_FIELD_CT_ORIGINAL_SADDR6:
	case NFT_FIELD_CT_REPLY_DADDR:
	case NFT_FIELD_CT_REPLY_DADDR6:
		return read_address(tuple->src, size, bytes);
	case NFT_FIELD_CT_ORIGINAL_DADDR:
	case NFT_FIELD_CT_ORIGINAL_DADDR6:
	case NFT_FIELD_CT_REPLY_SADDR:
	case NFT_FIELD_CT_REPLY_SADDR6:
		return read_address(tuple->dst, size, bytes);
	default:
		ck_abort_msg("the judgement reads %s", nft_fields[field].text);
		return 0;
	}
}

static const struct nft_set *set_named(const struct nft_table *table, const char *name)
{
	for (size_t i = 0; i < table->sets_count; i++)
		if (!strcmp(table->sets[i].name, name))
			return &table->sets[i];
	return NULL;
}

static const struct nft_chain *chain_named(const struct nft_table *table, const char *name)
{
	for (size_t i = 0; i < table->chains_count; i++)
		if (!strcmp(table->chains[i].name, name))
			return &table->chains[i];
	return NULL;
}

static bool holds(const struct nft_element *element, const struct nft_key *key,
		  const uint8_t values[NFT_KEY_FIELDS][16])
{
	size_t at = 0;

	for (size_t i = 0; i < key->count; i++) {
		size_t size = nft_fields[key->fields[i]].size;

		if (memcmp(values[i], &element->low[at], size) < 0 ||
		    memcmp(values[i], &element->high[at], size) > 0)
			return false;
		at += NFT_FIELD_STEP(size);
	}
	return true;
}

static const struct nft_element *find(const struct nft_set *set, const struct nft_key *key,
				      const struct tuple *tuple)
{
	uint8_t values[NFT_KEY_FIELDS][16];

	for (size_t i = 0; i < key->count; i++)
		if (!read_field(tuple, key->fields[i], values[i]))
			return NULL;
	for (size_t i = 0; i < set->count; i++)
		if (holds(&set->elements[i], key, (const uint8_t(*)[16])values))
			return &set->elements[i];
	return NULL;
}

static bool matches(const struct nft_statement *statement, const struct tuple *tuple)
{
	uint8_t bytes[16];

	return read_field(tuple, statement->key.fields[0], bytes) && bytes[0] == statement->value;
}

/* Does the chain end in `passed`? */
static bool passes(const struct nft_table *table, const char *chain, const struct tuple *tuple);

static bool rule_passes(const struct nft_table *table, const struct nft_rule *rule,
			const struct tuple *tuple)
{
	for (size_t i = 0; i < rule->count; i++) {
		const struct nft_statement *statement = &rule->statements[i];
		const struct nft_element *element;

		switch (statement->kind) {
		case NFT_DO_MATCH:
			if (!matches(statement, tuple))
				return false;
			break;
		case NFT_DO_LOOKUP:
			if (!find(set_named(table, statement->name), &statement->key, tuple))
				return false;
			break;
		case NFT_DO_VMAP:
			element = find(set_named(table, statement->name), &statement->key, tuple);
			return element && passes(table, element->jump, tuple);
		case NFT_DO_JUMP:
			return passes(table, statement->name, tuple);
		default:
			ck_abort_msg("the judgement does something");
		}
	}
	return false;
}

static bool passes(const struct nft_table *table, const char *chain, const struct tuple *tuple)
{
	const struct nft_chain *rules = chain_named(table, chain);

	if (!strcmp(chain, "passed"))
		return true;
	for (size_t i = 0; i < rules->count; i++)
		if (rule_passes(table, &rules->rules[i], tuple))
			return true;
	return false;
}

/* An end of what has this class, or an address next to it. */
static address_t address_of(struct trial *trial, uint32_t class)
{
	uint32_t count = (uint32_t)trial->segments.count, start = dice_roll(&trial->dice, count);

	for (uint32_t i = 0; i < count; i++) {
		const struct segment *segment = &trial->segments.items[(start + i) % count];

		if (segment->identity->fine != class && segment->identity->coarse != class)
			continue;
		switch (dice_roll(&trial->dice, 8)) {
		case 0:
			return segment->last + 1;
		case 1:
			return segment->first - 1;
		case 2:
		case 3:
			return segment->last;
		}
		return segment->first;
	}
	return generate_address(&trial->dice);
}

static struct tuple tuple_of(struct trial *trial)
{
	const struct table *table = &trial->checked.table;
	struct dice *dice = &trial->dice;
	const struct table_pair *pair =
		&table->pairs[dice_roll(dice, (uint32_t)table->pairs_count)];
	const struct table_range *range =
		&table->ranges[pair->ports.first + dice_roll(dice, pair->ports.count)];
	struct tuple tuple = {
		.protocol = (uint8_t)(range->low >> 16),
		.port = (uint16_t)(dice_chance(dice, 50) ? range->low : range->high),
		.interface = table->interfaces[dice_roll(dice, (uint32_t)table->interfaces_count)],
	};

	/* both of one IP version, and ICMP of its own one */
	do {
		tuple.src = address_of(trial, pair->classes.source);
		tuple.dst = address_of(trial, pair->classes.destination);
		if (dice_chance(dice, 10))
			tuple.src = generate_address(dice);
		if (dice_chance(dice, 10))
			tuple.dst = generate_address(dice);
		if (tuple.protocol == IPPROTO_ICMP || tuple.protocol == IPPROTO_ICMPV6)
			tuple.protocol = address_is_ipv4(tuple.src) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	} while (address_is_ipv4(tuple.src) != address_is_ipv4(tuple.dst) && !dice_chance(dice, 1));
	if (dice_chance(dice, 30))
		tuple.port = (uint16_t)(tuple.port + dice_roll(dice, 3) - 1);
	if (dice_chance(dice, 5))
		tuple.protocol = dice_chance(dice, 50) ? 47 : 99;
	return tuple;
}

/* Returns whether it is allowed, as both say. */
static bool ask(const struct trial *trial, const struct tuple *tuple)
{
	const struct nft_table *nft = &trial->builder.table;
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];
	uint32_t rule;
	bool allowed = !table_judge(&trial->checked.table, tuple->src, tuple->dst, tuple->protocol,
				    tuple->port, &rule);
	bool original = passes(nft, "original", tuple), reversed = passes(nft, "reversed", tuple);

	if (allowed == original && allowed == reversed)
		return allowed;
	fprintf(stderr, "%s", trial->policy);
	ck_abort_msg("ACLGATE_SEED=%" PRIu64 ": %s -> %s protocol %u port %u: allowed %d, "
		     "original %d, reversed %d",
		     trial->seed, address_format(tuple->src, src), address_format(tuple->dst, dst),
		     tuple->protocol, tuple->port, allowed, original, reversed);
	return false;
}

START_TEST(agrees)
{
	uint64_t seed = dice_seed();
	unsigned int allowed = 0, denied = 0;

	printf("nft_policy: ACLGATE_SEED=%" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < POLICIES; i++) {
		struct trial trial;

		trial_start(&trial, seed + i);
		for (int j = 0; trial.checked.table.pairs_count && j < QUESTIONS; j++) {
			struct tuple tuple = tuple_of(&trial);

			if (address_is_ipv4(tuple.src) != address_is_ipv4(tuple.dst))
				continue;
			if (ask(&trial, &tuple))
				allowed++;
			else
				denied++;
		}
		trial_end(&trial);
	}
	/* or the questions would be worth nothing */
	ck_assert_uint_gt(allowed, POLICIES * QUESTIONS / 10);
	ck_assert_uint_gt(denied, POLICIES * QUESTIONS / 10);
}
END_TEST

/* Is the source bound to the interface, as far as the sets tell? */
static bool is_bound(const struct nft_table *table, const struct tuple *tuple)
{
	static const char *const names[] = { "bound_ip4", "bound_ip4_ranges", "bound_ip6",
					     "bound_ip6_ranges" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct nft_set *set = set_named(table, names[i]);

		if (set && find(set, &set->key, tuple))
			return true;
	}
	return false;
}

START_TEST(binds)
{
	uint64_t seed = dice_seed();

	for (uint64_t i = 0; i < POLICIES; i++) {
		struct trial trial;

		trial_start(&trial, seed + i);
		for (size_t j = 0; j < 2 * trial.segments.count; j++) {
			const struct table *table = &trial.checked.table;
			const struct segment *segment = &trial.segments.items[j / 2];
			uint32_t slot = dice_roll(&trial.dice, (uint32_t)table->interfaces_count);
			struct tuple tuple = { .src = j % 2 ? segment->last : segment->first,
					       .interface = table->interfaces[slot] };
			const struct gate_identity *identity = table_identity(table, tuple.src);
			bool wanted = identity->device && identity->speaks & 1u << slot &&
				      !(identity->speaks &
					(GATE_SPEAKS_SELF | GATE_SPEAKS_REJECTED));

			ck_assert_msg(is_bound(&trial.builder.table, &tuple) == wanted,
				      "ACLGATE_SEED=%" PRIu64, trial.seed);
		}
		trial_end(&trial);
	}
}
END_TEST

static bool overlaps(const struct nft_set *set, const struct nft_element *one,
		     const struct nft_element *other)
{
	size_t at = 0;

	for (size_t i = 0; i < set->key.count; i++) {
		size_t size = nft_fields[set->key.fields[i]].size;

		if (memcmp(&one->high[at], &other->low[at], size) < 0 ||
		    memcmp(&one->low[at], &other->high[at], size) > 0)
			return false;
		at += NFT_FIELD_STEP(size);
	}
	return true;
}

static const char *element_fault(const struct nft_table *table, const struct nft_set *set, size_t i)
{
	const struct nft_element *element = &set->elements[i];

	/* sorted by its start: the nearest ones, or it would take hours */
	for (size_t j = i + 1; j < set->count && j <= i + NEIGHBOURS; j++)
		if (overlaps(set, element, &set->elements[j]))
			return "elements overlap";
	if (!set->has_intervals && memcmp(element->low, element->high, sizeof(element->low)))
		return "a range in a hash set";
	if (set->is_map != !!element->jump)
		return "a map without a verdict, or a set with one";
	if (element->jump && !chain_named(table, element->jump))
		return "a jump to no chain";
	if (element->timeout && !set->has_timeouts)
		return "a timeout in a set without";
	return NULL;
}

/* The kernel refuses what overlaps, and names that are not there yet. */
static void check_set(const struct nft_table *table, const struct nft_set *set)
{
	ck_assert_uint_gt(set->count, 0);
	for (size_t i = 0; i < set->count; i++) {
		const char *fault = element_fault(table, set, i);

		if (fault)
			ck_abort_msg("%s: %s", set->name, fault);
	}
}

static void check_chain(const struct nft_table *table, const struct nft_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		for (size_t j = 0; j < chain->rules[i].count; j++) {
			const struct nft_statement *statement = &chain->rules[i].statements[j];

			if (statement->kind == NFT_DO_JUMP)
				ck_assert(chain_named(table, statement->name) < chain);
			if (statement->kind == NFT_DO_LOOKUP || statement->kind == NFT_DO_VMAP)
				ck_assert(set_named(table, statement->name));
		}
	}
}

START_TEST(is_sound)
{
	uint64_t seed = dice_seed();

	for (uint64_t i = 0; i < POLICIES; i++) {
		struct trial trial;
		const struct nft_table *table = &trial.builder.table;

		trial_start(&trial, seed + i);
		for (size_t j = 0; j < table->sets_count; j++)
			check_set(table, &table->sets[j]);
		for (size_t j = 0; j < table->chains_count; j++)
			check_chain(table, &table->chains[j]);
		trial_end(&trial);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("nft_policy");

	unit_add(suite, agrees, 1);
	unit_add(suite, binds, 1);
	unit_add(suite, is_sound, 1);
	return suite;
}
