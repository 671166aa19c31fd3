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

#include "controlsurface/control.h"
#include "proto/calls.h"

/*
 * The control surface of one node "alpha" on a virtual clock. Everything it
 * calls is played here: a store that outlives restarts, a Hostess, an
 * executor, the wires, and the road to a second node "beta".
 */
#define EVENTS 4096
#define KEPT   64

struct kept {
	char space[40];
	char key[96];
	uint8_t *value;
	size_t length;
};

struct world {
	struct ph_virtual_clock clock;
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_worker *worker;
	struct ph_door *door;
	struct ph_timer alarm;
	struct ph_control *control;
	uint64_t epoch;

	char *events[EVENTS];
	unsigned event_count;
	struct kept kept[KEPT];
	unsigned kept_count;

	const char *refused;   /* a server that the executor refuses */
	const char *held_here; /* control.commit of beta fails */
	unsigned beta_away;    /* calls that do not reach it */
	unsigned reserve_fails;
	unsigned store_fails;
	bool hold_open; /* wire.open is not answered */
	char connection[96];
	uint64_t generation;
	uint64_t sent;
	bool blocked;
	bool beta_knows;
	ph_handle output;
};

static void note(struct world *world, const char *format, ...)
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
static unsigned count(const struct world *world, const char *start)
{
	unsigned found = 0;

	for (unsigned i = 0; i < world->event_count; i++)
		found += !strncmp(world->events[i], start, strlen(start));
	return found;
}

static void forget_events(struct world *world)
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
	note(world, "%s %s",
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
	note(world, "stop %s",
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
	note(world, "find %s", name);
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

static void play_reserve(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_request request;
	struct ph_writer *writer;
	char id[96];

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	note(world, "reserve%s%s %s", *call->destination ? " " : "",
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

	note(world, "release%s%s", *call->destination ? " " : "",
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
	note(world, "open %s %s", world->connection, node);
	if (!world->hold_open)
		ph_answer_ok(world->door, ticket, NULL);
	ph_request_close(&request);
}

static void play_close(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;

	note(world, "close");
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

static unsigned kept_in(const struct world *world, const char *space)
{
	unsigned found = 0;

	for (unsigned i = 0; i < world->kept_count; i++)
		found += !strcmp(world->kept[i].space, space);
	return found;
}

static void kept_drop(struct world *world, struct kept *kept)
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
		note(world, "note %s",
			ph_get_copy(
				request.arguments, "what", what, sizeof(what)));
	} else if (world->store_fails) {
		world->store_fails--;
		refuse(world, ticket, PH_EXIT_NEGATIVE, "disk full");
		goto out;
	} else if (call->method == PH_STORE_PUT) {
		note(world, "put %s %s", space, key);
		kept_put(world, space, key,
			ph_value_get(request.arguments, "value"));
	} else {
		note(world, "delete %s %s", space, key);
		if (kept_find(world, space, key))
			kept_drop(world, kept_find(world, space, key));
	}
	ph_answer_ok(world->door, ticket, NULL);
out:
	ph_request_close(&request);
}

/* beta's control surface. */
static void beta_prepare(
	struct world *world, ph_handle ticket, const struct ph_call *call)
{
	struct ph_request request;
	struct ph_writer *writer;

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	if (ph_get_bool(request.arguments, "abort")) {
		note(world, "beta abort");
		ph_answer_ok(world->door, ticket, NULL);
		ph_request_close(&request);
		return;
	}
	note(world, "beta prepare servers=%zu wires=%zu",
		ph_value_count(ph_value_get(
			ph_value_get(request.arguments, "part"), "servers")),
		ph_value_count(ph_value_get(
			ph_value_get(request.arguments, "part"), "wires")));
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_list(writer, "hosts");
	ph_write_end(writer);
	ph_put_bool(writer, "known", world->beta_knows);
	ph_write_end(writer);
	if (world->held_here)
		refuse(world, ticket, PH_EXIT_NOT_FOUND, world->held_here);
	else
		ph_answer_ok(world->door, ticket, writer);
	ph_writer_free(writer);
	ph_request_close(&request);
}

static void play_road(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;

	if (strcmp(call->destination, "beta") || world->beta_away) {
		if (!strcmp(call->destination, "beta") &&
			world->beta_away != UINT32_MAX)
			world->beta_away--;
		note(world, "unreachable %s", call->destination);
		ph_door_answer(
			world->door, ticket, PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	switch (call->method) {
	case PH_CONTROL_PREPARE:
		beta_prepare(world, ticket, call);
		break;
	case PH_CONTROL_COMMIT:
		note(world, "beta commit");
		world->beta_knows = true;
		ph_answer_ok(world->door, ticket, NULL);
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
	note(context, "seed %s %s", node, address);
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

static void turn(struct world *world)
{
	/* While the worker reads a file, time stands still. */
	if (ph_worker_pending(world->worker)) {
		ph_loop_turn(world->loop, 0);
		sched_yield();
	} else {
		ph_loop_turn(world->loop, 10 * PH_MILLISECOND);
	}
}

static void settle(struct world *world, int64_t time)
{
	int64_t end = world->clock.time + time;

	while (world->clock.time < end)
		turn(world);
}

static void world_up(struct world *world)
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
	settle(world, 50 * PH_MILLISECOND);
}

static void world_down(struct world *world)
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

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	ph_virtual_clock_init(&world->clock, PH_SECOND);
	world->output = 7;
	world_up(world);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	world_down(world);
	forget_events(world);
	while (world->kept_count)
		kept_drop(world, world->kept);
	free(world);
	return 0;
}

/* --- calls of the tests --- */

struct answer {
	bool done;
	int status;
	struct ph_error error;
	uint8_t *bytes;
	struct ph_document *document;
	struct ph_value body;
};

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

static void answer_free(struct answer *answer)
{
	ph_document_free(answer->document);
	free(answer->bytes);
	memset(answer, 0, sizeof(*answer));
}

static void send_call(struct world *world, const struct ph_caller *caller,
	uint16_t method, struct ph_writer *writer, struct answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	assert_int_equal(ph_call_send(world->door, caller, "", method, writer,
				 ph_loop_now(world->loop), 60 * PH_SECOND,
				 answered, answer),
		0);
	ph_writer_free(writer);
}

static void await_answer(struct world *world, struct answer *answer)
{
	time_t end = time(NULL) + 20;

	while (!answer->done) {
		turn(world);
		assert_true(time(NULL) < end);
	}
}

static const struct ph_caller self = {.role = PH_ROLE_EXEC};

static struct ph_writer *arguments(const char *key, const char *text)
{
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	if (key)
		ph_put_text(writer, key, text);
	return writer;
}

static void call(struct world *world, uint16_t method, const char *key,
	const char *text, struct answer *answer)
{
	struct ph_writer *writer = arguments(key, text);

	ph_write_end(writer);
	send_call(world, &self, method, writer, answer);
	await_answer(world, answer);
}

/* The status of applying it; the error, if any, in `error`. */
static int apply(struct world *world, const char *text, struct ph_error *error)
{
	struct answer answer;
	int status;

	call(world, PH_CONTROL_APPLY, "text", text, &answer);
	status = answer.status;
	if (error)
		*error = answer.error;
	answer_free(&answer);
	return status;
}

static void carrier_news(
	struct world *world, const char *state, const char *reason)
{
	struct ph_writer *writer = arguments("state", state);
	struct answer answer;

	ph_put_text(writer, "connection", world->connection);
	ph_put_text(writer, "reason", reason);
	ph_write_end(writer);
	send_call(world, &self, PH_CONTROL_CARRIER, writer, &answer);
	await_answer(world, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	answer_free(&answer);
}

/* The one connection's field, as control.connections tells it. */
static char *connection_field(struct world *world, const char *field)
{
	static char text[256];
	struct answer answer;
	struct ph_value items;

	call(world, PH_CONTROL_LIST, NULL, NULL, &answer);
	items = ph_value_get(answer.body, "items");
	if (ph_value_count(items) == 1)
		ph_get_copy(ph_value_at(items, 0), field, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%zu", ph_value_count(items));
	answer_free(&answer);
	return text;
}

static const char here[] = "wiring: 1\n"
			   "name: demo\n"
			   "servers:\n"
			   "  src: {use: source}\n"
			   "  dst: {use: sink}\n"
			   "wires:\n"
			   "  - src:out -> dst:in\n";

static const char changed[] = "wiring: 1\n"
			      "name: demo\n"
			      "servers:\n"
			      "  src: {use: source, with: {bytes: 1MiB}}\n"
			      "  dst: {use: sink}\n"
			      "wires:\n"
			      "  - src:out -> dst:in\n";

static const char renamed[] = "wiring: 1\n"
			      "name: demo\n"
			      "servers:\n"
			      "  src: {use: source}\n"
			      "  other: {use: sink}\n"
			      "wires:\n"
			      "  - src:out -> other:in\n";

static const char across[] = "wiring: 1\n"
			     "name: demo\n"
			     "hosts:\n"
			     "  alpha: {at: \"127.0.0.1:7001\"}\n"
			     "  beta: {at: \"127.0.0.1:7002\"}\n"
			     "servers:\n"
			     "  src: {host: alpha, use: source}\n"
			     "  dst: {host: beta, use: sink}\n"
			     "wires:\n"
			     "  - src:out -> dst:in\n";

/* --- tests --- */

static void one_node_is_wired(void **state)
{
	struct world *world = *state;
	struct answer answer;

	call(world, PH_CONTROL_APPLY, "text", here, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_true(ph_value_is(ph_value_get(answer.body, "scope"), "demo"));
	assert_int_equal(ph_get_int(answer.body, "servers"), 2);
	assert_int_equal(ph_get_int(answer.body, "wires"), 1);
	assert_true(ph_value_is(
		ph_value_at(ph_value_get(answer.body, "hosts"), 0), "alpha"));
	answer_free(&answer);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "check "), 2);
	assert_int_equal(count(world, "start "), 2);
	assert_int_equal(count(world, "open alpha#1.1 alpha"), 1);
	assert_int_equal(kept_in(world, "wiring"), 1);
	assert_int_equal(kept_in(world, "connections"), 1);
	assert_string_equal(connection_field(world, "state"), "open");
	assert_string_equal(connection_field(world, "from"), "alpha/src:out");
	assert_string_equal(connection_field(world, "to"), "alpha/dst:in");
	assert_int_equal(count(world, "note apply demo"), 1);
}

static void applying_twice_changes_nothing(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	forget_events(world);
	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "start "), 0);
	assert_int_equal(count(world, "put "), 0);
	assert_int_equal(count(world, "open "), 0);
	assert_int_equal(count(world, "close"), 0);
}

static void durable_before_anything_starts(void **state)
{
	struct world *world = *state;
	unsigned put = 0;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	while (strncmp(world->events[put], "put wiring", 10))
		put++;
	for (unsigned i = 0; i < put; i++)
		assert_int_not_equal(strncmp(world->events[i], "start", 5), 0);
	/* A disk that refuses: nothing starts. */
	forget_events(world);
	world->store_fails = 1;
	assert_int_equal(apply(world, changed, NULL), PH_CALL_FAILED);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "start "), 0);
}

static void a_refused_prepare_changes_nothing(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	world->refused = "dst";
	assert_int_equal(apply(world, here, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_NOT_FOUND);
	assert_non_null(strstr(error.where, "alpha"));
	assert_string_equal(error.what, "no such program");
	settle(world, 10 * PH_SECOND);
	assert_int_equal(count(world, "start "), 0);
	assert_int_equal(world->kept_count, 0);
	assert_string_equal(connection_field(world, "state"), "0");
}

static void findings_are_answered_with_their_places(void **state)
{
	struct world *world = *state;
	struct answer answer;
	struct ph_value finding;
	struct ph_writer *writer = arguments("text",
		"wiring: 1\nname: demo\nservers:\n"
		"  src: {use: source}\nwires:\n  - src:out -> nobody:in\n"
		"  - src:wrong -> src:out\n");

	ph_put_text(writer, "file", "bad.yaml");
	ph_write_end(writer);
	send_call(world, &self, PH_CONTROL_APPLY, writer, &answer);
	await_answer(world, &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_WIRING);
	assert_non_null(strstr(answer.error.where, "bad.yaml:"));
	finding = ph_value_at(ph_value_get(answer.body, "findings"), 0);
	assert_true(ph_value_is(ph_value_get(finding, "file"), "bad.yaml"));
	assert_true(ph_get_int(finding, "line") > 0);
	answer_free(&answer);
}

static void two_nodes_prepare_before_they_commit(void **state)
{
	struct world *world = *state;

	world->beta_away = 3;
	assert_int_equal(apply(world, across, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "seed beta 127.0.0.1:7002"), 2);
	assert_int_equal(count(world, "seed alpha"), 0);
	assert_int_equal(count(world, "unreachable beta"), 3);
	assert_int_equal(count(world, "beta prepare servers=1 wires=0"), 1);
	assert_int_equal(count(world, "beta commit"), 1);
	assert_int_equal(count(world, "start src"), 1);
	assert_int_equal(count(world, "start dst"), 0);
	assert_int_equal(count(world, "reserve beta alpha#1.1"), 1);
	assert_int_equal(count(world, "open alpha#1.1 beta"), 1);
}

static void one_refusal_stops_all(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	world->held_here = "no program gzip";
	assert_int_equal(apply(world, across, &error), PH_CALL_FAILED);
	assert_non_null(strstr(error.where, "beta"));
	assert_string_equal(error.what, "no program gzip");
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "beta commit"), 0);
	assert_int_equal(count(world, "put "), 0);
	assert_int_equal(count(world, "start "), 0);
	world->held_here = NULL;
	assert_int_equal(apply(world, across, NULL), PH_CALL_OK);
}

static void a_node_that_stays_away_is_named(void **state)
{
	struct world *world = *state;
	struct ph_error error;
	int64_t began = world->clock.time;

	world->beta_away = UINT32_MAX;
	assert_int_equal(apply(world, across, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_UNREACHABLE);
	assert_non_null(strstr(error.where, "beta"));
	assert_in_range(
		world->clock.time - began, 10 * PH_SECOND, 12 * PH_SECOND);
	assert_int_equal(count(world, "put "), 0);
	assert_int_equal(count(world, "start "), 0);
}

static void a_broken_carrier_comes_back_under_its_id(void **state)
{
	struct world *world = *state;
	uint64_t generation;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, 10 * PH_SECOND);
	generation = world->generation;
	world->reserve_fails = 2;
	forget_events(world);
	carrier_news(world, "failed", "connection reset");
	assert_string_equal(connection_field(world, "state"), "failed");
	assert_string_equal(
		connection_field(world, "reason"), "connection reset");
	settle(world, 60 * PH_MILLISECOND);
	assert_int_equal(count(world, "reserve"), 0);
	settle(world, 70 * PH_MILLISECOND);
	assert_int_equal(count(world, "reserve"), 1);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "reserve alpha#1.1"), 3);
	assert_int_equal(count(world, "open alpha#1.1"), 1);
	assert_true(world->generation > generation);
	assert_string_equal(connection_field(world, "state"), "open");
	assert_int_equal(count(world, "note connection alpha#1.1 failed"), 1);
}

static void a_dial_without_an_answer_is_given_up(void **state)
{
	struct world *world = *state;

	world->hold_open = true;
	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	assert_string_equal(connection_field(world, "state"), "dialing");
	world->hold_open = false;
	settle(world, 20 * PH_SECOND);
	assert_string_equal(connection_field(world, "state"), "open");
	assert_int_equal(world->generation, 2);
}

static void a_restart_keeps_the_id(void **state)
{
	struct world *world = *state;
	uint64_t generation;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	generation = world->generation;
	world_down(world);
	forget_events(world);
	world_up(world);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "start "), 2);
	assert_int_equal(count(world, "open alpha#1.1 alpha"), 1);
	assert_true(world->generation > generation);
	assert_int_equal(kept_in(world, "connections"), 1);
}

static void a_finished_stream_is_not_run_again(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	carrier_news(world, "closed", "end");
	settle(world, PH_SECOND);
	assert_string_equal(connection_field(world, "state"), "closed");
	assert_string_equal(connection_field(world, "reason"), "end");
	world_down(world);
	forget_events(world);
	world_up(world);
	settle(world, 10 * PH_SECOND);
	assert_string_equal(connection_field(world, "state"), "closed");
	assert_string_equal(connection_field(world, "reason"), "end");
	assert_string_equal(connection_field(world, "id"), "alpha#1.1");
	assert_int_equal(count(world, "start src"), 0);
	assert_int_equal(count(world, "start dst"), 1);
	assert_int_equal(count(world, "open"), 0);
	/* The same file again: still finished. Another source: a new run. */
	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "open"), 0);
	assert_int_equal(apply(world, changed, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "start src"), 1);
	assert_int_equal(count(world, "open alpha#2.1"), 1);
	assert_int_equal(kept_in(world, "connections"), 1);
}

static void an_end_while_stopping_is_remembered(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	forget_events(world);
	ph_control_quiesce(world->control);
	carrier_news(world, "closed", "end");
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "put connections alpha#1.1"), 1);
}

static void a_stopping_node_redials_nothing(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	forget_events(world);
	ph_control_quiesce(world->control);
	carrier_news(world, "failed", "this node stops");
	settle(world, 10 * PH_SECOND);
	assert_int_equal(world->event_count, 0);
}

static void a_changed_file_changes_only_what_differs(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	forget_events(world);
	assert_int_equal(apply(world, renamed, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "stop dst"), 1);
	assert_int_equal(count(world, "stop src"), 0);
	assert_int_equal(count(world, "start other"), 1);
	assert_int_equal(count(world, "close"), 1);
	assert_int_equal(count(world, "release"), 1);
	assert_int_equal(count(world, "delete connections alpha#1.1"), 1);
	assert_int_equal(count(world, "open alpha#1.2 alpha"), 1);
	assert_string_equal(connection_field(world, "to"), "alpha/other:in");
}

static void unapply_empties_the_scope(void **state)
{
	struct world *world = *state;
	struct answer answer;

	assert_int_equal(apply(world, across, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	forget_events(world);
	call(world, PH_CONTROL_UNAPPLY, "name", "demo", &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	answer_free(&answer);
	settle(world, PH_SECOND);
	assert_int_equal(count(world, "beta prepare servers=0 wires=0"), 1);
	assert_int_equal(count(world, "beta commit"), 1);
	assert_int_equal(count(world, "stop src"), 1);
	assert_int_equal(count(world, "close"), 1);
	assert_int_equal(count(world, "release beta"), 1);
	assert_int_equal(world->kept_count, 0);
	assert_string_equal(connection_field(world, "id"), "0");
	call(world, PH_CONTROL_UNAPPLY, "name", "demo", &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_NOT_FOUND);
	answer_free(&answer);
}

static void unapply_says_who_kept_its_part(void **state)
{
	struct world *world = *state;
	struct answer answer;

	assert_int_equal(apply(world, across, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	world->beta_away = UINT32_MAX;
	call(world, PH_CONTROL_UNAPPLY, "name", "demo", &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_UNREACHABLE);
	assert_non_null(strstr(answer.error.what, "beta"));
	answer_free(&answer);
	settle(world, 10 * PH_SECOND);
	assert_int_equal(world->kept_count, 0);
}

/* A peer between its prepare and its commit. */
static void another_coordinator_has_to_wait(void **state)
{
	struct world *world = *state;
	struct ph_caller gamma = {
		.line = 9, .role = PH_ROLE_EXEC, .node = "gamma"};
	struct ph_writer *writer = arguments("scope", "demo");
	struct answer answer;
	struct ph_error error;

	ph_put_map(writer, "part");
	ph_put_text(writer, "scope", "demo");
	ph_write_end(writer);
	ph_write_end(writer);
	send_call(world, &gamma, PH_CONTROL_PREPARE, writer, &answer);
	await_answer(world, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	answer_free(&answer);
	assert_int_equal(apply(world, here, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_CONFLICT);
	settle(world, 16 * PH_SECOND);
	assert_int_equal(apply(world, here, &error), PH_CALL_OK);
}

static void names_belong_to_one_scope(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	assert_int_equal(apply(world,
				 "wiring: 1\nname: second\nservers:\n"
				 "  src: {use: source}\n  b: {use: sink}\n"
				 "wires:\n  - src:out -> b:in\n",
				 &error),
		PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_CONFLICT);
	assert_non_null(strstr(error.what, "demo"));
}

/* A part may come from a peer that never saw our lint. */
static void directions_are_checked_here_too(void **state)
{
	struct world *world = *state;
	struct ph_writer *writer = arguments("scope", "demo");
	struct answer answer;

	ph_put_map(writer, "part");
	ph_put_text(writer, "scope", "demo");
	ph_put_list(writer, "wires");
	ph_write_map(writer);
	ph_put_text(writer, "from", "guest:in");
	ph_put_text(writer, "to", "alpha/guest:in");
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	send_call(world, &self, PH_CONTROL_PREPARE, writer, &answer);
	await_answer(world, &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_WIRING);
	assert_non_null(strstr(answer.error.what, "guest:in is an input"));
	answer_free(&answer);
}

static void rates_come_from_looks(void **state)
{
	struct world *world = *state;
	struct answer answer;
	struct ph_value item;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, 2 * PH_SECOND);
	world->sent = 1000;
	assert_string_equal(connection_field(world, "state"), "open");
	settle(world, PH_SECOND);
	world->sent = 51000;
	call(world, PH_CONTROL_LIST, NULL, NULL, &answer);
	item = ph_value_at(ph_value_get(answer.body, "items"), 0);
	assert_true(ph_value_is(ph_value_get(item, "state"), "flowing"));
	assert_int_equal(
		ph_get_int(ph_value_get(item, "sent"), "bytes"), 51000);
	assert_in_range(ph_get_int(ph_value_get(item, "rate"), "sent_bps"),
		49000, 51000);
	answer_free(&answer);
	/* Somebody else looks a moment later: still the same answer. */
	settle(world, 10 * PH_MILLISECOND);
	assert_string_equal(connection_field(world, "state"), "flowing");
	settle(world, PH_SECOND);
	assert_string_equal(connection_field(world, "state"), "idle");
	world->blocked = true;
	assert_string_equal(connection_field(world, "state"), "blocked");
}

static void show_gathers_what_is_known(void **state)
{
	struct world *world = *state;
	struct answer answer;

	assert_int_equal(apply(world, here, NULL), PH_CALL_OK);
	settle(world, PH_SECOND);
	call(world, PH_CONTROL_SHOW, "address", "src", &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_int_equal(ph_value_count(ph_value_get(answer.body, "items")), 3);
	answer_free(&answer);
	call(world, PH_CONTROL_SHOW, "address", "alpha#1.1", &answer);
	assert_int_equal(ph_value_count(ph_value_get(answer.body, "items")), 1);
	answer_free(&answer);
	call(world, PH_CONTROL_SHOW, "address", "nobody", &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_NOT_FOUND);
	answer_free(&answer);
	call(world, PH_CONTROL_SHOW, "address", ":::", &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_USAGE);
	answer_free(&answer);
}

static void begin_tap(
	struct world *world, int64_t wanted, struct answer *answer)
{
	struct ph_writer *writer = arguments("address", "src:out");

	ph_put_int(writer, "count", wanted);
	ph_write_end(writer);
	send_call(world, &self, PH_CONTROL_TAP, writer, answer);
	settle(world, 50 * PH_MILLISECOND);
}

static const struct ph_terminal_ops quiet;

static void a_tap_copies_messages(void **state)
{
	struct world *world = *state;
	struct ph_terminal *output;
	struct ph_terminal *input;
	struct ph_pipe *pipe;
	struct answer answer;
	struct answer second;
	struct ph_value item;
	char *large = calloc(1, 10000);

	assert_int_equal(
		ph_terminal_create(&world->kernel, PH_OUT, &quiet, NULL, &output),
		0);
	assert_int_equal(
		ph_terminal_create(&world->kernel, PH_IN, &quiet, NULL, &input),
		0);
	assert_int_equal(
		ph_terminal_connect(&world->kernel, ph_terminal_handle(output),
			ph_terminal_handle(input), (struct ph_pipe_limits){0},
			(struct ph_pipe_watcher){0}, &pipe),
		0);
	world->output = ph_terminal_handle(output);
	begin_tap(world, 3, &answer);
	begin_tap(world, 1, &second);
	await_answer(world, &second);
	assert_int_equal(second.error.exit, PH_EXIT_CONFLICT);
	answer_free(&second);
	ph_terminal_send(output, 0, "hel", 3);
	ph_terminal_send(output, PH_FRAME_FIN, "lo", 2);
	ph_terminal_send(output, PH_FRAME_FIN, large, 10000);
	settle(world, 50 * PH_MILLISECOND);
	assert_false(answer.done);
	ph_terminal_send(output, PH_FRAME_FIN, "", 0);
	await_answer(world, &answer);
	item = ph_value_at(ph_value_get(answer.body, "items"), 0);
	assert_int_equal(ph_get_int(item, "length"), 5);
	item = ph_value_at(ph_value_get(answer.body, "items"), 1);
	assert_int_equal(ph_get_int(item, "length"), 10000);
	assert_int_equal(ph_value_count(ph_value_get(answer.body, "items")), 3);
	answer_free(&answer);
	/* Nothing comes: it answers with what it has before the deadline, and
	 * again may be tapped. */
	begin_tap(world, 3, &answer);
	settle(world, 56 * PH_SECOND);
	assert_true(answer.done);
	assert_int_equal(answer.status, PH_CALL_OK);
	answer_free(&answer);
	begin_tap(world, 0, &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_USAGE);
	answer_free(&answer);
	free(large);
	ph_terminal_destroy(output);
	ph_terminal_destroy(input);
	settle(world, 50 * PH_MILLISECOND);
}

/* Whatever it was doing: nothing is left, nothing is called afterwards. */
static void it_can_go_at_any_moment(void **state)
{
	struct world *world = *state;

	for (int turns = 0; turns < 60; turns++) {
		struct ph_writer *writer = arguments("text", across);
		struct answer answer;

		ph_write_end(writer);
		send_call(world, &self, PH_CONTROL_APPLY, writer, &answer);
		for (int i = 0; i < turns; i++)
			turn(world);
		world_down(world);
		assert_true(answer.done);
		answer_free(&answer);
		forget_events(world);
		while (turns % 2 && world->kept_count)
			kept_drop(world, world->kept);
		world_up(world);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(one_node_is_wired),
		TEST(applying_twice_changes_nothing),
		TEST(durable_before_anything_starts),
		TEST(a_refused_prepare_changes_nothing),
		TEST(findings_are_answered_with_their_places),
		TEST(two_nodes_prepare_before_they_commit),
		TEST(one_refusal_stops_all),
		TEST(a_node_that_stays_away_is_named),
		TEST(a_broken_carrier_comes_back_under_its_id),
		TEST(a_dial_without_an_answer_is_given_up),
		TEST(a_restart_keeps_the_id),
		TEST(a_finished_stream_is_not_run_again),
		TEST(an_end_while_stopping_is_remembered),
		TEST(a_stopping_node_redials_nothing),
		TEST(a_changed_file_changes_only_what_differs),
		TEST(unapply_empties_the_scope),
		TEST(unapply_says_who_kept_its_part),
		TEST(another_coordinator_has_to_wait),
		TEST(names_belong_to_one_scope),
		TEST(directions_are_checked_here_too),
		TEST(rates_come_from_looks),
		TEST(show_gathers_what_is_known),
		TEST(a_tap_copies_messages),
		TEST(it_can_go_at_any_moment),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
