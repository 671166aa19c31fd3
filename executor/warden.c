#include "executor/warden.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "executor/leash.h"

/* As many as a node runs. */
#define WARDEN_MOST 4096

static bool send_words(
	struct ph_warden *warden, const int *words, unsigned count)
{
	size_t length = count * sizeof(words[0]);

	return send(warden->helper.line, words, length,
		       MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
}

/* Above 0: a group that there is; below: that is no more. What finds no room
 * (who is stopped takes nothing) is made good by the next word: a zero, and all
 * groups that there are. */
static void tell(struct ph_warden *warden, int group)
{
	if (!warden->helper.pid)
		return;
	if (warden->behind)
		warden->behind =
			!send_words(warden, warden->groups, warden->count + 1);
	else
		warden->behind = !send_words(warden, &group, 1);
}

void ph_warden_init(struct ph_warden *warden, const char *binary)
{
	*warden = (struct ph_warden){.binary = binary, .helper = {.line = -1}};
}

/* At once, also when it is stopped, and before its line ends: then it would
 * kill whom it knows. */
static void end_helper(struct ph_warden *warden)
{
	if (warden->helper.pid)
		kill(warden->helper.pid, SIGKILL);
	ph_helper_reap(&warden->helper);
}

void ph_warden_fini(struct ph_warden *warden)
{
	end_helper(warden);
	free(warden->groups);
	warden->groups = NULL;
	warden->count = warden->size = 0;
}

/* False: without memory, or too many. */
static bool note(struct ph_warden *warden, int group)
{
	unsigned size = warden->size ? 2 * warden->size : 16;
	int *groups = warden->groups;

	if (warden->count == WARDEN_MOST)
		return false;
	if (warden->count + 2 > warden->size) {
		groups = realloc(groups, size * sizeof(*groups));
		if (!groups)
			return false;
		warden->groups = groups;
		warden->size = size;
	}
	groups[0] = 0;
	groups[++warden->count] = group;
	return true;
}

static void forget(struct ph_warden *warden, int group)
{
	for (unsigned i = 1; i <= warden->count; i++)
		if (warden->groups[i] == group) {
			warden->groups[i] = warden->groups[warden->count--];
			return;
		}
}

/* One that somebody killed is replaced, and the new one told everything. */
void ph_warden_watch(struct ph_warden *warden, pid_t pid)
{
	if (!warden || !warden->binary || pid <= 0 || !note(warden, pid))
		return;
	errno = 0;
	tell(warden, pid);
	if (warden->helper.pid && (!warden->behind || errno == EAGAIN))
		return;
	end_helper(warden);
	warden->behind = true;
	if (!ph_helper_start(&warden->helper, warden->binary, PH_WARDEN_VERB,
		    *warden->life ? warden->life : NULL))
		tell(warden, pid);
}

void ph_warden_leave(struct ph_warden *warden, pid_t pid)
{
	if (!warden || pid <= 0)
		return;
	forget(warden, pid);
	tell(warden, -pid);
}

struct groups {
	unsigned count;
	int ids[WARDEN_MOST];
};

static void groups_take(struct groups *groups, int group)
{
	if (group > 0) {
		if (groups->count < WARDEN_MOST)
			groups->ids[groups->count++] = group;
		return;
	}
	for (unsigned i = 0; i < groups->count; i++)
		if (groups->ids[i] == -group) {
			groups->ids[i] = groups->ids[--groups->count];
			return;
		}
}

static void groups_hear(struct groups *groups, const int *words, size_t count)
{
	if (words[0])
		groups_take(groups, words[0]);
	else
		groups->count = 0;
	for (size_t i = 1; i < count; i++)
		groups_take(groups, words[i]);
}

int ph_warden_main(const char *life)
{
	struct groups groups = {.count = 0};
	int words[1 + WARDEN_MOST];
	ssize_t got;

	prctl(PR_SET_NAME, "ph-warden");
	/* What ends the node in order is no reason to go before it. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	close(1);
	close(2);
	while ((got = recv(0, words, sizeof(words), 0)) >= (ssize_t)sizeof(int))
		groups_hear(&groups, words, (size_t)got / sizeof(int));
	for (unsigned i = 0; i < groups.count; i++)
		kill(-groups.ids[i], SIGKILL);
	if (life)
		ph_leash_end(life);
	return 0;
}
