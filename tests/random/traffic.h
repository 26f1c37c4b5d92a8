/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets by chance, that often have to do with each other: connections that open, go on, close and
 * begin again on the same ports, answers and errors about them, datagrams in parts, NAT.
 */
#ifndef ACLGATE_TEST_TRAFFIC_H
#define ACLGATE_TEST_TRAFFIC_H

#include "draft.h"
#include "naive.h"

#define TRAFFIC_POOL  20 /* addresses of one IP version */
#define TRAFFIC_PARTS 64
#define TRAFFIC_NATS  64

/* A packet and where it meets the gate. */
struct scene {
	struct draft draft;
	struct meeting meeting; /* its bytes are those below */
	uint8_t bytes[DRAFT_MAX];
	bool honest; /* the bytes are those of the draft */
};

/* A tuple that NAT made of another one. */
struct nat {
	struct tuple before, after;
};

struct traffic {
	address_t pool[2][TRAFFIC_POOL];
	struct scene parts[TRAFFIC_PARTS]; /* of datagrams, still to come */
	size_t parts_count;
	struct nat nats[TRAFFIC_NATS];
	size_t nats_count;
};

/* Chooses the addresses that speak, around those that the policy knows. */
void traffic_settle(struct traffic *traffic, const struct checked *checked);

address_t traffic_somebody(const struct traffic *traffic, bool six);

/* What may open a connection. Few ports, so that they are used again and again. */
struct tuple traffic_tuple(const struct traffic *traffic, const struct naive *naive);

/* What goes the other way. */
struct tuple tuple_turned(const struct tuple *tuple);

/* Where a packet of that source comes from, if nobody cheats. */
enum origin traffic_home(const struct checked *checked, address_t source);

/* A packet of that name; of TCP without flags. */
void traffic_draft(struct draft *draft, const struct tuple *tuple);

/* @naive tells which connections there are. */
void traffic_next(struct traffic *traffic, const struct naive *naive, struct scene *ret_scene);

/*
 * A packet that passed the ingress leaves through another guarded interface, maybe translated.
 * Returns false where it goes no further.
 */
bool traffic_forward(struct traffic *traffic, const struct verdict *verdict, struct scene *scene);

#endif
