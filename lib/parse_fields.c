// SPDX-License-Identifier: GPL-2.0-or-later
/* Objects of JSON as tables of fields, and the values that stand in them. */
#include <stdint.h>
#include <strings.h>

#include "mem.h"
#include "parse_parts.h"
#include "suggest.h"

place_t parse_place(const struct parser *parser, const struct json *value)
{
	return json_place(parser->document, value);
}

void parse_unexpected(struct parser *parser, const struct json *value, const char *wanted)
{
	diag_error(parser->diag, parse_place(parser, value), "expected %s, found %s", wanted,
		   json_type_name(json_type(value)));
}

bool parse_expect(struct parser *parser, const struct json *value, enum json_type type)
{
	if (json_type(value) == type)
		return true;
	parse_unexpected(parser, value, json_type_name(type));
	return false;
}

void parse_word(struct parser *parser, const struct json *value, void *target)
{
	struct word *word = target;

	if (!parse_expect(parser, value, JSON_STRING))
		return;
	*word = (struct word){ json_string(value), parse_place(parser, value) };
}

void parse_words(struct parser *parser, const struct json *value, void *target)
{
	struct words *words = target;

	if (json_type(value) == JSON_STRING) {
		diag_error(parser->diag, parse_place(parser, value),
			   "expected a list, found a string: write [\"%s\"]", json_string(value));
		return;
	}
	if (!parse_expect(parser, value, JSON_ARRAY))
		return;
	words->place = parse_place(parser, value);
	words->items = arena_alloc(&parser->policy->arena,
				   json_count(value) * sizeof(*words->items));
	for (const struct json *item = json_first(value); item; item = json_next(item))
		if (parse_expect(parser, item, JSON_STRING))
			parse_word(parser, item, &words->items[words->count++]);
}

void parse_bool(struct parser *parser, const struct json *value, void *target)
{
	if (parse_expect(parser, value, JSON_BOOL))
		*(bool *)target = json_is_true(value);
}

void parse_number_or_text(struct parser *parser, const struct json *value, void *target)
{
	if (json_type(value) == JSON_NUMBER || json_type(value) == JSON_STRING)
		*(struct quantity *)target = (struct quantity){
			.text = json_string(value),
			.number = json_number(value),
			.place = parse_place(parser, value),
			.given = true,
		};
	else
		parse_unexpected(parser, value, "a number or a string");
}

void parse_number(struct parser *parser, const struct json *value, void *target)
{
	if (parse_expect(parser, value, JSON_NUMBER))
		parse_number_or_text(parser, value, target);
}

void parse_refuse(struct parser *parser, const struct json *value, void *target)
{
	(void)target;
	diag_error(parser->diag, json_key_place(parser->document, value),
		   "\"%s\" narrows access in a way that WireGuard cannot check; "
		   "ignoring it would widen access",
		   json_key(value));
}

void parse_ignore(struct parser *parser, const struct json *value, void *target)
{
	(void)target;
	diag_note(parser->diag, json_key_place(parser->document, value),
		  "\"%s\" has no meaning without Tailscale's service and is ignored",
		  json_key(value));
}

static void unknown_key(struct parser *parser, const struct json *member,
			const struct field *fields, size_t count)
{
	struct suggestion suggestion = { .wrong = json_key(member) };
	_free_ char *hint = NULL;

	for (size_t i = 0; i < count; i++)
		suggest_consider(&suggestion, fields[i].key);
	hint = suggest_text(&suggestion);
	diag_error(parser->diag, json_key_place(parser->document, member), "unknown key \"%s\"%s",
		   json_key(member), hint);
}

static const struct field *find_field(const struct field *fields, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if ((fields[i].key[0] | 32) == (key[0] | 32) && !strcasecmp(fields[i].key, key))
			return &fields[i];
	return NULL;
}

/* @seen: one bit for each of @fields; the same key in other capitals is the same key. */
static void read_member(struct parser *parser, const struct json *member,
			const struct field *fields, size_t count, uint64_t *seen, void *target)
{
	const struct field *field = find_field(fields, count, json_key(member));
	uint64_t bit;

	if (!field) {
		unknown_key(parser, member, fields, count);
		return;
	}
	bit = UINT64_C(1) << (field - fields);
	if (*seen & bit)
		diag_error(parser->diag, json_key_place(parser->document, member),
			   "duplicate key \"%s\"", json_key(member));
	else
		field->read(parser, member, (char *)target + field->offset);
	*seen |= bit;
}

bool parse_object(struct parser *parser, const struct json *value, const struct field *fields,
		  size_t count, void *target)
{
	size_t errors = parser->diag->errors;
	uint64_t seen = 0;

	if (!parse_expect(parser, value, JSON_OBJECT))
		return false;
	for (const struct json *member = json_first(value); member; member = json_next(member))
		read_member(parser, member, fields, count, &seen, target);
	return parser->diag->errors == errors;
}
