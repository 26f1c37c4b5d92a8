// SPDX-License-Identifier: GPL-2.0-or-later
#include "edit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "diag.h"
#include "json.h"
#include "mem.h"

/* A part of the text. */
struct slice {
	const char *text;
	size_t length;
};

/* An object that gets a new member. Places are offsets into the text. */
struct object {
	const char *text;
	size_t outer; /* what is around it: where that begins */
	size_t begin; /* its key, or, of the root, its bracket */
	size_t open;  /* its bracket */
	bool empty;
	size_t last_key, last_value; /* of the last member */
};

/*
 * How the new member is set. It is written with '\n' for a new line as deep as the member, and '\t'
 * for one step deeper: neither is in any string that we write.
 */
struct layout {
	const char *eol;
	const char *indent; /* NULL: all on one line */
	struct slice unit;
};

/* ------------------------------------------------------------ over a text that is HuJSON */

/* At a comment. Not over the line end behind it. */
static size_t skip_comment(const char *text, size_t at)
{
	if (text[at + 1] == '*')
		return (size_t)(strstr(text + at + 2, "*/") - text) + 2;
	at += strcspn(text + at, "\n");
	return text[at - 1] == '\r' ? at - 1 : at;
}

static size_t skip_space(const char *text, size_t at)
{
	for (;;) {
		at += strspn(text + at, " \t\r\n");
		if (text[at] != '/')
			return at;
		at = skip_comment(text, at);
	}
}

/* Behind the last comment that begins on this line, or @at. What follows a `//` has a new line. */
static size_t skip_comments_here(const char *text, size_t at, bool *ret_new_line)
{
	size_t next = at + strspn(text + at, " \t");

	*ret_new_line = false;
	while (text[next] == '/' && !*ret_new_line) {
		*ret_new_line = text[next + 1] == '/';
		at = skip_comment(text, next);
		next = at + strspn(text + at, " \t");
	}
	return at;
}

static size_t skip_string(const char *text, size_t at)
{
	for (at++; text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at + 1;
}

static size_t skip_value(const char *text, size_t at)
{
	unsigned int depth = 0;

	do {
		char c = text[at];

		if (c == '"') {
			at = skip_string(text, at);
		} else if (c == '{' || c == '[') {
			depth++;
			at++;
		} else if (c == '}' || c == ']') {
			depth--;
			at++;
		} else {
			at += c == ',' || c == ':' ? 1 : strcspn(text + at, " \t\r\n,:\"[]{}/");
		}
		if (depth)
			at = skip_space(text, at);
	} while (depth);
	return at;
}

/* ------------------------------------------------------------ how it is set */

/* The white space that the line of this place begins with. */
static struct slice indent_of(const char *text, size_t at)
{
	while (at && text[at - 1] != '\n')
		at--;
	return (struct slice){ text + at, strspn(text + at, " \t") };
}

static bool begins_line(const char *text, size_t at)
{
	struct slice indent = indent_of(text, at);

	return indent.text + indent.length == text + at;
}

/* As the first line ends. */
static const char *eol_of(const char *text)
{
	const char *end = strchr(text, '\n');

	return end && end > text && end[-1] == '\r' ? "\r\n" : "\n";
}

/* By how much the line of @inner is deeper than that of @outer. */
static struct slice step_between(const char *text, size_t outer, size_t inner)
{
	struct slice wide = indent_of(text, outer), deep = indent_of(text, inner);

	if (deep.length > wide.length && !memcmp(wide.text, deep.text, wide.length))
		return (struct slice){ deep.text + wide.length, deep.length - wide.length };
	return (struct slice){ "\t", 1 };
}

static void print_new_line(const struct layout *layout, FILE *out)
{
	if (layout->indent)
		fprintf(out, "%s%s", layout->eol, layout->indent);
	else
		fputc(' ', out);
}

static void print_member(const char *member, const struct layout *layout, FILE *out)
{
	for (const char *c = member; *c; c++) {
		if (*c == '\n')
			print_new_line(layout, out);
		else if (*c != '\t')
			fputc(*c, out);
		else if (layout->indent)
			fwrite(layout->unit.text, 1, layout->unit.length, out);
	}
}

/* ------------------------------------------------------------ a new member */

static void add_piece(struct edit *edit, size_t at, size_t removed, char *text)
{
	edit->pieces[edit->count++] = (struct edit_piece){ at, removed, text };
}

static void append_first(const struct object *object, const char *member, struct edit *edit)
{
	const char *text = object->text;
	size_t close = skip_space(text, object->open + 1), at = close, size;
	bool closes_line = begins_line(text, close), own_line = begins_line(text, object->begin);
	struct slice outer = indent_of(text, closes_line ? close : object->begin);
	struct slice unit = step_between(text, object->outer, object->begin);
	_free_ char *indent = mem_printf("%.*s%.*s", (int)outer.length, outer.text,
					 (int)unit.length, unit.text);
	struct layout layout = { eol_of(text), closes_line || own_line ? indent : NULL, unit };
	char *inserted;
	FILE *out = open_memstream(&inserted, &size);

	while (closes_line && strchr(" \t\r\n", text[at - 1]))
		at--;
	if (layout.indent || text[at - 1] != ' ')
		print_new_line(&layout, out);
	print_member(member, &layout, out);
	if (!layout.indent)
		fputc(' ', out);
	else if (!closes_line)
		fprintf(out, "%s%.*s", layout.eol, (int)outer.length, outer.text);
	fclose(out);
	add_piece(edit, at, 0, inserted);
}

/* A comment behind the last member stays with it, and so do lines of comments that follow. */
static void append_behind(const struct object *object, const char *member, struct slice unit,
			  struct edit *edit)
{
	const char *text = object->text;
	size_t end = skip_value(text, object->last_value), comma = skip_space(text, end), at, size;
	bool separated = text[comma] == ',', new_line;
	struct slice line = indent_of(text, object->last_key);
	_free_ char *indent = mem_strndup(line.text, line.length);
	struct layout layout = { .eol = eol_of(text), .unit = unit };
	char *inserted;
	FILE *out = open_memstream(&inserted, &size);

	at = skip_comments_here(text, separated ? comma + 1 : end, &new_line);
	if (new_line || begins_line(text, object->last_key))
		layout.indent = indent;
	print_new_line(&layout, out);
	print_member(member, &layout, out);
	if (separated)
		fputc(',', out);
	fclose(out);
	if (!separated)
		add_piece(edit, end, 0, mem_strdup(","));
	add_piece(edit, at, 0, inserted);
}

static void append(const struct object *object, const char *member, struct slice unit,
		   struct edit *edit)
{
	if (object->empty)
		append_first(object, member, edit);
	else
		append_behind(object, member, unit, edit);
}

/* ------------------------------------------------------------ devices */

struct document {
	const struct source *source;
	struct json_document *json;
};

static void close_document(struct document *document)
{
	json_free(document->json);
}

/* What is wrong with a text is told by whoever checks it. */
static int open_document(const struct source *source, struct document *document)
{
	struct diag diag = {};
	int error = json_parse(source, &diag, &document->json);

	document->source = source;
	if (!error && (diag.errors || json_type(json_root(document->json)) != JSON_OBJECT))
		error = -EINVAL;
	diag_free(&diag);
	return error;
}

static size_t value_at(const struct document *document, const struct json *value)
{
	return json_place(document->json, value) - document->source->base;
}

static size_t key_at(const struct document *document, const struct json *member)
{
	return json_key_place(document->json, member) - document->source->base;
}

/* As the parser finds them: keys of ours in any capitals. */
static const struct json *find_key(const struct json *object, const char *key)
{
	const struct json *member = json_first(object);

	while (member && strcasecmp(json_key(member), key))
		member = json_next(member);
	return member;
}

static const struct json *find_device(const struct json *devices, const char *name)
{
	const struct json *member = json_first(devices);

	while (member && strcmp(json_key(member), name))
		member = json_next(member);
	return member;
}

static const struct json *last_of(const struct json *object)
{
	const struct json *last = NULL;

	for (const struct json *member = json_first(object); member; member = json_next(member))
		last = member;
	return last;
}

/* @object: the root, or a member of an object. */
static struct object describe(const struct document *document, const struct json *object)
{
	const struct json *root = json_root(document->json), *last = last_of(object);

	return (struct object){
		.text = document->source->text,
		.outer = value_at(document, root),
		.begin = object == root ? value_at(document, root) : key_at(document, object),
		.open = value_at(document, object),
		.empty = !last,
		.last_key = last ? key_at(document, last) : 0,
		.last_value = last ? value_at(document, last) : 0,
	};
}

static char *quote(const char *text)
{
	char *quoted;
	size_t size;
	FILE *out = open_memstream(&quoted, &size);

	fputc('"', out);
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ')
			fprintf(out, "\\u%04x", (unsigned int)*c);
		else
			fprintf(out, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
	}
	fputc('"', out);
	fclose(out);
	return quoted;
}

static void add_section(const struct document *document, const char *name, const char *key,
			struct edit *edit)
{
	struct object root = describe(document, json_root(document->json));
	_free_ char *section = mem_printf("\"devices\": {\n\t%s: { \"publicKey\": %s }\n}", name,
					  key);

	append(&root, section, step_between(root.text, root.begin, root.last_key), edit);
}

/* Whether the last device has lines of its own, and its members have, too. */
static bool is_spread(const struct object *devices, const struct object *last)
{
	return !last->empty && begins_line(devices->text, last->begin) &&
	       begins_line(devices->text, last->last_key);
}

static void add_to_section(const struct document *document, const struct json *section,
			   const char *name, const char *key, struct edit *edit)
{
	struct object devices = describe(document, section), last = { .empty = true };
	struct slice unit = step_between(devices.text, devices.begin, devices.last_key);
	_free_ char *member = NULL;

	if (!devices.empty && json_type(last_of(section)) == JSON_OBJECT)
		last = describe(document, last_of(section));
	if (is_spread(&devices, &last)) {
		size_t end = skip_value(last.text, last.last_value);
		bool separated = last.text[skip_space(last.text, end)] == ',';

		unit = step_between(last.text, last.begin, last.last_key);
		member = mem_printf("%s: {\n\t\"publicKey\": %s%s\n}", name, key,
				    separated ? "," : "");
	} else {
		member = mem_printf("%s: { \"publicKey\": %s }", name, key);
	}
	append(&devices, member, unit, edit);
}

int edit_add_device(const struct source *source, const char *name, const char *key,
		    struct edit *ret_edit)
{
	_free_ char *quoted_name = quote(name), *quoted_key = quote(key);
	_cleanup_(close_document) struct document document = {};
	const struct json *devices;
	struct edit edit = {};
	int error = open_document(source, &document);

	if (error)
		return error;
	devices = find_key(json_root(document.json), "devices");
	if (devices && json_type(devices) != JSON_OBJECT)
		return -EINVAL;
	if (devices)
		add_to_section(&document, devices, quoted_name, quoted_key, &edit);
	else
		add_section(&document, quoted_name, quoted_key, &edit);
	*ret_edit = edit;
	return 0;
}

int edit_approve_device(const struct source *source, const char *name, struct edit *ret_edit)
{
	_cleanup_(close_document) struct document document = {};
	const struct json *devices, *device, *approved;
	struct edit edit = {};
	int error = open_document(source, &document);

	if (error)
		return error;
	devices = find_key(json_root(document.json), "devices");
	device = devices && json_type(devices) == JSON_OBJECT ? find_device(devices, name) : NULL;
	approved = device && json_type(device) == JSON_OBJECT ? find_key(device, "approved") : NULL;
	if (!approved || json_type(approved) != JSON_BOOL || json_is_true(approved))
		return -ENOENT;
	add_piece(&edit, value_at(&document, approved), strlen("false"), mem_strdup("true"));
	*ret_edit = edit;
	return 0;
}

char *edit_apply(const struct source *source, const struct edit *edit, size_t *ret_size)
{
	char *text = NULL;
	size_t size, at = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < edit->count; i++) {
		fwrite(source->text + at, 1, edit->pieces[i].at - at, out);
		fputs(edit->pieces[i].text, out);
		at = edit->pieces[i].at + edit->pieces[i].removed;
	}
	fwrite(source->text + at, 1, source->size - at, out);
	if (fclose(out))
		abort();
	*ret_size = size;
	return text;
}

void edit_free(struct edit *edit)
{
	for (size_t i = 0; i < edit->count; i++)
		free(edit->pieces[i].text);
	*edit = (struct edit){};
}
