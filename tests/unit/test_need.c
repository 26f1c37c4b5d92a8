// SPDX-License-Identifier: GPL-2.0-or-later
#include "need.h"

#include <errno.h>
#include <string.h>

#include "mem.h"
#include "unit.h"

/* "lo" is the one interface that is there, number 1, and "away" never is. */
#define HERE "lo"
#define AWAY "away"

enum guarding {
	NONE,
	STANDS,	 /* and the interface is armed as its programs are */
	UNARMED, /* but not armed */
	LACKS,	 /* but not in front of it */
	BROKEN,	 /* somebody changed it */
	STRAYS,	 /* and something else is armed as well */
};

static const struct {
	const char *what;
	const char *interface;
	enum backend backend;
	enum gate_enforcement enforcement;
	enum guarding guarding;
	bool nothing; /* is loaded */
	bool guard, load, table;
} rows[] = {
	{ "all is well", HERE, BACKEND_BPF, ENFORCED, STANDS, .guard = false },
	{ "made anew", HERE, BACKEND_BPF, ENFORCED_NOT_ABSENT, UNARMED, .load = true },
	{ "gone", AWAY, BACKEND_BPF, ENFORCED_NOT_ABSENT, UNARMED, .load = false },
	{ "detached", HERE, BACKEND_BPF, ENFORCED_NOT_DETACHED, STANDS, .guard = true,
	  .load = true },
	{ "detached, shut", HERE, BACKEND_BPF, ENFORCED_NOT_DETACHED, UNARMED, .load = true },
	{ "behind", HERE, BACKEND_BPF, ENFORCED_NOT_BEHIND, STANDS, .guard = true, .load = true },
	{ "not armed", HERE, BACKEND_BPF, ENFORCED_NOT_ARMED, UNARMED, .guard = true },
	{ "bypassed", HERE, BACKEND_BPF, ENFORCED_NOT_BYPASSED, STANDS, .guard = false },
	{ "no guard", HERE, BACKEND_BPF, ENFORCED, NONE, .guard = true },
	{ "another guard", HERE, BACKEND_BPF, ENFORCED, LACKS, .guard = true },
	{ "a changed guard", HERE, BACKEND_BPF, ENFORCED, BROKEN, .guard = true },
	{ "a stray", HERE, BACKEND_BPF, ENFORCED, STRAYS, .guard = true },
	{ "no policy, shut", HERE, BACKEND_BPF, ENFORCED, UNARMED, true, .load = true },
	{ "no policy, open", HERE, BACKEND_BPF, ENFORCED, NONE, true, .guard = true, .load = true },
	{ "no policy, armed", HERE, BACKEND_BPF, ENFORCED, STANDS, true, .guard = true,
	  .load = true },
	{ "nft, shut", HERE, BACKEND_NFT, ENFORCED_NOT_ARMED, UNARMED, .guard = true },
	{ "nft", HERE, BACKEND_NFT, ENFORCED, NONE, .guard = false },
	{ "nft, gone", AWAY, BACKEND_NFT, ENFORCED_NOT_ABSENT, NONE, .guard = false },
	{ "nft, changed", HERE, BACKEND_NFT, ENFORCED_NOT_INTACT, NONE, .guard = true, .load = true,
	  .table = true },
	{ "nft, changed, shut", HERE, BACKEND_NFT, ENFORCED_NOT_INTACT, UNARMED, .load = true,
	  .table = true },
};

static struct guard_status guard_of(enum guarding guarding, const char *name)
{
	struct guard_status guard = { .stands = guarding != NONE && guarding != BROKEN,
				      .strays = guarding == STRAYS };

	if (guarding != NONE && guarding != LACKS)
		guard_add(&guard.guard, name, guarding == UNARMED ? 0 : 1);
	return guard;
}

static struct sight sight_of(int row)
{
	struct sight sight = { .error = rows[row].nothing ? -ENOENT : 0,
			       .guard = guard_of(rows[row].guarding, rows[row].interface),
			       .stored = true };
	struct gate_status *status = &sight.status;

	if (sight.error)
		return sight;
	status->backend = rows[row].backend;
	status->generation.number = 7;
	status->interfaces_count = 1;
	status->interfaces[0].enforcement = rows[row].enforcement;
	status->interfaces[0].interface.ifindex = 1;
	strcpy(status->interfaces[0].interface.name, rows[row].interface);
	return sight;
}

static void expect(const struct need *need, bool guard, bool load, bool table, const char *what)
{
	ck_assert_msg(need->guard == guard, "%s: guard", what);
	ck_assert_msg(need->load == load, "%s: load", what);
	ck_assert_msg(need->table == table, "%s: table", what);
}

START_TEST(needs)
{
	struct wanted wanted = {};
	struct sight sight = sight_of(_i);
	struct need need;

	wanted_guard(&wanted, rows[_i].interface);
	need = need_of(&wanted, &sight);
	expect(&need, rows[_i].guard, rows[_i].load, rows[_i].table, rows[_i].what);
}
END_TEST

/* Without a policy to load the guard is all there is. */
START_TEST(not_stored)
{
	struct wanted wanted = {};
	struct sight sight = sight_of(_i);
	struct need need;

	sight.stored = false;
	wanted_guard(&wanted, rows[_i].interface);
	need = need_of(&wanted, &sight);
	expect(&need, rows[_i].guard, false, false, rows[_i].what);
}
END_TEST

START_TEST(not_wanted)
{
	struct wanted nothing = {}, opened = { .opened = true };
	struct sight sight = sight_of(_i);
	struct need need = need_of(&nothing, &sight);

	expect(&need, false, false, false, rows[_i].what);
	wanted_guard(&opened, rows[_i].interface);
	need = need_of(&opened, &sight);
	expect(&need, false, false, false, rows[_i].what);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("need");

	unit_add(suite, needs, ARRAY_SIZE(rows));
	unit_add(suite, not_stored, ARRAY_SIZE(rows));
	unit_add(suite, not_wanted, ARRAY_SIZE(rows));
	return suite;
}
