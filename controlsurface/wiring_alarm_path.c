#include "controlsurface/wiring_model.h"

#include <string.h>

/*
 * What leads to an alarm's wire, nearest first: when one of those servers, or
 * its node, is down, that is the cause, and the alarm only says the same once
 * more. It goes with the alarm, because the node that looks knows no other
 * node's wires.
 */
struct paths {
	struct ph_wiring *wiring;
	struct ph_wiring_wire **wires; /* by the server they enter */
	size_t *first;		       /* of each server, in `wires` */
	size_t *seen;		       /* by which alarm, from 1 */
};

static bool paths_begin(struct paths *paths, struct ph_wiring *wiring)
{
	struct ph_arena *arena = &wiring->arena;
	size_t servers = wiring->server_count;
	size_t *next = ph_arena_take(arena, (servers + 1) * sizeof(size_t));

	*paths = (struct paths){.wiring = wiring};
	paths->wires = ph_arena_take(
		arena, (wiring->wire_count + 1) * sizeof(*paths->wires));
	paths->first = ph_arena_take(arena, (servers + 2) * sizeof(size_t));
	paths->seen = ph_arena_take(arena, (servers + 1) * sizeof(size_t));
	if (arena->failed)
		return false;
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (wire->to.server != NULL)
			paths->first[wire->to.server->index + 1]++;
	for (size_t i = 0; i < servers; i++) {
		paths->first[i + 1] += paths->first[i];
		next[i] = paths->first[i];
	}
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (wire->to.server != NULL)
			paths->wires[next[wire->to.server->index]++] = wire;
	return true;
}

/* Breadth first, so the nearest are kept when there are more. */
static void path_find(
	struct paths *paths, struct ph_wiring_alarm *alarm, size_t number)
{
	struct ph_wiring_server *found[PH_WIRING_ALARM_PATH];
	unsigned count = 0;

	if (alarm->wire->from.server != NULL) {
		found[count++] = alarm->wire->from.server;
		paths->seen[found[0]->index] = number;
	}
	for (unsigned i = 0; i < count; i++) {
		size_t server = found[i]->index;

		for (size_t k = paths->first[server];
			k < paths->first[server + 1] &&
			count < PH_WIRING_ALARM_PATH;
			k++) {
			struct ph_wiring_server *before =
				paths->wires[k]->from.server;

			if (before == NULL ||
				paths->seen[before->index] == number)
				continue;
			paths->seen[before->index] = number;
			found[count++] = before;
		}
	}
	alarm->path = ph_arena_take(
		&paths->wiring->arena, (count + 1) * sizeof(*alarm->path));
	if (alarm->path == NULL)
		return;
	memcpy(alarm->path, found, count * sizeof(*alarm->path));
	alarm->path_count = count;
}

void ph_wiring_alarm_paths(struct ph_wiring *wiring)
{
	struct paths paths;
	size_t number = 0;

	if (wiring->alarms == NULL || !paths_begin(&paths, wiring))
		return;
	for (struct ph_wiring_alarm *alarm = wiring->alarms; alarm != NULL;
		alarm = alarm->next)
		path_find(&paths, alarm, ++number);
}
