#include "node/monitors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "node/monitors_inner.h"

int ph_monitors_create(struct ph_monitors **out)
{
	struct ph_monitors *monitors = calloc(1, sizeof(*monitors));

	if (!monitors)
		return -ENOMEM;
	*out = monitors;
	return 0;
}

static void free_list(struct monitor *list)
{
	while (list) {
		struct monitor *monitor = list;

		DL_DELETE(list, monitor);
		free(monitor);
	}
}

void ph_monitors_destroy(struct ph_monitors *monitors)
{
	if (!monitors)
		return;
	free_list(monitors->noticed);
	while (monitors->nodes) {
		struct watched *watched = monitors->nodes;

		DL_DELETE(monitors->nodes, watched);
		free_list(watched->monitors);
		free(watched);
	}
	free(monitors);
}

struct watched *monitors_node(
	const struct ph_monitors *monitors, const char *node)
{
	struct watched *watched = monitors->nodes;

	while (watched && strcmp(watched->node, node))
		watched = watched->next;
	return watched;
}

static struct watched *get_node(struct ph_monitors *monitors, const char *node)
{
	struct watched *watched = monitors_node(monitors, node);

	if (watched)
		return watched;
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return NULL;
	snprintf(watched->node, sizeof(watched->node), "%s", node);
	DL_APPEND(monitors->nodes, watched);
	return watched;
}

void monitors_settle(struct ph_monitors *monitors, struct watched *watched)
{
	if (watched->monitors)
		return;
	DL_DELETE(monitors->nodes, watched);
	free(watched);
}

int ph_monitors_add(struct ph_monitors *monitors, const char *node,
	const char *server, uint64_t run, uint64_t life, uint64_t *id)
{
	struct watched *watched;
	struct monitor *monitor;

	if (monitors->count >= PH_MONITORS_MOST)
		return -ENOSPC;
	watched = monitors_node(monitors, node);
	if (watched && watched->count >= PH_MONITORS_OF_NODE)
		return -ENOSPC;
	monitor = calloc(1, sizeof(*monitor));
	watched = monitor ? get_node(monitors, node) : NULL;
	if (!watched) {
		free(monitor);
		return -ENOMEM;
	}
	monitor->id = ++monitors->last_id;
	monitor->life = life;
	monitor->end.run = run;
	snprintf(
		monitor->end.server, sizeof(monitor->end.server), "%s", server);
	DL_APPEND(watched->monitors, monitor);
	watched->count++;
	watched->changed = true;
	watched->unsure |= !life || (*server && !run);
	monitors->count++;
	*id = monitor->id;
	return 0;
}

static struct monitor *find_monitor(const struct ph_monitors *monitors,
	uint64_t id, struct watched **watched)
{
	struct monitor *monitor = NULL;
	struct watched *at;

	DL_FOREACH(monitors->nodes, at)
	{
		DL_SEARCH_SCALAR(at->monitors, monitor, id, id);
		if (!monitor)
			continue;
		if (watched)
			*watched = at;
		return monitor;
	}
	return NULL;
}

bool ph_monitors_drop(struct ph_monitors *monitors, uint64_t id)
{
	struct watched *watched;
	struct monitor *monitor = find_monitor(monitors, id, &watched);

	if (monitor) {
		DL_DELETE(watched->monitors, monitor);
		watched->count--;
		monitors_settle(monitors, watched);
	} else {
		/* Noticed, and not fetched yet: then it is not told. */
		DL_SEARCH_SCALAR(monitors->noticed, monitor, id, id);
		if (!monitor)
			return false;
		DL_DELETE(monitors->noticed, monitor);
	}
	free(monitor);
	monitors->count--;
	return true;
}

bool monitor_stands(const struct monitor *monitor)
{
	return monitor->life && (!*monitor->end.server || monitor->end.run);
}

bool ph_monitors_stand(const struct ph_monitors *monitors, uint64_t id,
	uint64_t *run, uint64_t *life)
{
	const struct monitor *monitor = find_monitor(monitors, id, NULL);

	if (!monitor || !monitor_stands(monitor))
		return false;
	*run = monitor->end.run;
	*life = monitor->life;
	return true;
}

unsigned ph_monitors_count(const struct ph_monitors *monitors)
{
	return monitors->count;
}
