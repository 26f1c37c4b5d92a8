// SPDX-License-Identifier: GPL-2.0-or-later
#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "reason.h"

static const struct form forms[] = {
	{ 4, 0 },
	{ 6, 0 },
	{ 4, PACKET_ETHERNET },
	{ 6, PACKET_ETHERNET },
};

/* What runs as one test, by the index of check's loop. */
struct run {
	const struct trial *trial;
	const struct form *form;
};

static struct run *runs;
static size_t runs_count, runs_capacity;

static bool is_wanted(const struct form *form, enum forms only)
{
	if ((only & ETHERNET && !form->link_header) || (only & BARE && form->link_header))
		return false;
	if (only & (IPV4 | IPV6))
		return only & (form->version == 4 ? IPV4 : IPV6);
	return true;
}

static char *describe(const struct run *run, const char *packet, const struct verdict *verdict)
{
	return mem_printf("%s (IPv%u%s), %s: %s %s of device %u, %u bookings, %zu packets, %zu of "
			  "%zu bytes, mark %#x, flows +%zu -%zu, %u credits, rule %u, %u events",
			  run->trial->name, run->form->version,
			  run->form->link_header ? " on Ethernet" : "", packet,
			  direction_name(verdict->direction),
			  verdict->audited ? "audited" :
			  verdict->passed  ? "passed" :
					     reason_name(verdict->reason),
			  verdict->device, verdict->bookings, (size_t)verdict->packets,
			  (size_t)verdict->bytes, (size_t)verdict->length, verdict->mark,
			  (size_t)verdict->created, (size_t)verdict->deleted, verdict->credits,
			  verdict->rule, verdict->events);
}

static void run_hop(const struct run *run, const struct hop *hop, struct verdict *verdict)
{
	bench_flows_age(hop->later);
	bench_run(&hop->packet, hop->place, run->form, 0, verdict);
}

static bool is_there(const struct hop *hop)
{
	return hop->packet.src.host != HOST_LITERAL;
}

static void run_before(const struct run *run)
{
	const struct hop *before = run->trial->before;

	bench_flows_clear();
	for (size_t i = 0; i < ARRAY_SIZE(run->trial->before) && is_there(&before[i]); i++) {
		_free_ char *packet = mem_printf("packet %zu before", i + 1);
		_free_ char *text = NULL;
		struct verdict verdict;

		run_hop(run, &before[i], &verdict);
		text = describe(run, packet, &verdict);
		ck_assert_msg(verdict.passed, "%s", text);
	}
}

static bool right_flows(const struct trial *trial, const struct verdict *verdict)
{
	uint64_t created = 0, deleted = 0;

	switch (trial->effect) {
	case REOPENS:
	case RELEARNS:
		deleted = 1;
		/* fall through */
	case OPENS:
	case LEARNS:
		created = 1;
		break;
	case DROPS:
	case AUDITED:
		deleted = trial->reason == REASON_REVOKED;
		break;
	default:
		break;
	}
	return verdict->created == created && verdict->deleted == deleted;
}

static bool right_mark(const struct trial *trial, const struct verdict *verdict)
{
	uint32_t expected = verdict->mark_before & ~GATE_MARK_MASK;

	if (trial->effect != DROPS && place_direction(trial->hop.place) == DIRECTION_INGRESS)
		expected |= GATE_MARK_JUDGED;
	if (expected & GATE_MARK_JUDGED &&
	    (trial->effect == ANSWERS || trial->effect == RETURNS || trial->effect == AUDITED))
		expected |= GATE_MARK_REPLY;
	return verdict->mark == expected;
}

static bool is_own(const struct end *end)
{
	const char *device = host_device(end->host);

	return device && !strcmp(device, "router");
}

/* Atomic ones too (RFC 6946). */
static bool is_fragment(const struct packet *packet)
{
	for (size_t i = 0; i < packet->extensions_count; i++)
		if (packet->extensions[i].type == IPPROTO_FRAGMENT)
			return true;
	return packet->piece.is;
}

/*
 * Judged before: a fragment that brings the mark, and is not this box's, has only lost where it
 * came from.
 */
static bool is_first(const struct hop *hop)
{
	return place_is_first(hop->place) &&
	       !(hop->place == AT_EGRESS_SELF_MARKED && is_fragment(&hop->packet) &&
		 !is_own(&hop->packet.src));
}

static bool is_of_rule(const struct trial *trial)
{
	switch (trial->effect) {
	case OPENS:
	case REOPENS:
	case PASSES:
	case ANSWERS:
	case LINKS:
		return true;
	default:
		return false;
	}
}

/*
 * The rule is that of the flow; what belongs to the link is rule 0. Of a packet that was on its way
 * through this box while a policy was loaded, the rule may get the credit twice.
 */
static bool right_rule(const struct trial *trial, const struct verdict *verdict)
{
	bool credited = trial->effect == LEAVES || (is_first(&trial->hop) && is_of_rule(trial));

	if (trial->edit.from && !is_first(&trial->hop) && verdict->credits <= 1)
		return true;
	if (verdict->credits != credited)
		return false;
	return !credited || !verdict->rule == (trial->effect == LINKS);
}

static bool is_on_wg0(enum place place)
{
	return place == AT_INGRESS || place == AT_INGRESS_MARKED || place == AT_EGRESS_JUDGED ||
	       place == AT_EGRESS_UNMARKED;
}

/*
 * A packet counts for its sender, and for nobody where the sender may be another. Headers that fail
 * may or may not have told who it is.
 */
static bool right_device(const struct trial *trial, const struct verdict *verdict)
{
	uint32_t source = bench_device(host_device(trial->hop.packet.src.host));

	if (trial->counted)
		return verdict->device == (*trial->counted ? bench_device(trial->counted) : 0);
	if (trial->effect == LEARNS || trial->effect == RELEARNS)
		return true; /* test-nat.c asks */
	switch (trial->reason) {
	case REASON_NONE:
	case REASON_NO_STATE:
	case REASON_ACL:
	case REASON_REVOKED:
	case REASON_FLOW_QUOTA:
	case REASON_FLOW_TABLE_FULL:
		return verdict->device == source;
	case REASON_UNAPPROVED:
		return verdict->device == (is_on_wg0(trial->hop.place) ? source : 0);
	case REASON_MALFORMED:
	case REASON_SOURCE_ROUTE:
	case REASON_FRAGMENT:
		return verdict->device == source || verdict->device == 0;
	default:
		return verdict->device == 0;
	}
}

static bool right_event(const struct trial *trial, const struct verdict *verdict)
{
	static const enum event_kind kinds[] = { [OPENS] = EVENT_OPENED,
						 [REOPENS] = EVENT_OPENED,
						 [AUDITED] = EVENT_AUDITED,
						 [DROPS] = EVENT_DROPPED };
	const struct gate_event *event = &verdict->event;

	switch (trial->effect) {
	case OPENS:
	case REOPENS:
	case AUDITED:
	case DROPS:
		break;
	default:
		return !verdict->events;
	}
	return verdict->events == 1 && event->kind == kinds[trial->effect] &&
	       event->reason == trial->reason && event->device == verdict->device &&
	       event->direction == verdict->direction &&
	       event->slot == place_slot(trial->hop.place) && event->length == verdict->length &&
	       event->rule == verdict->rule;
}

static bool right_verdict(const struct trial *trial, const struct verdict *verdict)
{
	return verdict->passed == (trial->effect != DROPS) &&
	       verdict->audited == (trial->effect == AUDITED) &&
	       verdict->reason == (trial->effect == DROPS ? trial->reason : REASON_NONE);
}

/* What is wrong with the verdict, or NULL. */
static const char *complaint(const struct trial *trial, const struct verdict *verdict)
{
	if (verdict->bookings != 1 || verdict->packets != 1)
		return "not counted once";
	if (!right_verdict(trial, verdict))
		return "wrong verdict";
	if (verdict->direction != place_direction(trial->hop.place))
		return "wrong direction";
	if (verdict->bytes != verdict->length)
		return "wrong number of bytes";
	if (!right_flows(trial, verdict))
		return "wrong change of the flows";
	if (!bench_quotas_are_exact())
		return "wrong change of a quota";
	if (!right_mark(trial, verdict))
		return "wrong mark";
	if (!right_rule(trial, verdict))
		return "wrong rule";
	if (!right_device(trial, verdict))
		return "wrong device";
	return right_event(trial, verdict) ? NULL : "wrong event";
}

/* Only where the effect knows it: at egress there is none for answers. */
static bool right_trace_flags(const struct trial *trial, uint32_t flags)
{
	enum effect effect = trial->effect;
	bool answers = effect == ANSWERS || effect == RETURNS;

	if (!(flags & TRACED_LINK) != (effect != LINKS) ||
	    !(flags & TRACED_AUDITED) != (effect != AUDITED))
		return false;
	if (effect == DROPS || effect == AUDITED)
		return true;
	if (!(flags & TRACED_FLOW) == (answers || effect == PASSES || effect == LEAVES))
		return false;
	return place_direction(trial->hop.place) == DIRECTION_EGRESS ||
	       !(flags & TRACED_REPLY) == !answers;
}

/* What is wrong with a dry run, when the same packet then ran for good; or NULL. */
static const char *trace_complaint(const struct trial *trial, const struct trace *trace,
				   const struct verdict *verdict)
{
	if (trace->passed != verdict->passed || trace->words[TRACE_REASON] != trial->reason)
		return "a dry run with another verdict";
	if (trace->words[TRACE_DEVICE] != verdict->device)
		return "a dry run with another device";
	if (verdict->credits && trace->words[TRACE_RULE] != verdict->rule)
		return "a dry run with another rule";
	if (!right_trace_flags(trial, trace->words[TRACE_FLAGS]))
		return "a dry run with other flags";
	return NULL;
}

static const char *run_dry(const struct run *run, struct trace *trace)
{
	uint64_t before = bench_fingerprint();

	bench_trace(&run->trial->hop.packet, run->trial->hop.place, run->form, trace);
	return bench_fingerprint() == before ? NULL : "a dry run that changed something";
}

/*
 * The early drop, before the packet runs for good: what it takes, it takes for the same reason, and
 * what it leaves it does not touch.
 */
static const char *run_early(const struct run *run, const struct trace *trace)
{
	const struct hop *hop = &run->trial->hop;
	struct verdict early;

	if (place_direction(hop->place) != DIRECTION_INGRESS)
		return NULL;
	bench_early(&hop->packet, hop->place, run->form, &early);
	if (early.created || early.deleted || early.credits)
		return "an early drop that changed something";
	if (early.passed)
		return early.bookings || early.events ? "an early drop that told what passed" :
							NULL;
	if (trace->passed || early.reason != trace->words[TRACE_REASON])
		return "an early drop of another opinion";
	if (early.bookings != 1 || early.packets != 1 || early.bytes != early.length ||
	    early.device != trace->words[TRACE_DEVICE])
		return "an early drop that was counted wrongly";
	return right_event(run->trial, &early) ? NULL : "an early drop with a wrong event";
}

/* The same as a line, which the caller frees. */
static char *run_trial(const struct run *run)
{
	_free_ char *text = NULL;
	struct verdict verdict;
	struct trace trace;
	const char *wrong, *wrong_trace;

	bench_flows_age(run->trial->hop.later);
	wrong_trace = run_dry(run, &trace);
	if (!wrong_trace)
		wrong_trace = run_early(run, &trace);
	bench_run(&run->trial->hop.packet, run->trial->hop.place, run->form, 0, &verdict);
	wrong = complaint(run->trial, &verdict);
	if (!wrong)
		wrong = wrong_trace;
	if (!wrong)
		wrong = trace_complaint(run->trial, &trace, &verdict);
	if (!wrong)
		return NULL;
	text = describe(run, "the packet", &verdict);
	return mem_printf("%s: %s, expected %s\n", text, wrong, reason_name(run->trial->reason));
}

START_TEST(trial)
{
	const struct run *run = &runs[_i];
	_free_ char *wrong = NULL;

	run_before(run);
	wrong = run_trial(run);
	ck_assert_msg(!wrong, "%s", wrong);
}
END_TEST

static bool same_edit(const struct edit *one, const struct edit *other)
{
	return !strcmp(one->from, other->from) && !strcmp(one->to, other->to);
}

/* Runs that share an edit. */
struct batch {
	const char *policy;
	size_t first;
	size_t count;
};

static struct batch *batches;
static size_t batches_count, batches_capacity;

static void run_batch(const struct batch *batch, const struct saved_flows *saved, FILE *wrong)
{
	for (size_t i = 0; i < batch->count; i++) {
		_free_ char *line = NULL;

		bench_flows_restore(&saved[i]);
		line = run_trial(&runs[batch->first + i]);
		fputs(line ? line : "", wrong);
	}
}

START_TEST(batch)
{
	const struct batch *batch = &batches[_i];
	_free_ struct saved_flows *saved = mem_alloc(batch->count * sizeof(*saved));
	_free_ char *wrong = NULL;
	size_t size;
	FILE *stream = open_memstream(&wrong, &size);

	bench_load(batch->policy);
	for (size_t i = 0; i < batch->count; i++) {
		run_before(&runs[batch->first + i]);
		bench_flows_save(&saved[i]);
	}
	bench_load_edited(batch->policy, &runs[batch->first].trial->edit);
	run_batch(batch, saved, stream);
	fclose(stream);
	ck_assert_msg(!size, "%s", wrong);
}
END_TEST

static void add_runs(const struct trial *trial, enum forms only)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (!is_wanted(&forms[i], only) || !is_wanted(&forms[i], trial->only))
			continue;
		runs = mem_grow(runs, runs_count, &runs_capacity, sizeof(*runs));
		runs[runs_count++] = (struct run){ trial, &forms[i] };
	}
}

void trials_add(TCase *tcase, const struct trial *trials, size_t count, enum forms only)
{
	size_t first = runs_count;

	for (size_t i = 0; i < count; i++)
		add_runs(&trials[i], only);
	tcase_add_loop_test(tcase, trial, (int)first, (int)runs_count);
}

void trials_add_edited(TCase *tcase, const char *policy, const struct trial *trials, size_t count,
		       enum forms only)
{
	size_t first = batches_count;

	for (size_t i = 0; i < count; i++) {
		if (!i || !same_edit(&trials[i].edit, &trials[i - 1].edit)) {
			batches = mem_grow(batches, batches_count, &batches_capacity,
					   sizeof(*batches));
			batches[batches_count++] = (struct batch){ .policy = policy,
								   .first = runs_count };
		}
		add_runs(&trials[i], only);
		batches[batches_count - 1].count = runs_count - batches[batches_count - 1].first;
	}
	tcase_add_loop_test(tcase, batch, (int)first, (int)batches_count);
}
