// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Three opinions: the clauses of a policy, its compiled table, and the programs in the kernel, on
 * policies and packets by chance. Whoever disagrees is told with all that led to it, and
 *
 *   ACLGATE_TEST_SEED=… random-tests PART
 *
 * begins with the same policies and packets. It is not the same run to its end: the clock goes on,
 * and which flows there still are decides what comes next. ACLGATE_TEST_PACKETS says how many
 * packets there are at least.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dice.h"
#include "invent.h"
#include "mem.h"
#include "naive.h"
#include "reason.h"
#include "rig.h"
#include "sandbox.h"
#include "traffic.h"

#define EXIT_SKIP	  77 /* of meson's protocol "exitcode" */
#define PACKETS		  600000
#define PACKETS_PER_LOAD  2000
#define PACKETS_PER_PAUSE 120
#define LOADS_PER_WORLD	  6
#define CROWDED_ONCE_IN	  12
#define DIFFERENCES_MAX	  3
#define SECOND		  UINT64_C(1000000000)
#define RELEVANT	  60 /* packets told before a difference */
#define WITHOUT_POLICY	  200

/* What happened since the tables were empty. */
struct moment {
	struct meeting meeting; /* no bytes: something else happened */
	address_t ends[2];
	char *text; /* the verdict, a policy, a pause */
};

/* What was said how often, so that a run in which nothing happens is seen. */
struct score {
	unsigned int packets, not_taken, differences, sequences, loads, refused, pauses, checks;
	unsigned int reasons[REASON_MAX];
	unsigned int audited, known, replies, links, learned, parts, echoes, errors, egress,
		ethernet, ipv6, mutants;
};

struct run {
	struct naive naive;
	struct checked policies[2];    /* parts of it point at each other: it is never moved */
	const struct checked *checked; /* the one that is loaded */
	struct traffic traffic;
	struct recipe recipe;
	struct scene scene;
	uint32_t ids[INVENT_DEVICES_MAX + 1];
	struct moment *moments;
	size_t moments_count, moments_capacity;
	struct timespec paused; /* when time was last made to pass */
	struct score score;
};

static struct moment *add_moment(struct run *run)
{
	run->moments = mem_grow(run->moments, run->moments_count, &run->moments_capacity,
				sizeof(*run->moments));
	run->moments[run->moments_count] = (struct moment){};
	return &run->moments[run->moments_count++];
}

static void forget_moments(struct run *run)
{
	while (run->moments_count) {
		struct moment *moment = &run->moments[--run->moments_count];

		free((void *)(uintptr_t)moment->meeting.bytes);
		free(moment->text);
	}
}

static void record(struct run *run, const struct verdict *verdict)
{
	struct moment *moment = add_moment(run);
	const struct meeting *meeting = &run->scene.meeting;
	struct reading reading = reading_packet(meeting->bytes, meeting->size, meeting->ethernet);
	uint8_t *bytes = mem_alloc(meeting->size);

	memcpy(bytes, meeting->bytes, meeting->size);
	moment->meeting = *meeting;
	moment->meeting.bytes = bytes;
	moment->ends[0] = reading.tuple.src;
	moment->ends[1] = reading.tuple.dst;
	moment->text =
		mem_printf("%s", verdict_passes(verdict) ?
					 verdict->known ? "passes as known" : "passes" :
					 reason_name((enum reason)__builtin_ctz(verdict->reasons)));
}

static const char *origin_name(const struct meeting *meeting)
{
	static const char *const names[] = { "wg0", "wg1", "lan0", "elsewhere", "this box" };

	return meeting->direction == DIRECTION_INGRESS ? names[meeting->slot] :
							 names[meeting->from];
}

static void print_moment(const struct moment *moment)
{
	const struct meeting *meeting = &moment->meeting;
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];

	if (!meeting->bytes) {
		printf("%s\n", moment->text);
		return;
	}
	printf("%s of wg%u from %s, mark %x, %s, %s -> %s: %s\n  ",
	       direction_name(meeting->direction), meeting->slot, origin_name(meeting),
	       meeting->mark, meeting->ethernet ? "frame" : "packet",
	       address_format(moment->ends[0], src), address_format(moment->ends[1], dst),
	       moment->text);
	for (size_t i = 0; i < meeting->size; i++)
		printf("%02x", meeting->bytes[i]);
	printf("\n");
}

static bool is_relevant(const struct moment *moment, const struct moment *last)
{
	if (!moment->meeting.bytes || !last->meeting.bytes)
		return true;
	return (moment->ends[0] == last->ends[0] && moment->ends[1] == last->ends[1]) ||
	       (moment->ends[0] == last->ends[1] && moment->ends[1] == last->ends[0]);
}

/* The policies, and what went on between the two ends of the last packet. */
static void print_moments(const struct run *run)
{
	const struct moment *last = &run->moments[run->moments_count - 1];
	size_t relevant = 0;

	for (size_t i = 0; i < run->moments_count; i++)
		relevant += is_relevant(&run->moments[i], last);
	for (size_t i = 0; i < run->moments_count; i++) {
		if (!is_relevant(&run->moments[i], last))
			continue;
		if (relevant-- <= RELEVANT || !run->moments[i].meeting.bytes)
			print_moment(&run->moments[i]);
	}
}

static void differ(struct run *run, const char *what)
{
	run->score.differences++;
	printf("--- difference %u, after %u packets\n", run->score.differences, run->score.packets);
	print_moments(run);
	printf("%s\n---\n", what);
	fflush(stdout);
}

/* Room is taken, and is found missing, only in earnest. */
static bool is_room(unsigned int reasons)
{
	return reasons & (1u << REASON_FLOW_QUOTA | 1u << REASON_FLOW_TABLE_FULL);
}

static const char *compare_passed(const struct run *run, const struct verdict *verdict,
				  const struct outcome *outcome)
{
	if (outcome->audited != verdict->audited || outcome->link != verdict->link)
		return "audit or link";
	if (verdict->audited || verdict->link)
		return NULL;
	if (outcome->known != verdict->known || outcome->reply != verdict->reply)
		return "part of a flow, or its direction";
	if (outcome->rule != rig_rule(run->checked, verdict->rule))
		return "the rule";
	/* a dry run does not write down whose the flow is now */
	if (verdict->rule != NOBODY && !verdict->renewed &&
	    outcome->device != rig_device(run->checked, verdict->device))
		return "the device";
	return NULL;
}

static const char *compare(const struct run *run, const struct verdict *verdict,
			   const struct outcome *outcome)
{
	bool passes = verdict_passes(verdict);

	if (outcome->passes != passes)
		return "the verdict";
	if (!is_room(verdict->reasons) && outcome->dry_passes != outcome->passes)
		return "dry and live";
	if (outcome->mark != verdict->mark ||
	    (!is_room(verdict->reasons) && outcome->dry_mark != outcome->mark))
		return "the mark";
	if (!is_room(verdict->reasons) && !(verdict->reasons & 1u << outcome->reason))
		return "the reason";
	return passes ? compare_passed(run, verdict, outcome) : NULL;
}

/* Every packet was counted once, under the reason that was told. */
static void check_tally(struct run *run)
{
	struct rig_tally tally = rig_tally();
	const unsigned int *reasons = run->score.reasons;

	for (enum reason reason = REASON_NO_POLICY; reason < REASON_MAX; reason++) {
		if (tally.dropped[reason] == reasons[reason])
			continue;
		printf("%" PRIu64 " packets were counted as %s, not %u\n", tally.dropped[reason],
		       reason_name(reason), reasons[reason]);
		run->score.differences++;
	}
	if (tally.passed == reasons[REASON_NONE] && tally.audited == run->score.audited)
		return;
	printf("%" PRIu64 " passed and %" PRIu64 " audited, not %u and %u\n", tally.passed,
	       tally.audited, reasons[REASON_NONE], run->score.audited);
	run->score.differences++;
}

static void tell_difference(struct run *run, const struct verdict *verdict,
			    const struct outcome *outcome, const char *what)
{
	_free_ char *text = NULL;
	enum reason reason = (enum reason)__builtin_ctz(verdict->reasons);

	text = mem_printf(
		"%s: naive says %s (%x)%s%s%s%s, rule %d, device %d, mark %x;\n"
		"the programs %s, dry %s: %s%s%s%s%s, rule %u, device %u, mark %x, dry %x",
		what, reason_name(reason), verdict->reasons, verdict->audited ? " audited" : "",
		verdict->known ? " known" : "", verdict->reply ? " reply" : "",
		verdict->link ? " link" : "", (int)verdict->rule, (int)verdict->device,
		verdict->mark, outcome->passes ? "pass" : "drop",
		outcome->dry_passes ? "pass" : "drop", reason_name(outcome->reason),
		outcome->audited ? " audited" : "", outcome->known ? " known" : "",
		outcome->reply ? " reply" : "", outcome->link ? " link" : "", outcome->rule,
		outcome->device, outcome->mark, outcome->dry_mark);
	differ(run, text);
	if (outcome->passes != outcome->dry_passes)
		check_tally(run);
}

static void count(struct run *run, const struct verdict *verdict, const struct outcome *outcome)
{
	struct score *score = &run->score;
	const struct meeting *meeting = &run->scene.meeting;
	struct reading reading = reading_packet(meeting->bytes, meeting->size, meeting->ethernet);

	score->packets++;
	if (verdict->audited)
		score->audited++;
	else
		score->reasons[is_room(verdict->reasons) ? REASON_FLOW_QUOTA : outcome->reason]++;
	score->known += verdict->known && verdict_passes(verdict);
	score->replies += verdict->reply && verdict_passes(verdict);
	score->links += verdict->link;
	score->learned += verdict_passes(verdict) && verdict->rule == NOBODY && !verdict->link;
	score->parts += reading.part != PART_WHOLE;
	score->echoes += reading.tuple.role == ROLE_ASK || reading.tuple.role == ROLE_ANSWER;
	score->errors += reading.tuple.role == ROLE_ERROR && verdict_passes(verdict);
	score->egress += meeting->direction == DIRECTION_EGRESS;
	score->ethernet += meeting->ethernet;
	score->ipv6 += reading.version == 6;
	score->mutants += !run->scene.honest;
}

/* Returns whether the packet passed. */
static bool run_packet(struct run *run, struct verdict *ret_verdict)
{
	struct outcome outcome;
	const char *wrong;

	if (!rig_run(&run->scene.meeting, &outcome)) {
		run->score.not_taken++;
		return false;
	}
	naive_judge(&run->naive, &run->scene.meeting, ret_verdict);
	count(run, ret_verdict, &outcome);
	record(run, ret_verdict);
	wrong = compare(run, ret_verdict, &outcome);
	if (wrong)
		tell_difference(run, ret_verdict, &outcome, wrong);
	if (run->naive.disagreements) {
		differ(run, "the clauses and the compiled table");
		run->naive.disagreements = 0;
	}
	return verdict_passes(ret_verdict);
}

static void run_next(struct run *run)
{
	struct verdict verdict;

	traffic_next(&run->traffic, &run->naive, &run->scene);
	run->score.sequences++;
	if (run_packet(run, &verdict) && traffic_forward(&run->traffic, &verdict, &run->scene))
		run_packet(run, &verdict);
}

static void check(struct run *run)
{
	_free_ char *wrong = rig_check(&run->naive);

	run->score.checks++;
	if (wrong)
		differ(run, wrong);
}

static void pass(struct run *run, uint64_t ns)
{
	rig_pass(ns);
	run->naive.skipped += ns;
	add_moment(run)->text = mem_printf("(%.2f seconds pass)", (double)ns / 1e9);
	clock_gettime(CLOCK_MONOTONIC, &run->paused);
}

/* Not so long that it is a matter of moments what has timed out: naive has another clock. */
static void pause_for(struct run *run, uint64_t ns)
{
	run->score.pauses++;
	pass(run, ns);
	while (naive_is_on_edge(&run->naive))
		pass(run, 3 * SECOND + SECOND / 7);
}

/* How long no time was made to pass. */
static bool is_stale(const struct run *run)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - run->paused.tv_sec > 0;
}

static void some_pause(struct run *run)
{
	static const unsigned int seconds[] = { 1, 1, 5, 5, 20, 31, 45, 65, 100, 190, 400, 90000 };
	static const unsigned int often = 6;

	check(run);
	pause_for(run, seconds[dice(dice_once_in(3) ? ARRAY_SIZE(seconds) : often)] * SECOND +
			       SECOND / 3);
	if (dice_once_in(2))
		return;
	rig_collect(&run->naive);
	naive_collect(&run->naive);
	add_moment(run)->text = mem_strdup("(collected)");
}

static void adopt(struct run *run, const struct checked *checked, uint32_t generation)
{
	checked_free(&run->policies[checked == &run->policies[0]]);
	run->policies[checked == &run->policies[0]] = (struct checked){};
	run->checked = checked;
	for (size_t i = 0; i < checked->policy.devices_count; i++)
		run->ids[i] = rig_device(checked, (uint32_t)i);
	run->naive.checked = checked;
	run->naive.ids = run->ids;
	run->naive.generation = generation;
	run->naive.loaded = time(NULL);
	run->naive.skipped_before = run->naive.skipped;
}

/* Returns whether the policy was one. */
static bool load(struct run *run)
{
	_free_ char *text = invent_policy(&run->recipe);
	struct checked *checked = &run->policies[run->checked == &run->policies[0]];
	uint32_t generation;

	if (rig_load(text, checked, &generation)) {
		run->score.refused++;
		return false;
	}
	adopt(run, checked, generation);
	run->score.loads++;
	add_moment(run)->text = mem_printf("(loaded) %s", text);
	traffic_settle(&run->traffic, checked);
	pause_for(run, SECOND / 3);
	return true;
}

static void clear(struct run *run)
{
	rig_clear();
	run->naive.flows_count = 0;
	run->naive.parts_count = 0;
	forget_moments(run);
}

static void run_policy(struct run *run)
{
	unsigned int end = run->score.packets + PACKETS_PER_LOAD;

	while (run->score.packets < end && run->score.differences < DIFFERENCES_MAX) {
		run_next(run);
		if (is_stale(run))
			pause_for(run, SECOND / 3);
		if (dice_once_in(PACKETS_PER_PAUSE))
			some_pause(run);
	}
	check(run);
}

static void run_world(struct run *run)
{
	run->recipe = invent_recipe(dice_once_in(CROWDED_ONCE_IN));
	for (unsigned int i = 0; i < LOADS_PER_WORLD; i++) {
		if (run->score.differences < DIFFERENCES_MAX && load(run))
			run_policy(run);
		invent_change(&run->recipe);
	}
	if (run->score.differences < DIFFERENCES_MAX)
		clear(run);
}

/* The programs are attached, and nothing is loaded yet. */
static void run_without_policy(struct run *run)
{
	struct verdict verdict;

	for (unsigned int i = 0; i < WITHOUT_POLICY; i++) {
		run->scene.meeting = (struct meeting){ .bytes = run->scene.bytes,
						       .size = 40 + dice(60),
						       .ethernet = dice_once_in(2),
						       .slot = dice(2),
						       .direction = dice(2),
						       .from = dice(FROM_LOST) };
		for (size_t at = 0; at < run->scene.meeting.size; at++)
			run->scene.bytes[at] = (uint8_t)dice(256);
		run_packet(run, &verdict);
	}
	forget_moments(run);
}

/* Returns how many classes of packets are so rare that nothing was shown about them. */
static unsigned int vacuous(const struct score *score)
{
	const struct {
		const char *name;
		unsigned int count, least; /* of a million */
	} classes[] = {
		{ "allowed", score->reasons[REASON_NONE], 100000 },
		{ "no_policy", score->reasons[REASON_NO_POLICY], 20 },
		{ "not_ip", score->reasons[REASON_NOT_IP], 500 },
		{ "malformed", score->reasons[REASON_MALFORMED], 5000 },
		{ "source_route", score->reasons[REASON_SOURCE_ROUTE], 500 },
		{ "fragment", score->reasons[REASON_FRAGMENT], 5000 },
		{ "unknown_source", score->reasons[REASON_UNKNOWN_SOURCE], 5000 },
		{ "unapproved", score->reasons[REASON_UNAPPROVED], 1000 },
		{ "spoofed_source", score->reasons[REASON_SPOOFED_SOURCE], 5000 },
		{ "nat_unidentified", score->reasons[REASON_NAT_UNIDENTIFIED], 500 },
		{ "no_state", score->reasons[REASON_NO_STATE], 50000 },
		{ "acl", score->reasons[REASON_ACL], 20000 },
		{ "revoked", score->reasons[REASON_REVOKED], 150 },
		{ "flow_quota", score->reasons[REASON_FLOW_QUOTA], 5 },
		{ "audited", score->audited, 2000 },
		{ "known", score->known, 50000 },
		{ "replies", score->replies, 20000 },
		{ "links", score->links, 1000 },
		{ "learned", score->learned, 1000 },
		{ "parts", score->parts, 50000 },
		{ "echoes", score->echoes, 20000 },
		{ "errors", score->errors, 1000 },
		{ "egress", score->egress, 200000 },
		{ "ethernet", score->ethernet, 200000 },
		{ "ipv6", score->ipv6, 200000 },
		{ "mutants", score->mutants, 20000 },
	};
	unsigned int rare = 0;

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		bool few = (uint64_t)classes[i].count * 1000000 <
			   (uint64_t)classes[i].least * score->packets;

		printf("%s%u %s%s", i ? ", " : "", classes[i].count, classes[i].name,
		       few ? " (too few)" : "");
		rare += few;
	}
	printf("\n");
	return rare;
}

static unsigned int packets_wanted(void)
{
	const char *given = getenv("ACLGATE_TEST_PACKETS");

	return given ? (unsigned int)strtoul(given, NULL, 0) : PACKETS;
}

static int run_part(const void *argument)
{
	static struct run run;
	uint64_t seed = dice_seed(), part = strtoull(*(char *const *)argument, NULL, 0);
	unsigned int wanted = packets_wanted(), rare;
	struct score *score = &run.score;

	printf("ACLGATE_TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	dice_start(seed + (part << 32));
	rig_open();
	run_without_policy(&run);
	while (score->packets < wanted && score->differences < DIFFERENCES_MAX)
		run_world(&run);
	check_tally(&run);
	printf("ACLGATE_TEST_SEED=%" PRIu64 " part %" PRIu64
	       ": %u packets (%u more not taken by the kernel), %u sequences, %u loads (%u "
	       "refused), %u pauses, %u comparisons of all flows, %u differences:\n",
	       seed, part, score->packets, score->not_taken, score->sequences, score->loads,
	       score->refused, score->pauses, score->checks, score->differences);
	rare = vacuous(score);
	forget_moments(&run);
	free(run.moments);
	naive_free(&run.naive);
	checked_free(&run.policies[0]);
	checked_free(&run.policies[1]);
	rig_close();
	return score->differences || rare || score->refused > score->loads / 10;
}

int main(int argc, char **argv)
{
	const char *missing = sandbox_missing();

	if (missing) {
		printf("SKIP: these tests need %s\n", missing);
		return EXIT_SKIP;
	}
	if (argc == 2)
		return sandbox_run(run_part, &argv[1]);
	fprintf(stderr, "usage: %s PART\n", argv[0]);
	return 2;
}
