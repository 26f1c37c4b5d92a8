// SPDX-License-Identifier: GPL-2.0-or-later
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

#define READ_SIZE 16384 /* where the size is not known before */

#define LARGE	      (1u << 20)
#define MEMORY_A_BYTE 8 /* no less than a policy of that size takes until it is loaded */

static void find_lines(struct source *source)
{
	const char *end = source->text + source->size;

	for (const char *line = source->text; line;
	     line = memchr(line, '\n', (size_t)(end - line))) {
		if (source->lines_count)
			line++;
		source->lines = mem_grow(source->lines, source->lines_count,
					 &source->lines_capacity, sizeof(*source->lines));
		source->lines[source->lines_count++] = (uint32_t)(line - source->text);
	}
	source->lines_capacity = source->lines_count;
	source->lines = mem_resize(source->lines, source->lines_capacity, sizeof(*source->lines));
}

int sources_add(struct sources *sources, const char *name, char *text, size_t size)
{
	const struct source *last;
	struct source *source;

	sources->items = mem_grow(sources->items, sources->count, &sources->capacity,
				  sizeof(*sources->items));
	last = sources->count ? &sources->items[sources->count - 1] : NULL;
	source = &sources->items[sources->count];
	*source = (struct source){ .name = mem_strdup(name), .text = text, .size = size };
	find_lines(source);
	/* one place behind the end, for what is missing there */
	source->base = last ? last->base + (place_t)last->size + 1 : 0;
	return (int)sources->count++;
}

/* What a file says that it has, and room to see its end: it may be another size when it is read. */
static size_t expected_size(int fd)
{
	struct stat info;

	if (fstat(fd, &info) || !S_ISREG(info.st_mode) || info.st_size > SOURCE_SIZE_MAX)
		return READ_SIZE;
	return (size_t)info.st_size + 2;
}

static int read_all(int fd, char **ret_text, size_t *ret_size)
{
	_free_ char *text = NULL;
	size_t size = 0, capacity = expected_size(fd);

	if (capacity > LARGE)
		mem_expect(capacity * MEMORY_A_BYTE);
	text = mem_alloc_raw(capacity);
	for (;;) {
		ssize_t got;

		if (size > SOURCE_SIZE_MAX)
			return -EFBIG;
		if (size + 1 >= capacity) {
			capacity *= 2;
			text = realloc(text, capacity);
			if (!text)
				abort();
		}
		got = read(fd, text + size, capacity - size - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		size += (size_t)got;
	}
	text[size] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int sources_read(struct sources *sources, const char *path)
{
	_close_ int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	char *text = NULL;
	size_t size = 0;
	int error;

	if (fd < 0)
		return -errno;
	error = read_all(fd, &text, &size);
	if (error)
		return error;
	return sources_add(sources, strcmp(path, "-") ? path : "<stdin>", text, size);
}

static const struct source *source_of(const struct sources *sources, place_t place)
{
	for (size_t i = 0; i < sources->count; i++) {
		const struct source *source = &sources->items[i];

		if (place >= source->base && place - source->base <= source->size)
			return source;
	}
	return NULL;
}

/* The last line that begins at or before @offset. */
static size_t line_of(const struct source *source, uint32_t offset)
{
	size_t low = 0, high = source->lines_count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (source->lines[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int sources_find(const struct sources *sources, place_t place, struct position *ret_position)
{
	const struct source *source = place == PLACE_NONE ? NULL : source_of(sources, place);
	size_t line, start, end;

	if (!source)
		return 0;
	line = line_of(source, place - source->base);
	start = source->lines[line];
	end = line + 1 < source->lines_count ? source->lines[line + 1] - 1 : source->size;
	if (end > start && source->text[end - 1] == '\r')
		end--;
	*ret_position = (struct position){
		.source = source,
		.line = (unsigned int)line + 1,
		.column = (unsigned int)(place - source->base - start) + 1,
		.start = source->text + start,
		.length = end - start,
	};
	return 1;
}

void sources_free(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free(sources->items[i].name);
		free(sources->items[i].text);
		free(sources->items[i].lines);
	}
	free(sources->items);
	*sources = (struct sources){};
}
