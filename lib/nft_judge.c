// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nftables has no classes, so pairs of classes become pairs of addresses. Sources to which the same
 * is open share a profile; one of few addresses is multiplied out, one of more has a chain with its
 * own sets, which a verdict map finds by the source: the kernel searches the sets of a table one
 * by one, and there cannot be one for each device. Hash sets are fast and hold single values; what
 * is a range goes to an interval set. Ranges of one such set must not overlap, and those of narrow
 * and wide classes do.
 */
#include "nft_judge.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nft_addresses.h"

/* The kernel's limit is 584 years; who waits longer than this waits for ever. */
#define TIMEOUT_SECONDS_MAX (500ll * 365 * 86400)

/*
 * Sets that are asked one after the other: one of single values, and four of ranges, by the levels
 * of source and destination.
 */
#define SINGLE	 0
#define RANGES	 1
#define KINDS	 5
#define ANY_PORT 1

/* Numbers of sets + 1; 0: none. */
struct bunch {
	const char *name;
	bool has_source;
	size_t sets[2][KINDS];	  /* [ANY_PORT] */
	uint8_t protocols[KINDS]; /* bit by ported[], that are in sets[0] */
};

/* nft knows what a port is only behind a protocol. */
static const struct {
	uint8_t number;
	const char *text[WAYS];
} ported[] = {
	{ IPPROTO_TCP, { "ct original protocol tcp", "ct reply protocol tcp" } },
	{ IPPROTO_UDP, { "ct original protocol udp", "ct reply protocol udp" } },
	{ IPPROTO_SCTP, { "ct original protocol sctp", "ct reply protocol sctp" } },
};

/* A profile in the nft table. */
struct opener {
	const struct profile *profile;
	bool named[FAMILIES]; /* `natAs` needs its chain */
	struct bunch bunch[FAMILIES];
};

static const char *const levels[] = { "narrow", "wide" };
static const char *const ways[] = { "original", "reversed" };

static struct opener *opener_of(const struct nft_judge *judge, const struct gate_identity *identity,
				bool wide)
{
	const struct profile *profile = profile_of(&judge->profiles, identity, wide);

	return profile ? &judge->openers[profile - judge->profiles.items] : NULL;
}

static void find_named(struct nft_judge *judge, const struct gate_identity *identity,
		       enum family family)
{
	for (size_t wide = 0; identity->device && wide < 2; wide++) {
		struct opener *opener = opener_of(judge, identity, wide);

		if (opener)
			opener->named[family] = true;
	}
}

static void find_openers(struct nft_judge *judge)
{
	const struct table *table = judge->table;

	profiles_find(table, judge->segments, &judge->profiles);
	judge->openers = mem_alloc(judge->profiles.count * sizeof(*judge->openers));
	for (size_t i = 0; i < judge->profiles.count; i++)
		judge->openers[i].profile = &judge->profiles.items[i];
	for (size_t slot = 0; slot < table->interfaces_count; slot++)
		for (enum family family = 0; family < FAMILIES; family++)
			find_named(judge, &table->settings.nat_as[slot][family], family);
}

static bool is_expanded(const struct opener *opener, enum family family)
{
	return opener->profile->pieces[family].count <= NFT_EXPANDED_MAX;
}

static bool has_chain(const struct opener *opener, enum family family)
{
	return opener->named[family] || !is_expanded(opener, family);
}

/* ICMP is of one IP version; a rule without a protocol names both. */
static bool fits(const struct table_range *range, enum family family)
{
	uint8_t protocol = (uint8_t)(range->low >> 16);

	return protocol != (family == FAMILY_IP4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

static uint64_t count_opener(const struct nft_judge *judge, const struct opener *opener,
			     enum family family)
{
	uint64_t openings = 0, sources = opener->profile->pieces[family].count;

	for (size_t i = 0; i < opener->profile->grants_count; i++) {
		const struct grant *grant = &opener->profile->grants[i];
		uint64_t ranges = 0;

		for (uint32_t j = 0; j < grant->ports.count; j++)
			ranges += fits(&judge->table->ranges[grant->ports.first + j], family);
		openings += ranges * judge->profiles.targets[grant->target].pieces[family].count;
	}
	if (!openings)
		return 0;
	return (is_expanded(opener, family) ? sources * openings : WAYS * sources) +
	       (has_chain(opener, family) ? openings : 0);
}

static int check_count(const struct nft_judge *judge, struct diag *diag)
{
	uint64_t count = 0;

	for (size_t i = 0; i < judge->profiles.count; i++)
		for (enum family family = 0; family < FAMILIES; family++)
			count += count_opener(judge, &judge->openers[i], family);
	if (count <= NFT_ELEMENTS_MAX)
		return 0;
	diag_error(diag, PLACE_NONE,
		   "the rules make %llu elements of sets in nftables, and %d are the limit",
		   (unsigned long long)count, NFT_ELEMENTS_MAX);
	return -E2BIG;
}

/* What one element is to say. */
struct entry {
	enum family family;
	const struct range *src; /* NULL: the chain knows */
	const struct range *dst;
	const struct table_range *ports;
	size_t kind; /* where it is a range */
};

static struct nft_key key_of(enum family family, enum way way, bool has_source, bool any_port)
{
	static const enum nft_field fields[WAYS][FAMILIES][4] = {
		{ { NFT_FIELD_CT_ORIGINAL_SADDR, NFT_FIELD_CT_ORIGINAL_DADDR,
		    NFT_FIELD_CT_ORIGINAL_PROTOCOL, NFT_FIELD_CT_ORIGINAL_DPORT },
		  { NFT_FIELD_CT_ORIGINAL_SADDR6, NFT_FIELD_CT_ORIGINAL_DADDR6,
		    NFT_FIELD_CT_ORIGINAL_PROTOCOL, NFT_FIELD_CT_ORIGINAL_DPORT } },
		{ { NFT_FIELD_CT_REPLY_DADDR, NFT_FIELD_CT_REPLY_SADDR, NFT_FIELD_CT_REPLY_PROTOCOL,
		    NFT_FIELD_CT_REPLY_SPORT },
		  { NFT_FIELD_CT_REPLY_DADDR6, NFT_FIELD_CT_REPLY_SADDR6,
		    NFT_FIELD_CT_REPLY_PROTOCOL, NFT_FIELD_CT_REPLY_SPORT } },
	};
	const enum nft_field *all = fields[way][family];
	struct nft_key key = {};

	for (size_t i = has_source ? 0 : 1; i < (any_port ? 3 : 4); i++)
		key.fields[key.count++] = all[i];
	return key;
}

static struct nft_set *bunch_set(struct nft_judge *judge, struct bunch *bunch, enum family family,
				 size_t any_port, size_t kind)
{
	static const char *const names[KINDS] = {
		"",
		"_ranges_narrow_narrow",
		"_ranges_narrow_wide",
		"_ranges_wide_narrow",
		"_ranges_wide_wide",
	};
	struct nft_key key = key_of(family, WAY_ORIGINAL, bunch->has_source, any_port);
	size_t *set = &bunch->sets[any_port][kind];
	struct nft_set *made;

	if (!*set) {
		*set = 1 + nft_add_set(judge->builder,
				       nft_name(judge->builder, "%s%s%s", bunch->name,
						any_port ? "_any_port" : "", names[kind]),
				       &key);
		made = &judge->builder->table.sets[*set - 1];
		made->has_intervals = kind != SINGLE;
		made->has_counters = true;
	}
	return &judge->builder->table.sets[*set - 1];
}

static size_t put_port(struct nft_element *element, size_t at, const struct table_range *ports)
{
	const uint8_t low[] = { (uint8_t)(ports->low >> 8), (uint8_t)ports->low };
	const uint8_t high[] = { (uint8_t)(ports->high >> 8), (uint8_t)ports->high };

	return nft_put(element, at, low, high, sizeof(low));
}

/* The rule stands in place of the timeout until all are there: of several on a key one remains. */
static void allow(struct nft_judge *judge, struct bunch *bunch, const struct entry *entry)
{
	const struct table_range *ports = entry->ports;
	uint8_t protocol = (uint8_t)(ports->low >> 16);
	bool any_port = !protocol_has_ports(protocol) || (ports->high - ports->low == UINT16_MAX);
	bool single = (!entry->src || entry->src->first == entry->src->last) &&
		      entry->dst->first == entry->dst->last &&
		      (any_port || ports->low == ports->high);
	size_t kind = single ? SINGLE : entry->kind, at = 0;
	struct nft_element *element =
		nft_add_element(bunch_set(judge, bunch, entry->family, any_port, kind));

	if (entry->src)
		at = nft_put_range(element, at, entry->src);
	at = nft_put_range(element, at, entry->dst);
	at = nft_put(element, at, &protocol, &protocol, sizeof(protocol));
	element->timeout = ports->order;
	if (any_port)
		return;
	put_port(element, at, ports);
	for (size_t i = 0; i < ARRAY_SIZE(ported); i++)
		if (ported[i].number == protocol)
			bunch->protocols[kind] |= (uint8_t)(1u << i);
}

static void expand(struct nft_judge *judge, struct bunch *bunch, const struct pieces *sources,
		   struct entry entry)
{
	for (size_t i = 0; i < sources->count; i++) {
		entry.src = &sources->items[i];
		allow(judge, bunch, &entry);
	}
}

static void add_grant(struct nft_judge *judge, struct bunch *all, struct opener *opener,
		      const struct grant *grant, enum family family)
{
	const struct pieces *pieces = &judge->profiles.targets[grant->target].pieces[family];
	struct entry entry = { .family = family,
			       .kind = RANGES + 2u * opener->profile->wide + grant->wide };

	for (uint32_t i = 0; i < grant->ports.count; i++) {
		entry.ports = &judge->table->ranges[grant->ports.first + i];
		for (size_t j = 0; j < pieces->count && fits(entry.ports, family); j++) {
			entry.dst = &pieces->items[j];
			entry.src = NULL;
			if (has_chain(opener, family))
				allow(judge, &opener->bunch[family], &entry);
			if (is_expanded(opener, family))
				expand(judge, all, &opener->profile->pieces[family], entry);
		}
	}
}

static void add_opener(struct nft_judge *judge, struct bunch *all, size_t number,
		       enum family family)
{
	struct opener *opener = &judge->openers[number];

	if (!opener->profile->pieces[family].count && !opener->named[family])
		return;
	opener->bunch[family].name = nft_name(judge->builder, "from%zu_%s", number + 1,
					      nft_family_name(family));
	for (size_t i = 0; i < opener->profile->grants_count; i++)
		add_grant(judge, all, opener, &opener->profile->grants[i], family);
}

static int by_key_and_rule(const void *one, const void *other, void *context)
{
	const struct table *table = context;
	const struct nft_element *a = one, *b = other;
	int64_t expires_a = table->rules[a->timeout].expires;
	int64_t expires_b = table->rules[b->timeout].expires;
	int order = memcmp(a->low, b->low, sizeof(a->low));

	if (!order)
		order = memcmp(a->high, b->high, sizeof(a->high));
	if (!order && expires_a != expires_b)
		order = expires_a > expires_b ? -1 : 1;
	return order ? order : (a->timeout > b->timeout) - (a->timeout < b->timeout);
}

static bool same_key(const struct nft_element *one, const struct nft_element *other)
{
	return !memcmp(one->low, other->low, sizeof(one->low)) &&
	       !memcmp(one->high, other->high, sizeof(one->high));
}

/* Sorts, keeps of each key the rule that lasts longest, and tells how long that is. */
static void set_finish(const struct nft_judge *judge, struct nft_set *set)
{
	const struct table *table = judge->table;
	size_t kept = 0;

	qsort_r(set->elements, set->count, sizeof(*set->elements), by_key_and_rule, (void *)table);
	for (size_t i = 0; i < set->count; i++)
		if (!kept || !same_key(&set->elements[kept - 1], &set->elements[i]))
			set->elements[kept++] = set->elements[i];
	set->count = 0;
	for (size_t i = 0; i < kept; i++) {
		struct nft_element element = set->elements[i];
		const struct table_rule *rule = &table->rules[element.timeout];
		int64_t left = rule->expires - judge->now;

		element.comment = rule->label;
		element.timeout = 0;
		if (rule->expires != EXPIRES_NEVER && left <= TIMEOUT_SECONDS_MAX) {
			if (left <= 0)
				continue;
			element.timeout = (uint64_t)left * 1000;
			set->has_timeouts = true;
		}
		set->elements[set->count++] = element;
	}
}

static void bunch_finish(const struct nft_judge *judge, struct bunch *bunch)
{
	for (size_t i = 0; i < 2 * KINDS; i++) {
		size_t set = bunch->sets[i / KINDS][i % KINDS];

		if (set)
			set_finish(judge, &judge->builder->table.sets[set - 1]);
	}
}

/* The rules that ask the sets of a bunch, those of single values first. */
static void ask(struct nft_judge *judge, size_t chain, const struct bunch *bunch,
		enum family family, enum way way)
{
	const struct nft_table *table = &judge->builder->table;
	enum nft_field protocol = way == WAY_ORIGINAL ? NFT_FIELD_CT_ORIGINAL_PROTOCOL :
							NFT_FIELD_CT_REPLY_PROTOCOL;

	for (size_t kind = 0; kind < KINDS; kind++) {
		for (size_t i = 0; bunch->sets[0][kind] && i < ARRAY_SIZE(ported); i++)
			if (bunch->protocols[kind] & 1u << i)
				NFT_RULE(judge->builder, chain, nft_is_family(family),
					 nft_is(protocol, ported[i].number, ported[i].text[way]),
					 nft_lookup(key_of(family, way, bunch->has_source, false),
						    table->sets[bunch->sets[0][kind] - 1].name),
					 nft_jump("passed"));
		if (bunch->sets[ANY_PORT][kind])
			NFT_RULE(judge->builder, chain, nft_is_family(family),
				 nft_lookup(key_of(family, way, bunch->has_source, true),
					    table->sets[bunch->sets[ANY_PORT][kind] - 1].name),
				 nft_jump("passed"));
	}
}

static bool bunch_is_empty(const struct bunch *bunch)
{
	for (size_t i = 0; i < 2 * KINDS; i++)
		if (bunch->sets[i / KINDS][i % KINDS])
			return false;
	return true;
}

static const char *chain_name(struct nft_judge *judge, const struct bunch *bunch, enum way way)
{
	return nft_name(judge->builder, "%s_%s", bunch->name, ways[way]);
}

/* The maps from a source to the chain of its profile: [0] of single addresses, [1] of ranges. */
struct dispatch {
	size_t maps[2];
};

static struct nft_set *dispatch_map(struct nft_judge *judge, struct dispatch *dispatch,
				    enum family family, enum way way, const char *level,
				    bool ranges)
{
	struct nft_key key = key_of(family, way, true, true);
	size_t *map = &dispatch->maps[ranges];

	key.count = 1;
	if (!*map) {
		*map = 1 + nft_add_set(judge->builder,
				       nft_name(judge->builder, "%s_%s_%s%s", level,
						nft_family_name(family), ways[way],
						ranges ? "_ranges" : ""),
				       &key);
		judge->builder->table.sets[*map - 1].is_map = true;
		judge->builder->table.sets[*map - 1].has_intervals = ranges;
	}
	return &judge->builder->table.sets[*map - 1];
}

static void dispatch_add(struct nft_judge *judge, struct dispatch *dispatch,
			 const struct opener *opener, enum family family, enum way way)
{
	const struct pieces *pieces = &opener->profile->pieces[family];
	const char *chain = chain_name(judge, &opener->bunch[family], way);

	for (size_t i = 0; i < pieces->count; i++) {
		bool ranges = pieces->items[i].first != pieces->items[i].last;
		struct nft_element *element = nft_add_element(dispatch_map(
			judge, dispatch, family, way, levels[opener->profile->wide], ranges));

		nft_put_range(element, 0, &pieces->items[i]);
		element->jump = chain;
	}
}

static void add_dispatch(struct nft_judge *judge, size_t chain, enum family family, enum way way,
			 bool wide)
{
	struct nft_key key = key_of(family, way, true, true);
	struct dispatch dispatch = {};

	for (size_t i = 0; i < judge->profiles.count; i++) {
		const struct opener *opener = &judge->openers[i];

		if (opener->profile->wide == wide && !is_expanded(opener, family) &&
		    !bunch_is_empty(&opener->bunch[family]))
			dispatch_add(judge, &dispatch, opener, family, way);
	}
	key.count = 1;
	for (size_t i = 0; i < 2; i++) {
		struct nft_set *map;

		if (!dispatch.maps[i])
			continue;
		map = &judge->builder->table.sets[dispatch.maps[i] - 1];
		nft_sort(map);
		NFT_RULE(judge->builder, chain, nft_vmap(key, map->name));
	}
}

static void add_chains(struct nft_judge *judge, const struct bunch *all)
{
	for (size_t i = 0; i < judge->profiles.count; i++) {
		for (enum family family = 0; family < FAMILIES; family++) {
			struct bunch *bunch = &judge->openers[i].bunch[family];

			for (enum way way = 0; way < WAYS && !bunch_is_empty(bunch); way++)
				ask(judge,
				    nft_add_chain(judge->builder, chain_name(judge, bunch, way)),
				    bunch, family, way);
		}
	}
	for (enum way way = 0; way < WAYS; way++) {
		size_t chain = nft_add_chain(judge->builder, ways[way]);

		for (enum family family = 0; family < FAMILIES; family++) {
			ask(judge, chain, &all[family], family, way);
			add_dispatch(judge, chain, family, way, false);
			add_dispatch(judge, chain, family, way, true);
		}
	}
}

int nft_judge_build(struct nft_judge *judge, struct diag *diag)
{
	struct bunch all[FAMILIES] = { { .name = "allow_ip4", .has_source = true },
				       { .name = "allow_ip6", .has_source = true } };
	int error;

	find_openers(judge);
	error = check_count(judge, diag);
	if (error)
		return error;
	for (enum family family = 0; family < FAMILIES; family++) {
		for (size_t i = 0; i < judge->profiles.count; i++)
			add_opener(judge, &all[family], i, family);
		bunch_finish(judge, &all[family]);
		for (size_t i = 0; i < judge->profiles.count; i++)
			bunch_finish(judge, &judge->openers[i].bunch[family]);
	}
	add_chains(judge, all);
	return 0;
}

const char *nft_judge_chain(const struct nft_judge *judge, const struct gate_identity *identity,
			    bool wide, enum family family)
{
	const struct opener *opener = opener_of(judge, identity, wide);

	if (!opener || bunch_is_empty(&opener->bunch[family]))
		return NULL;
	return nft_name(judge->builder, "%s_reversed", opener->bunch[family].name);
}

void nft_judge_free(struct nft_judge *judge)
{
	profiles_free(&judge->profiles);
	free(judge->openers);
	*judge = (struct nft_judge){};
}
