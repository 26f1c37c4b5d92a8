/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of packets and what must become of them. Every row runs by itself, for both IP versions
 * and as an IP packet (wg0) and an Ethernet frame, with no flows but those that it makes first.
 *
 * Beside its verdict and reason, a packet must be counted once, by the right device and rule, with
 * its bytes; must be told in an event exactly if it opened a flow or met a refusal; must leave the
 * right bits of the mark; and must change the flows and quotas only as its effect says. Before all
 * that, a dry run must have said the same, and changed nothing.
 */
#ifndef ACLGATE_TEST_TRIAL_H
#define ACLGATE_TEST_TRIAL_H

#include <check.h>

#include "bench.h"

enum effect {
	OPENS,	  /* passes, and makes a flow */
	REOPENS,  /* passes, and makes a new flow in place of an old one */
	LEARNS,	  /* passes, and makes a flow of what NAT made of it */
	RELEARNS, /* likewise, in place of an old one */
	PASSES,	  /* as part of a flow */
	ANSWERS,  /* likewise, and against its direction */
	RETURNS,  /* likewise, on a learned flow: no rule gets the credit */
	LEAVES,	  /* as an answer whose address NAT has given back: only here its rule is known */
	LINKS,	  /* as what an Ethernet link needs */
	AUDITED,  /* passes, though it has a reason to be dropped */
	DROPS,	  /* and flows stay as they are; REASON_REVOKED ends the one that it is about */
};

/* Which forms of a packet a row is about. 0: all of them. */
enum forms {
	ANY_FORM,
	IPV4 = 1,
	IPV6 = 2,
	ETHERNET = 4, /* only as a frame */
	BARE = 8,     /* only without one */
};

struct hop {
	enum place place;
	struct packet packet;
	unsigned int later; /* seconds after what was before */
};

#define NOBODY ""

struct trial {
	const char *name;
	struct hop hop;
	enum effect effect;
	enum reason reason;
	struct hop before[7]; /* these pass, in this order */
	struct edit edit;     /* then the policy is loaded again, with this change */
	enum forms only;      /* of those that the table runs in */
	const char *counted;  /* for which device; NULL: that of the source; NOBODY */
};

/* A packet at its place; fields of the hop may stand behind it. */
#define HOP_AT(PLACE, ...)                            \
	{                                             \
		.place = PLACE, .packet = __VA_ARGS__ \
	}
#define IN(...)			     HOP_AT(AT_INGRESS, __VA_ARGS__)
#define IN_MARKED(...)		     HOP_AT(AT_INGRESS_MARKED, __VA_ARGS__)
#define IN_ASIDE(...)		     HOP_AT(AT_INGRESS_ASIDE, __VA_ARGS__)
#define FORWARDED(...)		     HOP_AT(AT_EGRESS_JUDGED, __VA_ARGS__)
#define UNMARKED(...)		     HOP_AT(AT_EGRESS_UNMARKED, __VA_ARGS__)
#define FROM_LAN(...)		     HOP_AT(AT_EGRESS_LAN, __VA_ARGS__)
#define FROM_ELSEWHERE(...)	     HOP_AT(AT_EGRESS_ELSEWHERE, __VA_ARGS__)
#define FROM_LAN_MARKED(...)	     HOP_AT(AT_EGRESS_LAN_MARKED, __VA_ARGS__)
#define FROM_SELF(...)		     HOP_AT(AT_EGRESS_SELF, __VA_ARGS__)
#define FROM_SELF_MARKED(...)	     HOP_AT(AT_EGRESS_SELF_MARKED, __VA_ARGS__)
#define FORWARDED_REPLY(...)	     HOP_AT(AT_EGRESS_REPLY, __VA_ARGS__)
#define FROM_LAN_REPLY(...)	     HOP_AT(AT_EGRESS_LAN_REPLY, __VA_ARGS__)
#define FROM_ELSEWHERE_MARKED(...)   HOP_AT(AT_EGRESS_ELSEWHERE_MARKED, __VA_ARGS__)
#define TO_ASIDE(...)		     HOP_AT(AT_ASIDE_JUDGED, __VA_ARGS__)
#define TO_ASIDE_REPLY(...)	     HOP_AT(AT_ASIDE_REPLY, __VA_ARGS__)
#define TO_ASIDE_UNMARKED(...)	     HOP_AT(AT_ASIDE_UNMARKED, __VA_ARGS__)
#define TO_ASIDE_FROM_ELSEWHERE(...) HOP_AT(AT_ASIDE_ELSEWHERE, __VA_ARGS__)
#define TO_ASIDE_FROM_SELF(...)	     HOP_AT(AT_ASIDE_SELF, __VA_ARGS__)
#define BEFORE(...)		     .before = { __VA_ARGS__ }

/* Adds the rows to a test case whose fixture opens the bench and loads a policy. */
void trials_add(TCase *tcase, const struct trial *trials, size_t count, enum forms only);

/*
 * For rows with an edit of @policy, when the fixture loads none. Neighbours with the same edit are
 * one test, because a load takes its time: all of them make their flows before it.
 */
void trials_add_edited(TCase *tcase, const char *policy, const struct trial *trials, size_t count,
		       enum forms only);

#endif
