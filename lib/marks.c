// SPDX-License-Identifier: GPL-2.0-or-later
#include "marks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "mem.h"
#include "nft_dump.h"

struct find {
	uint32_t bits;
	void (*each)(const char *sentence, void *context);
	void *context;
};

/* What matches "not this mark" matches our packets as it does those without a mark: wg-quick's. */
static int on_routing_rule(const void *header, const struct nlattr *const *attributes,
			   void *context)
{
	const struct fib_rule_hdr *rule = header;
	const struct find *find = context;
	uint32_t mark = 0, mask = UINT32_MAX, priority = 0;
	_free_ char *sentence = NULL;

	netlink_get(attributes[FRA_FWMASK], &mask, sizeof(mask));
	netlink_get(attributes[FRA_PRIORITY], &priority, sizeof(priority));
	if (!netlink_get(attributes[FRA_FWMARK], &mark, sizeof(mark)) || !mark ||
	    !(mask & find->bits) || rule->flags & FIB_RULE_INVERT)
		return 0;
	sentence = mem_printf("the routing rule %u compares them (fwmark 0x%x/0x%x): it does not "
			      "match what the gate let pass",
			      priority, mark, mask);
	find->each(sentence, find->context);
	return 0;
}

static int find_routing_rules(struct find *find, unsigned char family)
{
	const struct fib_rule_hdr any = { .family = family };
	const struct netlink_dump rules = {
		.protocol = NETLINK_ROUTE,
		.request = RTM_GETRULE,
		.answer = RTM_NEWRULE,
		.header = &any,
		.header_size = sizeof(any),
		.each = on_routing_rule,
	};

	return netlink_dump(&rules, find);
}

/* Which bits of the packet's own mark are still in the register that a rule works on. */
struct flow {
	uint32_t kept;
	uint32_t flipped;
};

static uint32_t number_of(const struct nlattr *nest)
{
	const struct nlattr *data[NFTA_DATA_MAX + 1];
	uint32_t number = 0;

	netlink_nest(nest, data, ARRAY_SIZE(data));
	netlink_get(data[NFTA_DATA_VALUE], &number, sizeof(number));
	return number;
}

/* Returns whether it writes one of @bits. */
static bool follow_meta(struct flow *flow, const struct nlattr *data, uint32_t bits)
{
	const struct nlattr *parts[NFTA_META_MAX + 1];
	uint32_t key = 0;

	netlink_nest(data, parts, ARRAY_SIZE(parts));
	netlink_get(parts[NFTA_META_KEY], &key, sizeof(key));
	if (!parts[NFTA_META_SREG]) {
		*flow = (struct flow){ .kept = ntohl(key) == NFT_META_MARK ? UINT32_MAX : 0 };
		return false;
	}
	return ntohl(key) == NFT_META_MARK && ((flow->kept & bits) != bits || flow->flipped & bits);
}

static void follow_bitwise(struct flow *flow, const struct nlattr *data)
{
	const struct nlattr *parts[NFTA_BITWISE_MAX + 1];

	netlink_nest(data, parts, ARRAY_SIZE(parts));
	flow->kept &= number_of(parts[NFTA_BITWISE_MASK]);
	flow->flipped = number_of(parts[NFTA_BITWISE_XOR]);
}

/* iptables-nft */
static bool follow_target(const struct nlattr *data, uint32_t bits)
{
	const struct nlattr *parts[NFTA_TARGET_MAX + 1];
	struct xt_connmark_tginfo1 connmark;
	struct xt_mark_tginfo2 mark;
	const char *name;

	netlink_nest(data, parts, ARRAY_SIZE(parts));
	name = netlink_text(parts[NFTA_TARGET_NAME]);
	if (!strcmp(name, "MARK") && netlink_get(parts[NFTA_TARGET_INFO], &mark, sizeof(mark)))
		return (mark.mask | mark.mark) & bits;
	return !strcmp(name, "CONNMARK") &&
	       netlink_get(parts[NFTA_TARGET_INFO], &connmark, sizeof(connmark)) &&
	       connmark.mode == XT_CONNMARK_RESTORE && connmark.nfmask & bits;
}

static bool writes(const struct nlattr *expressions, uint32_t bits)
{
	const struct nlattr *next = NULL;
	struct flow flow = {};

	while ((next = netlink_next(expressions, next))) {
		const struct nlattr *parts[NFTA_EXPR_MAX + 1];
		const char *name;

		netlink_nest(next, parts, ARRAY_SIZE(parts));
		name = netlink_text(parts[NFTA_EXPR_NAME]);
		if (!strcmp(name, "meta")) {
			if (follow_meta(&flow, parts[NFTA_EXPR_DATA], bits))
				return true;
		} else if (!strcmp(name, "bitwise")) {
			follow_bitwise(&flow, parts[NFTA_EXPR_DATA]);
		} else if (!strcmp(name, "target")) {
			if (follow_target(parts[NFTA_EXPR_DATA], bits))
				return true;
		} else if (strcmp(name, "cmp") && strcmp(name, "counter")) {
			flow = (struct flow){};
		}
	}
	return false;
}

static int on_nft_rule(const void *header, const struct nlattr *const *attributes, void *context)
{
	const struct find *find = context;
	_free_ char *sentence = NULL;

	if (!writes(attributes[NFTA_RULE_EXPRESSIONS], find->bits))
		return 0;
	sentence =
		mem_printf("a rule of the chain \"%s %s %s\" writes them: what it takes the mark "
			   "from is judged once more, as it is after NAT",
			   nft_dump_family(header), netlink_text(attributes[NFTA_RULE_TABLE]),
			   netlink_text(attributes[NFTA_RULE_CHAIN]));
	find->each(sentence, find->context);
	return 0;
}

int marks_find(uint32_t bits, void (*each)(const char *sentence, void *context), void *context)
{
	struct find find = { bits, each, context };
	const struct netlink_dump rules = { .each = on_nft_rule };
	int error = find_routing_rules(&find, AF_INET);

	if (!error)
		error = find_routing_rules(&find, AF_INET6);
	if (!error)
		error = nft_dump(NFPROTO_UNSPEC, NFT_MSG_GETRULE, NFT_MSG_NEWRULE, &rules, &find);
	return error == -EOPNOTSUPP ? 0 : error;
}
