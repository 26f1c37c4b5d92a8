// SPDX-License-Identifier: GPL-2.0-or-later
#include "json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hujson.h"
#include "mem.h"

/*
 * cJSON keeps no places. Its nodes come in the order in which the scanner met the values, so the
 * n-th node has the n-th place, and `valueint`, which we need for nothing else, holds n.
 */
struct json_document {
	cJSON *root;
	struct hujson_place *places;
};

static const cJSON *node(const struct json *json)
{
	return (const cJSON *)json;
}

static const struct json *wrap(const cJSON *json)
{
	return (const struct json *)json;
}

static cJSON *number_nodes(cJSON *json, int *next)
{
	for (cJSON *item = json; item; item = item->next) {
		item->valueint = (*next)++;
		number_nodes(item->child, next);
	}
	return json;
}

static int by_key(const void *one, const void *other)
{
	const cJSON *a = *(cJSON *const *)one, *b = *(cJSON *const *)other;
	int order = strcmp(a->string, b->string);

	return order ? order : a->valueint - b->valueint;
}

static void check_members(const struct json_document *document, const cJSON *object,
			  struct diag *diag)
{
	size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
	_free_ const cJSON **members = mem_alloc(count * sizeof(const cJSON *));

	for (const cJSON *member = object->child; member; member = member->next)
		members[i++] = member;
	qsort(members, count, sizeof(*members), by_key);
	for (i = 1; i < count; i++)
		if (!strcmp(members[i - 1]->string, members[i]->string))
			diag_error(diag, json_key_place(document, wrap(members[i])),
				   "duplicate key \"%s\"", members[i]->string);
}

static void check_keys(const struct json_document *document, const cJSON *json, struct diag *diag)
{
	if (cJSON_IsObject(json) && json->child && json->child->next)
		check_members(document, json, diag);
	for (const cJSON *child = json->child; child; child = child->next)
		check_keys(document, child, diag);
}

int json_parse(const struct source *source, struct diag *diag, struct json_document **ret_document)
{
	struct json_document *document;
	struct hujson hujson;
	int next = 0;
	int error = hujson_scan(source, diag, &hujson);

	if (error)
		return error;
	document = mem_alloc(sizeof(*document));
	document->places = TAKE_PTR(hujson.places);
	document->root = number_nodes(cJSON_ParseWithLength(hujson.json, hujson.size), &next);
	if (!document->root || (size_t)next != hujson.count) {
		diag_error(diag, source->base, "not a JSON document");
		error = -EINVAL;
	}
	hujson_free(&hujson);
	if (error) {
		json_free(document);
		return error;
	}
	check_keys(document, document->root, diag);
	*ret_document = document;
	return 0;
}

void json_free(struct json_document *document)
{
	if (!document)
		return;
	cJSON_Delete(document->root);
	free(document->places);
	free(document);
}

const struct json *json_root(const struct json_document *document)
{
	return wrap(document->root);
}

enum json_type json_type(const struct json *json)
{
	switch (node(json)->type & 0xff) {
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

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	    [JSON_BOOL] = "true or false",
		[JSON_NUMBER] = "a number", [JSON_STRING] = "a string",
		[JSON_ARRAY] = "a list",    [JSON_OBJECT] = "an object",
	};

	return names[type];
}

const struct json *json_first(const struct json *container)
{
	return wrap(node(container)->child);
}

const struct json *json_next(const struct json *member)
{
	return wrap(node(member)->next);
}

size_t json_count(const struct json *container)
{
	return (size_t)cJSON_GetArraySize(node(container));
}

const char *json_key(const struct json *member)
{
	return node(member)->string;
}

const char *json_string(const struct json *json)
{
	return cJSON_GetStringValue((cJSON *)json);
}

bool json_is_true(const struct json *json)
{
	return cJSON_IsTrue(node(json));
}

double json_number(const struct json *json)
{
	return cJSON_GetNumberValue(node(json));
}

place_t json_place(const struct json_document *document, const struct json *json)
{
	return document->places[node(json)->valueint].value;
}

place_t json_key_place(const struct json_document *document, const struct json *member)
{
	return document->places[node(member)->valueint].key;
}
