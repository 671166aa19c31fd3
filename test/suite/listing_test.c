#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/kernel_dump.h"
#include "test/restless.h"

/*
 * What a node that is changed at random says of itself (connections, guests) is
 * held against its kernel's own tables: the same pipes between the same
 * terminals, with the same counters, and no pipe more.
 *
 * PH_SEED: another run. PH_DOSE=full: 10^5 changes, else 5,000.
 */
#define LISTED	 RESTLESS_MANY
#define ID	 RESTLESS_ID
#define NAME	 96
#define PATIENCE (20 * PH_SECOND)

struct terminal {
	char name[NAME]; /* server:terminal */
	ph_handle handle;
	unsigned listed; /* connections, by the guest book */
	char connections[8][ID];
};

struct connection {
	ph_handle ends[2];
	bool stands;
	bool closed;
};

/* A pipe, by what the listing says. */
struct edge {
	ph_handle source; /* 0: nobody */
	ph_handle sink;
	bool counted;
	uint64_t counts[4];
};

struct world {
	struct restless restless;
	struct terminal terminals[2 * RESTLESS_SERVERS + 8];
	unsigned terminal_count;
	struct edge listed[LISTED];
	unsigned listed_count;
	struct dumped dumped[LISTED];
	bool met[LISTED];
	unsigned dumped_count;
	unsigned filter_count;
	struct connection connections[LISTED]; /* as restless.ids */
	char why[400];
};

/* --- what the node says --- */

static const struct terminal *terminal_named(
	const struct world *world, const char *name)
{
	const char *slash = strchr(name, '/');

	for (unsigned i = 0; i < world->terminal_count; i++)
		if (!strcmp(world->terminals[i].name, slash ? slash + 1 : name))
			return &world->terminals[i];
	return NULL;
}

static ph_handle handle_of(struct world *world, const char *name)
{
	const struct terminal *terminal = terminal_named(world, name);

	return terminal ? terminal->handle : 0;
}

static ph_handle find_handle(
	struct world *world, const char *server, const char *terminal)
{
	struct answer answer;
	ph_handle handle;

	room_map(&world->restless.room);
	ph_put_text(world->restless.room.writer, "server", server);
	ph_put_text(world->restless.room.writer, "terminal", terminal);
	room_call(&world->restless.room, PH_HOSTESS_FIND, &answer);
	handle = ph_get_u64(answer.body, "handle");
	answer_free(&answer);
	return handle;
}

static void take_terminal(
	struct world *world, const char *server, struct ph_value item)
{
	struct terminal *terminal = &world->terminals[world->terminal_count++];
	struct ph_value ids = ph_value_get(item, "connections");
	char name[48];

	ph_get_copy(item, "name", name, sizeof(name));
	snprintf(terminal->name, sizeof(terminal->name), "%s:%s", server, name);
	terminal->handle = find_handle(world, server, name);
	terminal->listed = (unsigned)ph_value_count(ids);
	for (unsigned i = 0; i < terminal->listed && i < 8; i++)
		ph_value_copy(
			ph_value_at(ids, i), terminal->connections[i], ID);
}

static void list_guests(struct world *world)
{
	struct answer answer;
	struct ph_value items;

	world->terminal_count = 0;
	room_map(&world->restless.room);
	room_call(&world->restless.room, PH_HOSTESS_GUESTS, &answer);
	items = ph_value_get(answer.body, "items");
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value guest = ph_value_at(items, i);
		struct ph_value list = ph_value_get(guest, "terminals");
		char server[48];

		ph_get_copy(guest, "server", server, sizeof(server));
		for (size_t k = 0; k < ph_value_count(list); k++)
			take_terminal(world, server, ph_value_at(list, k));
	}
	answer_free(&answer);
}

static struct edge *list_edge(
	struct world *world, ph_handle source, ph_handle sink)
{
	struct edge *edge = &world->listed[world->listed_count++];

	*edge = (struct edge){.source = source, .sink = sink};
	return edge;
}

static bool stands(struct ph_value item)
{
	static const char *const states[] = {
		"open", "flowing", "idle", "blocked"};

	for (unsigned i = 0; i < 4; i++)
		if (ph_value_is(ph_value_get(item, "state"), states[i]))
			return true;
	return false;
}

/* Through a filter there are two pipes; the connection's own is the second. */
static void list_pipes(struct world *world, struct ph_value item,
	const struct connection *connection)
{
	struct ph_value override = ph_value_get(item, "override");
	struct ph_value via = ph_value_get(item, "via");
	ph_handle source = connection->ends[0];
	char filter[40], name[NAME];
	struct edge *edge;

	if (ph_value_count(via)) {
		world->filter_count++;
		ph_value_copy(ph_value_at(via, 0), filter, sizeof(filter));
		snprintf(name, sizeof(name), "%s:in", filter);
		/* Held: the filter broke, and nobody takes or gives. */
		if (ph_value_is(ph_value_get(override, "state"), "held")) {
			list_edge(world, source, 0);
			source = 0;
		} else {
			list_edge(world, source, handle_of(world, name));
			snprintf(name, sizeof(name), "%s:out", filter);
			source = handle_of(world, name);
		}
	}
	edge = list_edge(world, source, connection->ends[1]);
	edge->counted = true;
	edge->counts[0] = ph_get_u64(ph_value_get(item, "sent"), "bytes");
	edge->counts[1] = ph_get_u64(ph_value_get(item, "sent"), "messages");
	edge->counts[2] = ph_get_u64(ph_value_get(item, "received"), "bytes");
	edge->counts[3] =
		ph_get_u64(ph_value_get(item, "received"), "messages");
}

static void list_connection(struct world *world, struct ph_value item)
{
	unsigned index = world->restless.id_count++;
	struct connection *connection = &world->connections[index];
	char end[NAME];

	ph_get_copy(item, "id", world->restless.ids[index], ID);
	connection->stands = stands(item);
	connection->closed = ph_value_is(ph_value_get(item, "state"), "closed");
	connection->ends[0] =
		handle_of(world, ph_get_copy(item, "from", end, NAME));
	connection->ends[1] =
		handle_of(world, ph_get_copy(item, "to", end, NAME));
	if (connection->stands)
		list_pipes(world, item, connection);
}

static void list_connections(struct world *world)
{
	struct answer answer;
	struct ph_value items;

	world->listed_count = world->restless.id_count = 0;
	world->filter_count = 0;
	room_map(&world->restless.room);
	room_call(&world->restless.room, PH_CONTROL_LIST, &answer);
	items = ph_value_get(answer.body, "items");
	assert_true(2 * ph_value_count(items) < LISTED);
	for (size_t i = 0; i < ph_value_count(items); i++)
		list_connection(world, ph_value_at(items, i));
	answer_free(&answer);
}

static void list_overrides(struct world *world)
{
	struct answer answer;
	struct ph_value items;

	world->restless.override_count = 0;
	room_map(&world->restless.room);
	room_call(&world->restless.room, PH_CONTROL_DIFF, &answer);
	items = ph_value_get(answer.body, "items");
	for (size_t i = 0; i < ph_value_count(items) && i < LISTED; i++)
		ph_get_copy(ph_value_at(items, i), "override",
			world->restless
				.overrides[world->restless.override_count++],
			ID);
	answer_free(&answer);
}

/* --- are they the same --- */

static bool differs(struct world *world, const char *what, const char *which)
{
	snprintf(world->why, sizeof(world->why), "%s: %s", what, which);
	return false;
}

static const char *name_of(
	const struct world *world, ph_handle source, ph_handle sink)
{
	static char text[3 * NAME];
	const char *names[2] = {"nobody", "nobody"};

	for (unsigned i = 0; i < world->terminal_count; i++) {
		const struct terminal *terminal = &world->terminals[i];

		if (terminal->handle == source)
			names[0] = terminal->name;
		if (terminal->handle == sink)
			names[1] = terminal->name;
	}
	snprintf(text, sizeof(text), "%s -> %s", names[0], names[1]);
	return text;
}

/* Which of the kernel's it is; -1: none. */
static int dumped(const struct world *world, const struct edge *listed)
{
	for (unsigned i = 0; i < world->dumped_count; i++) {
		const struct dumped *pipe = &world->dumped[i];

		/* Its output may be another's already. */
		if (!world->met[i] && pipe->sink == listed->sink &&
			(pipe->source == listed->source ||
				(pipe->over && !pipe->source)))
			return (int)i;
	}
	return -1;
}

/* Of the pipe into a filter, which stands in front of the connection's own: it
 * is gone when the filter has passed on the end. */
static bool may_lack(const struct world *world, const struct edge *listed)
{
	int own = listed->counted ? -1 : dumped(world, listed + 1);

	return own >= 0 && world->dumped[own].over;
}

static bool pipe_is_there(struct world *world, const struct edge *listed)
{
	int at = dumped(world, listed);
	const struct dumped *pipe = &world->dumped[at < 0 ? 0 : at];

	if (at < 0)
		return may_lack(world, listed) ||
		       differs(world, "listed, and no pipe",
			       name_of(world, listed->source, listed->sink));
	world->met[at] = true;
	return !listed->counted ||
	       !memcmp(listed->counts, pipe->counts, sizeof(pipe->counts)) ||
	       differs(world, "other counters",
		       name_of(world, listed->source, listed->sink));
}

static bool pipes_are_the_same(struct world *world)
{
	for (unsigned i = 0; i < world->listed_count; i++)
		if (!pipe_is_there(world, &world->listed[i]))
			return false;
	for (unsigned i = 0; i < world->dumped_count; i++) {
		const struct dumped *pipe = &world->dumped[i];

		if (!world->met[i] && !pipe->over)
			return differs(world, "a pipe, and not listed",
				name_of(world, pipe->source, pipe->sink));
	}
	return true;
}

static bool book_has(const struct terminal *terminal, const char *id)
{
	for (unsigned i = 0; i < terminal->listed && i < 8; i++)
		if (!strcmp(terminal->connections[i], id))
			return true;
	return false;
}

/* What stands at the terminal is in the book, and what is in the book is there
 * or on its way there. */
static bool terminal_is_the_same(
	struct world *world, const struct terminal *terminal)
{
	unsigned known = 0;

	for (unsigned i = 0; i < world->restless.id_count; i++) {
		const struct connection *connection = &world->connections[i];
		bool here = connection->ends[0] == terminal->handle ||
			    connection->ends[1] == terminal->handle;
		bool has = book_has(terminal, world->restless.ids[i]);

		if (here && connection->stands && !has)
			return differs(world, "not in the book",
				world->restless.ids[i]);
		known += has && here && !connection->closed;
	}
	return known == terminal->listed ||
	       differs(world, "the book has one more", terminal->name);
}

static bool usage_is_the_same(struct world *world)
{
	for (unsigned i = 0; i < world->terminal_count; i++)
		if (!terminal_is_the_same(world, &world->terminals[i]))
			return false;
	return true;
}

static bool is_the_same(struct world *world)
{
	list_guests(world);
	list_connections(world);
	/* In the turn in which the answer came. */
	world->dumped_count = kernel_dump(
		&world->restless.node->kernel, world->dumped, LISTED);
	memset(world->met, 0, sizeof(world->met));
	return pipes_are_the_same(world) && usage_is_the_same(world);
}

/* What is under way (a wire that is laid again, a stream that ends) is given
 * its time. */
static void expect_the_same(struct world *world)
{
	int64_t until = ph_clock_real.now(&ph_clock_real) + PATIENCE;

	while (!is_the_same(world)) {
		if (ph_clock_real.now(&ph_clock_real) > until)
			fail_msg("after %u changes: %s",
				world->restless.changes, world->why);
		ph_loop_turn(world->restless.node->loop, 5 * PH_MILLISECOND);
	}
	list_overrides(world);
}

static void the_listing_is_the_kernels(void **state)
{
	const char *dose = getenv("PH_DOSE");
	const char *seed = getenv("PH_SEED");
	unsigned wanted = dose && !strcmp(dose, "full") ? 100000 : 5000;
	struct world *world = calloc(1, sizeof(*world));
	unsigned looks = 0, pipes = 0, filters = 0;

	assert_non_null(world);
	restless_open(&world->restless, seed ? strtoull(seed, NULL, 0) : 7678);
	expect_the_same(world);
	while (world->restless.changes < wanted) {
		restless_change(&world->restless);
		expect_the_same(world);
		looks++;
		pipes += world->dumped_count;
		filters += world->filter_count;
	}
	print_message("# seed %s: %u changes, %u refused; %u looks at %u pipes "
		      "and %u filters\n",
		seed ? seed : "7678", world->restless.changes,
		world->restless.refused, looks, pipes, filters);
	restless_close(&world->restless);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_listing_is_the_kernels),
	};

	return cmocka_run_group_tests_name("listing", tests, NULL, NULL);
}
