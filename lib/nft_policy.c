// SPDX-License-Identifier: GPL-2.0-or-later
/* What stands around the judgement: both hooks, who may speak where, what can open a connection. */
#include "nft_policy.h"

#include <netinet/in.h> /* before linux/netfilter.h, which would bring another one */
#include <linux/if_arp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <string.h>

#include "mem.h"
#include "nft_addresses.h"
#include "nft_icmp.h"
#include "nft_judge.h"
#include "nft_link.h"
#include "reason.h"

#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* Whose packets are counted for which device, and what then becomes of them. */
enum fate {
	FATE_PASSED,
	FATE_DROPPED,
	FATE_AUDITED,
	FATE_MAX
};

static const char *const fates[] = { "passed", "dropped", "audited" };
static const char *const fates_to[] = { "passed_to", "dropped_to", "audited_to" };

struct backend {
	struct nft_builder *builder;
	const struct table *table;
	struct segments segments;
	struct nft_judge judge;
	struct nft_addresses own; /* of this box */
	struct nft_addresses unapproved;
	struct nft_addresses inside;  /* that may not speak on an unguarded interface … */
	struct nft_addresses outside; /* ... but on this one */
	struct nft_addresses bound;   /* that may speak on this guarded interface */
	struct nft_addresses from[FATE_MAX], to[FATE_MAX]; /* by device */
	size_t translated[FAMILIES];			   /* map of interfaces with `natAs`, + 1 */
};

#define GUARDED	    "guarded"
#define IS_ORIGINAL nft_is(NFT_FIELD_CT_DIRECTION, IP_CT_DIR_ORIGINAL, "ct direction original")
#define IS_REPLY    nft_is(NFT_FIELD_CT_DIRECTION, IP_CT_DIR_REPLY, "ct direction reply")
#define IS_TCP	    nft_is(NFT_FIELD_L4PROTO, IPPROTO_TCP, "meta l4proto tcp")

static bool is_own(const struct gate_identity *identity, uint32_t slot)
{
	(void)slot;
	return identity->speaks & GATE_SPEAKS_SELF;
}

static bool is_unapproved(const struct gate_identity *identity, uint32_t slot)
{
	return !is_own(identity, slot) && identity->speaks & GATE_SPEAKS_REJECTED;
}

static bool is_inside(const struct gate_identity *identity, uint32_t slot)
{
	return !is_own(identity, slot) && !is_unapproved(identity, slot) &&
	       !(identity->speaks & GATE_SPEAKS_OUTSIDE);
}

static bool speaks_on(const struct gate_identity *identity, uint32_t slot)
{
	return !is_own(identity, slot) && !is_unapproved(identity, slot) && identity->device &&
	       identity->speaks & 1u << slot;
}

static void add_guarded(struct backend *backend)
{
	struct nft_key key = NFT_KEY(NFT_FIELD_IIFNAME);
	size_t set = nft_add_set(backend->builder, GUARDED, &key);

	for (size_t i = 0; i < backend->table->interfaces_count; i++)
		nft_put_name(nft_add_element(&backend->builder->table.sets[set]), 0,
			     backend->table->interfaces[i]);
	nft_sort(&backend->builder->table.sets[set]);
}

static void add_sources(struct backend *backend)
{
	const struct table *table = backend->table;
	struct nft_builder *builder = backend->builder;

	backend->bound = (struct nft_addresses){ .name = "bound", .has_interface = true };
	backend->outside = (struct nft_addresses){ .name = "outside", .has_interface = true };
	backend->own.name = "own";
	backend->unapproved.name = "unapproved";
	backend->inside.name = "inside";
	for (uint32_t i = 0; i < table->interfaces_count; i++)
		nft_addresses_add(builder, &backend->bound, &backend->segments,
				  &(struct nft_choice){ speaks_on, i, table->interfaces[i] });
	for (uint32_t i = 0; i < table->outside_count; i++)
		nft_addresses_add(
			builder, &backend->outside, &backend->segments,
			&(struct nft_choice){ speaks_on, GATE_GUARDED_MAX + i, table->outside[i] });
	nft_addresses_add(builder, &backend->own, &backend->segments,
			  &(struct nft_choice){ .holds = is_own });
	nft_addresses_add(builder, &backend->unapproved, &backend->segments,
			  &(struct nft_choice){ .holds = is_unapproved });
	nft_addresses_add(builder, &backend->inside, &backend->segments,
			  &(struct nft_choice){ .holds = is_inside });
}

static bool is_audit(const struct backend *backend)
{
	return backend->table->features & GATE_AUDIT;
}

static void add_devices(struct backend *backend)
{
	for (enum fate fate = 0; fate < FATE_MAX; fate++) {
		if (fate == FATE_AUDITED && !is_audit(backend))
			continue;
		backend->from[fate].name = nft_name(backend->builder, "%s_from", fates[fate]);
		backend->to[fate].name = nft_name(backend->builder, "%s_to", fates[fate]);
		nft_addresses_add_devices(backend->builder, &backend->from[fate],
					  &backend->segments, backend->table->devices);
		nft_addresses_add_devices(backend->builder, &backend->to[fate], &backend->segments,
					  backend->table->devices);
	}
}

/* The chains where every packet ends: its devices are counted on the way. */
static void add_fates(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;

	for (enum fate fate = 0; fate < FATE_MAX; fate++) {
		size_t chain;

		if (fate == FATE_AUDITED && !is_audit(backend))
			continue;
		chain = nft_add_chain(builder, fates_to[fate]);
		nft_ask(builder, chain, &backend->to[fate], NFT_DESTINATION, &NFT_THEN());
		NFT_RULE(builder, chain,
			 nft_verdict(fate == FATE_DROPPED ? NFT_DO_DROP : NFT_DO_ACCEPT));
		chain = nft_add_chain(builder, fates[fate]);
		nft_ask(builder, chain, &backend->from[fate], NFT_SOURCE, &NFT_THEN());
		NFT_RULE(builder, chain, nft_jump(fates_to[fate]));
	}
}

static enum fate fate_of(const struct backend *backend, enum reason reason)
{
	return is_audit(backend) && (reason == REASON_ACL || reason == REASON_NO_STATE) ?
		       FATE_AUDITED :
		       FATE_DROPPED;
}

static struct nft_statement counted(const struct backend *backend, enum reason reason)
{
	return nft_count(fate_of(backend, reason) == FATE_AUDITED ?
				 nft_name(backend->builder, "audited_%s", reason_name(reason)) :
				 reason_name(reason));
}

static struct nft_statement refused(const struct backend *backend, enum reason reason)
{
	return nft_jump(fates[fate_of(backend, reason)]);
}

static void add_counters(struct backend *backend)
{
	static const enum reason reasons[] = {
		REASON_SOURCE_ROUTE,
		REASON_UNKNOWN_SOURCE,
		REASON_UNAPPROVED,
		REASON_SPOOFED_SOURCE,
		REASON_NAT_UNIDENTIFIED,
		REASON_NO_STATE,
		REASON_ACL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		nft_add_counter(backend->builder, counted(backend, reasons[i]).name);
	nft_add_counter(backend->builder, NFT_LINK_COUNTER);
}

#define IS_NEW	   nft_is_state(NF_CT_STATE_BIT(IP_CT_NEW), "ct state new")
#define IS_RELATED nft_is_state(NF_CT_STATE_BIT(IP_CT_RELATED), "ct state related")

static struct nft_statement is_unrelated(void)
{
	struct nft_statement statement = IS_RELATED;

	statement.text = "ct state ! related";
	statement.invert = false;
	return statement;
}

static struct nft_statement is_syn(bool invert)
{
	struct nft_statement statement = nft_is(NFT_FIELD_TCP_FLAGS, TCP_SYN,
						invert ? "tcp flags != syn / syn,ack" :
							 "tcp flags syn / syn,ack");

	statement.mask = TCP_SYN | TCP_ACK;
	statement.invert = invert;
	return statement;
}

/*
 * 7, 8. What is part of no connection and cannot open one: conntrack finds most of it invalid. Of
 * ICMP only echo opens something, and only errors are related to what is open; anything else that
 * is related, as the data of FTP, is a connection of its own and is judged as such.
 */
static void add_state(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	const struct nft_icmp icmp = {
		.builder = builder,
		.table = backend->table,
		.segments = &backend->segments,
		.refused = { counted(backend, REASON_NO_STATE), refused(backend, REASON_NO_STATE) },
	};
	size_t chain;

	nft_icmp_build(&icmp);
	chain = nft_add_chain(builder, "state");
	NFT_RULE(builder, chain,
		 nft_is_state(NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT,
			      "ct state invalid,untracked"),
		 icmp.refused[0], icmp.refused[1]);
	NFT_RULE(builder, chain, IS_TCP, IS_REPLY, is_syn(false), icmp.refused[0], icmp.refused[1]);
	nft_icmp_ask(builder, chain);
}

/* No rule allows it. What asks for no connection is a stray part of one. */
static void add_unmatched(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	size_t chain = nft_add_chain(builder, "unmatched");

	NFT_RULE(builder, chain, IS_TCP, IS_NEW, is_syn(true), counted(backend, REASON_NO_STATE),
		 refused(backend, REASON_NO_STATE));
	NFT_RULE(builder, chain, counted(backend, REASON_ACL), refused(backend, REASON_ACL));
}

/* The same behind unguarded interfaces, where anybody may speak, and only devices open anything. */
static void add_unmatched_outside(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	size_t chain = nft_add_chain(builder, "unmatched_outside");
	enum fate fate = fate_of(backend, REASON_ACL);

	/* finding the source counts it, so that only the destination is left to count */
	nft_ask(builder, chain, &backend->from[fate], NFT_SOURCE,
		&(struct nft_then){
			{ IS_TCP, IS_NEW, is_syn(true) },
			{ counted(backend, REASON_NO_STATE), nft_jump(fates_to[fate]) } });
	nft_ask(builder, chain, &backend->from[fate], NFT_SOURCE,
		&NFT_THEN(counted(backend, REASON_ACL), nft_jump(fates_to[fate])));
	NFT_RULE(builder, chain, counted(backend, REASON_UNKNOWN_SOURCE),
		 refused(backend, REASON_UNKNOWN_SOURCE));
}

/* 6. The source must belong to a device that may speak on this guarded interface. */
static void add_source_inside(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	size_t chain = nft_add_chain(builder, "source_inside");

	nft_ask(builder, chain, &backend->bound, NFT_SOURCE, &NFT_THEN(nft_verdict(NFT_DO_RETURN)));
	nft_ask(builder, chain, &backend->own, NFT_SOURCE,
		&NFT_THEN(counted(backend, REASON_SPOOFED_SOURCE),
			  refused(backend, REASON_SPOOFED_SOURCE)));
	nft_ask(builder, chain, &backend->unapproved, NFT_SOURCE,
		&NFT_THEN(counted(backend, REASON_UNAPPROVED),
			  refused(backend, REASON_UNAPPROVED)));
	/* finding the source counts it, so that only the destination is left to count */
	nft_ask(builder, chain, &backend->from[FATE_DROPPED], NFT_SOURCE,
		&NFT_THEN(counted(backend, REASON_SPOOFED_SOURCE),
			  nft_jump(fates_to[FATE_DROPPED])));
	NFT_RULE(builder, chain, counted(backend, REASON_UNKNOWN_SOURCE),
		 nft_jump(fates_to[FATE_DROPPED]));
}

/* The chain where the device that `natAs` names is judged; a source class is not looked up. */
static const char *add_device_chain(struct backend *backend, size_t slot, enum family family)
{
	const struct gate_identity *identity = &backend->table->settings.nat_as[slot][family];
	const char *name = nft_name(backend->builder, "nat_as_%s_%zu", nft_family_name(family),
				    slot);
	size_t chain = nft_add_chain(backend->builder, name);

	for (size_t wide = 0; wide < 2; wide++) {
		const char *judged = nft_judge_chain(&backend->judge, identity, wide, family);

		if (judged)
			NFT_RULE(backend->builder, chain, nft_jump(judged));
	}
	NFT_RULE(backend->builder, chain, nft_jump("unmatched"));
	return name;
}

static void add_nat_as(struct backend *backend, enum family family)
{
	struct nft_key key = NFT_KEY(NFT_FIELD_OIFNAME);
	const char *name = family == FAMILY_IP4 ? "nat_as_ip4" : "nat_as_ip6";

	for (size_t slot = 0; slot < backend->table->interfaces_count; slot++) {
		const char *chain;
		struct nft_element *element;
		struct nft_set *map;

		if (!backend->table->settings.nat_as[slot][family].device)
			continue;
		chain = add_device_chain(backend, slot, family);
		if (!backend->translated[family]) {
			backend->translated[family] = 1 + nft_add_set(backend->builder, name, &key);
			map = &backend->builder->table.sets[backend->translated[family] - 1];
			map->is_map = true;
		}
		map = &backend->builder->table.sets[backend->translated[family] - 1];
		element = nft_add_element(map);
		nft_put_name(element, 0, backend->table->interfaces[slot]);
		element->jump = chain;
	}
}

/* To the chain of the device that this interface's `natAs` names, where it has one. */
static void ask_nat_as(struct backend *backend, size_t chain, enum nft_field interface)
{
	const struct nft_table *table = &backend->builder->table;

	for (enum family family = 0; family < FAMILIES; family++)
		if (backend->translated[family])
			NFT_RULE(backend->builder, chain, nft_is_family(family),
				 nft_vmap(NFT_KEY(interface),
					  table->sets[backend->translated[family] - 1].name));
}

/* E3: NAT before us made it a packet of this box. */
static void add_translated(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	size_t chain;

	for (enum family family = 0; family < FAMILIES; family++)
		add_nat_as(backend, family);
	chain = nft_add_chain(builder, "translated");
	NFT_RULE(builder, chain, nft_jump("state"));
	ask_nat_as(backend, chain, NFT_FIELD_OIFNAME);
	NFT_RULE(builder, chain, counted(backend, REASON_NAT_UNIDENTIFIED),
		 refused(backend, REASON_NAT_UNIDENTIFIED));
}

/*
 * E3. What comes from an unguarded interface may have any source but one that speaks elsewhere. An
 * answer through DNAT is from this box.
 */
static void add_source_outside(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	size_t chain = nft_add_chain(builder, "source_outside");

	nft_ask(builder, chain, &backend->own, NFT_SOURCE,
		&(struct nft_then){ { IS_REPLY }, { nft_verdict(NFT_DO_RETURN) } });
	nft_ask(builder, chain, &backend->own, NFT_SOURCE, &NFT_THEN(nft_jump("translated")));
	nft_ask(builder, chain, &backend->unapproved, NFT_SOURCE,
		&NFT_THEN(counted(backend, REASON_UNAPPROVED),
			  refused(backend, REASON_UNAPPROVED)));
	nft_ask(builder, chain, &backend->outside, NFT_SOURCE,
		&NFT_THEN(nft_verdict(NFT_DO_RETURN)));
	nft_ask(builder, chain, &backend->inside, NFT_SOURCE,
		&NFT_THEN(counted(backend, REASON_SPOOFED_SOURCE),
			  refused(backend, REASON_SPOOFED_SOURCE)));
}

/* E3. What NAT made of an error is from this box: it is an answer, as add_source_outside() has it. */
static void add_told_outside(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	size_t chain = nft_add_chain(builder, "told_outside");

	nft_ask(builder, chain, &backend->own, NFT_SOURCE, &NFT_THEN(nft_verdict(NFT_DO_RETURN)));
	nft_icmp_ask_told(builder, chain);
}

/*
 * An answer that comes in: to what this box or an unguarded interface opened, as that went out.
 * What this box translated is not its own: only what `natAs` names was let out under its address.
 */
static void add_answered(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	size_t hidden = nft_add_chain(builder, "answered_hidden"), chain;

	ask_nat_as(backend, hidden, NFT_FIELD_IIFNAME);
	NFT_RULE(builder, hidden, nft_jump("unmatched"));
	chain = nft_add_chain(builder, "answered");
	nft_ask(builder, chain, &backend->own, NFT_OPENER, &NFT_THEN(nft_jump("reversed")));
	nft_ask(builder, chain, &backend->own, NFT_OPENER, &NFT_THEN(nft_verdict(NFT_DO_RETURN)));
	nft_ask(builder, chain, &backend->own, NFT_OPENER_OUTSIDE,
		&NFT_THEN(nft_jump("answered_hidden")));
	NFT_RULE(builder, chain, nft_jump("reversed"));
}

/*
 * Conntrack knows what was asked, not where: who asks on another link in the name of a device makes a
 * connection of that device. A bit of its mark tells that the opener spoke behind a guarded interface,
 * where its address is bound; without it there are no answers to it.
 */
static struct nft_statement mark_opened_inside(const struct backend *backend)
{
	uint32_t bit = 1u << backend->table->mark_bit;

	return (struct nft_statement){
		.kind = NFT_DO_CT_MARK,
		.value = bit,
		.text = nft_name(backend->builder, "ct mark set ct mark | 0x%08x", bit),
	};
}

static struct nft_statement is_opened_inside(const struct backend *backend, bool inside)
{
	uint32_t bit = 1u << backend->table->mark_bit;
	const char *text = nft_name(backend->builder, "ct mark & 0x%08x %s 0x00000000", bit,
				    inside ? "!=" : "==");
	struct nft_statement match = nft_is(NFT_FIELD_CT_MARK, 0, text);

	match.mask = bit;
	match.invert = inside;
	return match;
}

/* 3. This box may obey them, and changes their destination behind the hook that sees them forwarded. */
static void refuse_source_routes(struct backend *backend, size_t chain)
{
	struct nft_builder *builder = backend->builder;
	struct nft_statement segments = nft_is(NFT_FIELD_SEGMENTS_LEFT, 0, "rt seg-left != 0");
	struct nft_statement count = counted(backend, REASON_SOURCE_ROUTE);
	struct nft_statement drop = refused(backend, REASON_SOURCE_ROUTE);

	segments.invert = true;
	NFT_RULE(builder, chain, nft_is_family(FAMILY_IP4),
		 nft_is(NFT_FIELD_LSRR, 1, "ip option lsrr exists"), count, drop);
	NFT_RULE(builder, chain, nft_is_family(FAMILY_IP4),
		 nft_is(NFT_FIELD_SSRR, 1, "ip option ssrr exists"), count, drop);
	NFT_RULE(builder, chain, nft_is_family(FAMILY_IP6), segments, count, drop);
}

static void add_prerouting(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	struct nft_statement guarded = nft_lookup(NFT_KEY(NFT_FIELD_IIFNAME), GUARDED);
	size_t chain = nft_add_base(builder, "prerouting", NF_INET_PRE_ROUTING,
				    NFT_POLICY_PREROUTING);

	guarded.invert = true;
	NFT_RULE(builder, chain, guarded, nft_verdict(NFT_DO_ACCEPT));
	refuse_source_routes(backend, chain);
	NFT_RULE(builder, chain, nft_is(NFT_FIELD_IIFTYPE, ARPHRD_ETHER, "meta iiftype ether"),
		 nft_jump("link_in"));
	NFT_RULE(builder, chain, nft_jump("source_inside"));
	NFT_RULE(builder, chain, nft_jump("state"));
	nft_icmp_ask_told(builder, chain);
	NFT_RULE(builder, chain, is_unrelated(), IS_ORIGINAL, mark_opened_inside(backend));
	NFT_RULE(builder, chain, IS_ORIGINAL, nft_jump("original"));
	NFT_RULE(builder, chain, IS_REPLY, is_opened_inside(backend, true), nft_jump("original"));
	NFT_RULE(builder, chain, IS_REPLY, nft_jump("answered"));
	NFT_RULE(builder, chain, nft_jump("unmatched"));
}

static const char *add_multicast(struct nft_builder *builder)
{
	static const uint8_t first[16] = { 0xff };
	struct nft_key key = NFT_KEY(NFT_FIELD_IP6_DADDR);
	size_t number = nft_add_set(builder, "multicast", &key);
	struct nft_set *set = &builder->table.sets[number];
	uint8_t last[16];

	memset(last, 0xff, sizeof(last));
	set->has_intervals = true;
	nft_put(nft_add_element(set), 0, first, last, sizeof(last));
	return set->name;
}

/*
 * E3. NAT of this kernel comes behind this hook, so that an address of this box, here, was on the
 * wire. Once it leaves, conntrack cannot tell it from what this box sends, which does not pass here.
 * IPv6 multicast that is forwarded has lost where it came from when it leaves (ip6mr_forward2 in
 * net/ipv6/ip6mr.c).
 */
static void add_forward(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	struct nft_statement inside = nft_lookup(NFT_KEY(NFT_FIELD_IIFNAME), GUARDED);
	struct nft_statement outside = nft_lookup(NFT_KEY(NFT_FIELD_OIFNAME), GUARDED);
	size_t chain = nft_add_base(builder, "forward", NF_INET_FORWARD, NFT_POLICY_FORWARD);

	outside.invert = true;
	NFT_RULE(builder, chain, inside, nft_verdict(NFT_DO_ACCEPT));
	NFT_RULE(builder, chain, outside, nft_verdict(NFT_DO_ACCEPT));
	refuse_source_routes(backend, chain);
	nft_ask(builder, chain, &backend->own, NFT_SOURCE,
		&NFT_THEN(counted(backend, REASON_NAT_UNIDENTIFIED),
			  refused(backend, REASON_NAT_UNIDENTIFIED)));
	NFT_RULE(builder, chain, nft_is_family(FAMILY_IP6),
		 nft_lookup(NFT_KEY(NFT_FIELD_IP6_DADDR), add_multicast(builder)),
		 counted(backend, REASON_ACL), refused(backend, REASON_ACL));
}

/*
 * E4. Sent by this box: its own connections, its answers, and its errors about those of others. A
 * tunnel leaves its interface in what it wraps, so that only the connection tells whose it is.
 */
static void add_own(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	size_t chain = nft_add_chain(builder, "own");

	NFT_RULE(builder, chain, nft_jump("state"));
	NFT_RULE(builder, chain, IS_REPLY, is_opened_inside(backend, false), nft_jump("unmatched"));
	NFT_RULE(builder, chain, IS_REPLY, nft_jump("original"));
	NFT_RULE(builder, chain, IS_RELATED, nft_jump("original"));
	NFT_RULE(builder, chain, nft_jump("reversed"));
	NFT_RULE(builder, chain, nft_jump("unmatched"));
}

static void add_postrouting(struct backend *backend)
{
	struct nft_builder *builder = backend->builder;
	struct nft_statement guarded = nft_lookup(NFT_KEY(NFT_FIELD_OIFNAME), GUARDED);
	struct nft_statement is_sent = nft_is(NFT_FIELD_IIF, 0, "iif 0");
	size_t chain = nft_add_base(builder, "postrouting", NF_INET_POST_ROUTING,
				    NFT_POLICY_POSTROUTING);

	guarded.invert = true;
	NFT_RULE(builder, chain, guarded, nft_verdict(NFT_DO_ACCEPT));
	NFT_RULE(builder, chain, is_sent,
		 nft_is(NFT_FIELD_OIFTYPE, ARPHRD_ETHER, "meta oiftype ether"),
		 nft_jump("link_out"));
	/* an error about such a connection may be from anybody */
	nft_ask(builder, chain, &backend->own, NFT_OPENER,
		&(struct nft_then){ { is_unrelated(), IS_ORIGINAL }, { nft_jump("own") } });
	nft_ask(builder, chain, &backend->own, NFT_ANSWERER,
		&(struct nft_then){ { is_unrelated(), IS_REPLY }, { nft_jump("own") } });
	nft_ask(builder, chain, &backend->own, NFT_SOURCE,
		&(struct nft_then){ { is_sent }, { nft_jump("own") } });
	NFT_RULE(builder, chain, nft_lookup(NFT_KEY(NFT_FIELD_IIFNAME), GUARDED),
		 nft_verdict(NFT_DO_ACCEPT));
	NFT_RULE(builder, chain, nft_jump("source_outside"));
	NFT_RULE(builder, chain, nft_jump("state"));
	NFT_RULE(builder, chain, IS_RELATED, nft_jump("told_outside"));
	NFT_RULE(builder, chain, IS_REPLY, is_opened_inside(backend, false),
		 nft_jump("unmatched_outside"));
	NFT_RULE(builder, chain, IS_REPLY, nft_jump("original"));
	NFT_RULE(builder, chain, nft_jump("reversed"));
	NFT_RULE(builder, chain, nft_jump("unmatched_outside"));
}

static void add_link(struct backend *backend)
{
	struct nft_link link = { .builder = backend->builder,
				 .table = backend->table,
				 .own = &backend->own,
				 .bound = &backend->bound };

	nft_link_build(&link);
}

int nft_policy_build(const struct table *table, int64_t now, struct diag *diag,
		     struct nft_builder *ret_builder)
{
	struct nft_builder builder = { .table.name = NFT_POLICY_TABLE };
	struct backend backend = { .builder = &builder, .table = table };
	int error;

	flatten(table, &backend.segments);
	backend.judge = (struct nft_judge){
		.builder = &builder, .table = table, .segments = &backend.segments, .now = now
	};
	add_counters(&backend);
	add_guarded(&backend);
	add_sources(&backend);
	add_devices(&backend);
	add_fates(&backend);
	error = nft_judge_build(&backend.judge, diag);
	if (!error) {
		add_link(&backend);
		add_state(&backend);
		add_unmatched(&backend);
		add_unmatched_outside(&backend);
		add_source_inside(&backend);
		add_translated(&backend);
		add_source_outside(&backend);
		add_told_outside(&backend);
		add_answered(&backend);
		add_own(&backend);
		add_prerouting(&backend);
		add_forward(&backend);
		add_postrouting(&backend);
		*ret_builder = builder;
	}
	nft_judge_free(&backend.judge);
	segments_free(&backend.segments);
	if (error)
		nft_builder_free(&builder);
	return error;
}
