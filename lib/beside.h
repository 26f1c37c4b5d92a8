/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work that is done in a thread, while its caller does something else. */
#ifndef ACLGATE_BESIDE_H
#define ACLGATE_BESIDE_H

#include <pthread.h>
#include <stdbool.h>

struct beside {
	int (*work)(void *context); /* 0 or a negative errno */
	void *context;
	pthread_t thread;
	int error;
	bool running;
};

/* Does it at once where there can be no thread. @context is there until beside_finish(). */
void beside_start(struct beside *beside, int (*work)(void *context), void *context);

/* What the work returned. Belongs to every beside_start(). */
int beside_finish(struct beside *beside);

#endif
