#include "test/control_world.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Those whom the control surface calls, played: Hostess, executor, wires, and
 * beta, behind the road. */

void world_refuse(struct world *world, ph_handle ticket, enum ph_exit code,
	const char *what)
{
	struct ph_error error;

	ph_fail(&error, code, "there", "do something", "%s", what);
	ph_answer_error(world->door, ticket, &error);
}

static void play_check(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_request request;
	char name[40];

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	ph_get_copy(ph_value_get(request.arguments, "spec"), "name", name,
		sizeof(name));
	world_note(world, "%s %s",
		call->method == PH_EXECUTOR_CHECK ? "check" : "start", name);
	if (world->refused && !strcmp(world->refused, name))
		world_refuse(
			world, ticket, PH_EXIT_NOT_FOUND, "no such program");
	else
		ph_answer_ok(world->door, ticket, NULL);
	ph_request_close(&request);
}

static void play_stop(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_request request;
	char name[40];

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	world_note(world, "stop %s",
		ph_get_copy(request.arguments, "server", name, sizeof(name)));
	ph_answer_ok(world->door, ticket, NULL);
	ph_request_close(&request);
}

static void play_find(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_request request;
	struct ph_writer *writer;
	char name[40];

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "terminal", name, sizeof(name));
	world_note(world, "find %s", name);
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_u64(writer, "handle", world->output);
	ph_put_text(writer, "direction", strcmp(name, "in") ? "out" : "in");
	ph_put_text(writer, "type", "text/plain");
	ph_write_end(writer);
	ph_answer_ok(world->door, ticket, writer);
	ph_writer_free(writer);
	ph_request_close(&request);
}

/* A guest book with one server, "guest", that has the input "in". */
static void play_guest(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_request request;
	char server[40];
	char name[40];

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "server", server, sizeof(server));
	ph_get_copy(request.arguments, "terminal", name, sizeof(name));
	world_note(world, "guest %s %s:%s", call->destination, server, name);
	if (strcmp(server, "guest"))
		world_refuse(
			world, ticket, PH_EXIT_NOT_FOUND, "here are: guest");
	else if (strcmp(name, "in"))
		world_refuse(world, ticket, PH_EXIT_WIRING, "an output");
	else
		ph_answer_ok(world->door, ticket, NULL);
	ph_request_close(&request);
}

static void play_reserve(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_request request;
	struct ph_writer *writer;
	char id[96];

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	world_note(world, "reserve%s%s %s", *call->destination ? " " : "",
		call->destination,
		ph_get_copy(request.arguments, "connection", id, sizeof(id)));
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_bytes(writer, "token", "0123456789abcdef", 16);
	ph_write_end(writer);
	if (world->reserve_fails) {
		world->reserve_fails--;
		world_refuse(world, ticket, PH_EXIT_NOT_FOUND, "no server dst");
	} else {
		ph_answer_ok(world->door, ticket, writer);
	}
	ph_writer_free(writer);
	ph_request_close(&request);
}

static void play_release(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;

	world_note(world, "release%s%s", *call->destination ? " " : "",
		call->destination);
	ph_answer_ok(world->door, ticket, NULL);
}

static void play_open(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_request request;
	char node[40];

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "connection", world->connection,
		sizeof(world->connection));
	ph_get_copy(request.arguments, "node", node, sizeof(node));
	world->generation = ph_get_u64(request.arguments, "generation");
	world_note(world, "open %s %s", world->connection, node);
	if (!world->hold_open)
		ph_answer_ok(world->door, ticket, NULL);
	ph_request_close(&request);
}

static void play_close(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;

	world_note(world, "close");
	ph_answer_ok(world->door, ticket, NULL);
}

static void play_flows(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	if (*world->connection) {
		ph_write_map(writer);
		ph_put_text(writer, "connection", world->connection);
		ph_put_text(writer, "direction", "out");
		ph_put_text(writer, "transport", "inproc");
		ph_put_map(writer, "sent");
		ph_put_u64(writer, "bytes", world->sent);
		ph_put_u64(writer, "messages", world->sent / 10);
		ph_write_end(writer);
		ph_put_map(writer, "queue");
		ph_put_u64(writer, "bytes", 31);
		ph_put_u64(writer, "limit", 1000);
		ph_put_u64(writer, "there", 17);
		ph_write_end(writer);
		ph_put_map(writer, "rate");
		ph_put_u64(writer, "sent_bps", world->rate);
		ph_put_map(writer, "10s");
		ph_put_u64(writer, "sent_bps", world->rate / 2);
		ph_write_end(writer);
		ph_write_end(writer);
		ph_put_bool(writer, "blocked", world->blocked);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(world->door, ticket, writer);
	ph_writer_free(writer);
}

static void play_table(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_writer *writer;
	bool guests = call->method == PH_HOSTESS_GUESTS;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	ph_write_map(writer);
	ph_put_text(writer, guests ? "server" : "name", "src");
	if (!guests)
		ph_put_text(writer, "kind", "bundled");
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(world->door, ticket, writer);
	ph_writer_free(writer);
}

/* beta's control surface. */
static void beta_survey(
	struct world *world, ph_handle ticket, const struct ph_call *call)
{
	struct ph_request request;
	struct ph_writer *writer;

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	world_note(world, "beta survey servers=%zu wires=%zu",
		ph_value_count(ph_value_get(
			ph_value_get(request.arguments, "part"), "servers")),
		ph_value_count(ph_value_get(
			ph_value_get(request.arguments, "part"), "wires")));
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_list(writer, "hosts");
	ph_write_end(writer);
	ph_put_bool(writer, "known", world->beta_knows);
	ph_put_u64(writer, "revision", 40 + world->beta_knows);
	ph_write_end(writer);
	if (world->held_here)
		world_refuse(
			world, ticket, PH_EXIT_NOT_FOUND, world->held_here);
	else
		ph_answer_ok(world->door, ticket, writer);
	ph_writer_free(writer);
	ph_request_close(&request);
}

static void beta_prepare(
	struct world *world, ph_handle ticket, const struct ph_call *call)
{
	struct ph_request request;

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	world_note(world, "beta prepare servers=%zu wires=%zu",
		ph_value_count(ph_value_get(
			ph_value_get(request.arguments, "part"), "servers")),
		ph_value_count(ph_value_get(
			ph_value_get(request.arguments, "part"), "wires")));
	ph_answer_ok(world->door, ticket, NULL);
	ph_request_close(&request);
}

static void beta_outcome(struct world *world, ph_handle ticket)
{
	struct ph_writer *writer;

	world_note(world, "beta outcome");
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_text(
		writer, "outcome", world->beta_knows ? "committed" : "none");
	ph_write_end(writer);
	ph_answer_ok(world->door, ticket, writer);
	ph_writer_free(writer);
}

static void play_road(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_error error;

	if (world->beta_forgotten && !strcmp(call->destination, "beta")) {
		ph_fail(&error, PH_EXIT_NOT_FOUND, "beta", "", "no such node");
		ph_answer_error(world->door, ticket, &error);
		return;
	}
	if (strcmp(call->destination, "beta") || world->beta_away) {
		if (!strcmp(call->destination, "beta") &&
			world->beta_away != UINT32_MAX)
			world->beta_away--;
		world_note(world, "unreachable %s", call->destination);
		ph_door_answer(
			world->door, ticket, PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	switch (call->method) {
	case PH_CONTROL_SURVEY:
		beta_survey(world, ticket, call);
		break;
	case PH_CONTROL_PREPARE:
		beta_prepare(world, ticket, call);
		break;
	case PH_CONTROL_OUTCOME:
		beta_outcome(world, ticket);
		break;
	case PH_CONTROL_ABORT:
		world_note(world, "beta abort");
		ph_answer_ok(world->door, ticket, NULL);
		break;
	case PH_CONTROL_DONE:
		world_note(world, "beta done");
		ph_answer_ok(world->door, ticket, NULL);
		break;
	case PH_CONTROL_COMMIT:
		world_note(world, "beta commit");
		world->beta_knows = true;
		ph_answer_ok(world->door, ticket, NULL);
		break;
	case PH_HOSTESS_CHECK:
		play_guest(context, ticket, call);
		break;
	case PH_HOSTESS_RESERVE:
		play_reserve(context, ticket, call);
		break;
	case PH_HOSTESS_RELEASE:
		play_release(context, ticket, call);
		break;
	default:
		fail();
	}
}

static const struct {
	uint16_t method;
	ph_call_fn *play;
} plays[] = {
	{PH_EXECUTOR_CHECK, play_check},
	{PH_EXECUTOR_START, play_check},
	{PH_EXECUTOR_STOP, play_stop},
	{PH_EXECUTOR_LIST, play_table},
	{PH_HOSTESS_GUESTS, play_table},
	{PH_HOSTESS_FIND, play_find},
	{PH_HOSTESS_CHECK, play_guest},
	{PH_HOSTESS_RESERVE, play_reserve},
	{PH_HOSTESS_RELEASE, play_release},
	{PH_WIRE_OPEN, play_open},
	{PH_WIRE_CLOSE, play_close},
	{PH_WIRE_FLOWS, play_flows},
	{PH_STORE_PUT, world_play_store},
	{PH_STORE_DELETE, world_play_store},
	{PH_STORE_LIST, world_play_store},
	{PH_STORE_NOTE, world_play_store},
};

void world_serve(struct world *world)
{
	ph_door_set_road(world->door, play_road, world);
	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++)
		ph_door_serve(
			world->door, plays[i].method, plays[i].play, world);
}
