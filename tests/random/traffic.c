// SPDX-License-Identifier: GPL-2.0-or-later
#include "traffic.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "dice.h"
#include "mem.h"
#include "rig.h"

#define UDPLITE	       136
#define MARK_OF_OTHERS 0xc00f1234u /* bits that are not ours */
#define RECENT	       12

static address_t parsed(const char *text)
{
	address_t address = 0;

	address_parse(text, &address);
	return address;
}

/* An edge of the prefix, or what is beside or inside it. */
static address_t near(const struct prefix *prefix)
{
	address_t first = prefix->first, last = prefix_last(prefix), size = last - first;
	address_t inside = size ? ((address_t)dice_bits() << 64 | dice_bits()) % size : 0;
	const address_t edges[] = { first,    first,	      last,	     first - 1,
				    last + 1, first + inside, first + inside };

	return edges[dice(ARRAY_SIZE(edges))];
}

static address_t near_something(const struct table *table)
{
	size_t count = table->addresses_count + table->prefixes_count;
	unsigned int i = dice((unsigned int)count);

	if (i < table->addresses_count && !dice_once_in(8))
		return table->addresses[i].prefix.first;
	if (i < table->addresses_count)
		return near(&table->addresses[i].prefix);
	return near(&table->prefixes[i - table->addresses_count].prefix);
}

void traffic_settle(struct traffic *traffic, const struct checked *checked)
{
	static const char *const fixed[2][4] = {
		{ "10.77.0.1", "192.168.77.1", "203.0.113.9", "198.51.100.1" },
		{ "fd77::1", "fd00:77::1", "2001:db8::9", "fe80::5" },
	};
	size_t counts[2] = { 4, 4 };

	*traffic = (struct traffic){};
	for (size_t i = 0; i < 8; i++)
		traffic->pool[i / 4][i % 4] = parsed(fixed[i / 4][i % 4]);
	for (unsigned int tries = 0; tries < 2000; tries++) {
		address_t address = near_something(&checked->table);
		bool six = !address_is_ipv4(address);

		if (counts[six] < TRAFFIC_POOL)
			traffic->pool[six][counts[six]++] = address;
	}
	for (size_t six = 0; six < 2; six++)
		for (size_t i = counts[six]; i < TRAFFIC_POOL; i++)
			traffic->pool[six][i] = traffic->pool[six][i - 4];
}

address_t traffic_somebody(const struct traffic *traffic, bool six)
{
	return traffic->pool[six][dice(TRAFFIC_POOL)];
}

/* A protocol and port that some rule names, or a neighbour of it. */
static uint32_t some_key(const struct ruleset *ruleset)
{
	static const uint8_t protocols[] = { IPPROTO_TCP,  IPPROTO_TCP,	 IPPROTO_UDP,
					     IPPROTO_SCTP, IPPROTO_DCCP, UDPLITE,
					     IPPROTO_GRE,  IPPROTO_ESP,	 IPPROTO_NONE };
	const struct key_range *range;

	if (!ruleset->keys_count || dice_once_in(6))
		return (uint32_t)protocols[dice(ARRAY_SIZE(protocols))] << 16 | dice(32);
	range = &ruleset->keys[dice((unsigned int)ruleset->keys_count)];
	switch (dice(6)) {
	case 0:
		return range->low;
	case 1:
		return range->high;
	case 2:
		return range->low - 1;
	case 3:
		return range->high + 1;
	}
	return range->low + dice(range->high - range->low + 1);
}

static uint8_t icmp_of(bool six)
{
	return six ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

static uint8_t opening_flags(void)
{
	return dice_once_in(6) ? TH_ACK | TH_PUSH : TH_SYN;
}

static uint8_t some_flags(void)
{
	static const uint8_t flags[] = { TH_SYN,
					 TH_SYN | TH_ACK,
					 TH_SYN | TH_ACK,
					 TH_ACK,
					 TH_ACK,
					 TH_ACK | TH_PUSH,
					 TH_FIN | TH_ACK,
					 TH_FIN | TH_ACK,
					 TH_RST,
					 TH_RST | TH_ACK,
					 0,
					 TH_SYN | TH_FIN };

	return flags[dice(ARRAY_SIZE(flags))];
}

void traffic_draft(struct draft *draft, const struct tuple *tuple)
{
	bool six = !address_is_ipv4(tuple->src);

	draft->src = tuple->src;
	draft->dst = tuple->dst;
	draft->protocol = tuple->protocol;
	draft->sport = tuple->sport;
	draft->dport = tuple->dport;
	if (tuple->role == ROLE_ASK) {
		draft->icmp = six ? 128 : 8;
		draft->id = tuple->sport;
	} else if (tuple->role == ROLE_ANSWER) {
		draft->icmp = six ? 129 : 0;
		draft->id = tuple->dport;
	}
}

struct tuple tuple_turned(const struct tuple *tuple)
{
	struct tuple back = { tuple->dst,   tuple->src,	     tuple->dport,
			      tuple->sport, tuple->protocol, tuple->role };

	if (tuple->role == ROLE_ASK || tuple->role == ROLE_ANSWER)
		back.role = tuple->role == ROLE_ASK ? ROLE_ANSWER : ROLE_ASK;
	return back;
}

struct tuple traffic_tuple(const struct traffic *traffic, const struct naive *naive)
{
	bool six = dice_once_in(2);
	uint32_t key = some_key(&naive->checked->ruleset);
	struct tuple tuple = {
		.src = traffic_somebody(traffic, six),
		.dst = traffic_somebody(traffic, six),
		.sport = (uint16_t)(dice_once_in(4) ? 1 + dice(30) : 40000 + dice(3)),
		.dport = (uint16_t)key,
		.protocol = (uint8_t)(key >> 16),
	};

	if (tuple.protocol == IPPROTO_ICMP || tuple.protocol == IPPROTO_ICMPV6 || dice_once_in(9)) {
		tuple.protocol = icmp_of(six);
		tuple.role = dice_once_in(8) ? ROLE_ANSWER : ROLE_ASK;
		tuple.sport = tuple.dport = (uint16_t)dice(4);
	}
	return tuple;
}

static void draft_new(const struct traffic *traffic, const struct naive *naive, struct draft *draft)
{
	struct tuple tuple = traffic_tuple(traffic, naive);

	traffic_draft(draft, &tuple);
	draft->flags = dice_once_in(8) ? some_flags() : opening_flags();
}

static const struct naive_flow *some_flow(const struct naive *naive)
{
	unsigned int count = (unsigned int)naive->flows_count;

	if (!count)
		return NULL;
	if (count > RECENT && !dice_once_in(4))
		return &naive->flows[count - 1 - dice(RECENT)];
	return &naive->flows[dice(count)];
}

/* A packet of a connection that is there. */
static void draft_next(const struct traffic *traffic, const struct naive *naive,
		       struct draft *draft)
{
	const struct naive_flow *flow = some_flow(naive);
	struct tuple tuple;

	if (!flow) {
		draft_new(traffic, naive, draft);
		return;
	}
	tuple = dice_once_in(2) ? flow->tuple : tuple_turned(&flow->tuple);
	traffic_draft(draft, &tuple);
	draft->flags = some_flags();
	if (dice_once_in(20))
		draft->dport ^= 1;
}

static void draft_other_icmp(struct draft *draft, bool six)
{
	static const uint8_t types4[] = { 4, 5, 9, 10, 13, 3, 6 };
	static const uint8_t types6[] = { 133, 134, 135, 136, 137, 130, 131, 143, 1, 5, 127 };

	draft->protocol = icmp_of(six);
	draft->icmp = six ? types6[dice(ARRAY_SIZE(types6))] : types4[dice(ARRAY_SIZE(types4))];
}

static void draft_strange(const struct traffic *traffic, struct draft *draft)
{
	bool six = dice_once_in(2);

	draft->src = traffic_somebody(traffic, six);
	draft_other_icmp(draft, six);
}

/* What an error quotes: a packet of a known connection, or of none. */
static void quote(const struct traffic *traffic, const struct naive *naive, struct draft *draft,
		  struct tuple *ret_quoted)
{
	struct draft inner = { .hops = 63, .body = 8, .at = 0 };
	uint8_t bytes[DRAFT_MAX];
	size_t size;

	if (dice_once_in(4))
		draft_new(traffic, naive, &inner);
	else
		draft_next(traffic, naive, &inner);
	if (dice_once_in(12))
		draft_other_icmp(&inner, !address_is_ipv4(inner.src));
	if (dice_once_in(8) && naive->parts_count) {
		unsigned int at = dice((unsigned int)naive->parts_count);
		const struct naive_part *part = &naive->parts[at];

		traffic_draft(&inner, &part->tuple);
		inner.part = true;
		inner.datagram = part->id;
		inner.at = dice_once_in(2) ? 8 : 0;
		inner.more = dice_once_in(2);
	}
	if (dice_once_in(10) && !address_is_ipv4(inner.src))
		inner.chain[inner.chain_count++] = IPPROTO_DSTOPTS;
	size = draft_build(&inner, bytes);
	if (dice_once_in(10))
		size = dice((unsigned int)size);
	draft->quote_size = size < DRAFT_QUOTE ? size : DRAFT_QUOTE;
	memcpy(draft->quote, bytes, draft->quote_size);
	*ret_quoted = (struct tuple){ .src = inner.src, .dst = inner.dst };
}

static void draft_error(const struct traffic *traffic, const struct naive *naive,
			struct draft *draft)
{
	static const uint8_t types[2][4] = { { 3, 3, 11, 12 }, { 1, 2, 3, 4 } };
	struct tuple quoted;
	bool six;

	quote(traffic, naive, draft, &quoted);
	six = !address_is_ipv4(quoted.src);
	draft->src = dice_once_in(2) ? traffic_somebody(traffic, six) : quoted.dst;
	draft->dst = dice_once_in(10) ? traffic_somebody(traffic, six) : quoted.src;
	draft->protocol = icmp_of(six);
	draft->icmp = types[six][dice(4)];
	draft->body = 0;
}

static void draft_link(const struct traffic *traffic, struct draft *draft)
{
	bool six = !dice_once_in(3);

	draft->ethernet = true;
	draft->arp = dice_once_in(10);
	draft->src = dice_once_in(6) ? parsed(six ? "::" : "0.0.0.0") :
				       traffic_somebody(traffic, six);
	draft->dst = traffic_somebody(traffic, six);
	if (six && dice_once_in(3))
		draft->src = parsed("fe80::5");
	if (six && dice_once_in(3))
		draft->dst = parsed(dice_once_in(2) ? "ff02::1:2" : "fe80::5");
	else if (!six && dice_once_in(2))
		draft->dst = parsed("255.255.255.255");
	draft->hops = dice_once_in(4) ? 64 : dice_once_in(2) ? 255 : 1;
	if (six && !dice_once_in(3)) {
		draft_other_icmp(draft, true);
		return;
	}
	draft->protocol = IPPROTO_UDP;
	draft->sport = six ? 546 : 68;
	draft->dport = six ? 547 : 67;
	if (dice_once_in(2)) {
		draft->sport = six ? 547 : 67;
		draft->dport = six ? 546 : 68;
	}
}

/* Headers in front of the transport header: most of them harmless. */
static void dress(struct draft *draft)
{
	static const uint8_t types[] = { IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
					 IPPROTO_HOPOPTS, IPPROTO_FRAGMENT };
	static const uint8_t options[][4] = {
		{ 1, 1, 1, 0 }, { 7, 4, 0, 0 }, { 131, 3, 4, 0 }, { 148, 4, 0, 0 }, { 7, 9, 0, 0 }
	};

	if (address_is_ipv4(draft->src)) {
		memcpy(draft->options, options[dice(ARRAY_SIZE(options))], 4);
		draft->options_size = 4;
		return;
	}
	draft->chain_count = 1 + dice(dice_once_in(3) ? DRAFT_CHAIN : 2);
	draft->left = dice_once_in(8);
	for (size_t i = 0; i < draft->chain_count; i++)
		draft->chain[i] = types[dice(i || dice_once_in(2) ? 2 : ARRAY_SIZE(types))];
}

enum origin traffic_home(const struct checked *checked, address_t source)
{
	struct who who = opinion_who(checked, source);

	if (who.own)
		return FROM_SELF;
	if (who.speaks & 1)
		return FROM_WG0;
	if (who.speaks & 2)
		return FROM_WG1;
	if (who.speaks & GATE_SPEAKS_OUTSIDE)
		return dice_once_in(2) ? FROM_ELSEWHERE : FROM_LAN;
	return FROM_LAN;
}

static uint32_t some_mark(void)
{
	static const uint32_t marks[] = { 0, GATE_MARK_JUDGED, GATE_MARK_JUDGED,
					  GATE_MARK_JUDGED | GATE_MARK_REPLY, GATE_MARK_REPLY };

	return MARK_OF_OTHERS | marks[dice(ARRAY_SIZE(marks))];
}

static void locate(const struct checked *checked, struct scene *scene)
{
	enum origin home = traffic_home(checked, scene->draft.src);
	struct meeting *meeting = &scene->meeting;

	*meeting = (struct meeting){ .mark = MARK_OF_OTHERS };
	if (dice_once_in(16))
		home = dice(FROM_LOST);
	if (dice_once_in(8))
		meeting->mark = some_mark();
	meeting->slot = dice(2);
	meeting->direction = DIRECTION_EGRESS;
	meeting->from = home;
	if (home != FROM_WG0 && home != FROM_WG1)
		return;
	if (!dice_once_in(6)) {
		meeting->direction = DIRECTION_INGRESS;
		meeting->slot = home == FROM_WG1;
	} else if (dice_once_in(2)) {
		meeting->mark = some_mark();
	}
}

/* The rest of the datagram comes later, in some order. */
static void cut(struct traffic *traffic, struct scene *scene)
{
	struct draft *draft = &scene->draft;
	uint32_t piece = dice_once_in(6) ? 8 + dice(20) : 8 + 8 * dice(4);

	draft->body += dice(60);
	draft->part = true;
	draft->datagram = dice(6) ? 100 + dice(4) : (uint32_t)dice_bits();
	for (uint32_t at = 0, size = (uint32_t)draft_payload(draft); at < size;) {
		struct scene *later = &traffic->parts[traffic->parts_count];

		if (traffic->parts_count == TRAFFIC_PARTS)
			break;
		*later = *scene;
		later->draft.at = at;
		later->draft.length = piece;
		later->draft.more = at + piece < size;
		traffic->parts_count++;
		at += dice_once_in(20) ? 8 : (piece + 7) / 8 * 8; /* or they overlap */
	}
}

/* Most often the oldest one; sometimes twice, sometimes from elsewhere. */
static void next_part(struct traffic *traffic, const struct naive *naive, struct scene *scene)
{
	size_t at = dice_once_in(4) ? dice((unsigned int)traffic->parts_count) : 0;

	*scene = traffic->parts[at];
	if (dice_once_in(20))
		locate(naive->checked, scene);
	if (dice_once_in(15))
		return;
	traffic->parts_count--;
	memmove(&traffic->parts[at], &traffic->parts[at + 1],
		(traffic->parts_count - at) * sizeof(*traffic->parts));
}

/* As if it were IPv4 in IPv6: ::ffff:a.b.c.d. */
static void map(uint8_t *address)
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
}

/* Headers are hit more often than what is behind, and by numbers that mean something. */
static void mutate(struct scene *scene)
{
	static const uint8_t values[] = { 0,  1,  2,  4,  5,   6,   7,	 17,  20, 43,
					  44, 47, 58, 60, 128, 131, 132, 137, 255 };
	size_t link = scene->meeting.ethernet ? dice_once_in(8) ? 0 : 14 : 0;
	size_t size = scene->meeting.size;

	scene->honest = false;
	if (!address_is_ipv4(scene->draft.src) && dice_once_in(10))
		map(scene->bytes + link + (dice_once_in(2) ? 8 : 24));
	for (unsigned int i = 0, count = dice(3); i < count; i++) {
		unsigned int span = (unsigned int)(size - link);
		size_t at = link + dice(dice_once_in(2) && span > 24 ? 24 : span);

		if (dice_once_in(2))
			scene->bytes[at] ^= (uint8_t)(1u << dice(8));
		else
			scene->bytes[at] = values[dice(ARRAY_SIZE(values))];
	}
	if (dice_once_in(3))
		scene->meeting.size = 14 + dice((unsigned int)size - 13);
	else if (dice_once_in(6) && size + 20 < DRAFT_MAX)
		scene->meeting.size += dice(20); /* what is behind the packet is not read */
}

static void build(struct scene *scene)
{
	scene->meeting.bytes = scene->bytes;
	scene->meeting.ethernet = scene->draft.ethernet;
	scene->meeting.size = draft_build(&scene->draft, scene->bytes);
	scene->honest = true;
}

static void choose(struct traffic *traffic, const struct naive *naive, struct scene *scene)
{
	struct draft *draft = &scene->draft;
	unsigned int what = dice(20);

	*draft = (struct draft){ .hops = 64, .body = dice(24), .ethernet = dice_once_in(2) };
	if (what < 6)
		draft_new(traffic, naive, draft);
	else if (what < 14)
		draft_next(traffic, naive, draft);
	else if (what < 16)
		draft_error(traffic, naive, draft);
	else if (what < 17)
		draft_link(traffic, draft);
	else if (what < 18)
		draft_strange(traffic, draft);
	else
		draft_next(traffic, naive, draft);
	if (!draft->dst)
		draft->dst = traffic_somebody(traffic, !address_is_ipv4(draft->src));
	if (dice_once_in(25))
		dress(draft);
	locate(naive->checked, scene);
	if (what == 18 || what == 0)
		cut(traffic, scene);
}

void traffic_next(struct traffic *traffic, const struct naive *naive, struct scene *ret_scene)
{
	if (traffic->parts_count && !dice_once_in(3))
		next_part(traffic, naive, ret_scene);
	else
		choose(traffic, naive, ret_scene);
	build(ret_scene);
	if (dice_once_in(20))
		mutate(ret_scene);
}

static bool same_ends(const struct draft *draft, const struct tuple *tuple)
{
	return draft->src == tuple->src && draft->dst == tuple->dst &&
	       draft->protocol == tuple->protocol && draft->sport == tuple->sport &&
	       draft->dport == tuple->dport;
}

/* This box takes its own address for that of the sender, and undoes it in answers. */
static void translate(struct traffic *traffic, struct draft *draft)
{
	bool six = !address_is_ipv4(draft->src);
	struct nat *nat;

	for (size_t i = 0; i < traffic->nats_count; i++) {
		const struct tuple before = tuple_turned(&traffic->nats[i].before);
		const struct tuple after = tuple_turned(&traffic->nats[i].after);

		if (!same_ends(draft, &after))
			continue;
		draft->dst = before.dst;
		draft->dport = before.dport;
		return;
	}
	if (!dice_once_in(4))
		return;
	nat = &traffic->nats[traffic->nats_count < TRAFFIC_NATS ? traffic->nats_count++ :
								  dice(TRAFFIC_NATS)];
	nat->before = (struct tuple){ .src = draft->src,
				      .dst = draft->dst,
				      .sport = draft->sport,
				      .dport = draft->dport,
				      .protocol = draft->protocol };
	nat->after = nat->before;
	nat->after.src = parsed(rig_addresses[six ? 2 : 0]);
	draft->src = nat->after.src;
}

bool traffic_forward(struct traffic *traffic, const struct verdict *verdict, struct scene *scene)
{
	if (scene->meeting.direction != DIRECTION_INGRESS || !scene->honest || dice_once_in(3))
		return false;
	scene->meeting.from = scene->meeting.slot ? FROM_WG1 : FROM_WG0;
	scene->meeting.direction = DIRECTION_EGRESS;
	scene->meeting.slot = dice_once_in(6) ? scene->meeting.slot : !scene->meeting.slot;
	scene->meeting.mark = verdict->mark;
	scene->draft.hops--;
	scene->draft.ethernet = dice_once_in(2);
	if (!scene->draft.part)
		translate(traffic, &scene->draft);
	build(scene);
	return true;
}
