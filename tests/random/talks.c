// SPDX-License-Identifier: GPL-2.0-or-later
#include "talks.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <time.h>

#include "dice.h"
#include "mem.h"

#define UDPLITE	   136
#define PORT_FIRST 1024

static bool is_icmp(const struct tuple *tuple)
{
	return tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6;
}

static uint16_t fresh_port(struct talks *talks)
{
	if (talks->fresh < PORT_FIRST)
		talks->fresh = PORT_FIRST;
	return talks->fresh++;
}

/* Most of what comes by chance is refused: half of it is looked for among what is allowed. */
static struct tuple some_tuple(const struct talks *talks, const struct naive *naive)
{
	unsigned int tries = dice_once_in(2) ? 1 : 30;
	struct tuple tuple;
	uint32_t rule;

	while (tries--) {
		struct who who;

		tuple = traffic_tuple(&talks->traffic, naive);
		who = opinion_who(naive->checked, tuple.src);
		if (tuple.src != tuple.dst &&
		    opinion_allows(naive->checked, &who, &tuple, time(NULL), &rule))
			break;
	}
	return tuple;
}

/*
 * Not DCCP, of which some kernels know the states; nor "no next header", in which conntrack finds
 * no packet.
 */
static const uint8_t spoken[] = { IPPROTO_IPIP, IPPROTO_GRE, IPPROTO_SCTP, IPPROTO_ESP,
				  UDPLITE,	IPPROTO_UDP, IPPROTO_TCP };

static bool is_portless(const struct tuple *tuple)
{
	return !is_icmp(tuple) && tuple->protocol != IPPROTO_TCP &&
	       tuple->protocol != IPPROTO_UDP && tuple->protocol != IPPROTO_SCTP;
}

/* A new one between these two would be the old one to conntrack, which does not forget it. */
static bool is_stopped(const struct talks *talks, const struct tuple *tuple)
{
	for (size_t i = 0; i < talks->stopped_count && is_portless(tuple); i++) {
		const struct tuple *stopped = &talks->stopped[i];

		if (stopped->protocol == tuple->protocol &&
		    ((stopped->src == tuple->src && stopped->dst == tuple->dst) ||
		     (stopped->src == tuple->dst && stopped->dst == tuple->src)))
			return true;
	}
	return false;
}

/* A connection that no other one meets: conntrack is patient in another way than the programs. */
static struct tuple some_opener(struct talks *talks, const struct naive *naive)
{
	struct tuple tuple = some_tuple(talks, naive);

	if (!is_icmp(&tuple) && !memchr(spoken, tuple.protocol, sizeof(spoken)))
		tuple.protocol = spoken[dice(sizeof(spoken))];
	if (is_stopped(talks, &tuple))
		tuple.protocol = IPPROTO_UDP;
	tuple.sport = fresh_port(talks);
	if (is_icmp(&tuple))
		tuple.dport = tuple.sport;
	/* some kernels have no ports of UDP-Lite, and those of GRE are its flags */
	if (tuple.protocol == UDPLITE)
		tuple.sport = tuple.dport = 7;
	if (tuple.protocol == IPPROTO_GRE)
		tuple.sport = tuple.dport = 0;
	return tuple;
}

static uint8_t stray_flags(void)
{
	static const uint8_t flags[] = { TH_SYN | TH_ACK, TH_SYN | TH_ACK, TH_FIN | TH_ACK, TH_RST,
					 TH_RST | TH_ACK };

	return flags[dice(ARRAY_SIZE(flags))];
}

/* Those that are neither echo nor errors. */
static void make_other_icmp(struct draft *draft)
{
	static const uint8_t types[2][3] = { { 4, 5, 13 }, { 133, 137, 127 } };
	bool six = !address_is_ipv4(draft->src);

	draft->protocol = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	draft->icmp = types[six][dice(3)];
	draft->id = 0;
}

static struct talk *remember(struct talks *talks, const struct tuple *tuple)
{
	size_t at = talks->count < TALKS ? talks->count++ : dice(TALKS);

	talks->items[at] = (struct talk){ .tuple = *tuple };
	return &talks->items[at];
}

/* With a port of its own: what it was before may have had none. */
static void become(struct talks *talks, struct tuple *tuple, uint8_t protocol)
{
	tuple->protocol = protocol;
	tuple->sport = fresh_port(talks);
}

static void open_talk(struct talks *talks, const struct naive *naive, struct saying *saying)
{
	struct draft *draft = &saying->parcel.draft;
	struct tuple tuple = some_opener(talks, naive);

	if (saying->act == ACT_FRAGMENTS)
		become(talks, &tuple, IPPROTO_UDP);
	if (saying->act == ACT_FRAGMENTS || !is_icmp(&tuple))
		tuple.role = ROLE_PLAIN;
	if (saying->act == ACT_PICK_UP)
		become(talks, &tuple, IPPROTO_TCP);
	traffic_draft(draft, &tuple);
	draft->flags = saying->act == ACT_PICK_UP ? TH_ACK : TH_SYN;
	/* an answer to nothing: of UDP and the like it cannot be told from what opens */
	if (tuple.role == ROLE_ANSWER && saying->act == ACT_OPEN)
		saying->act = ACT_STRAY;
	if (saying->act == ACT_STRAY && tuple.role != ROLE_ANSWER) {
		draft->protocol = IPPROTO_TCP;
		draft->flags = stray_flags();
		if (dice_once_in(3))
			make_other_icmp(draft);
	}
	saying->forward = true;
	if (saying->act == ACT_STRAY)
		return;
	saying->talk = remember(talks, &tuple);
	saying->talk->picked_up = draft->flags == TH_ACK;
}

/*
 * TCP keeps to its states: conntrack has a machine of them, by which an ACK of the opener that
 * nobody answered yet is invalid, for one.
 */
static uint8_t flags_of(const struct talk *talk, bool forward)
{
	if (talk->picked_up)
		return TH_ACK;
	if (!talk->answered)
		return forward ? TH_SYN : TH_SYN | TH_ACK;
	return TH_ACK | TH_PUSH;
}

static void go_on(struct saying *saying)
{
	const struct talk *talk = saying->talk;
	struct draft *draft = &saying->parcel.draft;
	struct tuple tuple = talk->tuple;

	saying->forward = saying->act != ACT_ANSWER && saying->act != ACT_ANSWER_SYN;
	if (saying->act == ACT_END)
		saying->forward = dice_once_in(2);
	if (!saying->forward)
		tuple = tuple_turned(&talk->tuple);
	traffic_draft(draft, &tuple);
	draft->flags = flags_of(talk, saying->forward);
	if (saying->act == ACT_ANSWER_SYN)
		draft->flags = TH_SYN;
	if (saying->act == ACT_END)
		draft->flags = dice_once_in(2) ? TH_RST | TH_ACK : TH_FIN | TH_ACK;
}

/* About a packet of either side; mostly by whom it was for, or this box. */
static void make_error(struct talks *talks, struct saying *saying)
{
	static const uint8_t types[2][4] = { { 3, 3, 11, 12 }, { 1, 2, 3, 4 } };
	struct draft inner = { .hops = 63, .body = 8 }, *draft = &saying->parcel.draft;
	const struct talk *talk = saying->talk;
	bool six = !address_is_ipv4(talk->tuple.src);
	struct tuple tuple = talk->tuple;
	uint8_t bytes[DRAFT_MAX];

	saying->forward = dice_once_in(3);
	if (saying->forward)
		tuple = tuple_turned(&talk->tuple);
	traffic_draft(&inner, &tuple);
	inner.flags = TH_ACK;
	draft->quote_size = draft_build(&inner, bytes);
	memcpy(draft->quote, bytes, draft->quote_size);
	draft->src = dice_once_in(2) ? traffic_somebody(&talks->traffic, six) : tuple.dst;
	draft->dst = tuple.src;
	draft->protocol = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	draft->icmp = types[six][dice(4)];
}

static bool suits(const struct talks *talks, const struct talk *talk, enum act act)
{
	bool tcp = talk->tuple.protocol == IPPROTO_TCP;

	if (talk->ended || is_stopped(talks, &talk->tuple))
		return false;
	if (act == ACT_ANSWER_SYN)
		return tcp && talk->passed && !talk->answered;
	if (act == ACT_END) /* of a connection that there is */
		return tcp && talk->passed && (talk->answered || talk->picked_up);
	return true;
}

static struct talk *some_talk(struct talks *talks, enum act act)
{
	for (unsigned int tries = 0; talks->count && tries < 20; tries++) {
		struct talk *talk = &talks->items[dice((unsigned int)talks->count)];

		if (suits(talks, talk, act))
			return talk;
	}
	return NULL;
}

/* Most often from where its source belongs. */
static void locate(const struct naive *naive, enum origin (*route)(address_t),
		   struct saying *saying)
{
	static const enum origin places[] = { FROM_WG0, FROM_WG1, FROM_LAN, FROM_SELF };

	saying->from = traffic_home(naive->checked, saying->parcel.draft.src);
	if (saying->from == FROM_ELSEWHERE)
		saying->from = FROM_LAN;
	if (dice_once_in(10))
		saying->from = places[dice(ARRAY_SIZE(places))];
	saying->out = route(saying->parcel.draft.dst);
}

/* Whether the kernel takes it, and it meets the gate on its way. */
static bool is_possible(const struct naive *naive, const struct saying *saying)
{
	const struct draft *draft = &saying->parcel.draft;
	bool guarded = saying->from < FROM_LAN || saying->out < FROM_LAN;

	if (draft->src == draft->dst || !guarded)
		return false;
	/* a martian to IPv4, before any hook behind which it would be judged */
	return saying->from != FROM_LAN || !address_is_ipv4(draft->src) ||
	       !opinion_who(naive->checked, draft->src).own;
}

static enum act some_act(void)
{
	static const enum act acts[] = {
		ACT_OPEN,   ACT_OPEN,	ACT_OPEN,    ACT_OPEN,	 ACT_OPEN,
		ACT_OPEN,   ACT_OPEN,	ACT_PICK_UP, ACT_STRAY,	 ACT_FRAGMENTS,
		ACT_ANSWER, ACT_ANSWER, ACT_ANSWER,  ACT_ANSWER, ACT_ANSWER_SYN,
		ACT_GO_ON,  ACT_GO_ON,	ACT_END,     ACT_ERROR,	 ACT_ERROR,
	};

	return acts[dice(ARRAY_SIZE(acts))];
}

void talks_next(struct talks *talks, const struct naive *naive, enum origin (*route)(address_t),
		struct saying *ret_saying)
{
	struct saying *saying = ret_saying;

	do {
		*saying = (struct saying){ .act = some_act(), .parcel.draft.hops = 64 };
		saying->parcel.number = ++talks->number;
		if (saying->act >= ACT_ANSWER) {
			saying->talk = some_talk(talks, saying->act);
			if (!saying->talk)
				saying->act = ACT_OPEN;
		}
		if (saying->act < ACT_ANSWER)
			open_talk(talks, naive, saying);
		else if (saying->act == ACT_ERROR)
			make_error(talks, saying);
		else
			go_on(saying);
		locate(naive, route, saying);
		if (!is_possible(naive, saying) && saying->act < ACT_ANSWER && saying->talk)
			saying->talk->ended = true;
	} while (!is_possible(naive, saying));
	parcel_seal(&saying->parcel, saying->act == ACT_FRAGMENTS);
}

void talks_heard(struct talks *talks, const struct saying *saying, bool passed, bool revoked)
{
	struct talk *talk = saying->talk;

	if (!talk)
		return;
	talk->turned |= passed && !saying->forward && !talk->passed && saying->act != ACT_ERROR;
	talk->passed |= passed && saying->forward && saying->act != ACT_ERROR;
	/* conntrack has seen what the gate then drops */
	talk->answered |= saying->act == ACT_ANSWER && talk->passed;
	talk->ended |= saying->act == ACT_END;
	talk->revoked |= revoked;
	if (revoked && is_portless(&talk->tuple) && talks->stopped_count < TALKS_STOPPED)
		talks->stopped[talks->stopped_count++] = talk->tuple;
}

void talks_settle(struct talks *talks)
{
	size_t kept = 0;

	for (size_t i = 0; i < talks->count; i++)
		if (!talks->items[i].revoked && !talks->items[i].ended)
			talks->items[kept++] = talks->items[i];
	talks->count = kept;
}
