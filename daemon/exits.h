/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_EXITS_H
#define ACLGATE_EXITS_H

/* Statuses of acld. */
enum {
	EXIT_DONE,
	EXIT_FAILED,
	EXIT_USAGE,
	EXIT_AGAIN = 75, /* as EX_TEMPFAIL: whoever supervises it is to start it again */
};

#endif
