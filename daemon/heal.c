// SPDX-License-Identifier: GPL-2.0-or-later
#include "heal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "load.h"
#include "log.h"
#include "mem.h"
#include "moment.h"
#include "need.h"
#include "pending.h"
#include "place.h"
#include "renew.h"
#include "sight.h"
#include "tally.h"
#include "watch.h"

/* Changes come in swarms: the first is looked at once, the rest together. All in microseconds. */
#define LOOK_PAUSE  50000
#define PLACE_PAUSE 700000    /* to read all addresses costs more than to look at the programs */
#define LOCKED_MAX  2000000   /* ... and when it is that no more */
#define LOCK_PAUSE  20000     /* until somebody else's load may be over */
#define RETRY_FIRST 500000    /* until a load that failed is tried again ... */
#define CLOCK_PAUSE 600000000 /* between two times that the time of day is written down */
#define RETRY_LAST  60000000  /* ... doubled each time, up to this */

/* Whoever takes away what each load brings back, again and again, keeps the gate shut, and no more. */
#define LOAD_PERIOD   1000000
#define LOADS_AT_ONCE 20

#define OFFSET_MIN 2 /* seconds by which the time of day was set: deadlines are on another clock */

struct heal {
	struct keeper *keeper;
	void (*ready)(void *context); /* NULL: it was called */
	void *context;
	struct watch *watch;
	struct renew *renew;
	sd_event_source *timer;	    /* the next look, if one is due before the clock's */
	uint64_t looked;	    /* when */
	uint64_t locked;	    /* since when somebody else has the lock; 0: nobody has */
	uint64_t placed;	    /* until when `here` is good; 0: it was not read */
	struct place here;	    /* the place as it is */
	uint64_t retry, retry_wait; /* no load before this; how long that was */
	uint64_t owed;		    /* when all loads would be paid for, at one in LOAD_PERIOD */
	enum repair reason;	    /* of the load that is at work; REPAIR_MAX: somebody's wish */
	struct need need;	    /* ... and what it is to mend */
	uint8_t place[32];	    /* that the stored policy was loaded on last */
	uint8_t loading[32];	    /* ... is being loaded on */
	int64_t offset;		    /* wallclock_offset() at that load */
	uint64_t remembered;	    /* when the time of day was written down */
	bool away;		    /* none of the interfaces was there */
	struct tally tally;
	char *told;    /* findings of the last load */
	char *trouble; /* what is wrong and cannot be mended, as it was told */
	char *state;   /* as systemd knows it */
};

/* When this turn of the loop began. */
static uint64_t now(const struct heal *heal)
{
	uint64_t time = 0;

	sd_event_now(heal->keeper->loop, CLOCK_MONOTONIC, &time);
	return time;
}

static void look_in(struct heal *heal, uint64_t pause)
{
	uint64_t due = now(heal) + pause, planned = 0;
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(heal->timer, &enabled);
	sd_event_source_get_time(heal->timer, &planned);
	if (enabled != SD_EVENT_OFF && planned <= due)
		return;
	sd_event_source_set_time(heal->timer, due);
	sd_event_source_set_enabled(heal->timer, SD_EVENT_ONESHOT);
}

/* Once: not at each look, for as long as it lasts. @what: NULL: it is over. */
static void tell_trouble(struct heal *heal, const char *what, int error)
{
	char *text = what ? mem_printf("%s: %s", what, strerror(-error)) : NULL;

	if (text && (!heal->trouble || strcmp(text, heal->trouble)))
		log_line(LOG_ERR, "%s", text);
	free(heal->trouble);
	heal->trouble = text;
}

/* ---------------------------------------------------------------- looking */

/* For the metrics. A load writes the file. */
static void count_pending(struct keeper *keeper)
{
	struct pending pending = {};

	if (!pending_read(&keeper->state, &pending))
		keeper->tells.pending = (uint32_t)pending.count;
	pending_free(&pending);
}

/* Where nothing can be read, the place counts as it was. */
static void look_around(struct heal *heal, const struct wanted *wanted)
{
	int error;

	if (heal->placed && now(heal) < heal->placed)
		return;
	error = place_read(wanted, &heal->here);
	if (error)
		tell_trouble(heal, "cannot read this machine's addresses and peers", error);
	heal->placed = moment_now() + PLACE_PAUSE;
	count_pending(heal->keeper);
}

static char *describe(const struct wanted *wanted, const struct sight *sight)
{
	if (wanted->opened)
		return mem_strdup("opened by hand: nothing is kept");
	if (!wanted->guarded_count)
		return mem_strdup("nothing is guarded");
	if (sight->error || !sight->status.generation.number)
		return mem_strdup("shut: no policy is loaded");
	return mem_printf("generation %u, %s", sight->status.generation.number,
			  gate_status_enforced(&sight->status) ? "enforced" :
								 "not all of it enforced");
}

/* For `systemctl status`, once. */
static void tell_state(struct heal *heal, const struct wanted *wanted, const struct sight *sight)
{
	char *state = describe(wanted, sight);

	if (!heal->state || strcmp(heal->state, state))
		sd_notifyf(0, "STATUS=%s", state);
	free(heal->state);
	heal->state = state;
}

/* ---------------------------------------------------------------- mending */

/* At once, by the keeper itself: a load takes its time. */
static void put_guard(struct heal *heal, const struct need *need)
{
	struct diag diag = {};
	int error = load_keep_guard(&heal->keeper->state, &diag);

	if (!error)
		tally_add(&heal->tally, heal->keeper->tells.repairs, REPAIR_GUARD, need,
			  "the guard is put right, and shuts what lacks programs");
	else if (error == -EAGAIN)
		look_in(heal, LOCK_PAUSE);
	else
		tell_trouble(heal, "cannot put the guard up", error);
	diag_free(&diag);
}

static uint64_t earliest(const struct heal *heal)
{
	const uint64_t credit = LOADS_AT_ONCE * LOAD_PERIOD;
	uint64_t paid = heal->owed > credit ? heal->owed - credit : 0;

	return heal->retry > paid ? heal->retry : paid;
}

static void start_load(struct heal *heal, enum repair reason, const struct need *need,
		       const struct wanted *wanted)
{
	int error;

	if (renew_runs(heal->renew))
		return; /* there is another look when it ends */
	if (now(heal) < earliest(heal)) {
		look_in(heal, earliest(heal) - now(heal));
		return;
	}
	heal->placed = 0;
	look_around(heal, wanted);
	heal->owed = (heal->owed > now(heal) ? heal->owed : now(heal)) + LOAD_PERIOD;
	heal->reason = reason;
	heal->need = *need;
	heal->offset = wallclock_offset();
	memcpy(heal->loading, heal->here.sha256, sizeof(heal->loading));
	error = renew_start(heal->renew);
	if (error)
		tell_trouble(heal, "cannot start a load", error);
}

static void mend(struct heal *heal, const struct wanted *wanted, const struct sight *sight)
{
	struct need need = need_of(wanted, sight);
	bool moved = memcmp(heal->here.sha256, heal->place, sizeof(heal->place)) ||
		     (wanted->unread && !heal->here.unread) ||
		     llabs(wallclock_offset() - heal->offset) >= OFFSET_MIN;
	bool kept = !wanted->opened && wanted->guarded_count && sight->stored;

	if (need.guard)
		put_guard(heal, &need);
	if (memcmp(heal->here.sha256, heal->loading, sizeof(heal->loading)))
		heal->retry = heal->retry_wait = 0; /* what failed may work here */
	if (need.load && !(heal->away && !moved))
		start_load(heal, need.table ? REPAIR_TABLE : REPAIR_ATTACH, &need, wanted);
	else if (kept && heal->ready && heal->reason == REPAIR_MAX)
		start_load(heal, REPAIR_MAX, &need, wanted);
	else if (kept && moved)
		start_load(heal, REPAIR_REFRESH, &need, wanted);
}

/* For the next boot; a state directory that cannot be written is told by whoever loads. */
static void remember_time(struct heal *heal)
{
	if (heal->remembered && now(heal) - heal->remembered < CLOCK_PAUSE)
		return;
	wallclock_remember(&heal->keeper->state);
	heal->remembered = now(heal);
}

static void call_ready(struct heal *heal)
{
	if (!heal->ready || renew_runs(heal->renew))
		return;
	heal->ready(heal->context);
	heal->ready = NULL;
}

/* What is wanted guarded may be known all the same: it is armed where our programs are, and no more. */
static void shut_blindly(struct heal *heal)
{
	struct diag diag = {};

	load_keep_guard(&heal->keeper->state, &diag);
	diag_free(&diag);
}

/* A load takes a moment; who was stopped in one must not keep the gate without its guard. */
static void wait_for_lock(struct heal *heal)
{
	struct diag diag = {};

	heal->locked = heal->locked ? heal->locked : now(heal);
	if (now(heal) - heal->locked < LOCKED_MAX) {
		look_in(heal, LOCK_PAUSE);
		return;
	}
	tell_trouble(heal, "another writer holds the lock of the gate", -EBUSY);
	load_put_missing_guard(&heal->keeper->state, &diag);
	diag_free(&diag);
	call_ready(heal);
}

static void look_and_mend(struct heal *heal)
{
	struct wanted wanted = {};
	struct sight sight;
	int error = sight_take(&heal->keeper->state, &wanted, &sight);

	heal->looked = now(heal);
	if (error == -EAGAIN) {
		wait_for_lock(heal);
		return;
	}
	heal->locked = 0;
	if (error) {
		tell_trouble(heal, "cannot see what the gate does", error);
		shut_blindly(heal);
	} else {
		look_around(heal, &wanted);
		mend(heal, &wanted, &sight);
		if (sight.stored)
			remember_time(heal);
		tell_state(heal, &wanted, &sight);
	}
	call_ready(heal);
}

/* ---------------------------------------------------------------- when */

static int on_timer(sd_event_source *source, uint64_t time, void *context)
{
	(void)source;
	(void)time;
	look_and_mend(context);
	return 0;
}

static void on_change(void *context)
{
	struct heal *heal = context;
	uint64_t since = now(heal) - heal->looked;

	if (since >= LOOK_PAUSE)
		look_and_mend(heal);
	else
		look_in(heal, LOOK_PAUSE - since);
}

/* What is as it was the last time was told then. */
static void tell_findings(struct heal *heal, const struct renewed *renewed)
{
	_free_ char *lines = mem_strdup(renewed->text);
	char *rest = lines;

	if (heal->told && !strcmp(heal->told, renewed->text))
		return;
	free(heal->told);
	heal->told = mem_strdup(renewed->text);
	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line)
			log_line(renewed->error ? LOG_ERR : LOG_WARNING, "%s", line);
}

static void on_failed(struct heal *heal, int error)
{
	heal->retry_wait = !heal->retry_wait		     ? RETRY_FIRST :
			   heal->retry_wait < RETRY_LAST / 2 ? 2 * heal->retry_wait :
							       RETRY_LAST;
	heal->retry = now(heal) + heal->retry_wait;
	tell_trouble(heal, "the stored policy cannot be loaded", error);
}

static void on_loaded(struct heal *heal, const struct renewed *renewed)
{
	_free_ char *text = mem_printf("the stored policy is loaded again as generation %u",
				       renewed->generation);

	heal->retry = heal->retry_wait = 0;
	memcpy(heal->place, heal->loading, sizeof(heal->place));
	heal->away = renewed->error == -ENODEV;
	tell_trouble(heal, NULL, 0);
	if (renewed->error)
		return;
	if (heal->reason == REPAIR_MAX)
		log_line(LOG_INFO, "%s", text);
	else
		tally_add(&heal->tally, heal->keeper->tells.repairs, heal->reason, &heal->need,
			  text);
}

static void on_renewed(void *context, const struct renewed *renewed)
{
	struct heal *heal = context;

	tell_findings(heal, renewed);
	if (renewed->error && !renewed->idle)
		on_failed(heal, renewed->error);
	else
		on_loaded(heal, renewed);
	if (heal->reason == REPAIR_MAX)
		heal->reason = REPAIR_REFRESH;
	heal->placed = 0; /* who waits may be another now */
	look_and_mend(heal);
}

int heal_start(struct keeper *keeper, void (*ready)(void *context), void *context,
	       struct heal **ret_heal)
{
	struct heal *heal = mem_alloc(sizeof(*heal));
	int error;

	*heal = (struct heal){ .keeper = keeper, .context = context };
	error = sd_event_add_time_relative(keeper->loop, &heal->timer, CLOCK_MONOTONIC, 0, 0,
					   on_timer, heal);
	if (error >= 0)
		error = renew_open(keeper->loop, &keeper->state, on_renewed, heal, &heal->renew);
	if (error >= 0)
		error = watch_start(keeper->loop, on_change, heal, &heal->watch);
	if (error < 0) {
		heal_stop(heal);
		return error;
	}
	heal_reload(heal, ready);
	*ret_heal = heal;
	return 0;
}

void heal_reload(struct heal *heal, void (*ready)(void *context))
{
	heal->ready = ready;
	heal->reason = REPAIR_MAX;
	heal->retry = 0;
	look_in(heal, 0);
}

void heal_stop(struct heal *heal)
{
	if (heal->watch)
		watch_stop(heal->watch);
	if (heal->renew)
		renew_close(heal->renew);
	sd_event_source_disable_unref(heal->timer);
	free(heal->told);
	free(heal->trouble);
	free(heal->state);
	free(heal);
}
