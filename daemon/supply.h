/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots for those who scrape: one of its own for each, as it is at that moment, unless there is a
 * crowd, which shares one for SUPPLY_SHARED. At most SUPPLY_MAX are kept, so that clients who do not
 * read cannot fill memory: where there are as many, the newest is shared for SUPPLY_SCARCE, and then
 * the oldest is taken from whoever still reads it. Time to read is thus (SUPPLY_MAX - 1) *
 * SUPPLY_SCARCE at least.
 */
#ifndef ACLGATE_SUPPLY_H
#define ACLGATE_SUPPLY_H

#include <stddef.h>

#include "channel.h"
#include "snapshot.h"

#define SUPPLY_SHARED 100000  /* us */
#define SUPPLY_SCARCE 2000000 /* us */
#define SUPPLY_MAX    3

struct supplied {
	struct snapshot snapshot;
	bool gone; /* there is nothing left to read */
	uint64_t made;
	unsigned int readers;
};

struct supply {
	struct channel *channel;
	struct supplied *kept[SUPPLY_MAX]; /* oldest first */
	size_t count;
	sd_event_source *stale; /* when the newest is no longer fresh */
};

int supply_open(sd_event *loop, struct channel *channel, struct supply *ret_supply);

/* 0, and *ret_supplied until supply_return(); or a negative errno of channel_ask(), snapshot_read(). */
int supply_take(struct supply *supply, bool crowded, struct supplied **ret_supplied);
void supply_return(struct supply *supply, struct supplied *supplied);

/* When nobody reads any more. */
void supply_close(struct supply *supply);

#endif
