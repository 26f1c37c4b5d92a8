// SPDX-License-Identifier: GPL-2.0-or-later
#include "suggest.h"

#include <string.h>

#include "mem.h"
#include "unit.h"

static const struct {
	const char *wrong;
	const char *names; /* separated by spaces */
	const char *text;
} words[] = {
	{ "imca", "windows imac vps", " (did you mean \"imac\"?)" }, /* a swap is one step */
	{ "imc", "imac", " (did you mean \"imac\"?)" },
	{ "imacc", "imac", " (did you mean \"imac\"?)" },
	{ "omac", "imac", " (did you mean \"imac\"?)" },
	{ "IMAC", "imac", " (did you mean \"imac\"?)" },
	{ "group:dve", "group:dev group:ops", " (did you mean \"group:dev\"?)" },
	{ "windows-machin", "windows-machine", " (did you mean \"windows-machine\"?)" },
	{ "wendows-mashine", "windows-machine", " (did you mean \"windows-machine\"?)" },
	{ "destinatoin", "dst destinations", " (did you mean \"destinations\"?)" },
	{ "vps2", "vps1 vps", " (did you mean \"vps1\"?)" }, /* of equals the first */
	{ "vps2", "vps vps1", " (did you mean \"vps\"?)" },
	{ "abcd", "abcxy abcx", " (did you mean \"abcx\"?)" }, /* the closer one */
	{ "abc", "axy", "" },
	{ "router", "imac vps windows", "" },
	{ "wendaws-mashyne", "windows-machine", "" },
	{ "imac", "", "" },
	{ "x", "imac vps", "" },
	{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "" }, /* 49: no help */
	{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy",
	  " (did you mean \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy\"?)" },
};

START_TEST(suggestion)
{
	struct suggestion suggestion = { .wrong = words[_i].wrong };
	_free_ char *names = mem_strdup(words[_i].names);
	_free_ char *text = NULL;

	for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
		suggest_consider(&suggestion, name);
	text = suggest_text(&suggestion);
	ck_assert_str_eq(text, words[_i].text);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("suggest");

	unit_add(suite, suggestion, ARRAY_SIZE(words));
	return suite;
}
