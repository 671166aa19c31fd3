#include "node/monitors_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

/* Between two questions to a node that does not answer. */
#define ASK_FIRST (200 * PH_MILLISECOND)
#define ASK_MOST  (2 * PH_SECOND)

static bool must_ask(const struct watched *watched, int64_t now)
{
	return watched->changed || (!watched->asking && watched->again <= now);
}

bool ph_monitors_ask(struct ph_monitors *monitors, int64_t now,
	struct ph_monitors_question *out)
{
	struct watched *watched;

	DL_FOREACH(monitors->nodes, watched)
	{
		if (!must_ask(watched, now))
			continue;
		watched->changed = false;
		watched->asking = true;
		watched->number = ++monitors->last_number;
		*out = (struct ph_monitors_question){
			.number = watched->number,
			.fresh = watched->unsure || watched->lost,
		};
		snprintf(out->node, sizeof(out->node), "%s", watched->node);
		return true;
	}
	return false;
}

/* Whether one before it in the list is about the same. */
static bool is_repeated(
	const struct watched *watched, const struct monitor *monitor)
{
	const struct monitor *at = watched->monitors;

	while (at != monitor &&
		(at->end.run != monitor->end.run ||
			strcmp(at->end.server, monitor->end.server)))
		at = at->next;
	return at != monitor;
}

void ph_monitors_subjects(const struct ph_monitors *monitors, const char *node,
	void (*subject)(void *context, const char *server, uint64_t run),
	void *context)
{
	const struct watched *watched = monitors_node(monitors, node);
	const struct monitor *monitor;

	if (!watched)
		return;
	DL_FOREACH(watched->monitors, monitor)
	{
		if (*monitor->end.server && !is_repeated(watched, monitor))
			subject(context, monitor->end.server, monitor->end.run);
	}
}

int64_t ph_monitors_due(const struct ph_monitors *monitors)
{
	const struct watched *watched;
	int64_t due = INT64_MAX;

	DL_FOREACH(monitors->nodes, watched)
	{
		int64_t next = watched->asking ? INT64_MAX : watched->again;

		if (watched->lost &&
			watched->lost + PH_MONITORS_PATIENCE < next)
			next = watched->lost + PH_MONITORS_PATIENCE;
		if (next < due)
			due = next;
	}
	return due;
}

static void notice(struct ph_monitors *monitors, struct watched *watched,
	struct monitor *monitor)
{
	DL_DELETE(watched->monitors, monitor);
	watched->count--;
	DL_APPEND(monitors->noticed, monitor);
}

static void lose(struct ph_monitors *monitors, struct watched *watched,
	enum ph_end_cause cause, const char *reason)
{
	while (watched->monitors) {
		struct monitor *monitor = watched->monitors;

		monitor->end.cause = cause;
		snprintf(monitor->end.reason, sizeof(monitor->end.reason), "%s",
			reason);
		notice(monitors, watched, monitor);
	}
}

void ph_monitors_lose(struct ph_monitors *monitors, const char *node,
	enum ph_end_cause cause, const char *reason)
{
	struct watched *watched = monitors_node(monitors, node);

	if (!watched)
		return;
	lose(monitors, watched, cause, reason);
	monitors_settle(monitors, watched);
}

void ph_monitors_tick(struct ph_monitors *monitors, int64_t now)
{
	struct watched *watched;
	struct watched *next;

	DL_FOREACH_SAFE(monitors->nodes, watched, next)
	{
		if (!watched->lost ||
			now < watched->lost + PH_MONITORS_PATIENCE)
			continue;
		lose(monitors, watched, PH_END_NODE_LOST, "it does not answer");
		monitors_settle(monitors, watched);
	}
}

/* It was found in that life; in another one than it is watched in it is lost,
 * whatever runs there now. */
static bool check_life(
	struct ph_monitors *monitors, struct watched *watched, uint64_t life)
{
	struct monitor *monitor;
	struct monitor *next;
	bool news = false;

	DL_FOREACH_SAFE(watched->monitors, monitor, next)
	{
		news |= monitor->life != life;
		if (!monitor->life)
			monitor->life = life;
		if (monitor->life == life)
			continue;
		monitor->end.cause = PH_END_NODE_LOST;
		snprintf(monitor->end.reason, sizeof(monitor->end.reason),
			"it has started again since");
		notice(monitors, watched, monitor);
	}
	return news;
}

/* A server that is watched without a run is watched in the one that it has now:
 * the end of a run of it is what another monitor has asked for. */
static bool is_about(
	const struct monitor *monitor, const struct ph_run_end *end)
{
	bool present = !end->run || !end->cause;

	return (monitor->end.run ? monitor->end.run == end->run : present) &&
	       !strcmp(monitor->end.server, end->server);
}

static bool hear_end(struct ph_monitors *monitors, struct watched *watched,
	const struct ph_run_end *end)
{
	struct monitor *monitor;
	struct monitor *next;
	bool news = false;

	if (!*end->server || (!end->run && !end->cause))
		return false;
	DL_FOREACH_SAFE(watched->monitors, monitor, next)
	{
		if (!is_about(monitor, end))
			continue;
		news |= end->cause || monitor->end.run != end->run;
		monitor->end = *end;
		if (end->cause)
			notice(monitors, watched, monitor);
	}
	return news;
}

void ph_monitors_answered(struct ph_monitors *monitors, int64_t now,
	const char *node, uint64_t number, uint64_t life,
	const struct ph_run_end *ends, size_t count)
{
	struct watched *watched = monitors_node(monitors, node);
	struct monitor *monitor;
	bool news;

	if (!watched || watched->number != number)
		return;
	watched->asking = false;
	watched->unsure = false;
	watched->lost = 0;
	watched->wait = 0;
	news = check_life(monitors, watched, life);
	for (size_t i = 0; i < count; i++)
		news |= hear_end(monitors, watched, &ends[i]);
	DL_FOREACH(watched->monitors, monitor)
	{
		watched->unsure |= !monitor_stands(monitor);
	}
	/* Who answers without a word of news cannot keep us busy. */
	watched->again = news ? now : now + ASK_FIRST;
	monitors_settle(monitors, watched);
}

void ph_monitors_failed(struct ph_monitors *monitors, int64_t now,
	const char *node, uint64_t number)
{
	struct watched *watched = monitors_node(monitors, node);

	if (!watched || watched->number != number)
		return;
	watched->asking = false;
	if (!watched->lost)
		watched->lost = now;
	watched->wait = watched->wait ? 2 * watched->wait : ASK_FIRST;
	if (watched->wait > ASK_MOST)
		watched->wait = ASK_MOST;
	watched->again = now + watched->wait;
}

bool ph_monitors_notice(
	struct ph_monitors *monitors, struct ph_monitor_notice *out)
{
	struct monitor *monitor = monitors->noticed;

	if (!monitor)
		return false;
	DL_DELETE(monitors->noticed, monitor);
	monitors->count--;
	*out = (struct ph_monitor_notice){monitor->id, monitor->end};
	free(monitor);
	return true;
}
