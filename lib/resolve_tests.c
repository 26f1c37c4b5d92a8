// SPDX-License-Identifier: GPL-2.0-or-later
/* The tests of a policy → expectations. */
#include <errno.h>

#include "mem.h"
#include "resolve_parts.h"

struct tester {
	const struct inventory *inventory;
	struct diag *diag;
	struct ruleset *ruleset;
	size_t unasked; /* expectations that only WireGuard could tell more about */
};

static bool has_version(const struct set *set, bool ipv4)
{
	for (size_t i = 0; i < set->count; i++)
		if (address_is_ipv4(set->ranges[i].first) == ipv4)
			return true;
	return false;
}

/* Is there a pair of addresses to ask about? */
static bool share_version(const struct expectation *expectation)
{
	return (has_version(&expectation->from, true) && has_version(&expectation->to, true)) ||
	       (has_version(&expectation->from, false) && has_version(&expectation->to, false));
}

/* One port: a test must have one answer. */
static int read_port(struct tester *tester, const char *text, struct expectation *expectation)
{
	uint8_t protocol = expectation->protocol;
	struct ports ports;
	bool single;

	if (resolve_ports(tester->diag, "dst", &expectation->dst, text, protocol, &ports))
		return -EINVAL;
	single = ports.count == 1 && ports.items[0].low == ports.items[0].high;
	expectation->port = single ? ports.items[0].low : 0;
	ports_free(&ports);
	if (single || (protocol && !protocol_has_ports(protocol)))
		return 0;
	diag_error(tester->diag, expectation->dst.place, "a test asks about one port");
	return -EINVAL;
}

/* ... and devices or addresses. */
static int read_ends(struct tester *tester, const struct word *host,
		     struct expectation *expectation)
{
	const struct inventory *inventory = tester->inventory;
	struct set *from = &expectation->from, *to = &expectation->to;

	if (select_set(inventory, &expectation->src, SIDE_SOURCE, tester->diag, from) ||
	    select_set(inventory, host, SIDE_DESTINATION, tester->diag, to))
		return -EINVAL;
	set_normalise(from);
	set_normalise(to);
	if (set_size(from) <= QUESTION_ADDRESSES_MAX && set_size(to) <= QUESTION_ADDRESSES_MAX)
		return 0;
	diag_error(tester->diag, host->place,
		   "a test asks about devices and addresses, not about networks");
	return -EINVAL;
}

static void keep(struct ruleset *ruleset, const struct expectation *expectation)
{
	ruleset->expectations = mem_grow(ruleset->expectations, ruleset->expectations_count,
					 &ruleset->expectations_capacity,
					 sizeof(*ruleset->expectations));
	ruleset->expectations[ruleset->expectations_count++] = *expectation;
}

static void resolve_expectation(struct tester *tester, const struct policy_test *test,
				const struct word *dst, bool allow, uint8_t protocol)
{
	struct expectation expectation = {
		.src = test->src, .dst = *dst, .protocol = protocol, .allow = allow
	};
	_free_ char *host = NULL, *ports = NULL;
	bool asked;

	if (resolve_host_port(dst, tester->diag, &host, &ports) ||
	    read_port(tester, ports, &expectation))
		return;
	if (read_ends(tester, &(struct word){ host, dst->place }, &expectation)) {
		expectation_free(&expectation);
		return;
	}
	asked = !tester->inventory->peered || share_version(&expectation);
	tester->unasked += !asked;
	if (asked)
		keep(tester->ruleset, &expectation);
	else
		expectation_free(&expectation);
}

static void resolve_test(struct tester *tester, const struct policy_test *test)
{
	uint8_t protocol = 0;

	if (!test->src.text || resolve_protocol(tester->diag, &test->protocol, &protocol))
		return;
	for (size_t i = 0; i < test->accept.count; i++)
		resolve_expectation(tester, test, &test->accept.items[i], true, protocol);
	for (size_t i = 0; i < test->deny.count; i++)
		resolve_expectation(tester, test, &test->deny.items[i], false, protocol);
}

void resolve_tests(const struct policy *policy, const struct inventory *inventory,
		   struct diag *diag, struct ruleset *ruleset)
{
	struct tester tester = { .inventory = inventory, .diag = diag, .ruleset = ruleset };

	for (size_t i = 0; i < policy->tests_count; i++)
		resolve_test(&tester, &policy->tests[i]);
	/* without the peer there is nothing to test; it must not keep the policy from being loaded */
	if (tester.unasked)
		diag_add(diag, inventory->box ? SEVERITY_WARNING : SEVERITY_NOTE,
			 policy->tests[0].place,
			 "%zu of the tests are left out: %s of a device that they name",
			 tester.unasked,
			 inventory->box ? "WireGuard has no address" :
					  "WireGuard alone knows the addresses");
}
