/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Findings as tests write them, one a line: "error 2:5 unknown key \"x\"". */
#ifndef ACLGATE_TOLD_H
#define ACLGATE_TOLD_H

#include "diag.h"

/*
 * Sorted by place. A finding of another source than the first has its name before the place, one
 * without a place has "-". The caller frees it.
 */
char *told(struct diag *diag, const struct sources *sources);

#endif
