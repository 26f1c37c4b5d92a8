// SPDX-License-Identifier: GPL-2.0-or-later
#include "renew.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"
#include "mem.h"

/* Far more than a load takes; what holds it up is somebody else who has the lock. */
#define SECONDS_MAX 60

struct renew {
	sd_event *loop;
	const struct state *state;
	void (*done)(void *context, const struct renewed *renewed);
	void *context;
	struct renewed *renewed; /* both processes see it */
	sd_event_source *child;	 /* NULL: none is at work */
};

/* Cut where a line ends: the rest would be no help. */
static void add_line(struct renewed *renewed, const char *line)
{
	size_t used = strlen(renewed->text), size = strlen(line);

	if (used + size < RENEW_TEXT)
		memcpy(renewed->text + used, line, size + 1);
}

static void tell(struct load_again *again, struct renewed *renewed)
{
	struct diag *diag = &again->checked.diag;

	diag_sort(diag);
	for (size_t i = 0; i < diag->count; i++) {
		const struct finding *finding = &diag->items[i];
		_free_ char *line = NULL;
		struct position at;

		if (finding->severity == SEVERITY_NOTE)
			continue;
		if (sources_find(&again->checked.sources, finding->place, &at))
			line = mem_printf("%s:%u:%u: %s: %s\n", at.source->name, at.line, at.column,
					  severity_name(finding->severity), finding->text);
		else
			line = mem_printf("%s: %s\n", severity_name(finding->severity),
					  finding->text);
		add_line(renewed, line);
	}
}

/* It has nothing of the keeper's but its memory: no socket is held open by a load that takes long. */
static _Noreturn void load(const struct state *state, struct renewed *renewed)
{
	struct load_again again = {};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	alarm(SECONDS_MAX);
	renewed->error = load_again(state, &again);
	renewed->idle = renewed->error == -ENODATA ||
			(renewed->error == -ENODEV && !again.checked.diag.errors);
	renewed->generation = again.report.generation;
	tell(&again, renewed);
	_exit(EXIT_SUCCESS);
}

static int on_end(sd_event_source *source, const siginfo_t *information, void *context)
{
	struct renew *renew = context;

	(void)source;
	renew->child = sd_event_source_disable_unref(renew->child);
	if (information->si_code != CLD_EXITED || information->si_status)
		renew->renewed->error = -EINTR;
	renew->done(renew->context, renew->renewed);
	return 0;
}

int renew_open(sd_event *loop, const struct state *state,
	       void (*done)(void *context, const struct renewed *renewed), void *context,
	       struct renew **ret_renew)
{
	void *shared = mmap(NULL, sizeof(struct renewed), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	*ret_renew = mem_alloc(sizeof(**ret_renew));
	**ret_renew = (struct renew){ loop, state, done, context, shared, NULL };
	return 0;
}

int renew_start(struct renew *renew)
{
	pid_t pid;
	int error;

	if (renew->child)
		return -EBUSY;
	*renew->renewed = (struct renewed){ .error = -EINTR };
	pid = fork();
	if (!pid)
		load(renew->state, renew->renewed);
	if (pid < 0)
		return -errno;
	error = sd_event_add_child(renew->loop, &renew->child, pid, WEXITED, on_end, renew);
	return error < 0 ? error : 0;
}

bool renew_runs(const struct renew *renew)
{
	return renew->child;
}

void renew_close(struct renew *renew)
{
	sd_event_source_disable_unref(renew->child);
	munmap(renew->renewed, sizeof(*renew->renewed));
	free(renew);
}
