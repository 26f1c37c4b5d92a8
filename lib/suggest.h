/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "did you mean …?": the closest of some names to a wrong one. */
#ifndef ACLGATE_SUGGEST_H
#define ACLGATE_SUGGEST_H

struct suggestion {
	const char *wrong;
	const char *best; /* NULL: nothing is close enough */
	unsigned int distance;
};

void suggest_consider(struct suggestion *suggestion, const char *name);

/* " (did you mean "…"?)" or "", which the caller frees. */
char *suggest_text(const struct suggestion *suggestion);

#endif
