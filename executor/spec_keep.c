#include "executor/spec_inner.h"

#include <string.h>

#include "proto/server.h"

/* How a server is kept: when it is ready, how long it may take, who goes with
 * it when it fails. */

/* systemd's are 90 s; a terminal should not be waited for that long. */
#define KEEP_START (30 * PH_SECOND)
/* Longest of all: a day. */
#define KEEP_MOST (86400 * PH_SECOND)

static const char *const ready_words[] = {"started", "notify", NULL};
static const char *const strategy_words[] = {
	"one_for_one", "rest_for_one", "one_for_all", NULL};

static int take_duration(struct ph_spec_reader *reader, struct ph_value map,
	const char *key, int64_t *out)
{
	struct ph_value value = ph_value_get(map, key);
	char text[32];

	if (ph_value_type(value) == PH_NIL)
		return 0;
	ph_value_copy(value, text, sizeof(text));
	if (ph_parse_duration(out, text) || *out <= 0 || *out > KEEP_MOST)
		return ph_spec_bad(
			reader, "not a time from 1ms to 24h, as 5s:", key);
	return 0;
}

/* Who may open no socket, or none outside its walls, cannot say it. */
static int check_notify(const struct ph_spec_reader *reader)
{
	const struct ph_spec *spec = reader->spec;

	return (spec->notify || spec->watchdog) &&
	       (spec->confine == PH_CONFINE_STRICT ||
		       spec->confine == PH_CONFINE_NET);
}

static int take_group(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;
	int strategy =
		ph_spec_take_choice(reader, map, "strategy", strategy_words);

	if (strategy < 0)
		return -1;
	spec->strategy = (enum ph_strategy)strategy;
	spec->place = ph_get_u64(map, "place");
	if (ph_value_type(ph_value_get(map, "group")) == PH_NIL)
		return strategy ? ph_spec_bad(reader, "`group` is missing at",
					  "strategy")
				: 0;
	return ph_spec_take_name(
		reader, map, "group", spec->group, sizeof(spec->group));
}

int ph_spec_take_keep(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;
	int ready = ph_spec_take_choice(reader, map, "ready", ready_words);

	spec->start_timeout = KEEP_START;
	spec->stop_timeout = PH_SPEC_STOP;
	spec->notify = ready > 0;
	if (ready < 0 ||
		take_duration(
			reader, map, "start_timeout", &spec->start_timeout) ||
		take_duration(
			reader, map, "stop_timeout", &spec->stop_timeout) ||
		take_duration(reader, map, "watchdog", &spec->watchdog) ||
		take_group(reader, map))
		return -1;
	if (!spec->argv && (spec->notify || spec->watchdog))
		return ph_spec_bad(reader, "only a program has",
			spec->notify ? "ready" : "watchdog");
	if (check_notify(reader))
		return ph_spec_bad(reader,
			"`confine` strict and net let nothing be said by",
			spec->notify ? "ready" : "watchdog");
	return 0;
}

bool ph_spec_keep_equal(const struct ph_spec *one, const struct ph_spec *other)
{
	return one->notify == other->notify &&
	       one->start_timeout == other->start_timeout &&
	       one->stop_timeout == other->stop_timeout &&
	       one->watchdog == other->watchdog &&
	       one->strategy == other->strategy &&
	       !strcmp(one->group, other->group);
}
