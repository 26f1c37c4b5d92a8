// SPDX-License-Identifier: GPL-2.0-or-later
#include "beside.h"

#include <stddef.h>

static void *run(void *argument)
{
	struct beside *beside = argument;

	beside->error = beside->work(beside->context);
	return NULL;
}

void beside_start(struct beside *beside, int (*work)(void *context), void *context)
{
	*beside = (struct beside){ .work = work, .context = context };
	beside->running = !pthread_create(&beside->thread, NULL, run, beside);
	if (!beside->running)
		run(beside);
}

int beside_finish(struct beside *beside)
{
	if (beside->running)
		pthread_join(beside->thread, NULL);
	return beside->error;
}
