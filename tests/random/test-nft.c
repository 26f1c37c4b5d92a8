// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fourth opinion: the nft backend, loaded into a router of its own, on real packets. A packet
 * passed if it comes out where it is routed to. It is held against naive.c, which says what the
 * programs say (test-random.c). Whoever disagrees is told with what led to it, and
 *
 *   ACLGATE_TEST_SEED=… nft-tests
 *
 * repeats it. ACLGATE_TEST_PACKETS says how many packets there are at least.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "dice.h"
#include "invent.h"
#include "mem.h"
#include "nft_policy.h"
#include "reason.h"
#include "rig.h"
#include "site.h"
#include "talks.h"

#define EXIT_SKIP	 77 /* of meson's protocol "exitcode" */
#define PACKETS		 60000
#define PACKETS_PER_LOAD 250
#define LOADS_PER_WORLD	 4
#define CROWDED_ONCE_IN	 12
#define DIFFERENCES_MAX	 3

static const char *const act_names[ACT_MAX] = {
	"open", "pick up", "stray", "fragments", "answer", "answer by SYN", "go on", "end", "error",
};

/* What one way said of a parcel. */
struct opinion {
	bool passes;
	bool opened; /* a flow, of all that is known */
	bool revoked;
	enum reason reason;
};

struct score {
	unsigned int packets, loads, refused, worlds, differences;
	unsigned int acts[ACT_MAX][2]; /* [1]: passed */
	unsigned int spoofed[2], lan[2], own[2], to_self[2], ipv6[2], audited[2];
	unsigned int protocols[256][2];
	unsigned int revoked, forgotten, moved;
};

struct run {
	struct naive naive;
	struct checked policies[2]; /* parts of it point at each other: it is never moved */
	struct recipe recipe;
	struct talks talks;
	struct saying saying;
	uint32_t ids[INVENT_DEVICES_MAX + 1]; /* all 0: there are no quotas here */
	char *policy;
	char **told; /* what was said since the world began */
	size_t told_count, told_capacity;
	struct score score;
};

/* As the kernel's table: chosen for each policy. */
static struct {
	address_t addresses[2 * TRAFFIC_POOL];
	enum origin outs[2 * TRAFFIC_POOL];
	size_t count;
} routes;

static enum origin route_of(address_t address)
{
	for (size_t i = 0; i < routes.count; i++)
		if (routes.addresses[i] == address)
			return routes.outs[i];
	abort();
}

static void tell(struct run *run, char *text)
{
	run->told = mem_grow(run->told, run->told_count, &run->told_capacity, sizeof(*run->told));
	run->told[run->told_count++] = text;
}

static void forget_told(struct run *run)
{
	while (run->told_count)
		free(run->told[--run->told_count]);
}

static const char *const place_names[] = { "wg0", "wg1", "lan0", "elsewhere", "this box" };

static void tell_saying(struct run *run, const struct opinion *opinion, bool came_out)
{
	const struct saying *saying = &run->saying;
	const struct draft *draft = &saying->parcel.draft;
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];

	tell(run, mem_printf("%s %s: %s -> %s, %s to %s, protocol %u, %u to %u, flags %x, "
			     "ICMP %u id %u: %s, %s",
			     act_names[saying->act], saying->forward ? "forward" : "back",
			     address_format(draft->src, src), address_format(draft->dst, dst),
			     place_names[saying->from], place_names[saying->out], draft->protocol,
			     draft->sport, draft->dport, draft->flags, draft->icmp, draft->id,
			     opinion->passes ? "passes" : reason_name(opinion->reason),
			     came_out ? "came out" : "did not come out"));
}

/* The last policy, and what the ends of the last packet, or of the quoted one, said before. */
static void differ(struct run *run)
{
	const struct saying *saying = &run->saying;
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];

	address_format(saying->talk ? saying->talk->tuple.src : saying->parcel.draft.src, src);
	address_format(saying->talk ? saying->talk->tuple.dst : saying->parcel.draft.dst, dst);
	run->score.differences++;
	printf("--- difference %u, after %u packets\n%s", run->score.differences,
	       run->score.packets, run->policy);
	for (size_t i = 0; i < run->told_count; i++)
		if (*run->told[i] == '(' ||
		    (strstr(run->told[i], src) && strstr(run->told[i], dst)))
			printf("%s\n", run->told[i]);
	printf("%s\n---\n", run->told[run->told_count - 1]);
	fflush(stdout);
}

static bool is_audit(const struct run *run)
{
	return run->naive.checked->ruleset.settings.audit;
}

/* The programs about one part of the parcel, on its whole way. */
static struct opinion judge_part(struct run *run, size_t part)
{
	const struct saying *saying = &run->saying;
	struct meeting meeting = { .bytes = saying->parcel.bytes[part],
				   .size = saying->parcel.sizes[part],
				   .direction = DIRECTION_EGRESS,
				   .from = saying->from,
				   .sent = saying->from == FROM_SELF };
	struct verdict verdict = { .reasons = 1u << REASON_NONE };
	bool known = true, revoked = false;

	if (saying->from < FROM_LAN) {
		meeting.direction = DIRECTION_INGRESS;
		meeting.slot = saying->from;
		naive_judge(&run->naive, &meeting, &verdict);
		meeting.mark = verdict.mark;
		known = verdict.known;
		revoked = verdict.reasons & 1u << REASON_REVOKED;
	}
	if (verdict_passes(&verdict) && saying->out < FROM_LAN) {
		meeting.direction = DIRECTION_EGRESS;
		meeting.slot = saying->out;
		naive_judge(&run->naive, &meeting, &verdict);
		known &= verdict.known;
		revoked |= verdict.reasons & 1u << REASON_REVOKED;
	}
	return (struct opinion){ .passes = verdict_passes(&verdict),
				 .opened = !known,
				 .revoked = revoked,
				 .reason = (enum reason)__builtin_ctz(verdict.reasons) };
}

/*
 * What comes through an unguarded interface with an address of this box: whom NAT may hide there,
 * only NAT of this kernel tells the nft backend, and that changes nothing here.
 */
static bool is_feigned(const struct run *run)
{
	return run->saying.from == FROM_LAN &&
	       opinion_who(run->naive.checked, run->saying.parcel.draft.src).own;
}

/*
 * An error from an address of no device: the programs let it tell of that very address, and nft
 * cannot compare addresses.
 */
static bool is_told_by_nobody(const struct run *run)
{
	const struct saying *saying = &run->saying;
	struct who who = opinion_who(run->naive.checked, saying->parcel.draft.src);

	return saying->act == ACT_ERROR && saying->from >= FROM_LAN && !is_audit(run) &&
	       who.device == NOBODY && !who.own;
}

/* All parts, or the first that does not pass. */
static struct opinion judge(struct run *run)
{
	struct opinion opinion = {};

	if (is_feigned(run))
		return (struct opinion){ .reason = REASON_NAT_UNIDENTIFIED };
	opinion = judge_part(run, 0);
	for (size_t part = 1; part < run->saying.parcel.count && opinion.passes; part++)
		opinion = judge_part(run, part);
	run->naive.parts_count = 0; /* no other datagram has that number */
	if (is_told_by_nobody(run))
		opinion = (struct opinion){ .reason = REASON_NO_STATE, .revoked = opinion.revoked };
	return opinion;
}

/* Returns whether it came out, with all of its parts. */
static bool say(struct run *run, bool expected)
{
	const struct saying *saying = &run->saying;
	unsigned int marks;

	for (size_t part = 0; part < saying->parcel.count; part++)
		site_send(saying->from, &saying->parcel, part);
	marks = site_receive(saying->out, &saying->parcel, expected);
	if (marks && marks != parcel_marks(&saying->parcel)) {
		printf("a part of a datagram came out alone\n");
		differ(run);
	}
	return marks;
}

/*
 * The programs forget a connection that a policy refused, and conntrack does not: what the other
 * side of it sends may open one of its own to them, and is an answer still to nft.
 */
static bool is_forgotten(const struct saying *saying, const struct opinion *opinion)
{
	return saying->talk && saying->talk->revoked && saying->forward == saying->talk->turned &&
	       opinion->passes && opinion->opened;
}

/* From the side that conntrack takes for the opener. */
static bool is_original(const struct saying *saying)
{
	return saying->talk && saying->forward != saying->talk->turned;
}

/*
 * An opener that was on an unguarded link moves behind a guarded one: nft takes nothing for an answer to
 * it before it has spoken there. The programs know the flow.
 */
static bool is_moved(const struct saying *saying)
{
	return saying->talk && !is_original(saying) && !saying->talk->inside &&
	       saying->from >= FROM_LAN && saying->out < FROM_LAN;
}

/*
 * Audit lets pass what is out of place: to the programs first of all it is of nobody, and that they
 * drop; nft asks conntrack first, and what audit let pass once is a connection to it. The packet by
 * which the programs find a flow revoked they let pass, wherever it comes from.
 */
static bool is_softened(const struct run *run, const struct opinion *opinion)
{
	const struct saying *saying = &run->saying;

	if (!is_audit(run))
		return false;
	return opinion->passes ?
		       opinion->revoked :
		       saying->from >= FROM_LAN && opinion->reason == REASON_UNKNOWN_SOURCE;
}

static void count(struct run *run, const struct opinion *opinion)
{
	const struct saying *saying = &run->saying;
	const struct draft *draft = &saying->parcel.draft;
	enum origin home = traffic_home(run->naive.checked, draft->src);
	struct score *score = &run->score;
	bool passes = opinion->passes;

	score->packets++;
	score->acts[saying->act][passes]++;
	score->spoofed[passes] += home != FROM_ELSEWHERE && home != saying->from;
	score->lan[passes] += saying->from == FROM_LAN;
	score->own[passes] += saying->from == FROM_SELF;
	score->to_self[passes] += saying->out == FROM_SELF;
	score->ipv6[passes] += !address_is_ipv4(draft->src);
	score->protocols[draft->protocol][passes]++;
	score->audited[passes] += is_audit(run);
	score->revoked += opinion->revoked;
}

static void run_next(struct run *run)
{
	struct saying *saying = &run->saying;
	struct opinion opinion;
	bool came_out;

	talks_next(&run->talks, &run->naive, route_of, saying);
	opinion = judge(run);
	count(run, &opinion);
	came_out = say(run, opinion.passes);
	tell_saying(run, &opinion, came_out);
	talks_heard(&run->talks, saying, opinion.passes, opinion.revoked);
	if (is_original(saying) && saying->act != ACT_ERROR && saying->from < FROM_LAN)
		saying->talk->inside |= came_out;
	if (came_out == opinion.passes)
		return;
	if (!came_out && is_moved(saying)) {
		run->score.moved++;
		return;
	}
	if (is_forgotten(saying, &opinion)) {
		saying->talk->ended = true;
		run->score.forgotten++;
		return;
	}
	if (!is_softened(run, &opinion))
		differ(run);
}

/* To the interface that it is bound to; what is bound to none, somewhere; now and then elsewhere. */
static enum origin some_route(const struct checked *checked, address_t address)
{
	struct who who = opinion_who(checked, address);

	if (who.own)
		return FROM_SELF;
	if (dice_once_in(10) || who.unapproved)
		return dice(3);
	return who.speaks & 1 ? FROM_WG0 : who.speaks & 2 ? FROM_WG1 : FROM_LAN;
}

/* Whether it can be the source of a packet that a router forwards. */
static bool is_unicast(address_t address)
{
	uint8_t bytes[16];

	address_bytes(address, bytes);
	if (address_is_ipv4(address))
		return bytes[0] && bytes[0] != 127 && bytes[0] < 224;
	return bytes[0] >> 5 == 1 || bytes[0] >> 1 == 0xfc >> 1;
}

static void settle_routes(const struct traffic *traffic, const struct checked *checked)
{
	site_forget_routes();
	routes.count = 0;
	for (size_t i = 0; i < 2 * TRAFFIC_POOL; i++) {
		address_t address = traffic->pool[i / TRAFFIC_POOL][i % TRAFFIC_POOL];
		bool known = false;

		for (size_t j = 0; j < routes.count; j++)
			known |= routes.addresses[j] == address;
		if (known)
			continue;
		routes.addresses[routes.count] = address;
		routes.outs[routes.count] = some_route(checked, address);
		if (routes.outs[routes.count] != FROM_SELF)
			site_route(address, routes.outs[routes.count]);
		routes.count++;
	}
}

/* Who there is in this world: addresses that a router takes. */
static void settle_pool(struct traffic *traffic, const struct checked *checked)
{
	traffic_settle(traffic, checked);
	for (size_t i = 0; i < 2 * TRAFFIC_POOL; i++) {
		address_t *address = &traffic->pool[i / TRAFFIC_POOL][i % TRAFFIC_POOL];

		if (!is_unicast(*address))
			*address = traffic->pool[i / TRAFFIC_POOL][i % 3];
	}
}

static int check_text(const char *text, struct checked *checked)
{
	address_t addresses[RIG_ADDRESSES];
	struct box box = { .addresses = addresses, .count = RIG_ADDRESSES };

	*checked = (struct checked){};
	for (size_t i = 0; i < RIG_ADDRESSES; i++)
		address_parse(rig_addresses[i], &addresses[i]);
	sources_add(&checked->sources, "policy", mem_strdup(text), strlen(text));
	return check_sources(checked, &box);
}

static void load_nft(const struct checked *checked)
{
	struct nft_builder builder;
	struct diag diag = {};
	int error = nft_policy_build(&checked->table, time(NULL), &diag, &builder);

	if (!error)
		error = nft_commit(&builder.table);
	if (error) {
		printf("nft_commit: %s\n", strerror(-error));
		exit(1);
	}
	nft_builder_free(&builder);
	diag_free(&diag);
}

/*
 * What audit let pass is a connection to conntrack, and no flow to the programs: a policy that
 * enforces begins with neither.
 */
static void forget_connections(struct run *run)
{
	site_forget_connections();
	run->naive.flows_count = 0;
	run->talks.count = run->talks.stopped_count = 0;
}

static void adopt(struct run *run, struct checked *checked)
{
	struct checked *old = &run->policies[checked == &run->policies[0]];
	struct naive *naive = &run->naive;

	if (naive->checked && naive->checked->ruleset.settings.audit)
		forget_connections(run);
	checked_free(old);
	*old = (struct checked){};
	/* the nft backend has no quotas */
	checked->ruleset.settings.flows_per_device = UINT32_MAX;
	naive->checked = checked;
	naive->ids = run->ids;
	naive->generation++;
	naive->loaded = time(NULL);
	talks_settle(&run->talks);
}

/* Returns whether the policy was one. */
static bool load(struct run *run, bool first)
{
	struct checked *checked = &run->policies[run->naive.checked == &run->policies[0]];
	char *text = invent_policy(&run->recipe);

	if (check_text(text, checked)) {
		checked_free(checked);
		*checked = (struct checked){};
		free(text);
		run->score.refused++;
		return false;
	}
	free(run->policy);
	run->policy = text;
	adopt(run, checked);
	load_nft(checked);
	if (first)
		settle_pool(&run->talks.traffic, checked);
	settle_routes(&run->talks.traffic, checked);
	tell(run, mem_strdup("(loaded)"));
	run->score.loads++;
	return true;
}

static void run_policy(struct run *run)
{
	for (unsigned int i = 0; i < PACKETS_PER_LOAD; i++)
		if (run->score.differences < DIFFERENCES_MAX)
			run_next(run);
}

static void run_world(struct run *run)
{
	bool settled = false;

	run->score.worlds++;
	forget_told(run);
	forget_connections(run);
	run->recipe = invent_recipe(dice_once_in(CROWDED_ONCE_IN));
	for (unsigned int i = 0; i < LOADS_PER_WORLD; i++) {
		if (load(run, !settled)) {
			settled = true;
			run_policy(run);
		}
		invent_change(&run->recipe);
	}
}

/* Returns whether one of both is so rare that nothing was shown. */
static unsigned int print_pair(const char *name, const unsigned int pair[2], unsigned int packets,
			       unsigned int passed, unsigned int dropped)
{
	bool few = (uint64_t)pair[1] * 10000 < (uint64_t)passed * packets ||
		   (uint64_t)pair[0] * 10000 < (uint64_t)dropped * packets;

	printf("%s: %u passed, %u did not%s\n", name, pair[1], pair[0], few ? " (too few)" : "");
	return few;
}

/* Returns how many classes of packets are so rare that nothing was shown about them. */
static unsigned int vacuous(const struct score *score)
{
	static const unsigned int least[ACT_MAX][2] = {
		/* of 10,000 */
		[ACT_OPEN] = { 400, 400 },   [ACT_PICK_UP] = { 20, 20 },
		[ACT_STRAY] = { 0, 50 },     [ACT_FRAGMENTS] = { 20, 20 },
		[ACT_ANSWER] = { 100, 100 }, [ACT_ANSWER_SYN] = { 0, 5 },
		[ACT_GO_ON] = { 50, 50 },    [ACT_END] = { 5, 1 },
		[ACT_ERROR] = { 10, 100 }
	};
	static const uint8_t protocols[] = { 1, 4, 6, 17, 47, 58, 132, 136 };
	unsigned int rare = 0, packets = score->packets;

	for (enum act act = 0; act < ACT_MAX; act++)
		rare += print_pair(act_names[act], score->acts[act], packets, least[act][0],
				   least[act][1]);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		_free_ char *name = mem_printf("protocol %u", protocols[i]);

		rare += print_pair(name, score->protocols[protocols[i]], packets, 5, 5);
	}
	rare += print_pair("spoofed", score->spoofed, packets, 0, 100);
	rare += print_pair("from lan0", score->lan, packets, 100, 100);
	rare += print_pair("from this box", score->own, packets, 20, 20);
	rare += print_pair("to this box", score->to_self, packets, 20, 20);
	rare += print_pair("IPv6", score->ipv6, packets, 500, 500);
	rare += print_pair("audit", score->audited, packets, 20, 20);
	printf("%u revoked, %u that conntrack alone remembered, %u whose opener moved\n",
	       score->revoked, score->forgotten, score->moved);
	return rare + (score->revoked * 1000 < packets);
}

static int run_all(struct run *run)
{
	const char *given = getenv("ACLGATE_TEST_PACKETS");
	unsigned int wanted = given ? (unsigned int)strtoul(given, NULL, 0) : PACKETS, rare;
	struct score *score = &run->score;
	uint64_t seed = dice_seed();

	printf("ACLGATE_TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	dice_start(seed);
	while (score->packets < wanted && score->differences < DIFFERENCES_MAX)
		run_world(run);
	printf("ACLGATE_TEST_SEED=%" PRIu64 ": %u packets, %u policies (%u more refused) in %u "
	       "worlds, %u differences, %u strays:\n",
	       seed, score->packets, score->loads, score->refused, score->worlds,
	       score->differences, site_strays());
	rare = vacuous(score);
	return score->differences || rare || site_strays() || score->refused > score->loads / 10;
}

int main(void)
{
	static struct run run;
	const char *missing = site_missing();
	int status;

	if (missing) {
		printf("SKIP: these tests need %s\n", missing);
		return EXIT_SKIP;
	}
	site_open();
	status = run_all(&run);
	forget_told(&run);
	free(run.told);
	free(run.policy);
	naive_free(&run.naive);
	checked_free(&run.policies[0]);
	checked_free(&run.policies[1]);
	return status;
}
