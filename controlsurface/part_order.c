#include "controlsurface/part.h"

#include <stdlib.h>
#include <string.h>

/*
 * The order within a group. Who is started again with one that stands before
 * it (rest_for_one) builds upon that one: so it begins when that one is ready,
 * too. It is a need that nobody wrote down; what somebody did write (`needs`)
 * goes before, and where the two would make a circle there is no order.
 */

void ph_part_note_group(struct ph_part_server *server, struct ph_value spec)
{
	server->before = PH_PART_NONE;
	server->place = ph_get_u64(spec, "place");
	ph_get_copy(spec, "group", server->group, sizeof(server->group));
	server->leads =
		server->group[0] &&
		ph_value_is(ph_value_get(spec, "strategy"), "rest_for_one");
}

/* The nearest that stands before it and takes along who comes behind. */
static unsigned find_before(const struct ph_part *part, unsigned number)
{
	const struct ph_part_server *server = &part->servers[number];
	unsigned best = PH_PART_NONE;

	for (unsigned i = 0; i < part->server_count; i++) {
		const struct ph_part_server *other = &part->servers[i];

		if (other->leads && other->place < server->place &&
			(best == PH_PART_NONE ||
				other->place > part->servers[best].place) &&
			!strcmp(other->group, server->group))
			best = i;
	}
	return best;
}

struct search {
	const struct ph_part *part;
	bool *seen;
	unsigned *open; /* each server at most once */
	unsigned count;
};

static void search_add(struct search *search, unsigned number)
{
	if (number == PH_PART_NONE || search->seen[number])
		return;
	search->seen[number] = true;
	search->open[search->count++] = number;
}

/* Does `from` wait for `to`, over whomever? */
static bool waits_for(struct search *search, unsigned from, unsigned to)
{
	memset(search->seen, 0,
		search->part->server_count * sizeof(*search->seen));
	search->count = 0;
	search_add(search, from);
	while (search->count && !search->seen[to]) {
		unsigned next = search->open[--search->count];
		const struct ph_part_server *server =
			&search->part->servers[next];

		search_add(search, server->before);
		for (unsigned i = 0; i < server->need_count; i++)
			search_add(search, server->needs[i]);
	}
	return search->seen[to];
}

static bool raise_to(struct ph_part *part, unsigned number, unsigned height)
{
	if (number == PH_PART_NONE || part->servers[number].height >= height)
		return false;
	part->servers[number].height = height;
	return true;
}

/* Stopping goes the other way round. A part that came with a circle is no
 * reason to go on for ever. */
static void measure(struct ph_part *part)
{
	bool raised = true;

	for (unsigned round = 0; raised && round < part->server_count;
		round++) {
		raised = false;
		for (unsigned i = 0; i < part->server_count; i++) {
			const struct ph_part_server *server = &part->servers[i];
			unsigned above = server->height + 1;

			raised |= raise_to(part, server->before, above);
			for (unsigned n = 0; n < server->need_count; n++)
				raised |=
					raise_to(part, server->needs[n], above);
		}
	}
}

int ph_part_order(struct ph_part *part, struct ph_error *error)
{
	size_t count = part->server_count + 1;
	struct search search = {
		.part = part,
		.seen = calloc(count, sizeof(*search.seen)),
		.open = calloc(count, sizeof(*search.open)),
	};
	int status = 0;

	if (!search.seen || !search.open)
		status = ph_fail(error, PH_EXIT_NEGATIVE, part->scope, "",
			"out of memory");
	for (unsigned i = 0; !status && i < part->server_count; i++) {
		unsigned before = part->servers[i].group[0]
					  ? find_before(part, i)
					  : PH_PART_NONE;

		if (before != PH_PART_NONE && !waits_for(&search, before, i))
			part->servers[i].before = before;
	}
	measure(part);
	free(search.seen);
	free(search.open);
	return status;
}
