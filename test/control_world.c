#include "test/control_world.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void world_note(struct world *world, const char *format, ...)
{
	char text[256];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	assert_true(world->event_count < EVENTS);
	world->events[world->event_count++] = strdup(text);
}

/* How many events begin so. */
unsigned world_count(const struct world *world, const char *start)
{
	unsigned found = 0;

	for (unsigned i = 0; i < world->event_count; i++)
		found += !strncmp(world->events[i], start, strlen(start));
	return found;
}

void world_forget(struct world *world)
{
	for (unsigned i = 0; i < world->event_count; i++)
		free(world->events[i]);
	world->event_count = 0;
}

/* --- the others, played --- */

static void refuse(struct world *world, ph_handle ticket, enum ph_exit code,
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
		refuse(world, ticket, PH_EXIT_NOT_FOUND, "no such program");
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
		refuse(world, ticket, PH_EXIT_NOT_FOUND, "here are: guest");
	else if (strcmp(name, "in"))
		refuse(world, ticket, PH_EXIT_WIRING, "an output");
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
		refuse(world, ticket, PH_EXIT_NOT_FOUND, "no server dst");
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

static struct kept *kept_find(
	struct world *world, const char *space, const char *key)
{
	for (unsigned i = 0; i < world->kept_count; i++) {
		if (!strcmp(world->kept[i].space, space) &&
			!strcmp(world->kept[i].key, key))
			return &world->kept[i];
	}
	return NULL;
}

unsigned world_kept(const struct world *world, const char *space)
{
	unsigned found = 0;

	for (unsigned i = 0; i < world->kept_count; i++)
		found += !strcmp(world->kept[i].space, space);
	return found;
}

void kept_drop(struct world *world, struct kept *kept)
{
	free(kept->value);
	*kept = world->kept[--world->kept_count];
}

static void kept_put(struct world *world, const char *space, const char *key,
	struct ph_value value)
{
	struct kept *kept = kept_find(world, space, key);
	size_t length;
	const uint8_t *bytes = ph_value_bytes(value, &length);

	assert_non_null(bytes);
	if (kept)
		kept_drop(world, kept);
	assert_true(world->kept_count < KEPT);
	kept = &world->kept[world->kept_count++];
	snprintf(kept->space, sizeof(kept->space), "%s", space);
	snprintf(kept->key, sizeof(kept->key), "%s", key);
	kept->value = malloc(length);
	memcpy(kept->value, bytes, length);
	kept->length = length;
}

static void kept_list(struct world *world, ph_handle ticket, const char *space)
{
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (unsigned i = 0; i < world->kept_count; i++) {
		if (strcmp(world->kept[i].space, space))
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "key", world->kept[i].key);
		ph_put_bytes(writer, "value", world->kept[i].value,
			world->kept[i].length);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(world->door, ticket, writer);
	ph_writer_free(writer);
}

static void play_store(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_request request;
	char space[40];
	char key[96];
	char what[256];

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "space", space, sizeof(space));
	ph_get_copy(request.arguments, "key", key, sizeof(key));
	if (call->method == PH_STORE_LIST) {
		kept_list(world, ticket, space);
		goto out;
	}
	if (call->method == PH_STORE_NOTE) {
		world_note(world, "note %s",
			ph_get_copy(
				request.arguments, "what", what, sizeof(what)));
	} else if (world->store_fails) {
		world->store_fails--;
		refuse(world, ticket, PH_EXIT_NEGATIVE, "disk full");
		goto out;
	} else if (call->method == PH_STORE_PUT) {
		world_note(world, "put %s %s", space, key);
		kept_put(world, space, key,
			ph_value_get(request.arguments, "value"));
	} else {
		world_note(world, "delete %s %s", space, key);
		if (kept_find(world, space, key))
			kept_drop(world, kept_find(world, space, key));
	}
	ph_answer_ok(world->door, ticket, NULL);
out:
	ph_request_close(&request);
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
		refuse(world, ticket, PH_EXIT_NOT_FOUND, world->held_here);
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
	{PH_STORE_PUT, play_store},
	{PH_STORE_DELETE, play_store},
	{PH_STORE_LIST, play_store},
	{PH_STORE_NOTE, play_store},
};

/* --- the world's life --- */

static void alarm_due(struct ph_timer *timer)
{
	struct world *world =
		(struct world *)(void *)((char *)timer -
					 offsetof(struct world, alarm));
	int64_t next = ph_door_expire(world->door, ph_loop_now(world->loop));

	if (next != INT64_MAX)
		ph_timer_start(world->loop, &world->alarm, next);
}

static void alarm_set(void *context, int64_t when)
{
	struct world *world = context;

	ph_timer_start(world->loop, &world->alarm, when);
}

static void seeded(void *context, const char *node, const char *address)
{
	world_note(context, "seed %s %s", node, address);
}

static const struct ph_terminal_type source_terminals[] = {
	{"out", PH_OUT, ""},
};
static const struct ph_terminal_type sink_terminals[] = {
	{"in", PH_IN, ""},
};
static const struct ph_parameter_type source_parameters[] = {
	{"bytes", PH_PARAMETER_BYTES, false, "how many"},
};
static const struct ph_server_type source_type = {
	.name = "source",
	.terminals = source_terminals,
	.terminal_count = 1,
	.parameters = source_parameters,
	.parameter_count = 1,
};
static const struct ph_server_type sink_type = {
	.name = "sink",
	.terminals = sink_terminals,
	.terminal_count = 1,
};
static const struct ph_server_type *const bundled[] = {
	&source_type,
	&sink_type,
	NULL,
};

void world_turn(struct world *world)
{
	/* While the worker reads a file, time stands still. */
	if (ph_worker_pending(world->worker)) {
		ph_loop_turn(world->loop, 0);
		sched_yield();
	} else {
		ph_loop_turn(world->loop, 10 * PH_MILLISECOND);
	}
}

void world_settle(struct world *world, int64_t time)
{
	int64_t end = world->clock.time + time;

	while (world->clock.time < end)
		world_turn(world);
}

void world_up(struct world *world)
{
	struct ph_control_config config;

	assert_int_equal(ph_loop_create(&world->loop, &world->clock.clock), 0);
	assert_int_equal(
		ph_kernel_init(&world->kernel, ph_loop_hal(world->loop)), 0);
	assert_int_equal(ph_worker_create(&world->worker, world->loop), 0);
	assert_int_equal(ph_door_create(&world->door, &world->kernel), 0);
	ph_door_set_alarm(world->door, alarm_set, world);
	ph_door_set_road(world->door, play_road, world);
	world->alarm = (struct ph_timer){.on_due = alarm_due};
	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++)
		ph_door_serve(
			world->door, plays[i].method, plays[i].play, world);
	config = (struct ph_control_config){
		.loop = world->loop,
		.worker = world->worker,
		.kernel = &world->kernel,
		.door = world->door,
		.node = "alpha",
		.epoch = ++world->epoch,
		.bundled = bundled,
		.seed = seeded,
		.context = world,
	};
	assert_int_equal(ph_control_create(&world->control, &config), 0);
	ph_control_start(world->control);
	world_settle(world, 50 * PH_MILLISECOND);
}

void world_down(struct world *world)
{
	ph_control_destroy(world->control);
	ph_worker_destroy(world->worker);
	ph_door_destroy(world->door);
	ph_timer_stop(world->loop, &world->alarm);
	ph_loop_turn(world->loop, 0);
	ph_kernel_fini(&world->kernel);
	ph_loop_destroy(world->loop);
	*world->connection = '\0';
}

int world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	ph_virtual_clock_init(&world->clock, PH_SECOND);
	world->output = 7;
	world_up(world);
	*state = world;
	return 0;
}

int world_tear_down(void **state)
{
	struct world *world = *state;

	world_down(world);
	world_forget(world);
	while (world->kept_count)
		kept_drop(world, world->kept);
	free(world);
	return 0;
}

/* --- calls of the tests --- */

static void answered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct answer *answer = context;

	answer->done = true;
	answer->status = status;
	if (status)
		ph_error_read(&answer->error, status, body, length);
	answer->bytes = malloc(length + 1);
	if (length)
		memcpy(answer->bytes, body, length);
	if (length && !ph_document_read(&answer->document, answer->bytes,
			      length, PH_SKIM_TABLE))
		answer->body = ph_document_root(answer->document);
}

void world_answer_free(struct answer *answer)
{
	ph_document_free(answer->document);
	free(answer->bytes);
	memset(answer, 0, sizeof(*answer));
}

void world_send(struct world *world, const struct ph_caller *caller,
	uint16_t method, struct ph_writer *writer, struct answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	assert_int_equal(ph_call_send(world->door, caller, "", method, writer,
				 ph_loop_now(world->loop), 60 * PH_SECOND,
				 answered, answer),
		0);
	ph_writer_free(writer);
}

void world_await(struct world *world, struct answer *answer)
{
	time_t end = time(NULL) + 20;

	while (!answer->done) {
		world_turn(world);
		assert_true(time(NULL) < end);
	}
}

const struct ph_caller world_self = {.role = PH_ROLE_EXEC};

struct ph_writer *world_arguments(const char *key, const char *text)
{
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	if (key)
		ph_put_text(writer, key, text);
	return writer;
}

void world_call(struct world *world, uint16_t method, const char *key,
	const char *text, struct answer *answer)
{
	struct ph_writer *writer = world_arguments(key, text);

	ph_write_end(writer);
	world_send(world, &world_self, method, writer, answer);
	world_await(world, answer);
}

/* The status of applying it; the error, if any, in `error`. */
int world_apply(struct world *world, const char *text, struct ph_error *error)
{
	struct answer answer;
	int status;

	world_call(world, PH_CONTROL_APPLY, "text", text, &answer);
	status = answer.status;
	if (error)
		*error = answer.error;
	world_answer_free(&answer);
	return status;
}

void world_news(struct world *world, const char *state, const char *reason)
{
	struct ph_writer *writer = world_arguments("state", state);
	struct answer answer;

	ph_put_text(writer, "connection", world->connection);
	ph_put_text(writer, "reason", reason);
	if (world->news_generation)
		ph_put_u64(writer, "generation", world->news_generation);
	ph_put_map(writer, "sent");
	ph_put_u64(writer, "bytes", 4711);
	ph_write_end(writer);
	ph_write_end(writer);
	world_send(world, &world_self, PH_CONTROL_CARRIER, writer, &answer);
	world_await(world, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	world_answer_free(&answer);
}

/* The one connection's field, as control.connections tells it. */
char *world_field(struct world *world, const char *field)
{
	static char text[256];
	struct answer answer;
	struct ph_value items;

	world_call(world, PH_CONTROL_LIST, NULL, NULL, &answer);
	items = ph_value_get(answer.body, "items");
	if (ph_value_count(items) == 1)
		ph_get_copy(ph_value_at(items, 0), field, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%zu", ph_value_count(items));
	world_answer_free(&answer);
	return text;
}

const char world_here[] = "wiring: 1\n"
			  "name: demo\n"
			  "servers:\n"
			  "  src: {use: source}\n"
			  "  dst: {use: sink}\n"
			  "wires:\n"
			  "  - src:out -> dst:in\n";

const char world_changed[] = "wiring: 1\n"
			     "name: demo\n"
			     "servers:\n"
			     "  src: {use: source, with: {bytes: 1MiB}}\n"
			     "  dst: {use: sink}\n"
			     "wires:\n"
			     "  - src:out -> dst:in\n";

const char world_renamed[] = "wiring: 1\n"
			     "name: demo\n"
			     "servers:\n"
			     "  src: {use: source}\n"
			     "  other: {use: sink}\n"
			     "wires:\n"
			     "  - src:out -> other:in\n";

const char world_across[] = "wiring: 1\n"
			    "name: demo\n"
			    "hosts:\n"
			    "  alpha: {at: \"127.0.0.1:7001\"}\n"
			    "  beta: {at: \"127.0.0.1:7002\"}\n"
			    "servers:\n"
			    "  src: {host: alpha, use: source}\n"
			    "  dst: {host: beta, use: sink}\n"
			    "wires:\n"
			    "  - src:out -> dst:in\n";
