// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nft.h"

#define BEFORE_ALL -450 /* of NF_IP_PRI_RAW_BEFORE_DEFRAG, and of whoever sets a mark */
#define AFTER_ALL  350	/* of NF_IP_PRI_NAT_SRC, and of what a router usually has there */

int guard_add(struct guard *guard, const char *name, uint32_t armed)
{
	for (size_t i = 0; i < guard->count; i++) {
		if (strcmp(guard->places[i].name, name))
			continue;
		if (armed)
			guard->places[i].armed = armed;
		return 0;
	}
	if (guard->count == GUARD_PLACES_MAX)
		return -E2BIG;
	strncpy(guard->places[guard->count].name, name, IFNAMSIZ - 1);
	guard->places[guard->count++].armed = armed;
	return 0;
}

void guard_drop(struct guard *guard, const char *name)
{
	for (size_t i = 0; i < guard->count; i++)
		if (!strcmp(guard->places[i].name, name))
			guard->places[i--] = guard->places[--guard->count];
}

const struct guard_place *guard_find(const struct guard *guard, const char *name)
{
	for (size_t i = 0; i < guard->count; i++)
		if (!strcmp(guard->places[i].name, name))
			return &guard->places[i];
	return NULL;
}

/* ---------------------------------------------------------------- the rules */

enum {
	UNJUDGED,
	UNARMED,
	COUNTERS
};
enum {
	GUARDED,
	ARMED,
	SETS
};

/* The table, and all that it points at. */
struct ruleset {
	struct nft_table table;
	char *comment;
	struct nft_counter counters[COUNTERS];
	struct nft_set sets[SETS];
	struct nft_chain chains[2];
	struct nft_rule in[2 * GUARD_PLACES_MAX], out[2 * GUARD_PLACES_MAX];
	struct nft_element guarded[GUARD_PLACES_MAX], armed[GUARD_PLACES_MAX];
};

/* For people, and for us when we come again: rules that look up a set cost five times as much. */
static void fill_sets(struct ruleset *ruleset, const struct guard *guard)
{
	size_t armed = 0;

	for (size_t i = 0; i < guard->count; i++) {
		const struct guard_place *place = &guard->places[i];

		memcpy(ruleset->guarded[i].low, place->name, IFNAMSIZ);
		if (place->armed)
			memcpy(ruleset->armed[armed++].low, &place->armed, sizeof(place->armed));
	}
	ruleset->sets[GUARDED] = (struct nft_set){
		.name = "guarded",
		.comment = ruleset->comment,
		.key = { { NFT_FIELD_IIFNAME }, 1 },
		.elements = ruleset->guarded,
		.count = guard->count,
	};
	ruleset->sets[ARMED] = (struct nft_set){
		.name = "armed",
		.key = { { NFT_FIELD_OIF }, 1 },
		.elements = ruleset->armed,
		.count = armed,
	};
}

/* From where both programs are, and one of them has marked it: the mark alone says nothing. */
static struct nft_rule accept_judged(uint32_t armed, uint32_t mark)
{
	return (struct nft_rule){
		.statements = { { NFT_DO_MATCH, .key = { { NFT_FIELD_IIF }, 1 }, .value = armed },
				{ NFT_DO_MATCH, .key = { { NFT_FIELD_MARK }, 1 }, .mask = mark,
				  .value = mark },
				{ NFT_DO_ACCEPT } },
		.count = 3,
	};
}

static struct nft_rule accept_armed(uint32_t armed)
{
	return (struct nft_rule){
		.statements = { { NFT_DO_MATCH, .key = { { NFT_FIELD_OIF }, 1 }, .value = armed },
				{ NFT_DO_ACCEPT } },
		.count = 2,
	};
}

static struct nft_rule drop_if(enum nft_field field, const char *interface, const char *counter)
{
	return (struct nft_rule){
		.statements = { { NFT_DO_MATCH, .key = { { field }, 1 }, .interface = interface },
				{ NFT_DO_COUNTER, .name = counter },
				{ NFT_DO_DROP } },
		.count = 3,
	};
}

/* What most packets meet comes first. */
static void fill_rules(struct ruleset *ruleset, const struct guard *guard)
{
	size_t ins = 0, outs = 0;

	for (size_t i = 0; i < guard->count; i++) {
		const uint32_t armed = guard->places[i].armed;

		if (!armed)
			continue;
		ruleset->in[ins++] = accept_judged(armed, guard->mark);
		ruleset->out[outs++] = accept_armed(armed);
	}
	for (size_t i = 0; i < guard->count; i++) {
		ruleset->in[ins++] = drop_if(NFT_FIELD_IIFNAME, guard->places[i].name, "unjudged");
		ruleset->out[outs++] = drop_if(NFT_FIELD_OIFNAME, guard->places[i].name, "unarmed");
	}
	ruleset->chains[0] = (struct nft_chain){
		.name = "prerouting",
		.is_base = true,
		.hook = NF_INET_PRE_ROUTING,
		.priority = BEFORE_ALL,
		.rules = ruleset->in,
		.count = ins,
	};
	ruleset->chains[1] = (struct nft_chain){
		.name = "postrouting",
		.is_base = true,
		.hook = NF_INET_POST_ROUTING,
		.priority = AFTER_ALL,
		.rules = ruleset->out,
		.count = outs,
	};
}

static void build(const struct guard *guard, struct ruleset *ret_ruleset)
{
	struct ruleset *ruleset = ret_ruleset;

	*ruleset = (struct ruleset){
		.counters = { [UNJUDGED] = { .name = "unjudged" },
			      [UNARMED] = { .name = "unarmed" } },
		/* guard_put() knows by it whether the rules in the kernel mean this mark */
		.comment = mem_printf("what is not judged by aclgate stays out; mark 0x%x",
				      guard->mark),
	};
	fill_sets(ruleset, guard);
	fill_rules(ruleset, guard);
	ruleset->table = (struct nft_table){
		.name = GUARD_TABLE,
		.counters = ruleset->counters,
		.counters_count = COUNTERS,
		.sets = ruleset->sets,
		.sets_count = SETS,
		.chains = ruleset->chains,
		.chains_count = ARRAY_SIZE(ruleset->chains),
	};
}

static void ruleset_free(struct ruleset *ruleset)
{
	free(ruleset->comment);
}

/* ---------------------------------------------------------------- the kernel's */

static int on_guarded(const struct nft_element *element, const struct nft_counter *counter,
		      void *context)
{
	struct guard *guard = context;
	char name[IFNAMSIZ + 1] = {};

	(void)counter;
	memcpy(name, element->low, IFNAMSIZ);
	return guard_add(guard, name, 0);
}

/* Which of the guarded has this ifindex. One that is gone is armed for whoever gets its number. */
static int on_armed(const struct nft_element *element, const struct nft_counter *counter,
		    void *context)
{
	struct guard_status *status = context;
	char name[IFNAMSIZ] = "";
	uint32_t ifindex;

	(void)counter;
	memcpy(&ifindex, element->low, sizeof(ifindex));
	if_indextoname(ifindex, name);
	for (size_t i = 0; i < status->guard.count; i++) {
		if (strcmp(status->guard.places[i].name, name))
			continue;
		status->guard.places[i].armed = ifindex;
		return 0;
	}
	status->strays = true;
	return 0;
}

/* Whether the rules are those that belong to the sets. @mark: 0, whichever it is. */
static int has_rules(const struct guard_status *status, uint32_t mark)
{
	struct ruleset ruleset;
	struct guard guard = status->guard;
	int result;

	guard.mark = mark;
	build(&guard, &ruleset);
	if (!mark)
		ruleset.sets[GUARDED].comment = NULL;
	result = nft_stands(&ruleset.table);
	ruleset_free(&ruleset);
	return result;
}

static int read_once(uint32_t mark, struct guard_status *ret_status)
{
	struct guard_status status = {};
	struct nft_counter counters[COUNTERS] = {
		[UNJUDGED] = { .name = "unjudged" }, [UNARMED] = { .name = "unarmed" }
	};
	int result = nft_read_set(GUARD_TABLE, "guarded", on_guarded, &status.guard);

	if (!result)
		result = nft_read_set(GUARD_TABLE, "armed", on_armed, &status);
	if (!result)
		result = nft_read_counters(GUARD_TABLE, counters, COUNTERS);
	if (!result)
		result = has_rules(&status, mark);
	status.stands = result > 0;
	status.unjudged = counters[UNJUDGED].packets;
	status.unarmed = counters[UNARMED].packets;
	*ret_status = status;
	return result > 0 || result == -ENOENT ? 0 : result;
}

int guard_read(uint32_t mark, struct guard_status *ret_status)
{
	int error = -EAGAIN;

	for (int i = 0; i < NFT_ATTEMPTS && error == -EAGAIN; i++)
		error = read_once(mark, ret_status);
	return error;
}

static bool is_same(const struct guard *one, const struct guard *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++) {
		const struct guard_place *same = guard_find(other, one->places[i].name);

		if (!same || same->armed != one->places[i].armed)
			return false;
	}
	return true;
}

int guard_put(const struct guard *guard)
{
	struct guard_status status;
	struct ruleset ruleset;
	int error = guard_read(guard->mark, &status);

	if (error || (status.stands && !status.strays && is_same(&status.guard, guard)))
		return error;
	build(guard, &ruleset);
	error = nft_commit(&ruleset.table);
	ruleset_free(&ruleset);
	return error;
}

int guard_remove(void)
{
	return nft_delete(GUARD_TABLE);
}
