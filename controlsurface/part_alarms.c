#include "controlsurface/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `alarms: [{from, to, when, priority, action, output, path}]` of a part. */

static int alarm_fail(const struct ph_part *part, struct ph_value culprit,
	struct ph_error *error)
{
	char text[64];

	ph_value_copy(culprit, text, sizeof(text));
	return ph_fail(error, PH_EXIT_WIRING, part->scope,
		"correct the wiring file and apply it again",
		"an alarm that cannot be: '%s'", text);
}

static int read_place(
	struct ph_place *out, struct ph_value map, const char *key)
{
	char text[3 * (PH_NAME_MAX + 1) + 8];

	return ph_place_parse(out, ph_get_copy(map, key, text, sizeof(text))) ||
			       !*out->server || !*out->terminal
		       ? -1
		       : 0;
}

static void alarm_name(struct ph_part_alarm *alarm, const char *here)
{
	char from[4 * PH_NAME_MAX];
	char to[4 * PH_NAME_MAX];
	struct ph_place place = alarm->from;

	snprintf(place.node, sizeof(place.node), "%s", here);
	ph_place_format(&place, from, sizeof(from));
	ph_place_format(&alarm->to, to, sizeof(to));
	ph_alarm_id(alarm->id,
		(const char *const[]){"rule", from, to, alarm->when}, 4);
}

static int read_path(struct ph_part_alarm *alarm, struct ph_value list)
{
	size_t count = ph_value_count(list);

	if (count > PH_PART_ALARM_PATH)
		return -1;
	for (size_t i = 0; i < count; i++)
		ph_value_copy(ph_value_at(list, i), alarm->path[i],
			sizeof(alarm->path[i]));
	alarm->path_count = (unsigned)count;
	return 0;
}

static int read_alarm(const struct ph_part *part, struct ph_part_alarm *alarm,
	struct ph_value map, const char *here, struct ph_error *error)
{
	if (read_place(&alarm->from, map, "from") ||
		read_place(&alarm->to, map, "to"))
		return alarm_fail(part, ph_value_get(map, "from"), error);
	*alarm->from.node = '\0';
	ph_get_copy(map, "when", alarm->when, sizeof(alarm->when));
	if (ph_alarm_rule_parse(&alarm->rule, alarm->when) ||
		read_path(alarm, ph_value_get(map, "path")))
		return alarm_fail(part, ph_value_get(map, "when"), error);
	ph_get_copy(map, "priority", alarm->priority, sizeof(alarm->priority));
	ph_get_copy(map, "action", alarm->action, sizeof(alarm->action));
	alarm->output = ph_get_bool(map, "output");
	alarm_name(alarm, here);
	return 0;
}

int ph_part_read_alarms(struct ph_part *part, struct ph_value map,
	const char *here, struct ph_error *error)
{
	struct ph_value list = ph_value_get(map, "alarms");
	size_t count = ph_value_count(list);

	if (count > PH_PART_ALARMS)
		return ph_fail(error, PH_EXIT_WIRING, part->scope,
			"select fewer wires", "%zu alarms, at most %u", count,
			PH_PART_ALARMS);
	if (!count)
		return 0;
	part->alarms = calloc(count, sizeof(*part->alarms));
	if (!part->alarms)
		return ph_fail(error, PH_EXIT_NEGATIVE, part->scope, "",
			"out of memory");
	for (size_t i = 0; i < count; i++) {
		if (read_alarm(part, &part->alarms[i], ph_value_at(list, i),
			    here, error))
			return -1;
		part->alarm_count++;
	}
	return 0;
}
