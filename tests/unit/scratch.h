/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory for each row of a test, which is gone when all of them are done. */
#ifndef ACLGATE_SCRATCH_H
#define ACLGATE_SCRATCH_H

#include "unit.h"

/* As unit_add(), with an empty directory for each row. */
void scratch_add(Suite *suite, const TTest *test, size_t rows);

/* Its path. */
const char *scratch_dir(void);

/* The path of a file in it, which the caller frees. */
char *scratch_path(const char *name);

/* Writes a file. */
void scratch_write(const char *name, const void *bytes, size_t size);

/* All of a file, which the caller frees; NULL where there is none. */
char *scratch_read(const char *name);

/* How many entries the directory has. */
unsigned int scratch_entries(void);

#endif
