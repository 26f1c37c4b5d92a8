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
	if (only & ETHERNET && !form->link_header)
		return false;
	if (only & (IPV4 | IPV6))
		return only & (form->version == 4 ? IPV4 : IPV6);
	return true;
}

static char *describe(const struct run *run, const char *packet, const struct verdict *verdict)
{
	return mem_printf("%s (IPv%u%s), %s: %s %s of device %u, %u bookings, %zu packets, %zu of "
			  "%zu bytes, mark %#x, flows +%zu -%zu",
			  run->trial->name, run->form->version,
			  run->form->link_header ? " on Ethernet" : "", packet,
			  direction_name(verdict->direction),
			  verdict->passed ? "passed" : reason_name(verdict->reason),
			  verdict->device, verdict->bookings, (size_t)verdict->packets,
			  (size_t)verdict->bytes, (size_t)verdict->length, verdict->mark,
			  (size_t)verdict->created, (size_t)verdict->deleted);
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
	switch (trial->effect) {
	case OPENS:
		return verdict->created == 1 && verdict->deleted == 0;
	case REOPENS:
		return verdict->created == 0 && verdict->deleted == 0;
	case PASSES:
	case ANSWERS:
		return verdict->created == 0 && verdict->deleted == 0;
	case DROPS:
		break;
	}
	return verdict->created == 0 && verdict->deleted == (trial->reason == REASON_REVOKED);
}

static bool right_mark(const struct trial *trial, const struct verdict *verdict)
{
	uint32_t expected = verdict->mark_before & ~GATE_MARK_MASK;

	if (trial->effect != DROPS && place_direction(trial->hop.place) == DIRECTION_INGRESS)
		expected |= GATE_MARK_JUDGED | (trial->effect == ANSWERS ? GATE_MARK_REPLY : 0);
	return verdict->mark == expected;
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

	switch (trial->reason) {
	case REASON_NONE:
	case REASON_NO_STATE:
	case REASON_ACL:
	case REASON_REVOKED:
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

/* What is wrong with the verdict, or NULL. */
static const char *complaint(const struct trial *trial, const struct verdict *verdict)
{
	if (verdict->bookings != 1 || verdict->packets != 1)
		return "not counted once";
	if (verdict->passed != (trial->effect != DROPS) || verdict->reason != trial->reason)
		return "wrong verdict";
	if (verdict->direction != place_direction(trial->hop.place))
		return "wrong direction";
	if (verdict->bytes != verdict->length)
		return "wrong number of bytes";
	if (!right_flows(trial, verdict))
		return "wrong change of the flows";
	if (!right_mark(trial, verdict))
		return "wrong mark";
	return right_device(trial, verdict) ? NULL : "wrong device";
}

/* The same as a line, which the caller frees. */
static char *run_trial(const struct run *run)
{
	_free_ char *text = NULL;
	struct verdict verdict;
	const char *wrong;

	run_hop(run, &run->trial->hop, &verdict);
	wrong = complaint(run->trial, &verdict);
	if (!wrong)
		return NULL;
	text = describe(run, "the packet", &verdict);
	return mem_printf("%s: %s, expected %s\n", text, wrong, reason_name(run->trial->reason));
}

START_TEST(trial)
{
	const struct run *run = &runs[_i];
	_free_ char *wrong = NULL;

	bench_load("house.json");
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

	bench_load("house.json");
	for (size_t i = 0; i < batch->count; i++) {
		run_before(&runs[batch->first + i]);
		bench_flows_save(&saved[i]);
	}
	bench_load_edited("house.json", &runs[batch->first].trial->edit);
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

void trials_add_edited(TCase *tcase, const struct trial *trials, size_t count)
{
	size_t first = batches_count;

	for (size_t i = 0; i < count; i++) {
		if (!i || !same_edit(&trials[i].edit, &trials[i - 1].edit)) {
			batches = mem_grow(batches, batches_count, &batches_capacity,
					   sizeof(*batches));
			batches[batches_count++] = (struct batch){ .first = runs_count };
		}
		add_runs(&trials[i], ANY_FORM);
		batches[batches_count - 1].count = runs_count - batches[batches_count - 1].first;
	}
	tcase_add_loop_test(tcase, batch, (int)first, (int)batches_count);
}
