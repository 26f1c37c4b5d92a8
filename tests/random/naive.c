// SPDX-License-Identifier: GPL-2.0-or-later
#include "naive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <time.h>

#include "mem.h"

#define SECOND UINT64_C(1000000000)
#define MINE   (GATE_MARK_JUDGED | GATE_MARK_REPLY)

/* What went before. */
enum standing {
	STANDING_NEW,	 /* nobody of ours has seen it */
	STANDING_PASSED, /* one of ours let it in */
	STANDING_REPLY,	 /* ... as an answer, or so that it may found nothing */
};

struct trial {
	struct naive *naive;
	const struct meeting *meeting;
	struct reading reading;
	struct tuple tuple;
	enum origin from;
	enum standing standing;
	struct who src;
	bool nat_as;
	uint32_t other; /* device that a known flow has on its other side */
	struct verdict verdict;
};

bool verdict_passes(const struct verdict *verdict)
{
	return verdict->audited || verdict->reasons == 1u << REASON_NONE;
}

uint64_t naive_now(const struct naive *naive)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec + naive->skipped;
}

static int64_t wall(const struct naive *naive)
{
	return time(NULL) + (int64_t)((naive->skipped - naive->skipped_before) / SECOND);
}

static const struct settings *settings_of(const struct naive *naive)
{
	return &naive->checked->ruleset.settings;
}

static uint64_t policy_patience(const struct naive *naive, const struct naive_flow *flow)
{
	const uint32_t *seconds = settings_of(naive)->timeout;

	if (flow->tuple.protocol == IPPROTO_ICMP || flow->tuple.protocol == IPPROTO_ICMPV6)
		return seconds[TIMEOUT_ECHO] * SECOND;
	if (flow->tuple.protocol != IPPROTO_TCP)
		return seconds[flow->answered ? TIMEOUT_ANSWERED : TIMEOUT_UDP] * SECOND;
	if (flow->state == FLOW_CLOSING)
		return seconds[TIMEOUT_CLOSING] * SECOND;
	return seconds[flow->state == FLOW_ESTABLISHED ? TIMEOUT_ESTABLISHED : TIMEOUT_HANDSHAKE] *
	       SECOND;
}

/* NAT is conntrack's, which forgets UDP and the like without a packet of the opener. */
static uint64_t patience(const struct naive *naive, const struct naive_flow *flow)
{
	const uint64_t translated = 29 * SECOND;
	uint64_t patience = policy_patience(naive, flow);

	if (flow->kind == FLOW_JUDGED || flow->tuple.protocol == IPPROTO_TCP)
		return patience;
	return patience < translated ? patience : translated;
}

/* In ns; below 0: over. */
static int64_t time_left(const struct naive *naive, uint64_t last, uint64_t patience)
{
	return (int64_t)(last + patience - naive_now(naive));
}

bool naive_flow_is_over(const struct naive *naive, const struct naive_flow *flow)
{
	return time_left(naive, flow->last, patience(naive, flow)) < 0;
}

static int64_t part_time_left(const struct naive *naive, const struct naive_part *part)
{
	return time_left(naive, part->last, settings_of(naive)->timeout[TIMEOUT_FRAGMENT] * SECOND);
}

bool naive_part_is_over(const struct naive *naive, const struct naive_part *part)
{
	return part_time_left(naive, part) < 0;
}

static bool is_edge(int64_t left)
{
	return left > -(int64_t)SECOND / 10 && left < 2 * (int64_t)SECOND;
}

bool naive_is_on_edge(const struct naive *naive)
{
	const struct ruleset *ruleset = &naive->checked->ruleset;

	for (size_t i = 0; i < naive->flows_count; i++)
		if (is_edge(time_left(naive, naive->flows[i].last,
				      patience(naive, &naive->flows[i]))))
			return true;
	for (size_t i = 0; i < naive->parts_count; i++)
		if (is_edge(part_time_left(naive, &naive->parts[i])))
			return true;
	for (size_t i = 0; i < ruleset->rules_count; i++)
		if (ruleset->rules[i].expires != EXPIRES_NEVER &&
		    llabs(ruleset->rules[i].expires - wall(naive)) < 4)
			return true;
	return false;
}

void naive_collect(struct naive *naive)
{
	size_t kept = 0;

	for (size_t i = 0; i < naive->flows_count; i++)
		if (!naive_flow_is_over(naive, &naive->flows[i]))
			naive->flows[kept++] = naive->flows[i];
	naive->flows_count = kept;
	kept = 0;
	for (size_t i = 0; i < naive->parts_count; i++)
		if (!naive_part_is_over(naive, &naive->parts[i]))
			naive->parts[kept++] = naive->parts[i];
	naive->parts_count = kept;
}

void naive_free(struct naive *naive)
{
	free(naive->flows);
	free(naive->parts);
	*naive = (struct naive){};
}

uint32_t naive_flows(const struct naive *naive, uint32_t owner)
{
	uint32_t count = 0;

	for (size_t i = 0; i < naive->flows_count; i++)
		count += naive->flows[i].owner == owner;
	return count;
}

uint32_t naive_parts(const struct naive *naive, uint32_t owner)
{
	uint32_t count = 0;

	for (size_t i = 0; i < naive->parts_count; i++)
		count += naive->parts[i].owner == owner;
	return count;
}

/* Whether a packet with @tuple is part of the flow, and in which direction. */
static bool belongs(const struct tuple *tuple, const struct naive_flow *flow, bool *ret_forward)
{
	const struct tuple *first = &flow->tuple;
	bool echo = first->role == ROLE_ASK;

	if (tuple->protocol != first->protocol ||
	    echo != (tuple->role == ROLE_ASK || tuple->role == ROLE_ANSWER))
		return false;
	*ret_forward = tuple->src == first->src && tuple->dst == first->dst &&
		       tuple->sport == first->sport && tuple->dport == first->dport &&
		       tuple->role != ROLE_ANSWER;
	return *ret_forward || (tuple->src == first->dst && tuple->dst == first->src &&
				tuple->src != tuple->dst && tuple->sport == first->dport &&
				tuple->dport == first->sport && tuple->role != ROLE_ASK);
}

static struct naive_flow *find(const struct naive *naive, const struct tuple *tuple,
			       bool *ret_forward)
{
	for (size_t i = 0; i < naive->flows_count; i++)
		if (belongs(tuple, &naive->flows[i], ret_forward))
			return &naive->flows[i];
	return NULL;
}

/* The same, but what is over is not there. */
static struct naive_flow *find_live(const struct naive *naive, const struct tuple *tuple,
				    bool *ret_forward)
{
	struct naive_flow *flow = tuple->role == ROLE_OTHER ? NULL :
							      find(naive, tuple, ret_forward);

	return flow && naive_flow_is_over(naive, flow) ? NULL : flow;
}

static void forget(struct naive *naive, struct naive_flow *flow)
{
	*flow = naive->flows[--naive->flows_count];
}

/* 6. */
static enum reason bind_source(struct trial *trial)
{
	enum reason reason;

	if (trial->tuple.src == trial->tuple.dst)
		return REASON_SPOOFED_SOURCE;
	trial->src = opinion_who(trial->naive->checked, trial->tuple.src);
	reason = opinion_bind(&trial->src, trial->from);
	if (reason != REASON_NAT_UNIDENTIFIED)
		return reason;
	trial->nat_as = opinion_nat_as(trial->naive->checked, trial->meeting->slot,
				       trial->reading.version, &trial->src);
	return trial->nat_as ? REASON_NONE : reason;
}

static bool is_somebody(const struct who *who)
{
	return (who->device != NOBODY || who->own) && !who->unapproved;
}

static bool has_room(const struct naive *naive, uint32_t owner)
{
	return naive_flows(naive, owner) < settings_of(naive)->flows_per_device;
}

static uint32_t id_of(const struct naive *naive, uint32_t device)
{
	return device == NOBODY ? 0 : naive->ids[device];
}

/* In place of the one with the same name. */
static enum reason make_flow(struct trial *trial, enum flow_kind kind, uint32_t rule)
{
	struct naive *naive = trial->naive;
	bool forward;
	struct naive_flow *old = find(naive, &trial->tuple, &forward);
	struct naive_flow flow = {
		.tuple = trial->tuple,
		.kind = kind,
		.last = naive_now(naive),
		.generation = naive->generation,
		.rule = rule,
		.device = { trial->src.device,
			    opinion_who(naive->checked, trial->tuple.dst).device },
		/* whoever sent it where it came in; BPF_PROG_TEST_RUN does not let that be told */
		.owner = kind == FLOW_LEARNED ? 0 : id_of(naive, trial->src.device),
		.slot = trial->meeting->slot,
	};

	/* a connection of the same device that this one replaces is over at least */
	if (!has_room(naive, flow.owner) && old && old->owner == flow.owner) {
		forget(naive, old);
		old = NULL;
	}
	if (!has_room(naive, flow.owner))
		return REASON_FLOW_QUOTA;
	if (old)
		forget(naive, old);
	naive->flows = mem_grow(naive->flows, naive->flows_count, &naive->flows_capacity,
				sizeof(*naive->flows));
	naive->flows[naive->flows_count++] = flow;
	return REASON_NONE;
}

/* E1: it was bound where it came in, and may have another address since. */
static bool is_bound(const struct trial *trial)
{
	return trial->standing != STANDING_NEW && trial->from != FROM_LOST;
}

/* A port that this box publishes is answered by somebody else with its address. */
static bool may_answer(const struct naive_flow *flow, bool forward)
{
	return flow->kind == FLOW_JUDGED && !forward && !flow->by_self;
}

/* This box, and whom NAT hides behind its address, do not go on with what the other opened. */
static enum reason bind_speaker(struct trial *trial, struct naive_flow *flow, bool forward)
{
	enum reason reason = is_bound(trial) ? REASON_NONE : bind_source(trial);

	if (reason == REASON_NAT_UNIDENTIFIED && may_answer(flow, forward))
		return REASON_NONE;
	if (!reason && !forward && !is_bound(trial) && !trial->nat_as && trial->from == FROM_SELF)
		flow->by_self = true;
	if (reason || is_bound(trial) || !forward)
		return reason;
	return trial->nat_as == (flow->kind == FLOW_NAT_AS) ? REASON_NONE : REASON_NO_STATE;
}

/* Which packets may be the first one that we see. */
static bool may_begin(const struct trial *trial)
{
	const uint8_t flags = trial->reading.flags;

	if (trial->reading.part == PART_LATER)
		return false;
	if (trial->tuple.role == ROLE_TCP)
		return flags == TH_SYN || flags == TH_ACK;
	return trial->tuple.role == ROLE_PLAIN || trial->tuple.role == ROLE_ASK;
}

/* 7. */
static enum reason begin(struct trial *trial)
{
	struct naive *naive = trial->naive;
	enum reason reason = bind_source(trial);

	if (reason)
		return reason;
	trial->verdict.device = trial->src.device;
	if (!is_somebody(&trial->src))
		return REASON_UNKNOWN_SOURCE;
	if (!may_begin(trial))
		return REASON_NO_STATE;
	naive->disagreements += !opinion_table_agrees(naive->checked, &trial->src, &trial->tuple,
						      naive->loaded);
	if (!opinion_allows(naive->checked, &trial->src, &trial->tuple, wall(naive),
			    &trial->verdict.rule))
		return trial->tuple.role == ROLE_TCP && trial->reading.flags != TH_SYN ?
			       REASON_NO_STATE :
			       REASON_ACL;
	return make_flow(trial, trial->nat_as ? FLOW_NAT_AS : FLOW_JUDGED, trial->verdict.rule);
}

/* E1. */
static enum reason learn(struct trial *trial)
{
	if (trial->standing != STANDING_PASSED || trial->reading.part == PART_LATER ||
	    trial->tuple.role == ROLE_ANSWER || trial->tuple.role == ROLE_OTHER)
		return REASON_NO_STATE;
	trial->src = opinion_who(trial->naive->checked, trial->tuple.src);
	trial->verdict.device = trial->src.device;
	return make_flow(trial, FLOW_LEARNED, NOBODY);
}

/* 8. Judged once, under this policy, by a rule that has not expired; else judged again. */
static enum reason still_allowed(struct trial *trial, struct naive_flow *flow)
{
	struct naive *naive = trial->naive;
	struct who src = opinion_who(naive->checked, flow->tuple.src);
	bool somebody = flow->kind != FLOW_NAT_AS ||
			opinion_nat_as(naive->checked, flow->slot, trial->reading.version, &src);

	if (flow->generation == naive->generation && flow->kind == FLOW_LEARNED)
		return REASON_NONE;
	if (flow->generation == naive->generation &&
	    naive->checked->ruleset.rules[flow->rule].expires > wall(naive))
		return REASON_NONE;
	if (flow->kind != FLOW_LEARNED &&
	    (!somebody || !is_somebody(&src) ||
	     !opinion_allows(naive->checked, &src, &flow->tuple, wall(naive), &flow->rule))) {
		forget(naive, flow);
		return REASON_REVOKED;
	}
	trial->verdict.renewed = true;
	flow->generation = naive->generation;
	flow->by_self = flow->by_self && opinion_who(naive->checked, flow->tuple.dst).own;
	flow->device[0] = src.device;
	flow->device[1] = opinion_who(naive->checked, flow->tuple.dst).device;
	return REASON_NONE;
}

/* What a packet of a flow does to it. */
static void follow(const struct trial *trial, struct naive_flow *flow, bool forward)
{
	const uint8_t flags = trial->reading.flags;
	bool ends = flags & (TH_FIN | TH_RST);

	if (forward && !flow->over)
		flow->last = naive_now(trial->naive);
	if (!forward)
		flow->answered = true;
	if (trial->tuple.role != ROLE_TCP) {
		flow->state = flow->answered ? FLOW_ESTABLISHED : FLOW_OPENING;
		return;
	}
	if (forward && flags & TH_FIN)
		flow->opener_closed = true;
	if (!forward && flags & TH_FIN)
		flow->other_closed = true;
	if (ends && flow->state != FLOW_CLOSING) {
		flow->state = FLOW_CLOSING;
		flow->last = naive_now(trial->naive);
	}
	if ((flow->opener_closed && flow->other_closed) || (forward && flags & TH_RST))
		flow->over = true;
	/* it acknowledges: the connection is there, whatever the other side said of its end */
	if (forward && !ends && flags & TH_ACK && flow->answered && !flow->opener_closed &&
	    !flow->over)
		flow->state = FLOW_ESTABLISHED;
}

static bool is_syn(const struct trial *trial)
{
	return trial->tuple.role == ROLE_TCP &&
	       (trial->reading.flags & (TH_SYN | TH_ACK)) == TH_SYN;
}

/* Whether the packet is judged as if that flow were not there. */
static bool stands_alone(const struct trial *trial, const struct naive_flow *flow, bool forward)
{
	bool learned = flow->kind == FLOW_LEARNED;

	if (is_syn(trial) && trial->standing == STANDING_NEW &&
	    (forward || flow->state == FLOW_CLOSING))
		return true; /* a new connection on old ports */
	if (!learned)
		return false;
	if (forward)
		return trial->standing != STANDING_PASSED || is_syn(trial);
	return trial->standing != STANDING_NEW || trial->from > FROM_WG1;
}

static enum reason judge_packet(struct trial *trial)
{
	bool forward = false;
	struct naive_flow *flow = find_live(trial->naive, &trial->tuple, &forward);
	enum reason reason;

	if (!flow || stands_alone(trial, flow, forward))
		return trial->standing == STANDING_NEW ? begin(trial) : learn(trial);
	trial->verdict.rule = flow->rule;
	reason = still_allowed(trial, flow);
	if (!reason)
		reason = bind_speaker(trial, flow, forward);
	if (reason)
		return reason;
	trial->verdict.rule = flow->rule;
	trial->verdict.device = flow->device[!forward];
	trial->other = flow->device[forward];
	trial->verdict.known = true;
	trial->verdict.reply = !forward;
	if (!forward && is_syn(trial))
		return REASON_NO_STATE;
	follow(trial, flow, forward);
	return REASON_NONE;
}

static bool same_datagram(const struct naive_part *part, const struct reading *reading)
{
	return part->version == reading->version && part->id == reading->id &&
	       part->tuple.src == reading->tuple.src && part->tuple.dst == reading->tuple.dst &&
	       (part->version == 6 || part->protocol == reading->tuple.protocol);
}

static struct naive_part *find_part(const struct naive *naive, const struct reading *reading)
{
	for (size_t i = 0; i < naive->parts_count; i++)
		if (same_datagram(&naive->parts[i], reading))
			return &naive->parts[i];
	return NULL;
}

/* 4. */
static enum reason join(const struct trial *trial, struct tuple *ret_tuple)
{
	const struct naive_part *first = find_part(trial->naive, &trial->reading);

	if (!first || naive_part_is_over(trial->naive, first) || first->from != trial->from ||
	    trial->reading.at < first->end)
		return REASON_FRAGMENT;
	*ret_tuple = first->tuple;
	return REASON_NONE;
}

static enum reason remember_part(struct trial *trial)
{
	struct naive *naive = trial->naive;
	struct naive_part *old = find_part(naive, &trial->reading);
	struct naive_part part = {
		.tuple = trial->tuple,
		.version = trial->reading.version,
		.protocol = trial->reading.tuple.protocol,
		.id = trial->reading.id,
		.end = trial->reading.end,
		.from = trial->from,
		.last = naive_now(naive),
		.owner = id_of(naive, trial->verdict.device == NOBODY ? trial->other :
									trial->verdict.device),
		.audited = trial->verdict.audited,
	};

	if (naive_parts(naive, part.owner) >= GATE_FRAGMENTS_PER_DEVICE)
		return REASON_FLOW_QUOTA;
	if (!old) {
		naive->parts = mem_grow(naive->parts, naive->parts_count, &naive->parts_capacity,
					sizeof(*naive->parts));
		old = &naive->parts[naive->parts_count++];
	}
	*old = part;
	return REASON_NONE;
}

/* Whose packet the error is about. Returns a bit for each reason why it is about none. */
static unsigned int read_subject(const struct trial *trial, struct tuple *ret_tuple)
{
	struct reading quote = reading_quote(&trial->reading);
	struct naive_part *first;

	if (quote.wrong)
		return quote.wrong;
	*ret_tuple = quote.tuple;
	if (quote.part == PART_LATER) {
		first = find_part(trial->naive, &quote);
		if (!first || naive_part_is_over(trial->naive, first))
			return 1u << REASON_FRAGMENT;
		*ret_tuple = first->tuple;
	}
	if (quote.tuple.role == ROLE_ERROR || quote.tuple.role == ROLE_OTHER ||
	    quote.tuple.src != trial->tuple.dst)
		return 1u << REASON_NO_STATE;
	return 0;
}

/* The one who has the quoted destination, this box, or, where that is nobody's, that very host. */
static bool may_tell(const struct trial *trial, const struct tuple *subject,
		     const struct naive_flow *flow, bool forward)
{
	uint32_t other = flow->kind == FLOW_NAT_AS && !forward ?
				 flow->device[0] :
				 opinion_who(trial->naive->checked, subject->dst).device;

	if (trial->src.own && !trial->nat_as)
		return true;
	if (trial->src.device == NOBODY)
		return trial->tuple.src == subject->dst;
	return trial->src.device == other;
}

/* 8, ICMP errors. */
static unsigned int judge_error(struct trial *trial)
{
	struct naive_flow *flow;
	struct tuple subject = {};
	bool forward = false;
	unsigned int reasons;
	enum reason reason = is_bound(trial) ? REASON_NONE : bind_source(trial), hidden;

	if (is_bound(trial))
		trial->src = opinion_who(trial->naive->checked, trial->tuple.src);
	if (reason && reason != REASON_NAT_UNIDENTIFIED)
		return 1u << reason;
	if (trial->reading.part != PART_WHOLE)
		return 1u << REASON_FRAGMENT;
	reasons = read_subject(trial, &subject);
	if (reasons)
		return reasons;
	flow = find_live(trial->naive, &subject, &forward);
	if (!flow)
		return 1u << (reason ? reason : REASON_NO_STATE);
	hidden = reason;
	reason = still_allowed(trial, flow);
	if (reason)
		return 1u << reason;
	if (hidden && !(trial->tuple.src == subject.dst && may_answer(flow, !forward)))
		return 1u << hidden;
	if (!may_tell(trial, &subject, flow, forward))
		return 1u << REASON_NO_STATE;
	trial->verdict.rule = flow->rule;
	trial->verdict.device = trial->src.device;
	trial->verdict.known = true;
	trial->verdict.reply = forward;
	return 1u << REASON_NONE;
}

static bool is_fragment(const struct reading *reading)
{
	return reading->version == 6 && (reading->part != PART_WHOLE || reading->atomic);
}

/* E1 … E4 */
static void place(struct trial *trial)
{
	const struct meeting *meeting = trial->meeting;
	bool judged = meeting->mark & GATE_MARK_JUDGED;

	trial->from = meeting->from;
	/* a policy that binds nobody to it does not know it from any other */
	if (trial->from == FROM_LAN && !trial->naive->checked->inventory.outside_count)
		trial->from = FROM_ELSEWHERE;
	if (meeting->direction == DIRECTION_INGRESS) {
		trial->from = meeting->slot ? FROM_WG1 : FROM_WG0;
	} else if (meeting->from == FROM_WG0 || meeting->from == FROM_WG1) {
		if (judged)
			trial->standing = meeting->mark & GATE_MARK_REPLY ? STANDING_REPLY :
									    STANDING_PASSED;
	} else if (meeting->from == FROM_SELF && !meeting->sent && is_fragment(&trial->reading)) {
		trial->from = FROM_ELSEWHERE;
		if (judged && !opinion_who(trial->naive->checked, trial->reading.tuple.src).own) {
			trial->from = FROM_LOST;
			trial->standing = STANDING_REPLY;
		}
	}
}

static bool softens(const struct trial *trial)
{
	const unsigned int soft = 1u << REASON_ACL | 1u << REASON_NO_STATE | 1u << REASON_REVOKED;

	return settings_of(trial->naive)->audit && trial->verdict.reasons & soft;
}

static bool is_link_local(address_t address)
{
	return address >> 118 == 0xfe80 >> 6;
}

/* RFC 4861: only whoever is on the link has sent it with 255; and it must not be forwarded. */
static bool stays_here(const struct trial *trial)
{
	address_t dst = trial->tuple.dst;

	return trial->meeting->direction == DIRECTION_EGRESS || is_link_local(dst) ||
	       (dst >> 112 & 0xff0f) == 0xff02 || opinion_who(trial->naive->checked, dst).own;
}

static bool is_discovery(const struct trial *trial)
{
	const struct reading *reading = &trial->reading;
	bool out = trial->meeting->direction == DIRECTION_EGRESS;

	if (reading->tuple.protocol != IPPROTO_ICMPV6)
		return false;
	switch (reading->icmp) {
	case 133:
	case 135:
	case 136:
		return reading->hops == 255 && stays_here(trial);
	case 134:
		return reading->hops == 255 && out;
	case 130:
	case 131:
	case 132:
	case 143:
		return reading->hops == 1;
	}
	return false;
}

static bool has_ports(const struct tuple *tuple, unsigned int sport, unsigned int dport)
{
	return tuple->protocol == IPPROTO_UDP && tuple->sport == sport && tuple->dport == dport;
}

/* With this box as the server. */
static bool is_dhcp(const struct trial *trial)
{
	const address_t servers = ((address_t)0xff02 << 112) | 0x10002; /* RFC 8415, 7.1 */
	const struct tuple *tuple = &trial->tuple;
	bool own = opinion_who(trial->naive->checked, tuple->dst).own;

	if (!(settings_of(trial->naive)->dhcp & 1u << trial->meeting->slot))
		return false;
	if (trial->reading.version == 4 && trial->meeting->direction == DIRECTION_EGRESS)
		return has_ports(tuple, 67, 68);
	if (trial->reading.version == 4)
		return has_ports(tuple, 68, 67) && (own || tuple->dst == ADDRESS_IPV4_LAST);
	if (!is_link_local(tuple->src))
		return false;
	if (trial->meeting->direction == DIRECTION_EGRESS)
		return has_ports(tuple, 547, 546) && is_link_local(tuple->dst);
	return has_ports(tuple, 546, 547) &&
	       (own || tuple->dst == servers || is_link_local(tuple->dst));
}

/* 2. What comes from this very link, or from this box, and from nobody who feigns it. */
static bool is_link(const struct trial *trial)
{
	const struct reading *reading = &trial->reading;
	struct who src = opinion_who(trial->naive->checked, trial->tuple.src);
	bool nowhere = trial->tuple.src == 0 || trial->tuple.src == ADDRESS_IPV4;

	if (!trial->meeting->ethernet)
		return false;
	if (reading->arp)
		return true;
	if (reading->part != PART_WHOLE || reading->atomic ||
	    !(is_discovery(trial) || is_dhcp(trial)))
		return false;
	if (trial->meeting->direction == DIRECTION_EGRESS)
		return trial->from == FROM_SELF;
	if (src.own)
		return false;
	return nowhere || is_link_local(trial->tuple.src) ||
	       opinion_bind(&src, trial->from) == REASON_NONE;
}

/* 1 … 8 */
static unsigned int judge(struct trial *trial)
{
	enum reason reason = REASON_NONE;

	if (!trial->naive->checked)
		return 1u << REASON_NO_POLICY;
	if (trial->reading.wrong)
		return trial->reading.wrong;
	place(trial);
	trial->verdict.link = is_link(trial);
	if (trial->verdict.link)
		return 1u << REASON_NONE;
	if (trial->reading.part == PART_LATER)
		reason = join(trial, &trial->tuple);
	if (reason)
		return 1u << reason;
	if (trial->tuple.role == ROLE_ERROR)
		return judge_error(trial);
	return 1u << judge_packet(trial);
}

/* 9. */
void naive_judge(struct naive *naive, const struct meeting *meeting, struct verdict *ret_verdict)
{
	struct trial trial = {
		.naive = naive,
		.meeting = meeting,
		.reading = reading_packet(meeting->bytes, meeting->size, meeting->ethernet),
		.src = { .device = NOBODY },
		.other = NOBODY,
		.verdict = { .rule = NOBODY, .device = NOBODY, .mark = meeting->mark & ~MINE },
	};
	struct verdict *verdict = &trial.verdict;
	enum reason reason = REASON_NONE;

	trial.tuple = trial.reading.tuple;
	verdict->reasons = judge(&trial);
	verdict->audited = naive->checked && softens(&trial);
	if (verdict_passes(verdict) && trial.reading.part == PART_FIRST)
		reason = remember_part(&trial);
	if (reason) {
		verdict->reasons = 1u << reason;
		verdict->audited = false;
	}
	if (verdict_passes(verdict) && meeting->direction == DIRECTION_INGRESS)
		verdict->mark |= GATE_MARK_JUDGED |
				 (verdict->reply || verdict->audited ? GATE_MARK_REPLY : 0);
	*ret_verdict = trial.verdict;
}
