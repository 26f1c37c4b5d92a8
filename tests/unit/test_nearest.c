// SPDX-License-Identifier: GPL-2.0-or-later
#include "nearest.h"

#include "abi.h"
#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "unit.h"

/* Clauses 0 and 2 are of one source, 1 of another. */
static const char policy[] =
	"{\"acls\":[\n"
	"{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"imac:3000\"],\"proto\":\"tcp\"},\n"
	"{\"action\":\"accept\",\"src\":[\"phone\"],\"dst\":[\"vps:22\"],\"proto\":\"tcp\"},\n"
	"{\"action\":\"accept\",\"src\":[\"pc\"],\"dst\":[\"vps:80\"],\"proto\":\"tcp\"}],\n"
	"\"devices\":{\"pc\":{\"addresses\":[\"10.0.0.1\"]},"
	"\"imac\":{\"addresses\":[\"10.0.0.2\"]},"
	"\"vps\":{\"addresses\":[\"10.0.0.3\"]},\"phone\":{\"addresses\":[\"10.0.0.4\"]},"
	"\"tv\":{\"addresses\":[\"10.0.0.5\"]}}}";

#define NONE LACK_MAX

static const struct {
	const char *src, *dst;
	uint8_t protocol;
	uint16_t port;
	enum lack lack;
	uint32_t rule;
} questions[] = {
	{ "10.0.0.1", "10.0.0.2", 6, 3001, LACK_PORT, 0 },
	{ "10.0.0.1", "10.0.0.2", 17, 3000, LACK_PORT, 0 },
	{ "10.0.0.5", "10.0.0.2", 6, 3000, LACK_SOURCE, 0 },
	{ "10.0.0.1", "10.0.0.5", 6, 3000, LACK_DESTINATION, 0 },
	{ "10.0.0.1", "10.0.0.3", 6, 22, LACK_PORT, 2 }, /* before LACK_SOURCE of rule 1 */
	{ "10.0.0.5", "10.0.0.3", 6, 22, LACK_SOURCE, 1 },
	{ "10.0.0.4", "10.0.0.2", 6, 3000, LACK_SOURCE, 0 },
	{ "10.0.0.4", "10.0.0.2", 6, 22, LACK_DESTINATION, 1 },
	{ "10.0.0.5", "10.0.0.5", 6, 22, NONE, 0 },
	{ "10.0.0.2", "10.0.0.1", 6, 3000, NONE, 0 }, /* the way back is another way */
	{ "10.0.0.5", "10.0.0.2", 6, 22, NONE, 0 },
};

START_TEST(find)
{
	const uint32_t key = GATE_PORT_KEY(questions[_i].protocol, questions[_i].port);
	struct nearest nearest = { 55, LACK_MAX };
	struct checked checked;
	bool found;

	pipeline(&checked, policy, NULL, NULL, STAGE_RESOLVE);
	ck_assert_uint_eq(checked.diag.count, 0);
	found = nearest_find(&checked.ruleset, notation_address(questions[_i].src),
			     notation_address(questions[_i].dst), key, &nearest);
	ck_assert_int_eq(found, questions[_i].lack != NONE);
	ck_assert_int_eq(nearest.lack, questions[_i].lack);
	ck_assert_uint_eq(nearest.rule, found ? questions[_i].rule : 55);
	checked_free(&checked);
}
END_TEST

START_TEST(texts)
{
	for (enum lack lack = 0; lack < LACK_MAX; lack++) {
		ck_assert_ptr_nonnull(lack_text(lack));
		for (enum lack other = 0; other < lack; other++)
			ck_assert_str_ne(lack_text(lack), lack_text(other));
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("nearest");

	unit_add(suite, find, ARRAY_SIZE(questions));
	unit_add(suite, texts, 1);
	return suite;
}
