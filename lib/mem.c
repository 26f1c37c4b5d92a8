// SPDX-License-Identifier: GPL-2.0-or-later
#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *pointer)
{
	if (!pointer)
		abort();
	return pointer;
}

void *mem_alloc(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

void *mem_alloc_raw(size_t size)
{
	return checked(malloc(size ? size : 1));
}

char *mem_strdup(const char *text)
{
	return checked(strdup(text));
}

char *mem_strndup(const char *text, size_t length)
{
	return checked(strndup(text, length));
}

char *mem_printf(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	return text;
}

void *mem_grow(void *vector, size_t count, size_t *capacity, size_t element)
{
	if (count < *capacity)
		return vector;
	*capacity = *capacity ? *capacity * 2 : 8;
	return checked(reallocarray(vector, *capacity, element));
}

void mem_freep(void *pointer)
{
	free(*(void **)pointer);
}

void mem_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
