/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of parsing have in common: parse.c, parse_rules.c, and parse_fields.c with what
 * reads single values. Keys are case-insensitive, as they are for Tailscale.
 */
#ifndef ACLGATE_PARSE_PARTS_H
#define ACLGATE_PARSE_PARTS_H

#include "json.h"
#include "policy.h"

struct parser {
	struct policy *policy;
	const struct json_document *document;
	struct diag *diag;
	bool clean; /* all that the present rule or test has could be read: what it lacks is told */
};

/* A key of an object and what reads its value into the object's struct. */
struct field {
	const char *key;
	void (*read)(struct parser *parser, const struct json *value, void *target);
	size_t offset; /* of the member that `read` fills */
};

place_t parse_place(const struct parser *parser, const struct json *value);

/* Says so where the value is not of that type. */
bool parse_expect(struct parser *parser, const struct json *value, enum json_type type);
void parse_unexpected(struct parser *parser, const struct json *value, const char *wanted);

/* Each key at most once. @count: 64 at most. Returns whether all of it could be read. */
bool parse_object(struct parser *parser, const struct json *value, const struct field *fields,
		  size_t count, void *target);

/* For fields. What is not of the right type is told, and leaves the target as it was. */
void parse_word(struct parser *parser, const struct json *value, void *target);
void parse_words(struct parser *parser, const struct json *value, void *target);
void parse_bool(struct parser *parser, const struct json *value, void *target);
void parse_number(struct parser *parser, const struct json *value, void *target);
void parse_number_or_text(struct parser *parser, const struct json *value, void *target);

/* ... of keys that Tailscale has: to ignore the first would let in what it keeps out. */
void parse_refuse(struct parser *parser, const struct json *value, void *target);
void parse_ignore(struct parser *parser, const struct json *value, void *target);

/* Sections of the policy; the target is not looked at. */
void parse_acls(struct parser *parser, const struct json *value, void *target);
void parse_grants(struct parser *parser, const struct json *value, void *target);
void parse_tests(struct parser *parser, const struct json *value, void *target);

#endif
