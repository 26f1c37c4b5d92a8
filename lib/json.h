/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A JSON document of which every value knows its place. cJSON reads it and stays in json.c; what
 * it read is kept in a third of the memory. Equal keys of a document are one string.
 */
#ifndef ACLGATE_JSON_H
#define ACLGATE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "diag.h"
#include "source.h"

struct json;
struct json_document;

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/*
 * Returns 0, or -EINVAL with an error in @diag. A key that stands twice in an object is an error in
 * @diag as well, but the document is there, so that what else is wrong with it can be told.
 */
int json_parse(const struct source *source, struct diag *diag, struct json_document **ret_document);

/* Leaves only strings and keys, which what was made of the document points to. */
void json_drop_values(struct json_document *document);

void json_free(struct json_document *document);

const struct json *json_root(const struct json_document *document);

enum json_type json_type(const struct json *json);
const char *json_type_name(enum json_type type);

/* Members of an object or array, in the order of the file; NULL at the end. */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *member);

size_t json_count(const struct json *container);

const char *json_key(const struct json *member);  /* NULL in an array */
const char *json_string(const struct json *json); /* NULL unless JSON_STRING */
bool json_is_true(const struct json *json);
double json_number(const struct json *json); /* NaN unless JSON_NUMBER */

place_t json_place(const struct json_document *document, const struct json *json);
place_t json_key_place(const struct json_document *document, const struct json *member);

#endif
