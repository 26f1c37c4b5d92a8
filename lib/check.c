// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem.h"

static int read_sources(struct checked *checked, const char *file, const char *inventory,
			const char **ret_unreadable)
{
	int error = sources_read(&checked->sources, file);

	*ret_unreadable = file;
	if (error < 0)
		return error;
	if (!inventory)
		return 0;
	*ret_unreadable = inventory;
	error = sources_read(&checked->sources, inventory);
	return error < 0 ? error : 0;
}

static enum reason judge_one(const struct table *table, address_t src, address_t dst,
			     uint8_t protocol, uint16_t port, uint32_t *ret_rule)
{
	if (protocol)
		return table_judge(table, src, dst, protocol, port, ret_rule);
	if (!table_judge(table, src, dst, IPPROTO_TCP, port, ret_rule))
		return REASON_NONE;
	return table_judge(table, src, dst, IPPROTO_UDP, port, ret_rule);
}

/* From one address to all of a range. */
static bool reach_range(const struct question *question, address_t src, const struct range *range,
			struct reached *reached)
{
	if (address_is_ipv4(src) != address_is_ipv4(range->first))
		return true;
	for (address_t dst = range->first;; dst++) {
		reached->reason = judge_one(question->table, src, dst, question->protocol,
					    question->port, &reached->rule);
		reached->asked = true;
		reached->src = src;
		reached->dst = dst;
		if ((reached->reason == REASON_NONE) != question->wanted)
			return false;
		if (dst == range->last)
			return true;
	}
}

bool check_reach(const struct question *question, struct reached *ret_reached)
{
	const struct set *from = question->from, *to = question->to;
	struct reached reached = { .reason = REASON_UNKNOWN_SOURCE };
	bool all = true;

	for (size_t i = 0; i < from->count && all; i++)
		for (address_t src = from->ranges[i].first; all; src++) {
			for (size_t j = 0; j < to->count && all; j++)
				all = reach_range(question, src, &to->ranges[j], &reached);
			if (src == from->ranges[i].last)
				break;
		}
	*ret_reached = reached;
	return all && (reached.asked || !question->wanted);
}

bool check_expectation(const struct table *table, const struct expectation *expectation)
{
	struct question question = {
		.table = table,
		.from = &expectation->from,
		.to = &expectation->to,
		.protocol = expectation->protocol,
		.port = expectation->port,
		.wanted = expectation->allow,
	};
	struct reached reached;

	return check_reach(&question, &reached);
}

void check_tests(struct checked *checked, enum severity severity)
{
	for (size_t i = 0; i < checked->ruleset.expectations_count; i++) {
		const struct expectation *expectation = &checked->ruleset.expectations[i];

		if (check_expectation(&checked->table, expectation))
			continue;
		diag_add(&checked->diag, severity, expectation->dst.place,
			 "test failed: %s -> %s: expected %s, got %s", expectation->src.text,
			 expectation->dst.text, expectation->allow ? "ALLOWED" : "DENIED",
			 expectation->allow ? "DENIED" : "ALLOWED");
	}
}

/*
 * Before names are resolved: a device that is bound to this interface must mean the guarded one.
 * What the policy says of an interface of that name stays.
 */
static void guard_instead(struct policy *policy, const char *name)
{
	struct policy_interface *guarded = mem_alloc(sizeof(*guarded));

	guarded->name = (struct word){ name, PLACE_NONE };
	for (size_t i = policy->interfaces_count; i; i--)
		if (!strcmp(policy->interfaces[i - 1].name.text, name))
			*guarded = policy->interfaces[i - 1];
	free(policy->interfaces);
	policy->interfaces = guarded;
	policy->interfaces_count = 1;
}

int check_sources(struct checked *checked, const struct box *box)
{
	const struct source *sources = checked->sources.items;
	struct diag *diag = &checked->diag;
	int error = policy_parse(&sources[0], checked->sources.count > 1 ? &sources[1] : NULL, diag,
				 &checked->policy);

	if (error)
		return error;
	if (checked->interface)
		guard_instead(&checked->policy, checked->interface);
	inventory_build(&checked->policy, box, diag, &checked->inventory);
	select_check_ipsets(&checked->inventory, diag);
	resolve(&checked->policy, &checked->inventory, checked->now ? checked->now : time(NULL),
		diag, &checked->ruleset);
	policy_drop_rules(&checked->policy);
	if (diag->errors)
		return -EINVAL;
	return table_compile(&checked->ruleset, &checked->inventory, &checked->sources, diag,
			     &checked->table) ?
		       -EINVAL :
		       0;
}

int check_files(struct checked *checked, const char *file, const char *inventory,
		const struct box *box, const char **ret_unreadable)
{
	int error = read_sources(checked, file, inventory, ret_unreadable);

	return error ? error : check_sources(checked, box);
}

void checked_free(struct checked *checked)
{
	table_free(&checked->table);
	ruleset_free(&checked->ruleset);
	inventory_free(&checked->inventory);
	policy_free(&checked->policy);
	diag_free(&checked->diag);
	sources_free(&checked->sources);
}
