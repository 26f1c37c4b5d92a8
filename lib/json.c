// SPDX-License-Identifier: GPL-2.0-or-later
#include "json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "hujson.h"
#include "intern.h"
#include "mem.h"

/* A value, in the order of the file: what is in a container follows it. */
struct json {
	const char *key;
	union {
		const char *string;
		double number;
		bool truth;
		uint32_t members; /* of a container */
	};
	struct hujson_place place;
	uint32_t next; /* how many values further the next member is; 0: this is the last */
	enum json_type type;
};

struct json_document {
	struct json *values;
	size_t count;
	struct intern keys; /* with their NUL: equal ones are one */
	struct arena strings;
};

/*
 * cJSON builds a tree of what it reads, which for 100,000 rules takes a hundred megabytes. So it
 * gets the file in pieces, each a member of a member of the root, and what it made of one is copied
 * before it reads the next into the same memory.
 */
#define PIECE_DEPTH 2

struct builder {
	struct json_document *document;
	const struct hujson *hujson;
	place_t base;
	const char *at;	     /* in hujson->json, what is read next */
	struct arena memory; /* of the present piece */
};

/* cJSON's hooks are global and have no context: one document is read at a time. */
static struct arena *piece_memory;

static void *piece_alloc(size_t size)
{
	return arena_alloc(piece_memory, size);
}

static void piece_free(void *pointer)
{
	(void)pointer;
}

static cJSON *parse_piece(struct builder *builder, place_t place)
{
	const char *text = builder->hujson->json + (place - builder->base);
	size_t size = builder->hujson->size - (place - builder->base);
	cJSON_Hooks hooks = { piece_alloc, piece_free };
	cJSON *piece;

	arena_reset(&builder->memory);
	piece_memory = &builder->memory;
	cJSON_InitHooks(&hooks);
	piece = cJSON_ParseWithLengthOpts(text, size, &builder->at, false);
	cJSON_InitHooks(NULL);
	return piece;
}

static const char *keep_key(struct json_document *document, const char *key)
{
	uint32_t number = intern_add(&document->keys, key, strlen(key) + 1);

	return document->keys.items[number].bytes;
}

static const char *keep_string(struct json_document *document, const char *string)
{
	size_t size = strlen(string) + 1;

	return memcpy(arena_alloc(&document->strings, size), string, size);
}

static enum json_type type_of(const cJSON *item)
{
	switch (item->type & 0xff) {
	case cJSON_True:
	case cJSON_False:
		return JSON_BOOL;
	case cJSON_Number:
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	}
	return JSON_NULL;
}

/* The n-th value that cJSON met is the n-th that the scanner met, which knows its place. */
static struct json *new_value(struct builder *builder, const char *key, enum json_type type)
{
	struct json_document *document = builder->document;
	struct json *value = &document->values[document->count];

	if (document->count == builder->hujson->count)
		return NULL;
	*value = (struct json){ .key = key ? keep_key(document, key) : NULL,
				.place = builder->hujson->places[document->count],
				.type = type };
	document->count++;
	return value;
}

/* The members of a container, told one by one: each learns where the next is. */
static void add_member(struct json *container, struct json **last, struct json *member)
{
	container->members++;
	if (*last)
		(*last)->next = (uint32_t)(member - *last);
	*last = member;
}

static struct json *copy(struct builder *builder, const cJSON *item, const char *key)
{
	struct json *value = new_value(builder, key, type_of(item)), *last = NULL;

	if (!value)
		return NULL;
	if (value->type == JSON_STRING)
		value->string = keep_string(builder->document, item->valuestring);
	else if (value->type == JSON_NUMBER)
		value->number = item->valuedouble;
	else if (value->type == JSON_BOOL)
		value->truth = cJSON_IsTrue(item);
	for (const cJSON *child = item->child; child; child = child->next) {
		struct json *member = copy(builder, child, child->string);

		if (!member)
			return NULL;
		add_member(value, &last, member);
	}
	return value;
}

static struct json *read_piece(struct builder *builder, const char *key, place_t place)
{
	const cJSON *piece = parse_piece(builder, place);

	return piece ? copy(builder, piece, key) : NULL;
}

static const char *read_key(struct builder *builder)
{
	place_t place = builder->hujson->places[builder->document->count].key;
	const cJSON *key = place == PLACE_NONE ? NULL : parse_piece(builder, place);

	return key && key->valuestring ? keep_key(builder->document, key->valuestring) : NULL;
}

/* The scanner has seen that brackets and commas are where they belong. */
static bool closes(struct builder *builder)
{
	builder->at += strspn(builder->at, " \t\r\n,");
	if (*builder->at != '}' && *builder->at != ']')
		return false;
	builder->at++;
	return true;
}

static struct json *read_value(struct builder *builder, const char *key, unsigned int depth)
{
	struct json_document *document = builder->document;
	struct json *value, *last = NULL;
	place_t place;
	char c;

	if (document->count == builder->hujson->count)
		return NULL;
	place = builder->hujson->places[document->count].value;
	c = builder->hujson->json[place - builder->base];
	if (depth == PIECE_DEPTH || (c != '{' && c != '['))
		return read_piece(builder, key, place);
	value = new_value(builder, key, c == '{' ? JSON_OBJECT : JSON_ARRAY);
	builder->at = builder->hujson->json + (place - builder->base) + 1;
	while (!closes(builder)) {
		bool more = document->count < builder->hujson->count;
		const char *name = more && c == '{' ? read_key(builder) : NULL;
		struct json *member = more ? read_value(builder, name, depth + 1) : NULL;

		if (!member || (c == '{' && !name))
			return NULL;
		add_member(value, &last, member);
	}
	return value;
}

static int by_key(const void *one, const void *other)
{
	const struct json *a = *(const struct json *const *)one;
	const struct json *b = *(const struct json *const *)other;
	int order = strcmp(a->key, b->key);

	return order ? order : a < b ? -1 : a > b;
}

static void check_members(const struct json *object, struct diag *diag)
{
	_free_ const struct json **members = mem_alloc(object->members * sizeof(*members));
	size_t count = 0;

	for (const struct json *member = json_first(object); member; member = json_next(member))
		members[count++] = member;
	qsort(members, count, sizeof(*members), by_key);
	for (size_t i = 1; i < count; i++)
		if (members[i - 1]->key == members[i]->key)
			diag_error(diag, members[i]->place.key, "duplicate key \"%s\"",
				   members[i]->key);
}

#define FEW_MEMBERS 16

/* Equal keys are one text, so that for a few of them nothing needs to be sorted. */
static bool may_repeat_a_key(const struct json *object)
{
	if (object->members > FEW_MEMBERS)
		return true;
	for (const struct json *one = json_first(object); one; one = json_next(one))
		for (const struct json *other = json_next(one); other; other = json_next(other))
			if (one->key == other->key)
				return true;
	return false;
}

static void check_keys(const struct json_document *document, struct diag *diag)
{
	for (size_t i = 0; i < document->count; i++)
		if (document->values[i].type == JSON_OBJECT &&
		    may_repeat_a_key(&document->values[i]))
			check_members(&document->values[i], diag);
}

static int build(const struct source *source, const struct hujson *hujson,
		 struct json_document *document)
{
	struct builder builder = { .document = document, .hujson = hujson, .base = source->base };
	bool whole;

	document->values = mem_alloc_raw(hujson->count * sizeof(*document->values));
	whole = read_value(&builder, NULL, 0) && document->count == hujson->count;
	arena_free(&builder.memory);
	return whole ? 0 : -EINVAL;
}

int json_parse(const struct source *source, struct diag *diag, struct json_document **ret_document)
{
	struct json_document *document;
	struct hujson hujson;
	int error = hujson_scan(source, diag, &hujson);

	if (error)
		return error;
	document = mem_alloc(sizeof(*document));
	error = build(source, &hujson, document);
	hujson_free(&hujson);
	if (error) {
		diag_error(diag, source->base, "not a JSON document");
		json_free(document);
		return error;
	}
	check_keys(document, diag);
	*ret_document = document;
	return 0;
}

void json_drop_values(struct json_document *document)
{
	free(TAKE_PTR(document->values));
	document->count = 0;
}

void json_free(struct json_document *document)
{
	if (!document)
		return;
	json_drop_values(document);
	intern_free(&document->keys);
	arena_free(&document->strings);
	free(document);
}

const struct json *json_root(const struct json_document *document)
{
	return document->values;
}

enum json_type json_type(const struct json *json)
{
	return json->type;
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	    [JSON_BOOL] = "true or false",
		[JSON_NUMBER] = "a number", [JSON_STRING] = "a string",
		[JSON_ARRAY] = "a list",    [JSON_OBJECT] = "an object",
	};

	return names[type];
}

static bool is_container(const struct json *json)
{
	return json->type == JSON_ARRAY || json->type == JSON_OBJECT;
}

const struct json *json_first(const struct json *container)
{
	return json_count(container) ? container + 1 : NULL;
}

const struct json *json_next(const struct json *member)
{
	return member->next ? member + member->next : NULL;
}

size_t json_count(const struct json *container)
{
	return is_container(container) ? container->members : 0;
}

const char *json_key(const struct json *member)
{
	return member->key;
}

const char *json_string(const struct json *json)
{
	return json->type == JSON_STRING ? json->string : NULL;
}

bool json_is_true(const struct json *json)
{
	return json->type == JSON_BOOL && json->truth;
}

double json_number(const struct json *json)
{
	return json->type == JSON_NUMBER ? json->number : NAN;
}

place_t json_place(const struct json_document *document, const struct json *json)
{
	(void)document;
	return json->place.value;
}

place_t json_key_place(const struct json_document *document, const struct json *member)
{
	(void)document;
	return member->place.key;
}
