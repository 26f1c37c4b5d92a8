// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dice.h"
#include "generate.h"
#include "mem.h"
#include "naive.h"
#include "notation.h"
#include "pipeline.h"
#include "reason.h"
#include "told.h"
#include "unit.h"

#define POLICIES  250
#define QUESTIONS 300 /* of each policy */

/* One random policy, and the box that it is for. */
struct trial {
	uint64_t seed;
	struct dice dice;
	char *policy;
	address_t addresses[2];
	struct box box;
	struct checked checked;
};

static void trial_start(struct trial *trial, uint64_t seed)
{
	_free_ char *findings = NULL;

	*trial = (struct trial){ .seed = seed, .dice = { seed } };
	trial->policy = generate_policy(&trial->dice);
	/* outside of what the generator gives to devices */
	trial->addresses[0] = notation_address("10.255.255.1");
	trial->addresses[1] = notation_address("fd77::ffff:1");
	trial->box = (struct box){ .addresses = trial->addresses,
				   .count = dice_roll(&trial->dice, 3) };
	pipeline(&trial->checked, trial->policy, NULL, &trial->box, STAGE_COMPILE);
	findings = told(&trial->checked.diag, &trial->checked.sources);
	if (trial->checked.diag.errors)
		fprintf(stderr, "%s", trial->policy);
	ck_assert_msg(!trial->checked.diag.errors, "ACLGATE_SEED=%" PRIu64 ": %s", seed, findings);
}

static void trial_end(struct trial *trial)
{
	checked_free(&trial->checked);
	mem_freep(&trial->policy);
}

/* An end of a set, or just outside of it. */
static address_t near_set(struct dice *dice, const struct set *set)
{
	const struct range *range;

	if (!set->count)
		return generate_address(dice);
	range = &set->ranges[dice_roll(dice, (uint32_t)set->count)];
	switch (dice_roll(dice, 8)) {
	case 0:
		return range->first - 1;
	case 1:
		return range->last + 1;
	case 2:
	case 3:
		return range->last;
	case 4:
		return range->first + (range->last - range->first) / 2;
	}
	return range->first;
}

/* An end of a device's address or route, or just outside of it. */
static address_t near_owner(struct dice *dice, const struct inventory *inventory)
{
	const struct owner *owner =
		&inventory->owners[dice_roll(dice, (uint32_t)inventory->owners_count)];
	address_t ends[] = { owner->prefix.first, prefix_last(&owner->prefix),
			     owner->prefix.first - 1, prefix_last(&owner->prefix) + 1 };

	return ends[dice_roll(dice, ARRAY_SIZE(ends))];
}

/* About what the policy has something to say to, most of the time. */
static struct naive_question question_of(struct trial *trial)
{
	static const uint8_t protocols[] = { 6, 17, 132, 1, 58, 47, 99, 0, 255 };
	const struct ruleset *ruleset = &trial->checked.ruleset;
	struct dice *dice = &trial->dice;
	const struct clause *clause =
		&ruleset->clauses[dice_roll(dice, (uint32_t)ruleset->clauses_count)];
	const struct key_range *keys =
		&ruleset->keys[clause->keys + dice_roll(dice, clause->keys_count)];
	struct naive_question question = {
		.src = near_set(dice, &ruleset->sets[clause->src]),
		.dst = near_set(dice, &ruleset->sets[clause->dst]),
		.protocol = (uint8_t)(keys->low >> 16),
		.port = (uint16_t)(dice_chance(dice, 50) ? keys->low : keys->high),
	};

	if (dice_chance(dice, 20))
		question.src = near_owner(dice, &trial->checked.inventory);
	if (dice_chance(dice, 20))
		question.dst = near_owner(dice, &trial->checked.inventory);
	if (dice_chance(dice, 10))
		question.src = generate_address(dice);
	if (dice_chance(dice, 10))
		question.dst = generate_address(dice);
	if (dice_chance(dice, 20))
		question.protocol = protocols[dice_roll(dice, ARRAY_SIZE(protocols))];
	if (dice_chance(dice, 30))
		question.port = (uint16_t)(question.port + dice_roll(dice, 3) - 1);
	else if (dice_chance(dice, 10))
		question.port = (uint16_t)dice_throw(dice);
	return question;
}

/* Both opinions on one question. Returns the reason. */
static enum reason ask(const struct trial *trial, const struct naive_question *question)
{
	const struct naive naive = { &trial->checked.policy, &trial->box, &trial->checked.ruleset };
	uint32_t rule = UINT32_MAX, naive_rule = UINT32_MAX;
	enum reason reason = table_judge(&trial->checked.table, question->src, question->dst,
					 question->protocol, question->port, &rule);
	enum reason naive_reason = naive_judge(&naive, question, &naive_rule);
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];

	if (reason == naive_reason && rule == naive_rule)
		return reason;
	fprintf(stderr, "%s", trial->policy);
	ck_abort_msg("ACLGATE_SEED=%" PRIu64 ": %s -> %s protocol %u port %u: "
		     "the table says %s (rule %d), the rules say %s (rule %d)",
		     trial->seed, address_format(question->src, src),
		     address_format(question->dst, dst), question->protocol, question->port,
		     reason_name(reason), (int)rule, reason_name(naive_reason), (int)naive_rule);
	return reason;
}

/* Random policies, random questions: the table must say what the rules say, and credit the same
 * rule. A seed of a run that failed is in its message; ACLGATE_SEED begins with it. */
START_TEST(agrees)
{
	uint64_t seed = dice_seed();
	unsigned int told_reasons[REASON_MAX] = {}, wide = 0;

	printf("compile: ACLGATE_SEED=%" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < POLICIES; i++) {
		struct trial trial;

		trial_start(&trial, seed + i);
		wide += trial.checked.table.coarse > 1;
		for (int j = 0; trial.checked.ruleset.clauses_count && j < QUESTIONS; j++) {
			struct naive_question question = question_of(&trial);

			told_reasons[ask(&trial, &question)]++;
		}
		trial_end(&trial);
	}
	/* or the questions would be worth nothing */
	ck_assert_uint_gt(told_reasons[REASON_NONE], POLICIES * QUESTIONS / 10);
	ck_assert_uint_gt(told_reasons[REASON_ACL], POLICIES * QUESTIONS / 10);
	ck_assert_uint_gt(told_reasons[REASON_UNKNOWN_SOURCE], POLICIES * QUESTIONS / 100);
	ck_assert_uint_gt(told_reasons[REASON_UNAPPROVED], POLICIES * QUESTIONS / 1000);
	ck_assert_uint_gt(wide, POLICIES / 50);
	printf("compile: %d policies, %u with wide classes; %u questions allowed, %u denied\n",
	       POLICIES, wide, told_reasons[REASON_NONE],
	       told_reasons[REASON_ACL] + told_reasons[REASON_UNKNOWN_SOURCE] +
		       told_reasons[REASON_UNAPPROVED]);
}
END_TEST

/*
 * What is wrong with a table, or NULL: the kernel relies on what is sorted, disjoint and inside its
 * bounds, and on features that are true.
 */
static const char *addresses_fault(const struct table *table)
{
	for (size_t i = 0; i < table->addresses_count; i++) {
		const struct table_address *address = &table->addresses[i];

		if (address->prefix.bits != 128)
			return "a prefix among the addresses";
		if (i && address[-1].prefix.first >= address->prefix.first)
			return "addresses are not sorted";
	}
	return NULL;
}

static const char *prefixes_fault(const struct table *table)
{
	uint32_t features = 0;

	for (size_t i = 0; i < table->prefixes_count; i++) {
		const struct prefix *prefix = &table->prefixes[i].prefix;
		bool ipv4 = address_is_ipv4(prefix->first);

		if (i && prefix_last(&table->prefixes[i - 1].prefix) >= prefix->first)
			return "prefixes overlap or are not sorted";
		if ((ipv4 && prefix->bits < 96) ||
		    (prefix->first < ADDRESS_IPV4 && prefix_last(prefix) >= ADDRESS_IPV4))
			return "a prefix of both IP versions";
		if (prefix->bits < 128 && prefix->first << prefix->bits)
			return "a prefix with host bits";
		features |= ipv4 ? GATE_HAS_PREFIX4 : GATE_HAS_PREFIX6;
	}
	if ((table->features & (GATE_HAS_PREFIX4 | GATE_HAS_PREFIX6)) != features)
		return "features tell wrong things of the prefixes";
	return NULL;
}

static const char *ranges_fault(const struct table *table, const struct gate_ports *ports)
{
	if (!ports->count || ports->count > GATE_RANGES_PER_PAIR ||
	    ports->first + ports->count > table->ranges_count)
		return "a run of ranges out of bounds";
	for (uint32_t i = ports->first; i < ports->first + ports->count; i++) {
		const struct table_range *range = &table->ranges[i];

		if (range->low > range->high || range->low >> 16 != range->high >> 16)
			return "a range that is none, or of two protocols";
		if (range->order >= table->rules_count)
			return "a range of no rule";
		if (i > ports->first && range[-1].high >= range->low)
			return "ranges overlap or are not sorted";
	}
	return NULL;
}

static bool is_class(const struct table *table, uint32_t class)
{
	return (class & ~GATE_COARSE) < (class & GATE_COARSE ? table->coarse : table->fine);
}

static uint32_t level_of(const struct gate_pair *classes)
{
	if (classes->source & GATE_COARSE)
		return classes->destination & GATE_COARSE ? GATE_HAS_COARSE_COARSE :
							    GATE_HAS_COARSE_FINE;
	return classes->destination & GATE_COARSE ? GATE_HAS_FINE_COARSE : GATE_HAS_FINE_FINE;
}

static const char *pairs_fault(const struct table *table)
{
	uint32_t features = 0;

	for (size_t i = 0; i < table->pairs_count; i++) {
		const struct gate_pair *pair = &table->pairs[i].classes;
		const struct gate_pair *last = i ? &table->pairs[i - 1].classes : NULL;
		const char *fault = ranges_fault(table, &table->pairs[i].ports);

		if (fault)
			return fault;
		if (last &&
		    (last->source > pair->source ||
		     (last->source == pair->source && last->destination >= pair->destination)))
			return "pairs are not sorted";
		if (!is_class(table, pair->source) || !is_class(table, pair->destination))
			return "a pair of a class that is none";
		features |= level_of(pair);
	}
	if ((table->features & ~(GATE_HAS_PREFIX4 | GATE_HAS_PREFIX6)) != features)
		return "features tell wrong things of the pairs";
	return NULL;
}

START_TEST(sound)
{
	uint64_t seed = dice_seed();

	printf("compile: ACLGATE_SEED=%" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < POLICIES; i++) {
		struct trial trial;
		const char *fault;

		trial_start(&trial, seed + i);
		fault = addresses_fault(&trial.checked.table);
		if (!fault)
			fault = prefixes_fault(&trial.checked.table);
		if (!fault)
			fault = pairs_fault(&trial.checked.table);
		if (fault)
			fprintf(stderr, "%s", trial.policy);
		ck_assert_msg(!fault, "ACLGATE_SEED=%" PRIu64 ": %s", seed + i, fault);
		trial_end(&trial);
	}
}
END_TEST

static char *print(const struct table *table)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	table_print(table, out);
	fclose(out);
	return text;
}

START_TEST(deterministic)
{
	uint64_t seed = dice_seed();

	for (uint64_t i = 0; i < 20; i++) {
		struct trial one, other;
		_free_ char *text = NULL, *again = NULL;

		trial_start(&one, seed + i);
		trial_start(&other, seed + i);
		text = print(&one.checked.table);
		again = print(&other.checked.table);
		ck_assert_str_eq(text, again);
		trial_end(&one);
		trial_end(&other);
	}
}
END_TEST

static void put_devices(FILE *out, unsigned int count)
{
	fprintf(out, "{\"devices\": {");
	for (unsigned int i = 0; i < count; i++)
		fprintf(out, "%s\"d%u\": {\"addresses\": [\"10.0.%u.%u\"], \"user\": \"u%u@x\"}",
			i ? ", " : "", i, i / 256, i % 256, i);
	fprintf(out, "},\n\"acls\": [\n");
	/* so that each has a class of its own */
	for (unsigned int i = 0; i < count; i++)
		fprintf(out,
			"{\"action\": \"accept\", \"src\": [\"d%u\"], \"dst\": [\"d0:%u\"]},\n", i,
			i + 1);
}

/* A selector of 64 classes is narrow, one of 65 is wide. */
static const struct {
	unsigned int devices;
	uint32_t coarse;
} widths[] = {
	{ 2, 1 }, { TABLE_NARROW_MAX, 1 }, { TABLE_NARROW_MAX + 1, 2 }, { 3 * TABLE_NARROW_MAX, 2 }
};

START_TEST(width)
{
	_free_ char *policy = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&policy, &size);
	struct checked checked;

	put_devices(out, widths[_i].devices);
	fprintf(out, "{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"d1:443\"]}]}");
	fclose(out);
	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_eq(checked.diag.count, 0);
	ck_assert_uint_eq(checked.table.fine, widths[_i].devices + 1);
	ck_assert_uint_eq(checked.table.coarse, widths[_i].coarse);
	checked_free(&checked);
}
END_TEST

/* A company has `* -> *:443` beside a rule for each of its devices: no product of both. */
START_TEST(no_explosion)
{
	_free_ char *policy = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&policy, &size);
	struct checked checked;

	put_devices(out, 2000);
	fprintf(out, "{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:443\"]}]}");
	fclose(out);
	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_eq(checked.diag.count, 0);
	ck_assert_uint_le(checked.table.pairs_count, 2000 + 4);
	checked_free(&checked);
}
END_TEST

static void put_groups(FILE *out, unsigned int first, unsigned int count)
{
	fprintf(out, "], \"groups\": {");
	for (unsigned int group = 0; group < count; group++) {
		fprintf(out, "%s\"group:g%u\": [", group ? ", " : "", group);
		for (unsigned int i = 0; i < TABLE_NARROW_MAX; i++)
			fprintf(out, "%s\"u%u@x\"", i ? ", " : "",
				first + group * TABLE_NARROW_MAX + i);
		fprintf(out, "]");
	}
	fprintf(out, "}}");
}

/* Many rules between two groups ask for the same pairs of classes, over and over: 4,096. */
START_TEST(many_rules_few_pairs)
{
	_free_ char *policy = NULL, *findings = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&policy, &size);
	struct checked checked;

	put_devices(out, 2 * TABLE_NARROW_MAX);
	for (unsigned int i = 0; i < 250; i++)
		fprintf(out,
			"{\"action\": \"accept\", \"src\": [\"group:g0\"], \"proto\": \"tcp\", "
			"\"dst\": [\"group:g1:%u\"]},\n",
			2 * i + 1);
	put_groups(out, 0, 2);
	fclose(out);
	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_str_eq(findings, "");
	checked_free(&checked);
}
END_TEST

/* 32 groups of 64, each to each: more than four million pairs. The worst rule is named. */
START_TEST(too_many_pairs)
{
	_free_ char *policy = NULL, *findings = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&policy, &size);
	struct checked checked;

	put_devices(out, 32 * TABLE_NARROW_MAX);
	for (unsigned int i = 0; i < 32 * 32; i++)
		fprintf(out,
			"{\"action\": \"accept\", \"src\": [\"group:g%u\"], "
			"\"dst\": [\"group:g%u:22\"]},\n",
			i / 32, i % 32);
	put_groups(out, 0, 32);
	fclose(out);
	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_eq(checked.diag.errors, 1);
	/* 32 * 32 * 64 * 64, and one for each of the 2,048 rules before; the first of the worst */
	ck_assert_str_eq(findings,
			 "error 2051:1 the rules name 4196352 pairs of classes of devices, and "
			 "4000000 are the limit; this rule names 4096 of them");
	ck_assert_uint_eq(checked.table.pairs_count, 0);
	checked_free(&checked);
}
END_TEST

/* Port ranges of one pair: every second port of @rules rules with @ports ports each. */
static const struct {
	unsigned int rules, ports, step;
	bool fits;
} ranges[] = {
	{ 8, GATE_RANGES_PER_PAIR / 8, 2, true },
	{ 8, GATE_RANGES_PER_PAIR / 8 + 1, 2, false },
	{ 1, GATE_RANGES_PER_PAIR + 8, 1, true }, /* neighbours, which are one range */
};

START_TEST(port_ranges)
{
	_free_ char *policy = NULL, *findings = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&policy, &size);
	struct checked checked;
	unsigned int port = 1;

	fprintf(out, "{\"devices\": {\"a\": {\"addresses\": [\"10.0.0.1\"]}},\n\"acls\": [\n");
	for (unsigned int i = 0; i < ranges[_i].rules; i++) {
		fprintf(out, "{\"action\": \"accept\", \"proto\": \"tcp\", \"src\": [\"a\"], "
			     "\"dst\": [\"a:");
		for (unsigned int j = 0; j < ranges[_i].ports; j++, port += ranges[_i].step)
			fprintf(out, "%s%u", j ? "," : "", port);
		fprintf(out, "\"]},\n");
	}
	fprintf(out, "]}");
	fclose(out);
	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_str_eq(findings, ranges[_i].fits ?
					   "" :
					   "error 10:1 more than 1024 separate port ranges between "
					   "two classes of devices; this rule adds the last one");
	checked_free(&checked);
}
END_TEST

/* Overlapping rules: each port is credited to the first rule that has it. */
static const struct {
	const char *ports[3]; /* of three rules from a to a */
	const char *ranges;   /* of TCP */
} credits[] = {
	{ { "22", "22", "22" }, "22-22:0" },
	{ { "22", "23", "24" }, "22-22:0 23-23:1 24-24:2" },
	{ { "22", "20-30", "*" }, "0-19:2 20-21:1 22-22:0 23-30:1 31-65535:2" },
	{ { "*", "20-30", "22" }, "0-65535:0" },
	{ { "20-30", "10-20,30-40", "1-65535" }, "1-9:2 10-19:1 20-30:0 31-40:1 41-65535:2" },
	{ { "10,20,30", "10-30", "5-35" },
	  "5-9:2 10-10:0 11-19:1 20-20:0 21-29:1 30-30:0 31-35:2" },
	{ { "1-10,11-20", "21", "22" }, "1-20:0 21-21:1 22-22:2" },
	{ { "65535", "1", "1-65535" }, "1-1:1 2-65534:2 65535-65535:0" },
	{ { "30,20,10", "10", "20" }, "10-10:0 20-20:0 30-30:0" },
};

START_TEST(credit)
{
	const char *const *ports = credits[_i].ports;
	_free_ char *policy =
		mem_printf("{\"devices\": {\"a\": {\"addresses\": [\"10.0.0.1\"]}}, \"acls\": ["
			   "{\"action\": \"accept\", \"src\": [\"a\"], \"dst\": [\"a:%s\"], "
			   "\"proto\": \"tcp\"},"
			   "{\"action\": \"accept\", \"src\": [\"a\"], \"dst\": [\"a:%s\"], "
			   "\"proto\": \"tcp\"},"
			   "{\"action\": \"accept\", \"src\": [\"a\"], \"dst\": [\"a:%s\"], "
			   "\"proto\": \"tcp\"}]}",
			   ports[0], ports[1], ports[2]);
	_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct checked checked;

	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_eq(checked.diag.count, 0);
	ck_assert_uint_eq(checked.table.pairs_count, 1);
	for (size_t i = 0; i < checked.table.ranges_count; i++) {
		const struct table_range *range = &checked.table.ranges[i];

		fprintf(out, "%s%u-%u:%u", i ? " " : "", range->low & 0xffff, range->high & 0xffff,
			range->order);
	}
	fclose(out);
	ck_assert_str_eq(text, credits[_i].ranges);
	checked_free(&checked);
}
END_TEST

#define ACL(src, dst)                                                                           \
	"{\"action\": \"accept\", \"proto\": \"tcp\", \"src\": [\"" src "\"], \"dst\": [\"" dst \
	"\"]}"

/* @acls between the devices a, b, c of group:all and d; how many pairs and ranges they become. */
static const struct {
	const char *acls;
	size_t pairs, ranges;
} runs[] = {
	{ ACL("group:all", "d:1,3"), 3, 2 },
	{ ACL("group:all", "d:1") "," ACL("group:all", "d:3"), 3, 2 },
	{ ACL("group:all", "d:1") "," ACL("a", "d:3"), 3, 3 },
	{ ACL("a", "d:1") "," ACL("b", "d:1"), 2, 2 }, /* of two rules */
	{ ACL("a", "b:1\",\"c:1\",\"d:2"), 3, 2 },
	{ ACL("a", "b:1\",\"b:2\",\"c:1-2"), 2, 1 }, /* neighbours of one rule are joined */
	{ ACL("a", "d:1") "," ACL("b", "d:2") "," ACL("group:all", "d:1-2"), 3, 5 },
	{ ACL("group:all", "d:1") "," ACL("group:all", "d:1"), 3, 1 },
};

START_TEST(equal_runs)
{
	_free_ char *policy =
		mem_printf("{\"devices\": {"
			   "\"a\": {\"addresses\": [\"10.0.0.1\"], \"user\": \"u@x.y\"},"
			   "\"b\": {\"addresses\": [\"10.0.0.2\"], \"user\": \"u@x.y\"},"
			   "\"c\": {\"addresses\": [\"10.0.0.3\"], \"user\": \"u@x.y\"},"
			   "\"d\": {\"addresses\": [\"10.0.0.4\"]}},"
			   "\"groups\": {\"group:all\": [\"u@x.y\"]}, \"acls\": [%s,"
			   "%s]}",
			   runs[_i].acls, /* so that a, b and c have classes of their own */
			   ACL("d", "a:7") "," ACL("d", "b:8") "," ACL("d", "c:9"));
	struct checked checked;

	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_eq(checked.diag.count, 0);
	ck_assert_uint_eq(checked.table.pairs_count, runs[_i].pairs + 3);
	ck_assert_uint_eq(checked.table.ranges_count, runs[_i].ranges + 3);
	for (size_t i = 0; i < checked.table.pairs_count; i++)
		ck_assert_ptr_null(ranges_fault(&checked.table, &checked.table.pairs[i].ports));
	checked_free(&checked);
}
END_TEST

/* The settings are complete, whatever the policy says; GATE_AUDIT is a feature among others. */
static const struct {
	const char *mode;
	uint32_t features;
} modes[] = {
	{ "enforce", GATE_HAS_FINE_FINE },
	{ "audit", GATE_HAS_FINE_FINE | GATE_AUDIT },
};

START_TEST(settings)
{
	_free_ char *policy =
		mem_printf("{\"mode\": \"%s\", \"timeouts\": {\"udp\": 5}, "
			   "\"devices\": {\"a\": {\"addresses\": [\"10.0.0.1\"]}}, \"acls\": ["
			   "{\"action\": \"accept\", \"src\": [\"a\"], \"dst\": [\"a:1\"]}]}",
			   modes[_i].mode);
	static const uint32_t timeouts[TIMEOUT_MAX] = { 30, 86400, 30, 5, 180, 30, 30 };
	const struct gate_identity nobody[GATE_GUARDED_MAX][2] = {};
	const struct gate_settings *got;
	struct checked checked;

	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_eq(checked.diag.errors, 0);
	ck_assert_uint_eq(checked.table.features, modes[_i].features);
	got = &checked.table.settings;
	ck_assert_mem_eq(got->timeout, timeouts, sizeof(timeouts));
	ck_assert_uint_eq(got->flows_per_device, GATE_FLOWS_MAX / 4);
	ck_assert_uint_eq(got->dhcp, 0);
	ck_assert_mem_eq(got->nat_as, nobody, sizeof(nobody));
	checked_free(&checked);
}
END_TEST

/* @addresses of the device that natAs names, and those whose identity is taken; NULL: none. */
static const struct {
	const char *addresses;
	const char *taken[2];
} hidden[] = {
	{ "\"10.1.0.2\"", { "10.1.0.2", NULL } },
	{ "\"fd01::2\"", { NULL, "fd01::2" } },
	{ "\"10.1.0.2\",\"fd01::2\"", { "10.1.0.2", "fd01::2" } },
	{ "\"fd01::2\",\"10.1.0.2\"", { "10.1.0.2", "fd01::2" } },
	/* the first, not the lowest; one rule is about 10.1.0.3 alone */
	{ "\"10.1.0.3\",\"10.1.0.2\",\"fd01::3\",\"fd01::2\"", { "10.1.0.3", "fd01::3" } },
};

START_TEST(nat_as)
{
	_free_ char *policy = mem_printf(
		"{\"interfaces\": [\"wg0\", {\"name\": \"lan0\", \"natAs\": \"office\"}], "
		"\"devices\": {\"a\": {\"addresses\": [\"10.0.0.1\"], \"interface\": \"wg0\"}, "
		"\"office\": {\"addresses\": [%s], \"interface\": \"eth0\"}}, \"acls\": ["
		"{\"action\": \"accept\", \"src\": [\"office\"], \"dst\": [\"a:1\"]}, "
		"{\"action\": \"accept\", \"src\": [\"a\"], \"dst\": [\"10.1.0.3:1\"]}]}",
		hidden[_i].addresses);
	const struct gate_identity nobody = {};
	struct checked checked;

	pipeline(&checked, policy, NULL, NULL, STAGE_COMPILE);
	ck_assert_uint_eq(checked.diag.errors, 0);
	for (int version = 0; version < 2; version++) {
		const char *taken = hidden[_i].taken[version];
		const struct gate_identity *wanted =
			taken ? table_identity(&checked.table, notation_address(taken)) : &nobody;

		ck_assert_uint_eq(wanted->device, taken ? 2 : 0);
		ck_assert_uint_eq(wanted->speaks, taken ? 1u << GATE_GUARDED_MAX : 0);
		ck_assert_mem_eq(&checked.table.settings.nat_as[1][version], wanted,
				 sizeof(*wanted));
		ck_assert_mem_eq(&checked.table.settings.nat_as[0][version], &nobody,
				 sizeof(nobody));
	}
	checked_free(&checked);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("compile");

	unit_add(suite, agrees, 1);
	unit_add(suite, sound, 1);
	unit_add(suite, deterministic, 1);
	unit_add(suite, width, ARRAY_SIZE(widths));
	unit_add(suite, no_explosion, 1);
	unit_add(suite, many_rules_few_pairs, 1);
	unit_add(suite, too_many_pairs, 1);
	unit_add(suite, port_ranges, ARRAY_SIZE(ranges));
	unit_add(suite, credit, ARRAY_SIZE(credits));
	unit_add(suite, equal_runs, ARRAY_SIZE(runs));
	unit_add(suite, settings, ARRAY_SIZE(modes));
	unit_add(suite, nat_as, ARRAY_SIZE(hidden));
	return suite;
}
