/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections by chance, as real hosts have them: who opens one, answers, goes on, ends it, tells an
 * error about it. What conntrack and the programs see differently by design is not said here; each
 * such place says why.
 */
#ifndef ACLGATE_TEST_TALKS_H
#define ACLGATE_TEST_TALKS_H

#include "naive.h"
#include "parcel.h"
#include "traffic.h"

#define TALKS	      96
#define TALKS_STOPPED 256

enum act {
	ACT_OPEN,
	ACT_PICK_UP, /* TCP whose beginning nobody of us saw */
	ACT_STRAY,   /* what opens nothing, and is part of nothing */
	ACT_FRAGMENTS,
	ACT_ANSWER,
	ACT_ANSWER_SYN, /* as if the other side had asked */
	ACT_GO_ON,
	ACT_END,
	ACT_ERROR,
	ACT_MAX
};

struct talk {
	struct tuple tuple; /* of the opener */
	bool passed, answered, ended;
	bool picked_up; /* TCP without its SYN */
	bool turned;	/* what was to be an answer has opened it */
	bool revoked;
	bool inside; /* who has opened it has passed a guarded interface since */
};

struct talks {
	struct traffic traffic; /* who there is */
	struct talk items[TALKS];
	size_t count;
	struct tuple
		stopped[TALKS_STOPPED]; /* revoked, without a port that makes the next one new */
	size_t stopped_count;
	uint16_t fresh;	 /* a port that nobody used before */
	uint32_t number; /* of the next parcel */
};

/* What is said next, and on which ways. */
struct saying {
	enum act act;
	struct talk *talk; /* NULL: of none that there is */
	struct parcel parcel;
	enum origin from, out;
	bool forward; /* from the opener */
};

/* @routes: tells where packets to an address leave. */
void talks_next(struct talks *talks, const struct naive *naive,
		enum origin (*route)(address_t address), struct saying *ret_saying);

/* What became of it, by the policy. */
void talks_heard(struct talks *talks, const struct saying *saying, bool passed, bool revoked);

/* Another policy: what the last one stopped is not gone on with. */
void talks_settle(struct talks *talks);

#endif
