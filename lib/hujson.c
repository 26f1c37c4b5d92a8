// SPDX-License-Identifier: GPL-2.0-or-later
#include "hujson.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "utf8.h"

struct scanner {
	const struct source *source;
	struct diag *diag;
	struct hujson *out;
	size_t at;
	place_t key;		     /* of the value that comes next */
	char open[HUJSON_DEPTH_MAX]; /* the containers around us: '{' or '[' */
	unsigned int depth;
};

static char peek(const struct scanner *scanner)
{
	return scanner->at < scanner->source->size ? scanner->source->text[scanner->at] : '\0';
}

static bool at_end(const struct scanner *scanner)
{
	return scanner->at >= scanner->source->size;
}

static place_t here(const struct scanner *scanner)
{
	return scanner->source->base + (place_t)scanner->at;
}

static int fail(struct scanner *scanner, const char *text)
{
	diag_error(scanner->diag, here(scanner), "%s", text);
	return -EINVAL;
}

static int unexpected(struct scanner *scanner, const char *wanted)
{
	char c = peek(scanner);

	if (at_end(scanner))
		diag_error(scanner->diag, here(scanner), "the file ends where %s should be",
			   wanted);
	else if (c > ' ' && c < 0x7f)
		diag_error(scanner->diag, here(scanner), "expected %s, found '%c'", wanted, c);
	else
		diag_error(scanner->diag, here(scanner), "expected %s, found byte 0x%02x", wanted,
			   (unsigned char)c);
	return -EINVAL;
}

static void blank(struct scanner *scanner, size_t from, size_t to)
{
	const struct source *source = scanner->source;
	struct hujson *out = scanner->out;

	if (!out->copy) {
		out->copy = mem_alloc_raw(source->size + 1);
		memcpy(out->copy, source->text, source->size + 1);
		out->json = out->copy;
	}
	memset(out->copy + from, ' ', to - from);
}

/* Steps over one character that may be any but a control character. */
static int step_text(struct scanner *scanner)
{
	const struct source *source = scanner->source;
	size_t length = utf8_length(source->text + scanner->at, source->size - scanner->at);

	if (!length)
		return fail(scanner, "invalid UTF-8");
	scanner->at += length;
	return 0;
}

static int skip_comment(struct scanner *scanner)
{
	const struct source *source = scanner->source;
	size_t start = scanner->at;
	bool block = start + 1 < source->size && source->text[start + 1] == '*';

	if (!block && !(start + 1 < source->size && source->text[start + 1] == '/'))
		return unexpected(scanner, "a value or a comment");
	scanner->at += 2;
	for (;;) {
		if (at_end(scanner) && block) {
			scanner->at = start;
			return fail(scanner, "this comment has no end: '*/' is missing");
		}
		if (at_end(scanner) || (!block && peek(scanner) == '\n'))
			break;
		if (block && !strncmp(source->text + scanner->at, "*/", 2)) {
			scanner->at += 2;
			break;
		}
		if (peek(scanner) == '\0')
			return fail(scanner, "NUL byte in a comment");
		if (step_text(scanner))
			return -EINVAL;
	}
	blank(scanner, start, scanner->at);
	return 0;
}

static int skip_space(struct scanner *scanner)
{
	while (!at_end(scanner)) {
		char c = peek(scanner);

		if (c == '/') {
			if (skip_comment(scanner))
				return -EINVAL;
		} else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			scanner->at++;
		} else {
			break;
		}
	}
	return 0;
}

static int hex4(const struct scanner *scanner, size_t at)
{
	int value = 0;

	if (at + 4 > scanner->source->size)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		char c = scanner->source->text[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			value |= (c | 32) - 'a' + 10;
		else
			return -1;
	}
	return value;
}

/* At the backslash. A lone surrogate is no character, and NUL would end the string early. */
static int scan_escape(struct scanner *scanner)
{
	const struct source *source = scanner->source;
	char c = scanner->at + 1 < source->size ? source->text[scanner->at + 1] : '\0';
	int value, low;

	if (c && strchr("\"\\/bfnrt", c)) {
		scanner->at += 2;
		return 0;
	}
	value = c == 'u' ? hex4(scanner, scanner->at + 2) : -1;
	if (value < 0)
		return fail(scanner, "invalid escape in a string");
	if (value == 0)
		return fail(scanner, "NUL in a string");
	if (value >= 0xdc00 && value < 0xe000)
		return fail(scanner, "lone surrogate in a string");
	if (value >= 0xd800 && value < 0xdc00) {
		bool pair = scanner->at + 7 < source->size &&
			    source->text[scanner->at + 6] == '\\' &&
			    source->text[scanner->at + 7] == 'u';

		low = pair ? hex4(scanner, scanner->at + 8) : -1;
		if (low < 0xdc00 || low >= 0xe000)
			return fail(scanner, "lone surrogate in a string");
		scanner->at += 6;
	}
	scanner->at += 6;
	return 0;
}

static int scan_string(struct scanner *scanner)
{
	size_t start = scanner->at++;

	for (;;) {
		char c = peek(scanner);

		if (at_end(scanner) || c == '\n') {
			scanner->at = start;
			return fail(scanner, "this string has no end: '\"' is missing");
		}
		if (c == '"')
			break;
		if ((unsigned char)c < 0x20)
			return fail(scanner, "control character in a string");
		if (c == '\\' ? scan_escape(scanner) : step_text(scanner))
			return -EINVAL;
	}
	scanner->at++;
	return 0;
}

static size_t digits(struct scanner *scanner)
{
	size_t start = scanner->at;

	while (peek(scanner) >= '0' && peek(scanner) <= '9')
		scanner->at++;
	return scanner->at - start;
}

/* RFC 8259, section 6: no leading zeros, a digit on both sides of the point. */
static int scan_number(struct scanner *scanner)
{
	size_t start = scanner->at;
	bool zero;

	if (peek(scanner) == '-')
		scanner->at++;
	zero = peek(scanner) == '0';
	if (digits(scanner) > 1 && zero) {
		scanner->at = start;
		return fail(scanner, "a number may not begin with 0");
	}
	if (scanner->at == start || scanner->source->text[scanner->at - 1] == '-')
		return unexpected(scanner, "a digit");
	if (peek(scanner) == '.') {
		scanner->at++;
		if (!digits(scanner))
			return unexpected(scanner, "a digit");
	}
	if ((peek(scanner) | 32) == 'e') {
		scanner->at++;
		if (peek(scanner) == '+' || peek(scanner) == '-')
			scanner->at++;
		if (!digits(scanner))
			return unexpected(scanner, "a digit");
	}
	return 0;
}

static int scan_word(struct scanner *scanner)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t length = strlen(words[i]);

		if (!strncmp(scanner->source->text + scanner->at, words[i], length)) {
			scanner->at += length;
			return 0;
		}
	}
	return unexpected(scanner, "a value");
}

static void note_value(struct scanner *scanner)
{
	struct hujson *out = scanner->out;

	out->places = mem_grow(out->places, out->count, &out->capacity, sizeof(*out->places));
	out->places[out->count++] = (struct hujson_place){ .key = scanner->key,
							   .value = here(scanner) };
	scanner->key = PLACE_NONE;
}

/* At a value. A container is only opened here. */
static int scan_value(struct scanner *scanner)
{
	char c = peek(scanner);

	note_value(scanner);
	if (c == '{' || c == '[') {
		if (scanner->depth == HUJSON_DEPTH_MAX)
			return fail(scanner, "nested too deeply");
		scanner->open[scanner->depth++] = c;
		scanner->at++;
		return 0;
	}
	if (c == '"')
		return scan_string(scanner);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(scanner);
	return scan_word(scanner);
}

static int scan_key(struct scanner *scanner)
{
	if (peek(scanner) != '"')
		return unexpected(scanner, "a key in double quotes");
	scanner->key = here(scanner);
	if (scan_string(scanner) || skip_space(scanner))
		return -EINVAL;
	if (peek(scanner) != ':')
		return unexpected(scanner, "':'");
	scanner->at++;
	return skip_space(scanner);
}

/* Closes every container that ends here; a comma before the bracket is a trailing one. */
static int close_containers(struct scanner *scanner, bool *ret_member)
{
	while (scanner->depth) {
		char close = scanner->open[scanner->depth - 1] == '{' ? '}' : ']';
		size_t comma = scanner->at;
		bool separated = peek(scanner) == ',';

		if (separated) {
			scanner->at++;
			if (skip_space(scanner))
				return -EINVAL;
		}
		if (peek(scanner) != close) {
			*ret_member = true;
			return separated ? 0 :
					   unexpected(scanner,
						      close == '}' ? "',' or '}'" : "',' or ']'");
		}
		if (separated)
			blank(scanner, comma, comma + 1);
		scanner->at++;
		scanner->depth--;
		if (skip_space(scanner))
			return -EINVAL;
	}
	*ret_member = false;
	return 0;
}

static bool opened_empty(struct scanner *scanner)
{
	char c = peek(scanner);
	char open = scanner->depth ? scanner->open[scanner->depth - 1] : '\0';

	return (open == '{' && c == '}') || (open == '[' && c == ']');
}

/* One member: its key, if it is in an object, its value, and all the brackets that end with it. */
static int scan_member(struct scanner *scanner, bool *ret_member)
{
	unsigned int depth = scanner->depth;

	if (depth && scanner->open[depth - 1] == '{' && scan_key(scanner))
		return -EINVAL;
	if (scan_value(scanner) || skip_space(scanner))
		return -EINVAL;
	if (scanner->depth > depth && !opened_empty(scanner)) {
		*ret_member = true;
		return 0;
	}
	return close_containers(scanner, ret_member);
}

/* What "Unicode" is to Windows. */
static bool is_utf16(const struct source *source)
{
	return source->size >= 2 &&
	       (!memcmp(source->text, "\xff\xfe", 2) || !memcmp(source->text, "\xfe\xff", 2));
}

static int scan(struct scanner *scanner)
{
	bool member = true;

	if (scanner->source->size >= 3 && !memcmp(scanner->source->text, "\xef\xbb\xbf", 3))
		return fail(scanner, "byte order mark: save the file as UTF-8 without it");
	if (is_utf16(scanner->source))
		return fail(scanner, "this is UTF-16: save the file as UTF-8");
	if (skip_space(scanner))
		return -EINVAL;
	while (member)
		if (scan_member(scanner, &member))
			return -EINVAL;
	return at_end(scanner) ? 0 : unexpected(scanner, "the end of the file");
}

int hujson_scan(const struct source *source, struct diag *diag, struct hujson *ret_hujson)
{
	struct hujson out = { .json = source->text, .size = source->size };
	struct scanner scanner = { .source = source, .diag = diag, .out = &out, .key = PLACE_NONE };
	int error;

	error = scan(&scanner);
	if (error) {
		hujson_free(&out);
		return error;
	}
	out.capacity = out.count;
	out.places = mem_resize(out.places, out.capacity, sizeof(*out.places));
	*ret_hujson = out;
	return 0;
}

void hujson_free(struct hujson *hujson)
{
	free(hujson->copy);
	free(hujson->places);
	*hujson = (struct hujson){};
}
