// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A table of ours in the kernel. It is never replaced as a whole: a base chain that is made anew
 * stands in front of the old one, is empty until the transaction takes effect, and the old one is
 * empty from then on; a packet between them would meet no rule at all. So base chains stay, and what
 * is in them is replaced, which a packet sees at once or not at all.
 */
#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/uio.h> /* libnftnl/batch.h wants it */
#include <libnftnl/batch.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nft_dump.h"
#include "nft_expr.h"

#define PAGE	      (128 * 1024)
#define MESSAGE_MAX   (128 * 1024) /* more than any: attributes nest 64 kB at most */
#define HOST_ENDIAN   1		   /* enum byteorder of nft(8) */
#define ELEMENTS_ONCE 1024	   /* that libnftnl holds at one time */

/* A transaction that is being written. */
struct batch {
	struct nftnl_batch *pages;
	uint32_t sequence;
	const char *table;
};

static struct nlmsghdr *begin(struct batch *batch, uint16_t type, uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(nftnl_batch_buffer(batch->pages), type, NFPROTO_INET, flags,
				     ++batch->sequence);
}

static void end(struct batch *batch)
{
	nftnl_batch_update(batch->pages);
}

/* An answer is asked for to this alone: it comes when the whole transaction has taken effect. */
static void put_table(struct batch *batch, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = begin(batch, type, flags | NLM_F_ACK);
	struct nftnl_table *table = nftnl_table_alloc();

	nftnl_table_set_str(table, NFTNL_TABLE_NAME, batch->table);
	if (type == NFT_MSG_NEWTABLE)
		nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, 0);
	nftnl_table_nlmsg_build_payload(message, table);
	nftnl_table_free(table);
	end(batch);
}

/* Of the whole table. */
static void flush_rules(struct batch *batch)
{
	struct nlmsghdr *message = begin(batch, NFT_MSG_DELRULE, 0);
	struct nftnl_rule *rule = nftnl_rule_alloc();

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, batch->table);
	nftnl_rule_nlmsg_build_payload(message, rule);
	nftnl_rule_free(rule);
	end(batch);
}

static void delete_chain(struct batch *batch, const char *name)
{
	struct nlmsghdr *message = begin(batch, NFT_MSG_DELCHAIN, 0);
	struct nftnl_chain *chain = nftnl_chain_alloc();

	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, batch->table);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	nftnl_chain_nlmsg_build_payload(message, chain);
	nftnl_chain_free(chain);
	end(batch);
}

/*
 * A map's elements first: before 6.4 they hold the chains that they jump to until the end. Those of
 * other sets go with the set: an interval set of 10,000 takes the kernel seconds to empty.
 */
static void delete_set(struct batch *batch, const char *name, bool is_map)
{
	static const uint16_t steps[] = { NFT_MSG_DELSETELEM, NFT_MSG_DELSET };

	for (size_t i = is_map ? 0 : 1; i < ARRAY_SIZE(steps); i++) {
		struct nlmsghdr *message = begin(batch, steps[i], 0);
		struct nftnl_set *set = nftnl_set_alloc();

		nftnl_set_set_str(set, NFTNL_SET_TABLE, batch->table);
		nftnl_set_set_str(set, NFTNL_SET_NAME, name);
		if (steps[i] == NFT_MSG_DELSET)
			nftnl_set_nlmsg_build_payload(message, set);
		else
			nftnl_set_elems_nlmsg_build_payload(message, set);
		nftnl_set_free(set);
		end(batch);
	}
}

/* ---------------------------------------------------------------- what is there now */

struct existing {
	const struct nft_table *table;
	struct batch *batch;
	bool found;
};

static bool is_ours(const struct existing *existing, const struct nlattr *name)
{
	return !strcmp(netlink_text(name), existing->table->name);
}

static bool keeps_chain(const struct nft_table *table, const char *name)
{
	for (size_t i = 0; i < table->chains_count; i++)
		if (table->chains[i].is_base && !strcmp(table->chains[i].name, name))
			return true;
	return false;
}

static int on_set(const void *header, const struct nlattr *const *attributes, void *context)
{
	struct existing *existing = context;
	uint32_t flags = 0;

	(void)header;
	netlink_get(attributes[NFTA_SET_FLAGS], &flags, sizeof(flags));
	if (is_ours(existing, attributes[NFTA_SET_TABLE]))
		delete_set(existing->batch, netlink_text(attributes[NFTA_SET_NAME]),
			   flags & htonl(NFT_SET_MAP));
	return 0;
}

static int on_chain(const void *header, const struct nlattr *const *attributes, void *context)
{
	struct existing *existing = context;
	const char *name = netlink_text(attributes[NFTA_CHAIN_NAME]);

	(void)header;
	if (is_ours(existing, attributes[NFTA_CHAIN_TABLE]) && !keeps_chain(existing->table, name))
		delete_chain(existing->batch, name);
	return 0;
}

static int on_table(const void *header, const struct nlattr *const *attributes, void *context)
{
	struct existing *existing = context;

	(void)header;
	existing->found |= is_ours(existing, attributes[NFTA_TABLE_NAME]);
	return 0;
}

/* A list that changed while it was told would be told again, and written twice. */
static int clear(struct existing *existing)
{
	const struct netlink_dump tables = { .each = on_table }, sets = { .each = on_set };
	const struct netlink_dump chains = { .each = on_chain };
	int error = nft_dump(NFPROTO_INET, NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, &tables, existing);

	if (error || !existing->found)
		return error;
	flush_rules(existing->batch);
	error = nft_dump(NFPROTO_INET, NFT_MSG_GETSET, NFT_MSG_NEWSET, &sets, existing);
	if (error)
		return error;
	return nft_dump(NFPROTO_INET, NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, &chains, existing);
}

/* ---------------------------------------------------------------- what shall be there */

static void put_counter(struct batch *batch, const struct nft_counter *counter)
{
	struct nlmsghdr *message = begin(batch, NFT_MSG_NEWOBJ, NLM_F_CREATE);
	struct nftnl_obj *object = nftnl_obj_alloc();

	nftnl_obj_set_str(object, NFTNL_OBJ_TABLE, batch->table);
	nftnl_obj_set_str(object, NFTNL_OBJ_NAME, counter->name);
	nftnl_obj_set_u32(object, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nftnl_obj_set_u64(object, NFTNL_OBJ_CTR_PKTS, 0);
	nftnl_obj_set_u64(object, NFTNL_OBJ_CTR_BYTES, 0);
	nftnl_obj_nlmsg_build_payload(message, object);
	nftnl_obj_free(object);
	end(batch);
}

static void put_chain(struct batch *batch, const struct nft_chain *wanted)
{
	struct nlmsghdr *message = begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nftnl_chain *chain = nftnl_chain_alloc();

	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, batch->table);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, wanted->name);
	if (wanted->is_base) {
		nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter");
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, wanted->hook);
		nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, wanted->priority);
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(message, chain);
	nftnl_chain_free(chain);
	end(batch);
}

static void put_rule(struct batch *batch, const char *chain, const struct nft_rule *wanted)
{
	struct nlmsghdr *message = begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	struct nftnl_rule *rule = nftnl_rule_alloc();

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, batch->table);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	for (size_t i = 0; i < wanted->count; i++)
		nft_expr_add(rule, &wanted->statements[i]);
	nftnl_rule_nlmsg_build_payload(message, rule);
	nftnl_rule_free(rule);
	end(batch);
}

/* Of one field the kernel keeps intervals as their ends, of several as a key with two values. */
static bool is_concatenation(const struct nft_set *set)
{
	return set->key.count > 1;
}

static uint32_t set_flags(const struct nft_set *set)
{
	uint32_t flags = 0;

	if (set->has_intervals)
		flags |= NFT_SET_INTERVAL | (is_concatenation(set) ? NFT_SET_CONCAT : 0);
	if (set->has_timeouts)
		flags |= NFT_SET_TIMEOUT;
	if (set->is_map)
		flags |= NFT_SET_MAP;
	return flags;
}

static struct nftnl_set *name_set(const struct batch *batch, const struct nft_set *wanted)
{
	struct nftnl_set *set = nftnl_set_alloc();

	nftnl_set_set_str(set, NFTNL_SET_TABLE, batch->table);
	nftnl_set_set_str(set, NFTNL_SET_NAME, wanted->name);
	return set;
}

static void add_userdata(struct nftnl_set *set, const struct nft_set *wanted)
{
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	if (nft_key_is_host(&wanted->key))
		nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_KEYBYTEORDER, HOST_ENDIAN);
	if (wanted->comment)
		nftnl_udata_put_strz(udata, NFTNL_UDATA_SET_COMMENT, wanted->comment);
	if (nftnl_udata_buf_len(udata))
		nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(udata),
				   nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
}

static void put_set(struct batch *batch, const struct nft_set *wanted, uint32_t id)
{
	struct nlmsghdr *message = begin(batch, NFT_MSG_NEWSET, NLM_F_CREATE);
	struct nftnl_set *set = name_set(batch, wanted);
	uint8_t fields[NFT_KEY_FIELDS];

	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(set, NFTNL_SET_ID, id);
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, set_flags(wanted));
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, nft_key_type(&wanted->key));
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, nft_key_size(&wanted->key));
	add_userdata(set, wanted);
	if (wanted->count && !wanted->has_intervals)
		nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, (uint32_t)wanted->count);
	if (wanted->has_intervals && is_concatenation(wanted)) {
		for (size_t i = 0; i < wanted->key.count; i++)
			fields[i] = nft_fields[wanted->key.fields[i]].size;
		nftnl_set_set_data(set, NFTNL_SET_DESC_CONCAT, fields, (uint32_t)wanted->key.count);
	}
	if (wanted->is_map)
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
	if (wanted->has_counters)
		nftnl_set_add_expr(set, nftnl_expr_alloc("counter"));
	nftnl_set_nlmsg_build_payload(message, set);
	nftnl_set_free(set);
	end(batch);
}

static void add_comment(struct nftnl_set_elem *element, const char *comment)
{
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	char text[NFTNL_UDATA_COMMENT_MAXLEN];

	snprintf(text, sizeof(text), "%s", comment); /* nft(8) takes no longer ones */
	if (nftnl_udata_put_strz(udata, NFTNL_UDATA_SET_ELEM_COMMENT, text))
		nftnl_set_elem_set(element, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(udata),
				   nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
}

static void add_element(struct nftnl_set *set, const struct nft_set *wanted,
			const struct nft_element *from)
{
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	uint32_t size = nft_key_size(&wanted->key);

	nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, from->low, size);
	if (wanted->has_intervals && is_concatenation(wanted))
		nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY_END, from->high, size);
	if (from->timeout)
		nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, from->timeout);
	if (from->comment)
		add_comment(element, from->comment);
	if (wanted->is_map) {
		nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_JUMP);
		nftnl_set_elem_set_str(element, NFTNL_SET_ELEM_CHAIN, from->jump);
	}
	nftnl_set_elem_add(set, element);
}

/* Returns whether there is an address after it. */
static bool increment(uint8_t *bytes, uint32_t size)
{
	while (size--)
		if (++bytes[size])
			return true;
	return false;
}

/* Where an interval of a single field ends: at the first value that is not in it. */
static void add_end(struct nftnl_set *set, const struct nft_set *wanted,
		    const struct nft_element *from)
{
	uint32_t size = nft_key_size(&wanted->key);
	struct nftnl_set_elem *element;
	uint8_t after[NFT_KEY_BYTES];

	memcpy(after, from->high, size);
	if (!increment(after, size))
		return;
	element = nftnl_set_elem_alloc();
	nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, after, size);
	nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	nftnl_set_elem_add(set, element);
}

/* As many messages as it takes; libnftnl fills each up to what an attribute can hold. */
static void put_some(struct batch *batch, struct nftnl_set *set)
{
	struct nftnl_set_elems_iter *iterator = nftnl_set_elems_iter_create(set);
	int more;

	do {
		struct nlmsghdr *message = begin(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE);

		more = nftnl_set_elems_nlmsg_build_payload_iter(message, iterator);
		end(batch);
	} while (more > 0);
	nftnl_set_elems_iter_destroy(iterator);
}

static void put_elements(struct batch *batch, const struct nft_set *wanted)
{
	for (size_t i = 0; i < wanted->count; i += ELEMENTS_ONCE) {
		struct nftnl_set *set = name_set(batch, wanted);

		for (size_t j = i; j < wanted->count && j < i + ELEMENTS_ONCE; j++) {
			add_element(set, wanted, &wanted->elements[j]);
			if (wanted->has_intervals && !is_concatenation(wanted))
				add_end(set, wanted, &wanted->elements[j]);
		}
		put_some(batch, set);
		nftnl_set_free(set);
	}
}

static void put_all(struct batch *batch, const struct nft_table *table)
{
	for (size_t i = 0; i < table->counters_count; i++)
		put_counter(batch, &table->counters[i]);
	for (size_t i = 0; i < table->chains_count; i++)
		put_chain(batch, &table->chains[i]);
	for (size_t i = 0; i < table->sets_count; i++)
		put_set(batch, &table->sets[i], (uint32_t)i + 1);
	for (size_t i = 0; i < table->sets_count; i++)
		put_elements(batch, &table->sets[i]);
	for (size_t i = 0; i < table->chains_count; i++)
		for (size_t j = 0; j < table->chains[i].count; j++)
			put_rule(batch, table->chains[i].name, &table->chains[i].rules[j]);
}

/* ---------------------------------------------------------------- transactions */

static void batch_begin(struct batch *batch, const char *table)
{
	*batch = (struct batch){ .pages = nftnl_batch_alloc(PAGE, MESSAGE_MAX), .table = table };
	if (!batch->pages)
		abort();
	nftnl_batch_begin(nftnl_batch_buffer(batch->pages), ++batch->sequence);
	nftnl_batch_update(batch->pages);
}

static int batch_send(struct batch *batch)
{
	_free_ struct iovec *parts = NULL;
	int count;

	nftnl_batch_end(nftnl_batch_buffer(batch->pages), ++batch->sequence);
	nftnl_batch_update(batch->pages);
	count = nftnl_batch_iovec_len(batch->pages);
	parts = mem_alloc((size_t)count * sizeof(*parts));
	nftnl_batch_iovec(batch->pages, parts, (uint32_t)count);
	return netlink_transact(NETLINK_NETFILTER, parts, (size_t)count);
}

static int commit(const struct nft_table *table, bool anew)
{
	struct batch batch;
	struct existing existing = { .table = table, .batch = &batch };
	int error = 0;

	batch_begin(&batch, table->name);
	if (anew) {
		put_table(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
		put_table(&batch, NFT_MSG_DELTABLE, 0);
	} else {
		error = clear(&existing);
	}
	put_table(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_all(&batch, table);
	if (!error)
		error = batch_send(&batch);
	nftnl_batch_free(batch.pages);
	return error;
}

int nft_commit(const struct nft_table *table)
{
	int error = -ENOENT;

	/* ENOENT: somebody took away meanwhile what was to be replaced */
	for (int i = 0; i < NFT_ATTEMPTS && error == -ENOENT; i++)
		error = commit(table, false);
	/* somebody made one of its chains another one */
	return error == -EEXIST || error == -EBUSY || error == -EOPNOTSUPP ? commit(table, true) :
									     error;
}

int nft_delete(const char *table)
{
	struct batch batch;
	int error;

	batch_begin(&batch, table);
	put_table(&batch, NFT_MSG_DELTABLE, 0);
	error = batch_send(&batch);
	nftnl_batch_free(batch.pages);
	return error == -ENOENT ? 0 : error;
}
