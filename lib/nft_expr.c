// SPDX-License-Identifier: GPL-2.0-or-later
#include "nft_expr.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <string.h>

/* Types of nft(8), enum datatypes in its datatype.h: what it lists a set with. */
enum {
	TYPE_NFPROTO = 3,
	TYPE_IPADDR = 7,
	TYPE_IP6ADDR = 8,
	TYPE_INET_PROTOCOL = 12,
	TYPE_INET_SERVICE = 13,
	TYPE_MARK = 19,
	TYPE_IFINDEX = 20,
	TYPE_IFNAME = 41,
};
#define TYPE_BITS 6

/* How a field gets into a register. */
struct load {
	enum {
		META,
		PAYLOAD,
		CT,
		OPTION,
		HEADER
	} from;
	uint32_t key;	 /* META, CT: which; PAYLOAD: the base; OPTION, HEADER: its number */
	uint32_t offset; /* PAYLOAD, HEADER */
	uint8_t dir;	 /* CT: IP_CT_DIR_… */
	uint8_t type;	 /* TYPE_…, where it is the key of a set */
	bool is_host;	 /* a number in host order */
};

#define IP(at, type_)                                                    \
	{                                                                \
		PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, at, 0, type_, false \
	}
#define TH(at, type_)                                                      \
	{                                                                  \
		PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, at, 0, type_, false \
	}
#define CT_OF(dir_, key_, type_)                            \
	{                                                   \
		CT, key_, 0, IP_CT_DIR_##dir_, type_, false \
	}

static const struct load loads[NFT_FIELD_MAX] = {
	[NFT_FIELD_IIFNAME] = { META, NFT_META_IIFNAME, .type = TYPE_IFNAME },
	[NFT_FIELD_OIFNAME] = { META, NFT_META_OIFNAME, .type = TYPE_IFNAME },
	[NFT_FIELD_IIF] = { META, NFT_META_IIF, .type = TYPE_IFINDEX, .is_host = true },
	[NFT_FIELD_OIF] = { META, NFT_META_OIF, .type = TYPE_IFINDEX, .is_host = true },
	[NFT_FIELD_IIFTYPE] = { META, NFT_META_IIFTYPE, .is_host = true },
	[NFT_FIELD_OIFTYPE] = { META, NFT_META_OIFTYPE, .is_host = true },
	[NFT_FIELD_MARK] = { META, NFT_META_MARK, .type = TYPE_MARK, .is_host = true },
	[NFT_FIELD_NFPROTO] = { META, NFT_META_NFPROTO, .type = TYPE_NFPROTO },
	[NFT_FIELD_L4PROTO] = { META, NFT_META_L4PROTO, .type = TYPE_INET_PROTOCOL },
	[NFT_FIELD_IP_SADDR] = IP(12, TYPE_IPADDR),
	[NFT_FIELD_IP_DADDR] = IP(16, TYPE_IPADDR),
	[NFT_FIELD_IP6_SADDR] = IP(8, TYPE_IP6ADDR),
	[NFT_FIELD_IP6_DADDR] = IP(24, TYPE_IP6ADDR),
	[NFT_FIELD_HOPLIMIT] = IP(7, 0),
	[NFT_FIELD_SPORT] = TH(0, TYPE_INET_SERVICE),
	[NFT_FIELD_DPORT] = TH(2, TYPE_INET_SERVICE),
	[NFT_FIELD_TCP_FLAGS] = TH(13, 0),
	[NFT_FIELD_ICMP_TYPE] = TH(0, 0),
	[NFT_FIELD_LSRR] = { OPTION, 131 },
	[NFT_FIELD_SSRR] = { OPTION, 137 },
	[NFT_FIELD_SEGMENTS_LEFT] = { HEADER, IPPROTO_ROUTING, .offset = 3 },
	[NFT_FIELD_CT_STATE] = { CT, NFT_CT_STATE, .is_host = true },
	[NFT_FIELD_CT_DIRECTION] = { CT, NFT_CT_DIRECTION },
	[NFT_FIELD_CT_MARK] = { CT, NFT_CT_MARK, .type = TYPE_MARK, .is_host = true },
	[NFT_FIELD_CT_ORIGINAL_SADDR] = CT_OF(ORIGINAL, NFT_CT_SRC_IP, TYPE_IPADDR),
	[NFT_FIELD_CT_ORIGINAL_DADDR] = CT_OF(ORIGINAL, NFT_CT_DST_IP, TYPE_IPADDR),
	[NFT_FIELD_CT_ORIGINAL_SADDR6] = CT_OF(ORIGINAL, NFT_CT_SRC_IP6, TYPE_IP6ADDR),
	[NFT_FIELD_CT_ORIGINAL_DADDR6] = CT_OF(ORIGINAL, NFT_CT_DST_IP6, TYPE_IP6ADDR),
	[NFT_FIELD_CT_ORIGINAL_PROTOCOL] = CT_OF(ORIGINAL, NFT_CT_PROTOCOL, TYPE_INET_PROTOCOL),
	[NFT_FIELD_CT_ORIGINAL_DPORT] = CT_OF(ORIGINAL, NFT_CT_PROTO_DST, TYPE_INET_SERVICE),
	[NFT_FIELD_CT_REPLY_SADDR] = CT_OF(REPLY, NFT_CT_SRC_IP, TYPE_IPADDR),
	[NFT_FIELD_CT_REPLY_DADDR] = CT_OF(REPLY, NFT_CT_DST_IP, TYPE_IPADDR),
	[NFT_FIELD_CT_REPLY_SADDR6] = CT_OF(REPLY, NFT_CT_SRC_IP6, TYPE_IP6ADDR),
	[NFT_FIELD_CT_REPLY_DADDR6] = CT_OF(REPLY, NFT_CT_DST_IP6, TYPE_IP6ADDR),
	[NFT_FIELD_CT_REPLY_PROTOCOL] = CT_OF(REPLY, NFT_CT_PROTOCOL, TYPE_INET_PROTOCOL),
	[NFT_FIELD_CT_REPLY_SPORT] = CT_OF(REPLY, NFT_CT_PROTO_SRC, TYPE_INET_SERVICE),
};

uint32_t nft_key_type(const struct nft_key *key)
{
	uint32_t type = 0;

	for (size_t i = 0; i < key->count; i++)
		type = type << TYPE_BITS | loads[key->fields[i]].type;
	return type;
}

bool nft_key_is_host(const struct nft_key *key)
{
	const struct load *load = &loads[key->fields[0]];

	return key->count == 1 && (load->is_host || load->type == TYPE_IFNAME);
}

uint32_t nft_key_size(const struct nft_key *key)
{
	uint32_t size = 0;

	if (key->count == 1)
		return nft_fields[key->fields[0]].size;
	for (size_t i = 0; i < key->count; i++)
		size += NFT_FIELD_STEP(nft_fields[key->fields[i]].size);
	return size;
}

static struct nftnl_expr *add(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	nftnl_rule_add_expr(rule, expr);
	return expr;
}

static void add_meta(struct nftnl_rule *rule, const struct load *load, uint32_t dreg)
{
	struct nftnl_expr *expr = add(rule, "meta");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, load->key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, dreg);
}

static void add_payload(struct nftnl_rule *rule, const struct load *load, uint32_t size,
			uint32_t dreg)
{
	struct nftnl_expr *expr = add(rule, "payload");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, dreg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, load->key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, load->offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, size);
}

static bool has_direction(uint32_t key)
{
	return key != NFT_CT_STATE && key != NFT_CT_DIRECTION && key != NFT_CT_MARK;
}

static void add_ct(struct nftnl_rule *rule, const struct load *load, uint32_t dreg)
{
	struct nftnl_expr *expr = add(rule, "ct");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, load->key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, dreg);
	if (has_direction(load->key))
		nftnl_expr_set_u8(expr, NFTNL_EXPR_CT_DIR, load->dir);
}

static void add_exthdr(struct nftnl_rule *rule, const struct load *load, uint32_t size,
		       uint32_t dreg)
{
	struct nftnl_expr *expr = add(rule, "exthdr");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_DREG, dreg);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_EXTHDR_TYPE, (uint8_t)load->key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OFFSET, load->offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_LEN, size);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OP,
			   load->from == OPTION ? NFT_EXTHDR_OP_IPV4 : NFT_EXTHDR_OP_IPV6);
	if (load->from == OPTION)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
}

static void add_load(struct nftnl_rule *rule, enum nft_field field, uint32_t dreg)
{
	const struct load *load = &loads[field];
	uint32_t size = nft_fields[field].size;

	switch (load->from) {
	case META:
		add_meta(rule, load, dreg);
		break;
	case PAYLOAD:
		add_payload(rule, load, size, dreg);
		break;
	case CT:
		add_ct(rule, load, dreg);
		break;
	case OPTION:
	case HEADER:
		add_exthdr(rule, load, size, dreg);
		break;
	}
}

/* As it stands in a register. Returns its size. */
static uint32_t encode(enum nft_field field, uint32_t value, uint8_t bytes[4])
{
	uint32_t size = nft_fields[field].size;
	uint32_t ordered = htonl(value << 8 * (4 - size));
	uint16_t half = (uint16_t)value;

	if (loads[field].is_host && size == sizeof(half))
		memcpy(bytes, &half, sizeof(half));
	else
		memcpy(bytes, loads[field].is_host ? &value : &ordered, 4);
	return size;
}

/* Keeps the bits of @mask, and flips those of @flip. */
static void add_bits(struct nftnl_rule *rule, enum nft_field field, uint32_t mask, uint32_t flip)
{
	struct nftnl_expr *expr = add(rule, "bitwise");
	uint8_t bytes[4], flipped[4];
	uint32_t size = encode(field, mask, bytes);

	encode(field, flip, flipped);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, size);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, bytes, size);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, flipped, size);
}

static void add_match(struct nftnl_rule *rule, const struct nft_statement *statement)
{
	enum nft_field field = statement->key.fields[0];
	struct nftnl_expr *expr;
	uint8_t bytes[16] = {};
	uint32_t size = nft_fields[field].size;

	if (statement->interface)
		strncpy((char *)bytes, statement->interface, sizeof(bytes) - 1);
	else
		encode(field, statement->value, bytes);
	add_load(rule, field, NFT_REG_1);
	if (statement->mask)
		add_bits(rule, field, statement->mask, 0);
	expr = add(rule, "cmp");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, statement->invert ? NFT_CMP_NEQ : NFT_CMP_EQ);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, bytes, size);
}

static void add_lookup(struct nftnl_rule *rule, const struct nft_statement *statement)
{
	const struct nft_key *key = &statement->key;
	uint32_t dreg = NFT_REG32_00;
	struct nftnl_expr *expr;

	for (size_t i = 0; i < key->count; i++) {
		add_load(rule, key->fields[i], dreg);
		dreg += NFT_FIELD_STEP(nft_fields[key->fields[i]].size) / 4;
	}
	expr = add(rule, "lookup");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG32_00);
	nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, statement->name);
	if (statement->kind == NFT_DO_VMAP)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
	if (statement->invert)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void add_counter(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = add(rule, "objref");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	nftnl_expr_set_str(expr, NFTNL_EXPR_OBJREF_IMM_NAME, name);
}

static void add_ct_mark(struct nftnl_rule *rule, uint32_t bits)
{
	struct nftnl_expr *expr;

	add_load(rule, NFT_FIELD_CT_MARK, NFT_REG_1);
	add_bits(rule, NFT_FIELD_CT_MARK, ~bits, bits);
	expr = add(rule, "ct");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_SREG, NFT_REG_1);
}

static void add_verdict(struct nftnl_rule *rule, int verdict, const char *chain)
{
	struct nftnl_expr *expr = add(rule, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain)
		nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, chain);
}

void nft_expr_add(struct nftnl_rule *rule, const struct nft_statement *statement)
{
	switch (statement->kind) {
	case NFT_DO_MATCH:
		add_match(rule, statement);
		break;
	case NFT_DO_LOOKUP:
	case NFT_DO_VMAP:
		add_lookup(rule, statement);
		break;
	case NFT_DO_COUNTER:
		add_counter(rule, statement->name);
		break;
	case NFT_DO_CT_MARK:
		add_ct_mark(rule, statement->value);
		break;
	case NFT_DO_ACCEPT:
		add_verdict(rule, NF_ACCEPT, NULL);
		break;
	case NFT_DO_DROP:
		add_verdict(rule, NF_DROP, NULL);
		break;
	case NFT_DO_RETURN:
		add_verdict(rule, NFT_RETURN, NULL);
		break;
	case NFT_DO_JUMP:
		add_verdict(rule, NFT_JUMP, statement->name);
		break;
	}
}
