// SPDX-License-Identifier: GPL-2.0-or-later
#include "digest.h"

#include <string.h>

#include "mem.h"
#include "unit.h"

#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NUL	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"

/* Known answers of FIPS 180-2, over what stands in one file or two. */
static const struct {
	const char *texts[2];
	size_t sizes[2];
	const char *sha256;
} digests[] = {
	{ { NULL, NULL }, { 0, 0 }, NOTHING }, { { "", NULL }, { 0, 0 }, NOTHING },
	{ { "abc", NULL }, { 3, 0 }, ABC },    { { "a", "bc" }, { 1, 2 }, ABC },
	{ { "abc", "" }, { 3, 0 }, ABC },      { { "\0", NULL }, { 1, 0 }, NUL },
};

START_TEST(sha256)
{
	struct sources sources = {};
	uint8_t bytes[32];
	char text[DIGEST_TEXT];

	for (size_t i = 0; i < 2; i++) {
		char *copy;

		if (!digests[_i].texts[i])
			continue;
		copy = mem_alloc(digests[_i].sizes[i] + 1);
		memcpy(copy, digests[_i].texts[i], digests[_i].sizes[i]);
		sources_add(&sources, "x", copy, digests[_i].sizes[i]);
	}
	digest_sources(&sources, bytes);
	ck_assert_str_eq(digest_format(bytes, text), digests[_i].sha256);
	sources_free(&sources);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("digest");

	unit_add(suite, sha256, ARRAY_SIZE(digests));
	return suite;
}
