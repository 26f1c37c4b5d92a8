// SPDX-License-Identifier: GPL-2.0-or-later
#include "supply.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "moment.h"

#define ACCURACY 1000 /* us */

/* From the ones that are kept; its readers may still hold it. */
static void forget(struct supply *supply, size_t index)
{
	struct supplied *supplied = supply->kept[index];

	supply->count--;
	memmove(supply->kept + index, supply->kept + index + 1,
		(supply->count - index) * sizeof(*supply->kept));
	snapshot_free(&supplied->snapshot);
	supplied->gone = true;
	if (!supplied->readers)
		free(supplied);
}

/* The one that whoever asks now may have as well, or NULL. */
static struct supplied *newest(const struct supply *supply, bool crowded)
{
	struct supplied *last = supply->count ? supply->kept[supply->count - 1] : NULL;
	uint64_t good = supply->count == SUPPLY_MAX ? SUPPLY_SCARCE : crowded ? SUPPLY_SHARED : 0;

	return last && moment_now() - last->made < good ? last : NULL;
}

/* Those that nobody reads, and nobody will get. */
static void sweep(struct supply *supply)
{
	struct supplied *last = newest(supply, true);

	for (size_t i = supply->count; i-- > 0;)
		if (!supply->kept[i]->readers && supply->kept[i] != last)
			forget(supply, i);
}

static int make(struct supply *supply, struct supplied **ret_supplied)
{
	_free_ struct answer *answer = mem_alloc(sizeof(*answer));
	_free_ struct supplied *supplied = mem_alloc(sizeof(*supplied));
	int error = channel_ask(supply->channel, answer);

	if (error)
		return error;
	sweep(supply);
	if (supply->count == SUPPLY_MAX)
		forget(supply, 0);
	error = snapshot_read(answer, &supplied->snapshot);
	if (error)
		return error;
	supplied->made = moment_now();
	sd_event_source_set_time(supply->stale, supplied->made + SUPPLY_SHARED);
	sd_event_source_set_enabled(supply->stale, SD_EVENT_ONESHOT);
	supply->kept[supply->count++] = supplied;
	*ret_supplied = TAKE_PTR(supplied);
	return 0;
}

int supply_take(struct supply *supply, bool crowded, struct supplied **ret_supplied)
{
	struct supplied *supplied = newest(supply, crowded);
	int error = supplied ? 0 : make(supply, &supplied);

	if (error)
		return error;
	supplied->readers++;
	*ret_supplied = supplied;
	return 0;
}

/* As long as any is kept. */
static int on_stale(sd_event_source *source, uint64_t time, void *context)
{
	struct supply *supply = context;

	sweep(supply);
	malloc_trim(0);
	if (!supply->count)
		return 0;
	sd_event_source_set_time(source, time + SUPPLY_SHARED);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int supply_open(sd_event *loop, struct channel *channel, struct supply *ret_supply)
{
	int error;

	*ret_supply = (struct supply){ .channel = channel };
	error = sd_event_add_time_relative(loop, &ret_supply->stale, CLOCK_MONOTONIC, 0, ACCURACY,
					   on_stale, ret_supply);
	return error < 0 ? error : sd_event_source_set_enabled(ret_supply->stale, SD_EVENT_OFF);
}

void supply_close(struct supply *supply)
{
	sd_event_source_disable_unref(supply->stale);
	while (supply->count)
		forget(supply, 0);
}

void supply_return(struct supply *supply, struct supplied *supplied)
{
	supplied->readers--;
	if (supplied->gone && !supplied->readers)
		free(supplied);
	sweep(supply);
}
