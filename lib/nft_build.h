/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes a struct nft_table, piece by piece. */
#ifndef ACLGATE_NFT_BUILD_H
#define ACLGATE_NFT_BUILD_H

#include "arena.h"
#include "nft.h"

struct nft_builder {
	struct nft_table table;
	struct arena arena; /* names that are made here */
};

/* A name that lives as long as the builder. */
const char *nft_name(struct nft_builder *builder, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void nft_add_counter(struct nft_builder *builder, const char *name);

/* Returns its place in the table. */
size_t nft_add_set(struct nft_builder *builder, const char *name, const struct nft_key *key);
size_t nft_add_chain(struct nft_builder *builder, const char *name);
size_t nft_add_base(struct nft_builder *builder, const char *name, uint32_t hook, int32_t priority);

/* Zeroed; valid until the next one is added. */
struct nft_element *nft_add_element(struct nft_set *set);

/* Writes the next field of an element's key, at byte @at. Returns where the one behind it is. */
size_t nft_put(struct nft_element *element, size_t at, const void *low, const void *high,
	       size_t size);

/* The same for the name of an interface. */
size_t nft_put_name(struct nft_element *element, size_t at, const char *name);

/* By key: the text is then the same whatever the order was in which they came. */
void nft_sort(struct nft_set *set);

/* Statements of kind NFT_DO_MATCH without a text are nothing, and are left out. */
void nft_add_rule(struct nft_builder *builder, size_t chain, const struct nft_statement *statements,
		  size_t count);

#define NFT_RULE(builder, chain, ...)                                               \
	nft_add_rule(builder, chain, (const struct nft_statement[]){ __VA_ARGS__ }, \
		     sizeof((const struct nft_statement[]){ __VA_ARGS__ }) /        \
			     sizeof(struct nft_statement))

#define NFT_KEY(...)                        \
	((struct nft_key){ { __VA_ARGS__ }, \
			   sizeof((enum nft_field[]){ __VA_ARGS__ }) / sizeof(enum nft_field) })

/* Goes on only where the field is @value. */
struct nft_statement nft_is(enum nft_field field, uint32_t value, const char *text);
struct nft_statement nft_lookup(struct nft_key key, const char *set);
struct nft_statement nft_vmap(struct nft_key key, const char *map);
struct nft_statement nft_count(const char *counter);
struct nft_statement nft_jump(const char *chain);
struct nft_statement nft_verdict(enum nft_statement_kind kind);

void nft_builder_free(struct nft_builder *builder);

#endif
