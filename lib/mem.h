/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory. Whoever runs out of it ends here, with abort(): every program of ours must survive
 * kill -9 at any point anyway, and the gate in the kernel goes on without us.
 */
#ifndef ACLGATE_MEM_H
#define ACLGATE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size); /* zeroed */
void *mem_alloc_raw(size_t size);
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t length);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Some @size bytes will be asked for soon, and again when they are freed: the heap grows at once, in
 * large pages where the kernel has them. Page by page, as they are touched, a third of the time of a
 * large check goes into getting them. What cannot be had is not missed.
 */
void mem_expect(size_t size);

/* Makes a vector one of @count elements. Returns the vector. */
void *mem_resize(void *vector, size_t count, size_t element);

/* Makes room for one more element in a vector; *capacity counts elements. Returns the vector. */
void *mem_grow(void *vector, size_t count, size_t *capacity, size_t element);

void mem_freep(void *pointer);
void mem_closep(int *fd);

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _free_	     _cleanup_(mem_freep)
#define _close_	     _cleanup_(mem_closep)

/* Hands a pointer or descriptor over: what remains is not freed. */
#define TAKE_PTR(p)                         \
	({                                  \
		__typeof__(p) _taken = (p); \
		(p) = NULL;                 \
		_taken;                     \
	})
#define TAKE_FD(fd)                \
	({                         \
		int _taken = (fd); \
		(fd) = -1;         \
		_taken;            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
