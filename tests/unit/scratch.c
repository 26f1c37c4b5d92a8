// SPDX-License-Identifier: GPL-2.0-or-later
#include "scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"

/* The parent of all directories of one test: it outlives those that die, and removes it all. */
static char parent[256];
static char directory[280];

static void make_parent(void)
{
	const char *temporary = getenv("TMPDIR");

	snprintf(parent, sizeof(parent), "%s/aclgate-unit-XXXXXX", temporary ? temporary : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(parent));
}

static void make(void)
{
	snprintf(directory, sizeof(directory), "%s/XXXXXX", parent);
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static void remove_parent(void)
{
	nftw(parent, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void scratch_add(Suite *suite, const TTest *test, size_t rows)
{
	TCase *tcase = tcase_create(test->name);

	tcase_add_unchecked_fixture(tcase, make_parent, remove_parent);
	tcase_add_checked_fixture(tcase, make, NULL);
	tcase_add_loop_test(tcase, test, 0, (int)rows);
	suite_add_tcase(suite, tcase);
}

const char *scratch_dir(void)
{
	return directory;
}

char *scratch_path(const char *name)
{
	return mem_printf("%s/%s", directory, name);
}

void scratch_write(const char *name, const void *bytes, size_t size)
{
	_free_ char *path = scratch_path(name);
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

char *scratch_read(const char *name)
{
	_free_ char *path = scratch_path(name);
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0)
		*text = '\0'; /* an empty file */
	fclose(file);
	return text;
}

unsigned int scratch_entries(void)
{
	DIR *opened = opendir(directory);
	unsigned int count = 0;

	ck_assert_ptr_nonnull(opened);
	while (readdir(opened))
		count++;
	closedir(opened);
	return count - 2; /* . and .. */
}
