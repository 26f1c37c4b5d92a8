/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of packets and what must become of them. Every row runs by itself, for both IP versions
 * and as an IP packet (wg0) and an Ethernet frame, with no flows but those that it makes first.
 *
 * Beside its verdict and reason, a packet must be counted once, by the right device, with its
 * bytes; must leave the right bits of the mark; and must change the flows only as its effect says.
 */
#ifndef ACLGATE_TEST_TRIAL_H
#define ACLGATE_TEST_TRIAL_H

#include <check.h>

#include "bench.h"

enum effect {
	OPENS,	 /* passes, and makes a flow */
	REOPENS, /* passes, and makes a new flow in place of an old one */
	PASSES,	 /* as part of a flow */
	ANSWERS, /* likewise, and against its direction */
	DROPS,	 /* and flows stay as they are; REASON_REVOKED ends the one that it is about */
};

/* Which forms of a packet a row is about. 0: all of them. */
enum forms {
	ANY_FORM,
	IPV4 = 1,
	IPV6 = 2,
	ETHERNET = 4, /* only as a frame */
};

struct hop {
	enum place place;
	struct packet packet;
	unsigned int later; /* seconds after what was before */
};

struct trial {
	const char *name;
	struct hop hop;
	enum effect effect;
	enum reason reason;
	struct hop before[7]; /* these pass, in this order */
	struct edit edit;     /* then house.json is loaded again, with this change */
	enum forms only;      /* of those that the table runs in */
};

/* A packet at its place; fields of the hop may stand behind it. */
#define HOP_AT(PLACE, ...)                            \
	{                                             \
		.place = PLACE, .packet = __VA_ARGS__ \
	}
#define IN(...)		      HOP_AT(AT_INGRESS, __VA_ARGS__)
#define IN_MARKED(...)	      HOP_AT(AT_INGRESS_MARKED, __VA_ARGS__)
#define IN_ASIDE(...)	      HOP_AT(AT_INGRESS_ASIDE, __VA_ARGS__)
#define FORWARDED(...)	      HOP_AT(AT_EGRESS_JUDGED, __VA_ARGS__)
#define UNMARKED(...)	      HOP_AT(AT_EGRESS_UNMARKED, __VA_ARGS__)
#define FROM_LAN(...)	      HOP_AT(AT_EGRESS_LAN, __VA_ARGS__)
#define FROM_ELSEWHERE(...)   HOP_AT(AT_EGRESS_ELSEWHERE, __VA_ARGS__)
#define FROM_LAN_MARKED(...)  HOP_AT(AT_EGRESS_LAN_MARKED, __VA_ARGS__)
#define FROM_SELF(...)	      HOP_AT(AT_EGRESS_SELF, __VA_ARGS__)
#define FROM_SELF_MARKED(...) HOP_AT(AT_EGRESS_SELF_MARKED, __VA_ARGS__)
#define BEFORE(...)	      .before = { __VA_ARGS__ }

/* Adds the rows to a test case whose fixture opens the bench. */
void trials_add(TCase *tcase, const struct trial *trials, size_t count, enum forms only);

/*
 * For rows with an edit, when the fixture loads no policy. Neighbours with the same edit are one
 * test, because a load takes its time: all of them make their flows before it.
 */
void trials_add_edited(TCase *tcase, const struct trial *trials, size_t count);

#endif
