/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `can` and `trace` are asked: a policy, and two ends in words. */
#ifndef ACLGATE_ASKED_H
#define ACLGATE_ASKED_H

#include "check.h"
#include "command.h"

/* Two ends, and what may pass between them. */
struct asked {
	struct set from;
	struct set to;
	uint8_t protocol;
	uint16_t port; /* 0 where the protocol has none */
};

/*
 * SRC and "DST:PORT/PROTO", "DST:PORT" for TCP, or "DST/PROTO" where the protocol has no ports.
 * Returns 0, or -EINVAL with an error in @diag. In any case the caller frees what is in @asked,
 * which is zeroed before.
 */
int asked_parse(const struct inventory *inventory, char **arguments, struct diag *diag,
		struct asked *asked);

/* The same in four words. */
struct asked_words {
	const char *src;
	const char *dst;
	const char *protocol;
	const char *port;
};

int asked_parse_words(const struct inventory *inventory, const struct asked_words *words,
		      struct diag *diag, struct asked *asked);

void asked_free(struct asked *asked);

/*
 * The policy to ask: the file that was given, or the copies of what is loaded. @box: NULL offline.
 * Returns EXIT_DONE, or another exit code, and then what is wrong was told: never EXIT_REJECTED, which
 * would be taken for an answer. In any case the caller frees what is in @checked.
 */
enum exit_code asked_policy(const struct options *options, const struct box *box,
			    struct checked *checked);

#endif
