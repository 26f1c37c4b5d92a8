// SPDX-License-Identifier: GPL-2.0-or-later
#include "mem.h"

#include <limits.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BEYOND_THE_HEAP (512 << 10) /* more than is free in one that was not asked for much */
#define FROM_THE_HEAP	(1 << 20)   /* and no memory of its own: smaller blocks */
#define DEFAULT_PAD	(128 << 10) /* of malloc() */

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

/* The top of the heap moves once, by the block and the pad; what is freed of it then stays. */
void mem_expect(size_t size)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t)sbrk(0), end;
	void *volatile block; /* which the compiler must not think away */

	if (size > INT_MAX)
		return;
	mallopt(M_MMAP_THRESHOLD, FROM_THE_HEAP);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_TOP_PAD, (int)size);
	block = malloc(BEYOND_THE_HEAP);
	free(block);
	mallopt(M_TOP_PAD, DEFAULT_PAD);
	end = (uintptr_t)sbrk(0);
	begin = (begin + page - 1) / page * page;
	if (begin < end)
		madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

void *mem_resize(void *vector, size_t count, size_t element)
{
	return checked(reallocarray(vector, count ? count : 1, element));
}

void *mem_grow(void *vector, size_t count, size_t *capacity, size_t element)
{
	if (count < *capacity)
		return vector;
	*capacity = *capacity ? *capacity * 2 : 8;
	return mem_resize(vector, *capacity, element);
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
