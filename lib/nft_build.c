// SPDX-License-Identifier: GPL-2.0-or-later
#include "nft_build.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

const char *nft_name(struct nft_builder *builder, const char *format, ...)
{
	char text[256], *name;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	name = arena_alloc(&builder->arena, strlen(text) + 1);
	return strcpy(name, text);
}

void nft_add_counter(struct nft_builder *builder, const char *name)
{
	struct nft_table *table = &builder->table;

	table->counters = mem_grow(table->counters, table->counters_count,
				   &table->counters_capacity, sizeof(*table->counters));
	table->counters[table->counters_count++] = (struct nft_counter){ .name = name };
}

size_t nft_add_set(struct nft_builder *builder, const char *name, const struct nft_key *key)
{
	struct nft_table *table = &builder->table;

	table->sets = mem_grow(table->sets, table->sets_count, &table->sets_capacity,
			       sizeof(*table->sets));
	table->sets[table->sets_count] = (struct nft_set){ .name = name, .key = *key };
	return table->sets_count++;
}

size_t nft_add_chain(struct nft_builder *builder, const char *name)
{
	struct nft_table *table = &builder->table;

	table->chains = mem_grow(table->chains, table->chains_count, &table->chains_capacity,
				 sizeof(*table->chains));
	table->chains[table->chains_count] = (struct nft_chain){ .name = name };
	return table->chains_count++;
}

size_t nft_add_base(struct nft_builder *builder, const char *name, uint32_t hook, int32_t priority)
{
	size_t chain = nft_add_chain(builder, name);
	struct nft_chain *base = &builder->table.chains[chain];

	base->is_base = true;
	base->hook = hook;
	base->priority = priority;
	return chain;
}

struct nft_element *nft_add_element(struct nft_set *set)
{
	set->elements = mem_grow(set->elements, set->count, &set->capacity, sizeof(*set->elements));
	set->elements[set->count] = (struct nft_element){};
	return &set->elements[set->count++];
}

size_t nft_put(struct nft_element *element, size_t at, const void *low, const void *high,
	       size_t size)
{
	memcpy(&element->low[at], low, size);
	memcpy(&element->high[at], high, size);
	return at + NFT_FIELD_STEP(size);
}

size_t nft_put_name(struct nft_element *element, size_t at, const char *name)
{
	char bytes[16] = {};

	memcpy(bytes, name, strnlen(name, sizeof(bytes) - 1));
	return nft_put(element, at, bytes, bytes, sizeof(bytes));
}

static int by_key(const void *one, const void *other)
{
	const struct nft_element *a = one, *b = other;
	int order = memcmp(a->low, b->low, sizeof(a->low));

	return order ? order : memcmp(a->high, b->high, sizeof(a->high));
}

void nft_sort(struct nft_set *set)
{
	if (set->count)
		qsort(set->elements, set->count, sizeof(*set->elements), by_key);
}

static bool is_nothing(const struct nft_statement *statement)
{
	return statement->kind == NFT_DO_MATCH && !statement->text;
}

void nft_add_rule(struct nft_builder *builder, size_t chain, const struct nft_statement *statements,
		  size_t count)
{
	struct nft_chain *to = &builder->table.chains[chain];
	struct nft_rule rule = {};

	for (size_t i = 0; i < count; i++) {
		if (is_nothing(&statements[i]))
			continue;
		if (rule.count == NFT_STATEMENTS_MAX)
			abort();
		rule.statements[rule.count++] = statements[i];
	}
	to->rules = mem_grow(to->rules, to->count, &to->capacity, sizeof(*to->rules));
	to->rules[to->count++] = rule;
}

struct nft_statement nft_is(enum nft_field field, uint32_t value, const char *text)
{
	return (struct nft_statement){
		.kind = NFT_DO_MATCH, .key = { { field }, 1 }, .value = value, .text = text
	};
}

struct nft_statement nft_lookup(struct nft_key key, const char *set)
{
	return (struct nft_statement){ .kind = NFT_DO_LOOKUP, .key = key, .name = set };
}

struct nft_statement nft_vmap(struct nft_key key, const char *map)
{
	return (struct nft_statement){ .kind = NFT_DO_VMAP, .key = key, .name = map };
}

struct nft_statement nft_count(const char *counter)
{
	return (struct nft_statement){ .kind = NFT_DO_COUNTER, .name = counter };
}

struct nft_statement nft_jump(const char *chain)
{
	return (struct nft_statement){ .kind = NFT_DO_JUMP, .name = chain };
}

struct nft_statement nft_verdict(enum nft_statement_kind kind)
{
	return (struct nft_statement){ .kind = kind };
}

void nft_builder_free(struct nft_builder *builder)
{
	struct nft_table *table = &builder->table;

	for (size_t i = 0; i < table->sets_count; i++)
		free(table->sets[i].elements);
	for (size_t i = 0; i < table->chains_count; i++)
		free(table->chains[i].rules);
	free(table->counters);
	free(table->sets);
	free(table->chains);
	arena_free(&builder->arena);
	*builder = (struct nft_builder){};
}
