/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of nftables as data: what the guard and the nft backend want, before it is text
 * (nft_print) or in the kernel (nft_commit). Only as much of nftables as those two need; the words
 * are those of nft(8).
 */
#ifndef ACLGATE_NFT_H
#define ACLGATE_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a rule reads of a packet, or of the connection that it is part of. */
enum nft_field {
	NFT_FIELD_IIFNAME,
	NFT_FIELD_OIFNAME,
	NFT_FIELD_IIF, /* ifindex; 0 of what this box sends */
	NFT_FIELD_OIF,
	NFT_FIELD_IIFTYPE, /* ARPHRD_… */
	NFT_FIELD_OIFTYPE,
	NFT_FIELD_MARK,
	NFT_FIELD_NFPROTO, /* NFPROTO_IPV4, NFPROTO_IPV6 */
	NFT_FIELD_L4PROTO,
	NFT_FIELD_IP_SADDR,
	NFT_FIELD_IP_DADDR,
	NFT_FIELD_IP6_SADDR,
	NFT_FIELD_IP6_DADDR,
	NFT_FIELD_HOPLIMIT,
	NFT_FIELD_SPORT,
	NFT_FIELD_DPORT,
	NFT_FIELD_TCP_FLAGS,
	NFT_FIELD_ICMP_TYPE, /* of ICMP and ICMPv6 */
	NFT_FIELD_LSRR,	     /* 1 where the IPv4 header has that option */
	NFT_FIELD_SSRR,
	NFT_FIELD_SEGMENTS_LEFT, /* of an IPv6 routing header; no match without one */
	NFT_FIELD_CT_STATE,	 /* bits, NF_CT_STATE_BIT */
	NFT_FIELD_CT_DIRECTION,	 /* IP_CT_DIR_ORIGINAL, IP_CT_DIR_REPLY */
	NFT_FIELD_CT_MARK,
	/* the addresses of the packet that opened the connection, as it came in */
	NFT_FIELD_CT_ORIGINAL_SADDR,
	NFT_FIELD_CT_ORIGINAL_DADDR,
	NFT_FIELD_CT_ORIGINAL_SADDR6,
	NFT_FIELD_CT_ORIGINAL_DADDR6,
	NFT_FIELD_CT_ORIGINAL_PROTOCOL,
	NFT_FIELD_CT_ORIGINAL_DPORT,
	/* the same of its answer: source and destination are those of the opener after NAT, swapped */
	NFT_FIELD_CT_REPLY_SADDR,
	NFT_FIELD_CT_REPLY_DADDR,
	NFT_FIELD_CT_REPLY_SADDR6,
	NFT_FIELD_CT_REPLY_DADDR6,
	NFT_FIELD_CT_REPLY_PROTOCOL,
	NFT_FIELD_CT_REPLY_SPORT,
	NFT_FIELD_MAX
};

#define NFT_KEY_FIELDS 4
#define NFT_KEY_BYTES \
	40 /* two IPv6 addresses, a protocol, a port: each begins at a multiple of 4 */

/* Fields that are looked up together: `ip saddr . ip daddr`. */
struct nft_key {
	enum nft_field fields[NFT_KEY_FIELDS];
	size_t count;
};

enum nft_statement_kind {
	NFT_DO_MATCH,  /* goes on only where field & mask == value, or differs with `invert` */
	NFT_DO_LOOKUP, /* ... only where the key is in the set `name`, or is not with `invert` */
	NFT_DO_VMAP, /* does what the element of the map `name` says; goes on where there is none */
	NFT_DO_COUNTER, /* counts on the named counter `name` */
	NFT_DO_CT_MARK, /* sets these bits of the connection's mark: `value` */
	NFT_DO_ACCEPT,
	NFT_DO_DROP,
	NFT_DO_RETURN,
	NFT_DO_JUMP, /* to the chain `name` */
};

struct nft_statement {
	enum nft_statement_kind kind;
	bool invert;
	struct nft_key key; /* NFT_DO_MATCH: its first field */
	uint32_t mask;	    /* NFT_DO_MATCH, in host order; 0: the whole field */
	uint32_t value;
	const char *name;
	const char *interface; /* NFT_DO_MATCH of an interface's name: in place of `value` */
	const char *text;      /* NFT_DO_MATCH, NFT_DO_CT_MARK: how nft says it */
};

#define NFT_STATEMENTS_MAX 8

struct nft_rule {
	struct nft_statement statements[NFT_STATEMENTS_MAX];
	size_t count;
};

struct nft_chain {
	const char *name;
	bool is_base;  /* has a hook: type filter, policy accept */
	uint32_t hook; /* NF_INET_… */
	int32_t priority;
	struct nft_rule *rules;
	size_t count, capacity;
};

/* Both ends of the key, inclusive, in network byte order; low == high but in interval sets. */
struct nft_element {
	uint8_t low[NFT_KEY_BYTES];
	uint8_t high[NFT_KEY_BYTES];
	uint64_t timeout;    /* ms from now; 0: none */
	const char *jump;    /* verdict maps: the chain */
	const char *comment; /* or NULL; whose counter it is */
};

struct nft_set {
	const char *name;
	const char *comment; /* or NULL: the kernel lets nobody change that of a table */
	struct nft_key key;
	bool is_map; /* of verdicts */
	bool has_intervals;
	bool has_timeouts;
	bool has_counters; /* each element counts the packets that find it */
	struct nft_element *elements;
	size_t count, capacity;
};

struct nft_counter {
	const char *name;
	uint64_t packets, bytes; /* read: what it says; nft_commit() leaves the kernel's as it is */
};

/* Family inet. The names belong to whoever made the table. */
struct nft_table {
	const char *name;
	struct nft_counter *counters;
	size_t counters_count, counters_capacity;
	struct nft_set *sets;
	size_t sets_count, sets_capacity;
	struct nft_chain *chains; /* jumps go to those further up */
	size_t chains_count, chains_capacity;
};

/* How a field is called and what it holds: text and netlink read the same list (nft_field.c). */
struct nft_field_info {
	const char *text; /* "ip saddr" */
	const char *type; /* of a set's key: "ipv4_addr" */
	uint8_t size;	  /* bytes */
};

extern const struct nft_field_info nft_fields[NFT_FIELD_MAX];

/* Bytes from one field of a key to the next. */
#define NFT_FIELD_STEP(size) (((size) + 3u) & ~3u)

/* As `nft -f` takes it. */
void nft_print(const struct nft_table *table, FILE *out);

/*
 * Makes the kernel's table of that name this one, in one transaction: a packet meets the old rules
 * or the new ones, and no moment without either, for base chains that are there stay there. Named
 * counters go on. Returns 0 or a negative errno, and then nothing has changed: -EOPNOTSUPP where
 * the kernel has no nftables; -EPERM without CAP_NET_ADMIN.
 */
int nft_commit(const struct nft_table *table);

/* Returns 0, also where there is none. */
int nft_delete(const char *table);

/*
 * Whether the kernel's table of that name has these base chains in these places, as many rules in
 * each chain, and sets with these comments if they have one here: 1, 0, or a negative errno.
 */
int nft_stands(const struct nft_table *table);

/* The comment of a set, which the caller frees; NULL where there is no such set, or none on it. */
int nft_read_comment(const char *table, const char *set, char **ret_comment);

/* @each hears the names of its sets. */
int nft_read_sets(const char *table, int (*each)(const char *set, void *context), void *context);

/*
 * -ENOENT where there is no such set; -EAGAIN where nftables changed meanwhile: forget what was told.
 * @each returns 0, or a negative errno that ends it.
 */
int nft_read_set(const char *table, const char *set,
		 int (*each)(const struct nft_element *element, const struct nft_counter *counter,
			     void *context),
		 void *context);

/* How often to try again after -EAGAIN. */
#define NFT_ATTEMPTS 16

/* Fills in those of these names that are there. */
int nft_read_counters(const char *table, struct nft_counter *counters, size_t count);

#endif
