// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel says of a table of ours. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nft.h"
#include "nft_dump.h"

/* nft's userdata: types, each with length and value (libnftnl's udata.h) */
#define UDATA_ELEMENT_COMMENT 0
#define UDATA_SET_COMMENT     7

static uint32_t get_be32(const struct nlattr *attribute)
{
	uint32_t value = 0;

	netlink_get(attribute, &value, sizeof(value));
	return ntohl(value);
}

static uint64_t get_be64(const struct nlattr *attribute)
{
	uint64_t value = 0;

	netlink_get(attribute, &value, sizeof(value));
	return be64toh(value);
}

/* Points into the attribute; NULL where there is none of that type, or it is no string. */
static const char *comment_of(const struct nlattr *userdata, uint8_t type)
{
	const uint8_t *bytes = netlink_bytes(userdata);
	size_t size = netlink_size(userdata);

	for (size_t at = 0; at + 2 <= size && at + 2u + bytes[at + 1] <= size;
	     at += 2u + bytes[at + 1])
		if (bytes[at] == type && bytes[at + 1] && !bytes[at + 1 + bytes[at + 1]])
			return (const char *)bytes + at + 2;
	return NULL;
}

/* ---------------------------------------------------------------- does it stand */

struct standing {
	const struct nft_table *table;
	bool found;
	size_t chains; /* base chains that are where they belong */
	size_t rules;
};

static void forget(void *context)
{
	struct standing *standing = context;

	*standing = (struct standing){ .table = standing->table };
}

static int on_table(const void *header, const struct nlattr *const *attributes, void *context)
{
	struct standing *standing = context;

	(void)header;
	if (strcmp(netlink_text(attributes[NFTA_TABLE_NAME]), standing->table->name))
		return 0;
	standing->found = !(get_be32(attributes[NFTA_TABLE_FLAGS]) & NFT_TABLE_F_DORMANT);
	return 0;
}

static bool is_in_place(const struct nft_table *table, const char *name, uint32_t hook,
			int32_t priority)
{
	for (size_t i = 0; i < table->chains_count; i++) {
		const struct nft_chain *chain = &table->chains[i];

		if (chain->is_base && !strcmp(chain->name, name))
			return chain->hook == hook && chain->priority == priority;
	}
	return false;
}

static int on_chain(const void *header, const struct nlattr *const *attributes, void *context)
{
	const struct nlattr *hook[NFTA_HOOK_MAX + 1];
	struct standing *standing = context;

	(void)header;
	if (strcmp(netlink_text(attributes[NFTA_CHAIN_TABLE]), standing->table->name) ||
	    !attributes[NFTA_CHAIN_HOOK])
		return 0;
	netlink_nest(attributes[NFTA_CHAIN_HOOK], hook, ARRAY_SIZE(hook));
	standing->chains += is_in_place(standing->table, netlink_text(attributes[NFTA_CHAIN_NAME]),
					get_be32(hook[NFTA_HOOK_HOOKNUM]),
					(int32_t)get_be32(hook[NFTA_HOOK_PRIORITY]));
	return 0;
}

static void forget_chains(void *context)
{
	((struct standing *)context)->chains = 0;
}

static void forget_rules(void *context)
{
	((struct standing *)context)->rules = 0;
}

static int on_rule(const void *header, const struct nlattr *const *attributes, void *context)
{
	struct standing *standing = context;

	(void)header;
	standing->rules += !strcmp(netlink_text(attributes[NFTA_RULE_TABLE]),
				   standing->table->name);
	return 0;
}

struct comment {
	const char *table, *set;
	char **text;
};

static int on_comment(const void *header, const struct nlattr *const *attributes, void *context)
{
	const char *comment = comment_of(attributes[NFTA_SET_USERDATA], UDATA_SET_COMMENT);
	const struct comment *wanted = context;

	(void)header;
	if (strcmp(netlink_text(attributes[NFTA_SET_TABLE]), wanted->table) ||
	    strcmp(netlink_text(attributes[NFTA_SET_NAME]), wanted->set) || !comment)
		return 0;
	free(*wanted->text);
	*wanted->text = mem_strdup(comment);
	return 0;
}

int nft_read_comment(const char *table, const char *set, char **ret_comment)
{
	struct comment wanted = { table, set, ret_comment };
	const struct netlink_dump sets = { .each = on_comment };

	*ret_comment = NULL;
	return nft_dump(NFPROTO_INET, NFT_MSG_GETSET, NFT_MSG_NEWSET, &sets, &wanted);
}

static int has_comments(const struct nft_table *table)
{
	for (size_t i = 0; i < table->sets_count; i++) {
		_free_ char *comment = NULL;
		int error;

		if (!table->sets[i].comment)
			continue;
		error = nft_read_comment(table->name, table->sets[i].name, &comment);
		if (error || !comment || strcmp(comment, table->sets[i].comment))
			return error;
	}
	return 1;
}

int nft_stands(const struct nft_table *table)
{
	struct standing standing = { .table = table };
	const struct netlink_dump tables = { .begin = forget, .each = on_table };
	const struct netlink_dump chains = { .begin = forget_chains, .each = on_chain };
	const struct netlink_dump rules = { .begin = forget_rules,
					    .each = on_rule,
					    .strings = { { NFTA_RULE_TABLE, table->name } } };
	size_t base_chains = 0, count = 0;
	int error = nft_dump(NFPROTO_INET, NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, &tables, &standing);

	if (error || !standing.found)
		return error;
	error = nft_dump(NFPROTO_INET, NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, &chains, &standing);
	if (!error)
		error = nft_dump(NFPROTO_INET, NFT_MSG_GETRULE, NFT_MSG_NEWRULE, &rules, &standing);
	for (size_t i = 0; i < table->chains_count; i++) {
		base_chains += table->chains[i].is_base;
		count += table->chains[i].count;
	}
	if (error || standing.chains != base_chains || standing.rules != count)
		return error;
	return has_comments(table);
}

/* ---------------------------------------------------------------- sets and counters */

struct reading {
	int (*each)(const struct nft_element *element, const struct nft_counter *counter,
		    void *context);
	void *context;
	unsigned int attempts;
};

static void begin_elements(void *context)
{
	((struct reading *)context)->attempts++;
}

static void read_counter(const struct nlattr *expression, struct nft_counter *counter)
{
	const struct nlattr *parts[NFTA_EXPR_MAX + 1], *data[NFTA_COUNTER_MAX + 1];

	netlink_nest(expression, parts, ARRAY_SIZE(parts));
	netlink_nest(parts[NFTA_EXPR_DATA], data, ARRAY_SIZE(data));
	counter->packets = get_be64(data[NFTA_COUNTER_PACKETS]);
	counter->bytes = get_be64(data[NFTA_COUNTER_BYTES]);
}

static void read_key(const struct nlattr *key, uint8_t bytes[NFT_KEY_BYTES])
{
	const struct nlattr *data[NFTA_DATA_MAX + 1];
	size_t size;

	netlink_nest(key, data, ARRAY_SIZE(data));
	size = netlink_size(data[NFTA_DATA_VALUE]);
	memcpy(bytes, netlink_bytes(data[NFTA_DATA_VALUE]),
	       size < NFT_KEY_BYTES ? size : NFT_KEY_BYTES);
}

static int on_elements(const void *header, const struct nlattr *const *attributes, void *context)
{
	const struct nlattr *elements = attributes[NFTA_SET_ELEM_LIST_ELEMENTS], *next = NULL;
	const struct reading *reading = context;
	int error = reading->attempts > 1 ? -EAGAIN : 0;

	(void)header;
	while (!error && (next = netlink_next(elements, next))) {
		const struct nlattr *parts[NFTA_SET_ELEM_MAX + 1];
		struct nft_counter counter = {};
		struct nft_element element = {};

		netlink_nest(next, parts, ARRAY_SIZE(parts));
		if (get_be32(parts[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_INTERVAL_END)
			continue;
		read_key(parts[NFTA_SET_ELEM_KEY], element.low);
		read_key(parts[NFTA_SET_ELEM_KEY_END], element.high);
		element.comment = comment_of(parts[NFTA_SET_ELEM_USERDATA], UDATA_ELEMENT_COMMENT);
		read_counter(parts[NFTA_SET_ELEM_EXPR], &counter);
		error = reading->each(&element, &counter, reading->context);
	}
	return error;
}

int nft_read_set(const char *table, const char *set,
		 int (*each)(const struct nft_element *element, const struct nft_counter *counter,
			     void *context),
		 void *context)
{
	struct reading reading = { each, context, 0 };
	const struct netlink_dump elements = { .begin = begin_elements,
					       .each = on_elements,
					       .strings = { { NFTA_SET_ELEM_LIST_TABLE, table },
							    { NFTA_SET_ELEM_LIST_SET, set } } };

	return nft_dump(NFPROTO_INET, NFT_MSG_GETSETELEM, NFT_MSG_NEWSETELEM, &elements, &reading);
}

/* Names first: while one list is being told, another cannot be asked for on the same lines. */
struct naming {
	const char *table;
	char **names;
	size_t count, capacity;
};

static int on_set(const void *header, const struct nlattr *const *attributes, void *context)
{
	struct naming *naming = context;

	(void)header;
	if (strcmp(netlink_text(attributes[NFTA_SET_TABLE]), naming->table))
		return 0;
	naming->names = mem_grow(naming->names, naming->count, &naming->capacity,
				 sizeof(*naming->names));
	naming->names[naming->count++] = mem_strdup(netlink_text(attributes[NFTA_SET_NAME]));
	return 0;
}

static void forget_names(void *context)
{
	struct naming *naming = context;

	while (naming->count)
		free(naming->names[--naming->count]);
}

int nft_read_sets(const char *table, int (*each)(const char *set, void *context), void *context)
{
	struct naming naming = { .table = table };
	const struct netlink_dump sets = { .begin = forget_names, .each = on_set };
	int error = nft_dump(NFPROTO_INET, NFT_MSG_GETSET, NFT_MSG_NEWSET, &sets, &naming);

	for (size_t i = 0; i < naming.count && !error; i++)
		error = each(naming.names[i], context);
	forget_names(&naming);
	free(naming.names);
	return error;
}

struct counting {
	const char *table;
	struct nft_counter *counters;
	size_t count;
};

static int on_object(const void *header, const struct nlattr *const *attributes, void *context)
{
	const struct nlattr *data[NFTA_COUNTER_MAX + 1];
	const struct counting *counting = context;

	(void)header;
	if (strcmp(netlink_text(attributes[NFTA_OBJ_TABLE]), counting->table))
		return 0;
	netlink_nest(attributes[NFTA_OBJ_DATA], data, ARRAY_SIZE(data));
	for (size_t i = 0; i < counting->count; i++) {
		if (strcmp(netlink_text(attributes[NFTA_OBJ_NAME]), counting->counters[i].name))
			continue;
		counting->counters[i].packets = get_be64(data[NFTA_COUNTER_PACKETS]);
		counting->counters[i].bytes = get_be64(data[NFTA_COUNTER_BYTES]);
	}
	return 0;
}

int nft_read_counters(const char *table, struct nft_counter *counters, size_t count)
{
	struct counting counting = { table, counters, count };
	const struct netlink_dump objects = { .each = on_object,
					      .strings = { { NFTA_OBJ_TABLE, table } } };

	return nft_dump(NFPROTO_INET, NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, &objects, &counting);
}
