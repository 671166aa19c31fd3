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
	world->alarm = (struct ph_timer){.on_due = alarm_due};
	world_serve(world);
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
