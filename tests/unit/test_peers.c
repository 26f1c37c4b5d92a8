// SPDX-License-Identifier: GPL-2.0-or-later
#include "peers.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "mem.h"
#include "notation.h"
#include "pipeline.h"
#include "unit.h"
#include "wireguard_build.h"

/* "@a" stands for the key whose bytes are all 'a', as a string of JSON, or without quotes. */
static char *with_keys(const char *text)
{
	char *made = NULL, key[KEY_TEXT];
	uint8_t bytes[KEY_BYTES];
	size_t size = 0;
	FILE *out = open_memstream(&made, &size);

	for (; *text; text++) {
		if (*text != '@' || !islower(text[1]) || islower(text[2])) {
			fputc(*text, out);
			continue;
		}
		memset(bytes, *++text, sizeof(bytes));
		fputs(key_format(bytes, key), out);
	}
	fclose(out);
	return made;
}

static void add_allowed(struct wireguard *wireguard, char *list)
{
	for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
		struct prefix prefix;

		ck_assert_int_eq(prefix_parse(item, &prefix), 0);
		ck_assert_int_eq(wireguard_add_allowed(wireguard, prefix.first, prefix.bits), 0);
	}
}

/* "wg0 a=10.0.0.1,10.1.0.0/16 b= wg1! lan" is three interfaces, the second one unreadable. */
static void read_notation(const char *text, struct wireguard *wireguard)
{
	_free_ char *copy = mem_strdup(text);
	char *rest = copy;

	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
		uint8_t key[KEY_BYTES];
		size_t length = strlen(word);

		if (!length)
			continue;
		if (word[1] == '=') {
			memset(key, word[0], sizeof(key));
			wireguard_add_peer(wireguard, key);
			add_allowed(wireguard, word + 2);
		} else if (word[length - 1] == '!') {
			word[length - 1] = '\0';
			wireguard_begin(wireguard, word);
			wireguard_fail(wireguard, -EPERM);
		} else {
			wireguard_begin(wireguard, word);
		}
	}
	wireguard_finish(wireguard);
}

static char *print_owners(const struct inventory *inventory)
{
	char *text = NULL, prefix[ADDRESS_TEXT];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < inventory->owners_count; i++) {
		const struct owner *owner = &inventory->owners[i];

		if (owner->speaks & GATE_SPEAKS_SELF)
			continue;
		fprintf(out, "%s%s=%s:%x%s", ftell(out) ? " " : "",
			prefix_format(&owner->prefix, prefix),
			owner->device == DEVICE_NONE ?
				"-" :
				inventory->policy->devices[owner->device].name.text,
			owner->speaks & ~GATE_SPEAKS_REJECTED,
			owner->speaks & GATE_SPEAKS_REJECTED ? "!" : "");
	}
	fclose(out);
	return text;
}

/*
 * Owners are PREFIX=DEVICE:SPEAKS, but for this box, with ! where they are rejected. wg0 has bit 1,
 * wg1 where it is guarded 2, the first unguarded interface 4000.
 */
#define A    "\"a\":{\"publicKey\":\"@a\"}"
#define B    "\"b\":{\"publicKey\":\"@b\"}"
#define TWO  "\"interfaces\":[\"wg0\",\"wg1\"],"
#define NONE ""
static const struct {
	const char *sections, *wireguard; /* NULL: offline */
	const char *told, *owners;
} cases[] = {
	/* a key alone */
	{ "\"devices\":{" A "}", "wg0 a=10.0.0.1,fd00::1", NONE, "10.0.0.1=a:1 fd00::1=a:1" },
	{ "\"devices\":{" A "," B "}", "wg0 b=10.0.0.2 a=10.0.0.1", NONE,
	  "10.0.0.1=a:1 10.0.0.2=b:1" },
	{ "\"devices\":{" A "}", "wg0 a=0.0.0.0/0,::/0,10.0.0.1", NONE, "10.0.0.1=a:1" },
	{ "\"devices\":{" A "}", NULL,
	  "note 1:40 the addresses of \"a\" are known to WireGuard alone, which is not asked here: "
	  "rules that name them match nothing",
	  "" },
	{ "\"devices\":{" A "," B "}", "",
	  "warning 1:40 the addresses of \"a\" and of 1 more are known to WireGuard alone, which did "
	  "not tell: rules that name them match nothing",
	  "" },
	{ "\"devices\":{" A "}", "wg0",
	  "warning 1:40 no WireGuard interface has the key of \"a\": nothing comes from it", "" },
	{ "\"devices\":{" A "}", "wg0 a=224.0.0.1",
	  "warning 1:40 WireGuard routes 224.0.0.1 to \"a\", which does not name it under "
	  "\"addresses\": nothing comes from there",
	  "224.0.0.1=a:1!" },

	/* with addresses */
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}",
	  "wg0 a=10.0.0.1", NONE, "10.0.0.1=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}", NULL, NONE,
	  "10.0.0.1=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}", "", NONE,
	  "10.0.0.1=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}",
	  "wg0 a=10.0.0.0/24",
	  "warning 1:40 WireGuard routes 10.0.0.0/24 to \"a\", which does not name it under "
	  "\"routes\": nothing comes from there",
	  "10.0.0.1=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}", "wg0 a=::/0",
	  "warning 1:100 WireGuard routes 10.0.0.1 to nobody, and not to \"a\": it counts as nobody's",
	  "10.0.0.1=-:1!" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}",
	  "wg0 a= z=10.0.0.1",
	  "warning 1:100 WireGuard routes 10.0.0.1 to the key @z, and not to \"a\": it counts as "
	  "nobody's",
	  "10.0.0.1=-:1!" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}," B "}",
	  "wg0 a=10.0.0.0/24 b=10.0.0.1,10.0.0.2",
	  "warning 1:40 WireGuard routes 10.0.0.0/24 to \"a\", which does not name it under "
	  "\"routes\": nothing comes from there\n"
	  "warning 1:100 WireGuard routes 10.0.0.1 to \"b\", and not to \"a\": it counts as nobody's",
	  "10.0.0.1=-:1! 10.0.0.2=b:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}",
	  "wg0 a=10.0.0.1,10.0.0.9",
	  "warning 1:40 WireGuard routes 10.0.0.9 to \"a\", which does not name it under "
	  "\"addresses\": nothing comes from there",
	  "10.0.0.1=a:1 10.0.0.9=a:1!" },

	/* routes */
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"routes\":[\"10.1.0.0/16\"]}}",
	  "wg0 a=10.0.0.1,10.1.0.0/16", NONE, "10.0.0.1=a:1 10.1.0.0/16=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"routes\":[\"10.1.0.0/16\"]}}",
	  "wg0 a=10.0.0.1,10.1.2.0/24",
	  "warning 1:97 WireGuard routes 10.1.0.0/16 to nobody, and not to \"a\": it counts as "
	  "nobody's",
	  "10.0.0.1=a:1 10.1.0.0/16=-:1! 10.1.2.0/24=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"routes\":[\"0.0.0.0/0\"]}}",
	  "wg0 a=0.0.0.0/0,10.0.0.1", NONE, "0.0.0.0/0=a:10000001 10.0.0.1=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"routes\":[\"0.0.0.0/0\"]}}",
	  "wg0 a=10.0.0.1 z=0.0.0.0/0",
	  "warning 1:97 WireGuard routes 0.0.0.0/0 to the key @z, and not to \"a\": it counts as "
	  "nobody's",
	  "10.0.0.1=a:1" },

	/* who is behind somebody's route, and is not */
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"routes\":[\"10.1.0.0/16\"]}}",
	  "wg0 a=10.0.0.1,10.1.0.0/16 z=10.1.0.7,10.1.8.0/24", NONE,
	  "10.0.0.1=a:1 10.1.0.0/16=a:1 10.1.0.7=-:1! 10.1.8.0/24=-:1!" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],\"routes\":[\"10.1.0.0/16\"]}}",
	  "wg0 a=10.0.0.1,10.1.0.0/16 z=10.1.0.7,10.1.8.0/24", NONE,
	  "10.0.0.1=a:1 10.1.0.0/16=a:1 10.1.0.7=-:1! 10.1.8.0/24=-:1!" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"routes\":[\"10.1.0.0/16\"]},"
	  "\"u\":{\"addresses\":[\"10.0.0.3\"]}}",
	  "wg0 a=10.0.0.1,10.1.0.0/16 z=10.0.0.3,10.1.0.7", NONE,
	  "10.0.0.1=a:1 10.0.0.3=u:1 10.1.0.0/16=a:1 10.1.0.7=-:1!" },
	{ "\"devices\":{\"a\":{\"addresses\":[\"10.0.0.1\"],\"routes\":[\"10.1.0.0/16\"]},"
	  "\"u\":{\"addresses\":[\"10.0.0.3\"]}}",
	  "wg0 a=10.0.0.1,10.1.0.0/16 z=10.0.0.3,10.1.0.7", NONE,
	  "10.0.0.1=a:1 10.0.0.3=u:1 10.1.0.0/16=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"routes\":[\"0.0.0.0/0\"]}}",
	  "wg0 a=0.0.0.0/0,10.0.0.1 z=8.0.0.0/8,9.9.9.9", NONE,
	  "0.0.0.0/0=a:10000001 8.0.0.0/8=-:10000000 9.9.9.9=-:1! 10.0.0.1=a:1" },

	/* devices without a key */
	{ "\"devices\":{\"u\":{\"addresses\":[\"10.0.0.3\"]}}", "wg0 z=10.0.0.3", NONE,
	  "10.0.0.3=u:1" },
	{ "\"devices\":{\"u\":{\"addresses\":[\"10.0.0.3\"]}}", "wg0", NONE, "10.0.0.3=u:1" },
	{ "\"devices\":{\"u\":{\"addresses\":[\"10.0.0.3\"],\"routes\":[\"10.1.0.0/16\"]}}",
	  "wg0 y=10.0.0.3 z=10.1.0.0/16",
	  "warning 1:63 WireGuard routes 10.1.0.0/16 to the key @z, and not to \"u\": it counts as "
	  "nobody's",
	  "10.0.0.3=u:1 10.1.0.0/16=-:1!" },
	{ "\"devices\":{\"u\":{\"addresses\":[\"10.1.0.3\"],\"routes\":[\"10.1.0.0/16\"]}}",
	  "wg0 z=10.1.0.0/16", NONE, "10.1.0.0/16=u:1 10.1.0.3=u:1" },
	{ "\"devices\":{\"u\":{\"addresses\":[\"10.0.0.3\"]}," B "}", "wg0 b=10.0.0.3,10.0.0.4",
	  "warning 1:41 WireGuard routes 10.0.0.3 to \"b\", and not to \"u\": it counts as nobody's",
	  "10.0.0.3=-:1! 10.0.0.4=b:1" },
	{ "\"devices\":{\"u\":{\"addresses\":[\"10.1.0.3\"]},"
	  "\"b\":{\"publicKey\":\"@b\",\"routes\":[\"10.1.0.0/16\"]}}",
	  "wg0 b=10.0.0.2,10.1.0.0/16", NONE, "10.0.0.2=b:1 10.1.0.0/16=b:1 10.1.0.3=u:1" },
	{ "\"devices\":{\"u\":{\"addresses\":[\"10.1.0.3\"],\"interface\":\"lan0\"}," B "}",
	  "wg0 b=10.1.0.3,10.0.0.2",
	  "warning 1:90 WireGuard routes 10.1.0.3 to \"b\", but it belongs to \"u\": as \"b\" it is "
	  "not known",
	  "10.0.0.2=b:1 10.1.0.3=u:4000" },

	/* this box, 10.0.0.254 */
	{ "\"devices\":{" A "}", "wg0 a=10.0.0.1,10.0.0.254 z=10.0.0.254",
	  "warning 1:40 WireGuard routes 10.0.0.254 to \"a\", but it belongs to \"this box\": as "
	  "\"a\" it is not known",
	  "10.0.0.1=a:1" },
	{ "\"devices\":{\"me\":{\"self\":true,\"publicKey\":\"@s\"}}", "wg0 z=10.0.0.254", NONE,
	  "" },
	{ "\"devices\":{\"me\":{\"self\":true,\"publicKey\":\"@s\"}}", "wg0 s=10.0.0.9", NONE,
	  "10.0.0.9=-:1!" },

	/* approval */
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"approved\":false}}", "wg0 a=10.0.0.1", NONE,
	  "10.0.0.1=a:1!" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"approved\":false}}", "wg0", NONE, "" },
	{ "\"devices\":{}", "wg0 z=10.0.0.1,10.2.0.0/16", NONE, "10.0.0.1=-:1!" },
	{ "\"devices\":{}", "lan7 z=10.0.0.1,10.2.0.0/16", NONE, "" },

	/* interfaces */
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"interface\":\"wg0\"}}", "wg0 wg1 a=10.0.0.1",
	  "warning 1:40 \"a\" speaks on \"wg0\", and its key is on \"wg1\": nothing comes from it",
	  "" },
	{ TWO "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"interface\":\"wg0\"}}",
	  "wg0 wg1 a=10.0.0.1",
	  "warning 1:67 \"a\" speaks on \"wg0\", and its key is on \"wg1\": nothing comes from it",
	  "10.0.0.1=-:2!" },
	{ TWO "\"devices\":{" A "," B "}", "wg0 a=10.0.0.1 wg1 b=10.0.0.2", NONE,
	  "10.0.0.1=a:1 10.0.0.2=b:2" },
	{ TWO "\"devices\":{" A "}", "wg0 a=10.0.0.1 wg1 a=10.0.0.1",
	  "warning 1:67 the key of \"a\" is on \"wg0\" and on \"wg1\": until \"interface\" says which "
	  "counts, nothing comes from it",
	  "10.0.0.1=-:3!" },
	{ TWO "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"interface\":\"wg1\"}}",
	  "wg0 a=10.0.0.1 wg1 a=10.0.0.1,10.0.0.2", NONE, "10.0.0.1=a:2 10.0.0.2=a:2" },
	{ TWO "\"devices\":{" A "," B "}", "wg0 a=10.0.0.1 wg1 b=10.0.0.1",
	  "warning 1:132 WireGuard routes 10.0.0.1 to \"a\" and to \"b\": it counts as nobody's",
	  "10.0.0.1=-:3!" },
	{ TWO "\"devices\":{" A "}", "wg0 a=10.0.0.1 wg1 z=10.0.0.1", NONE, "10.0.0.1=a:1" },
	{ TWO "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"routes\":[\"10.1.0.0/16\"]}}",
	  "wg0 a=10.1.0.0/16 wg1 z=10.1.0.7", NONE, "10.1.0.0/16=a:1" },
	{ "\"devices\":{" A "}", "wg0 lan7 a=10.0.0.1", NONE, "10.0.0.1=a:4000" },
	{ TWO "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}", NULL, NONE,
	  "10.0.0.1=a:0" },

	/* what could not be read is not what is not there */
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}", "wg0!",
	  "warning - cannot read the peers of \"wg0\" (Operation not permitted): devices there count "
	  "as they are written, and nobody there is found to be pending",
	  "10.0.0.1=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}", "wg0! lan7",
	  "warning - cannot read the peers of \"wg0\" (Operation not permitted): devices there count "
	  "as they are written, and nobody there is found to be pending",
	  "10.0.0.1=a:1" },
	{ "\"devices\":{\"a\":{\"publicKey\":\"@a\",\"addresses\":[\"10.0.0.1\"]}}", "wg0 lan7!",
	  "warning 1:40 no WireGuard interface has the key of \"a\": nothing comes from it\n"
	  "warning - cannot read the peers of \"lan7\" (Operation not permitted): devices there count "
	  "as they are written, and nobody there is found to be pending",
	  "10.0.0.1=-:1!" },
	{ "\"devices\":{\"u\":{\"addresses\":[\"10.0.0.1\"]}}", "wg0 lan7!", NONE, "10.0.0.1=u:1" },

	/* wrong whatever WireGuard says */
	{ "\"devices\":{\"a\":{\"publicKey\":\"a\",\"addresses\":[\"10.0.0.1\"]}}", NULL,
	  "error 1:40 \"a\" is not a public key as \"wg show\" prints it", "10.0.0.1=a:1" },
	{ "\"devices\":{" A ",\"b\":{\"publicKey\":\"@a\"}}", "wg0 a=10.0.0.1",
	  "error 1:105 this is the key of \"a\" as well", "10.0.0.1=a:1" },
	{ "\"devices\":{\"a\":{}}", "wg0",
	  "error 1:23 device \"a\" has neither \"addresses\" nor \"publicKey\"", "" },
};

START_TEST(resolved)
{
	address_t address = notation_address("10.0.0.254");
	struct box box = { .addresses = &address, .count = 1 };
	_free_ char *sections = with_keys(cases[_i].sections), *told = with_keys(cases[_i].told);
	_free_ char *policy = mem_printf("{\"acls\":[],%s}", sections);
	_free_ char *text = NULL, *owners = NULL;
	struct checked checked;

	if (cases[_i].wireguard)
		read_notation(cases[_i].wireguard, &box.wireguard);
	text = pipeline_told(&checked, policy, NULL, cases[_i].wireguard ? &box : NULL,
			     STAGE_INVENTORY);
	owners = print_owners(&checked.inventory);
	ck_assert_str_eq(text, told);
	ck_assert_str_eq(owners, cases[_i].owners);
	checked_free(&checked);
	wireguard_free(&box.wireguard);
}
END_TEST

/* A test without a pair of addresses is left out where WireGuard may be why, and fails elsewhere. */
static const struct {
	const char *devices, *wireguard;
	const char *told;
	size_t kept;
} expectations[] = {
	{ "\"pc\":{\"addresses\":[\"10.0.0.9\"],\"interface\":\"lan0\"}," A, "wg0 a=10.0.0.1", NONE,
	  1 },
	{ "\"pc\":{\"addresses\":[\"10.0.0.9\"],\"interface\":\"lan0\"}," A, "wg0 a=fd00::1",
	  "warning 1:21 1 of the tests are left out: WireGuard has no address of a device that they "
	  "name",
	  0 },
	{ "\"pc\":{\"addresses\":[\"10.0.0.9\"],\"interface\":\"lan0\"},"
	  "\"a\":{\"addresses\":[\"10.0.0.1\",\"fd00::1\"]}",
	  "wg0 b=10.0.0.1", NONE, 1 },
	{ "\"pc\":{\"addresses\":[\"10.0.0.9\"],\"interface\":\"lan0\"},"
	  "\"a\":{\"addresses\":[\"fd00::1\"]}",
	  "wg0", NONE, 1 },
};

START_TEST(left_out)
{
	_free_ char *devices = with_keys(expectations[_i].devices);
	_free_ char *policy =
		mem_printf("{\"acls\":[],\"tests\":[{\"src\":\"pc\",\"accept\":[\"a:80\"]}],"
			   "\"devices\":{%s}}",
			   devices);
	_free_ char *text = NULL;
	struct checked checked;
	struct box box = {};

	read_notation(expectations[_i].wireguard, &box.wireguard);
	text = pipeline_told(&checked, policy, NULL, &box, STAGE_RESOLVE);
	ck_assert_str_eq(text, expectations[_i].told);
	ck_assert_uint_eq(checked.ruleset.expectations_count, expectations[_i].kept);
	checked_free(&checked);
	wireguard_free(&box.wireguard);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("peers");

	unit_add(suite, resolved, ARRAY_SIZE(cases));
	unit_add(suite, left_out, ARRAY_SIZE(expectations));
	return suite;
}
