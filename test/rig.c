#include "test/rig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/loop.h"
#include "kernel/worker.h"
#include "placement/placement.h"
#include "proto/calls.h"

static const struct ph_caller own_caller = {.role = PH_ROLE_EXEC};

/* The guest book. */

static void serve_register(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct rig *rig = context;
	struct ph_request request;
	struct ph_value list;
	char server[40];

	if (ph_request_open(&request, rig->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "server", server, sizeof(server));
	ph_get_copy(request.arguments, "identity", rig->identity,
		sizeof(rig->identity));
	list = ph_value_get(request.arguments, "terminals");
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct rig_terminal *terminal = &rig->terminals[rig->count++];

		assert_true(rig->count < RIG_TERMINALS);
		snprintf(terminal->server, sizeof(terminal->server), "%s",
			server);
		ph_get_copy(ph_value_at(list, i), "name", terminal->name,
			sizeof(terminal->name));
		terminal->handle = ph_get_u64(ph_value_at(list, i), "handle");
	}
	if (rig->refuse) {
		struct ph_error error;

		ph_fail(&error, PH_EXIT_CONFLICT, server, "name it otherwise",
			"the name is taken");
		ph_answer_error(rig->door, ticket, &error);
	} else {
		ph_answer_ok(rig->door, ticket, NULL);
	}
	ph_request_close(&request);
}

static void serve_unregister(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct rig *rig = context;
	struct ph_request request;
	char server[40];
	unsigned kept = 0;

	if (ph_request_open(&request, rig->door, ticket, call))
		return;
	if (rig->deaf) {
		rig->deaf--;
		ph_door_answer(rig->door, ticket, PH_CALL_TIMEOUT, NULL, 0);
		ph_request_close(&request);
		return;
	}
	ph_get_copy(request.arguments, "server", server, sizeof(server));
	for (unsigned i = 0; i < rig->count; i++)
		if (strcmp(rig->terminals[i].server, server))
			rig->terminals[kept++] = rig->terminals[i];
	rig->count = kept;
	ph_answer_ok(rig->door, ticket, NULL);
	ph_request_close(&request);
}

ph_handle rig_handle(struct rig *rig, const char *server, const char *name)
{
	for (unsigned i = 0; i < rig->count; i++)
		if (!strcmp(rig->terminals[i].server, server) &&
			!strcmp(rig->terminals[i].name, name))
			return rig->terminals[i].handle;
	return 0;
}

/* Life. */

static int64_t rig_now(struct ph_clock *clock)
{
	const struct rig *rig = (struct rig *)clock;

	return rig->time ? rig->time : ph_clock_real.now(&ph_clock_real);
}

void rig_freeze(struct rig *rig)
{
	rig->time = rig_now(&rig->clock);
	ph_loop_turn(rig->loop, 0);
}

void rig_jump(struct rig *rig, int64_t time)
{
	rig->time += time;
	ph_loop_turn(rig->loop, 0);
}

void rig_open(struct rig *rig)
{
	/* Each its own: what carries the mark of another life is killed. */
	const pid_t self = getpid();
	static uint8_t key[PH_PUBLIC_KEY];
	char fqdn[] = "test.example";
	struct ph_executor_config config = {
		.fqdn = fqdn, .node = "test", .node_key = key};

	*rig = (struct rig){0};
	signal(SIGPIPE, SIG_IGN); /* as the node does */
	memcpy(key, &self, sizeof(self));
	snprintf(rig->directory, sizeof(rig->directory), "/tmp/rig.XXXXXX");
	assert_non_null(mkdtemp(rig->directory));
	rig->clock.now = rig_now;
	assert_int_equal(ph_loop_create(&rig->loop, &rig->clock), 0);
	assert_int_equal(
		ph_kernel_init(&rig->kernel, ph_loop_hal(rig->loop)), 0);
	assert_int_equal(ph_worker_create(&rig->worker, rig->loop), 0);
	assert_int_equal(ph_door_create(&rig->door, &rig->kernel), 0);
	ph_door_serve(rig->door, PH_HOSTESS_REGISTER, serve_register, rig);
	ph_door_serve(rig->door, PH_HOSTESS_UNREGISTER, serve_unregister, rig);
	config.loop = rig->loop;
	config.worker = rig->worker;
	config.kernel = &rig->kernel;
	config.door = rig->door;
	config.directory = rig->directory;
	rig->host.loop = rig->loop;
	rig->host.pool = rig->kernel.pool;
	assert_int_equal(ph_placement_create(
				 &rig->placement, &rig->host, "/proc/self/exe"),
		0);
	config.outside = ph_placement_open;
	config.outside_context = rig->placement;
	assert_int_equal(ph_executor_create(&rig->executor, &config), 0);
	memset(fqdn, '?', strlen(fqdn)); /* it took a copy */
}

static void rig_stopped(void *context)
{
	struct rig *rig = context;

	rig->stopped = true;
}

static bool is_stopped(void *context)
{
	struct rig *rig = context;

	return rig->stopped;
}

static void forget_answer(struct rig *rig)
{
	ph_document_free(rig->document);
	free(rig->body);
	rig->document = NULL;
	rig->body = NULL;
}

void rig_close(struct rig *rig)
{
	char command[128];

	rig->time = 0;
	ph_executor_stop(rig->executor, 0, PH_SECOND, rig_stopped, rig);
	rig_until(rig, is_stopped, rig);
	ph_executor_destroy(rig->executor);
	ph_placement_destroy(rig->placement);
	ph_door_destroy(rig->door);
	ph_worker_destroy(rig->worker);
	for (int i = 0; i < 4; i++)
		ph_loop_turn(rig->loop, 0);
	forget_answer(rig);
	assert_int_equal(ph_pool_live(rig->kernel.pool), 0);
	ph_kernel_fini(&rig->kernel);
	ph_loop_destroy(rig->loop);
	snprintf(command, sizeof(command), "rm -rf '%s'", rig->directory);
	assert_int_equal(system(command), 0);
}

bool rig_wait(struct rig *rig, bool (*condition)(void *context), void *context,
	int seconds)
{
	int64_t end = ph_clock_real.now(&ph_clock_real) + seconds * PH_SECOND;

	while (!condition(context)) {
		if (ph_clock_real.now(&ph_clock_real) > end)
			return false;
		ph_loop_turn(rig->loop, 20 * PH_MILLISECOND);
	}
	return true;
}

/* Calls. */

static void on_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct rig *rig = context;

	forget_answer(rig);
	rig->answered = true;
	rig->status = status;
	rig->error = (struct ph_error){0};
	if (status != PH_CALL_OK) {
		ph_error_read(&rig->error, status, body, length);
		return;
	}
	rig->body = malloc(length + 1);
	memcpy(rig->body, body, length);
	assert_int_equal(ph_document_read(&rig->document, rig->body, length,
				 PH_SKIM_TABLE),
		0);
}

static bool is_answered(void *context)
{
	struct rig *rig = context;

	return rig->answered;
}

int rig_call(struct rig *rig, uint16_t method, struct ph_writer *writer)
{
	rig->answered = false;
	assert_int_equal(
		ph_call_send(rig->door, &own_caller, "", method, writer,
			ph_loop_now(rig->loop), 30 * PH_SECOND, on_answer, rig),
		0);
	rig_until(rig, is_answered, rig);
	return rig->status;
}

static void write_pairs(struct ph_writer *writer, const char *key,
	const char *const pairs[4][2])
{
	ph_put_map(writer, key);
	for (unsigned i = 0; i < 4 && pairs[i][0]; i++)
		ph_put_text(writer, pairs[i][0], pairs[i][1]);
	ph_write_end(writer);
}

static void write_port(struct ph_writer *writer, const char *key,
	const char *name, int fd, const char *kind)
{
	ph_put_list(writer, key);
	ph_write_map(writer);
	ph_put_text(writer, "name", name);
	ph_put_int(writer, "fd", fd);
	ph_put_text(writer, "kind", kind);
	ph_write_end(writer);
	ph_write_end(writer);
}

static void write_words(struct ph_writer *writer, const struct rig_spec *spec)
{
	const struct {
		const char *key;
		const char *word;
	} words[] = {
		{"placement", spec->placement},
		{"ready", spec->ready},
		{"start_timeout", spec->start_timeout},
		{"stop_timeout", spec->stop_timeout},
		{"watchdog", spec->watchdog},
		{"group", spec->group},
		{"strategy", spec->strategy},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].word)
			ph_put_text(writer, words[i].key, words[i].word);
}

void rig_write_spec(struct ph_writer *writer, const struct rig_spec *spec)
{
	ph_write_map(writer);
	if (spec->name)
		ph_put_text(writer, "name", spec->name);
	ph_put_text(writer, "scope", spec->scope ? spec->scope : "test");
	if (spec->use)
		ph_put_text(writer, "use", spec->use);
	if (spec->argv[0]) {
		ph_put_list(writer, "exec");
		for (unsigned i = 0; spec->argv[i]; i++)
			ph_write_text(writer, spec->argv[i]);
		ph_write_end(writer);
	}
	if (spec->restart)
		ph_put_text(writer, "restart", spec->restart);
	if (spec->framing)
		ph_put_text(writer, "framing", spec->framing);
	write_words(writer, spec);
	if (spec->group)
		ph_put_u64(writer, "place", spec->place);
	if (spec->cwd)
		ph_put_text(writer, "cwd", spec->cwd);
	if (spec->only_input)
		write_port(writer, "in", "stdin", 0, "in");
	if (spec->only_output || spec->mux)
		write_port(writer, "out", spec->use ? "out" : "stdout", 1,
			spec->mux ? "mux" : "out");
	write_pairs(writer, "with", spec->with);
	write_pairs(writer, "env", spec->env);
	ph_write_end(writer);
}

static int call_spec(struct rig *rig, uint16_t method,
	const struct rig_spec *spec, bool eager)
{
	struct ph_writer *writer;
	int status;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_write_text(writer, "spec");
	rig_write_spec(writer, spec);
	ph_put_bool(writer, "eager", eager);
	ph_put_u64(writer, "height", spec->height);
	ph_write_end(writer);
	status = rig_call(rig, method, writer);
	ph_writer_free(writer);
	return status;
}

int rig_start(struct rig *rig, const struct rig_spec *spec)
{
	return call_spec(rig, PH_EXECUTOR_START, spec, false);
}

int rig_start_eagerly(struct rig *rig, const struct rig_spec *spec)
{
	return call_spec(rig, PH_EXECUTOR_START, spec, true);
}

int rig_check(struct rig *rig, const struct rig_spec *spec)
{
	return call_spec(rig, PH_EXECUTOR_CHECK, spec, false);
}

int rig_ask(struct rig *rig, uint16_t method, const char *server)
{
	struct ph_writer *writer;
	int status;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_text(writer, "server", server);
	ph_write_end(writer);
	status = rig_call(rig, method, writer);
	ph_writer_free(writer);
	return status;
}

int rig_stop(struct rig *rig, const char *server)
{
	return rig_ask(rig, PH_EXECUTOR_STOP, server);
}

struct ph_value rig_server(struct rig *rig, const char *server)
{
	struct ph_value items;

	assert_int_equal(rig_call(rig, PH_EXECUTOR_LIST, NULL), PH_CALL_OK);
	items = ph_value_get(ph_document_root(rig->document), "items");
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);

		if (ph_value_is(ph_value_get(item, "name"), server))
			return item;
	}
	return (struct ph_value){NULL};
}

bool rig_state_is(struct rig *rig, const char *server, const char *state)
{
	return ph_value_is(
		ph_value_get(rig_server(rig, server), "state"), state);
}

struct wanted {
	struct rig *rig;
	const char *server;
	const char *state;
};

static bool is_in_state(void *context)
{
	struct wanted *wanted = context;

	return rig_state_is(wanted->rig, wanted->server, wanted->state);
}

void rig_wait_state(struct rig *rig, const char *server, const char *state)
{
	struct wanted wanted = {rig, server, state};
	char text[256];

	if (rig_wait(rig, is_in_state, &wanted, 60))
		return;
	ph_get_copy(rig_server(rig, server), "state", text, sizeof(text));
	print_error("%s is %s, not %s\n", server, text, state);
	ph_get_copy(rig_server(rig, server), "reason", text, sizeof(text));
	print_error("reason: %s\n", text);
	fail();
}

/* Sinks. */

static void sink_take(struct rig_sink *sink, const struct ph_frame *frame)
{
	if (ph_frame_is_control(frame->flags)) {
		sink->began = sink->began || frame->flags & PH_FRAME_BEGIN;
		sink->ended = sink->ended || frame->flags & PH_FRAME_END;
		sink->cut = sink->cut || frame->flags & PH_FRAME_CUT;
		return;
	}
	if (sink->keep && sink->length + frame->length > sink->size) {
		sink->size = (sink->length + frame->length) * 2;
		sink->data = realloc(sink->data, sink->size);
	}
	if (sink->keep && frame->length)
		memcpy(sink->data + sink->length, frame->data, frame->length);
	sink->length += sink->keep ? frame->length : 0;
	sink->bytes += frame->length;
	if (!(frame->flags & PH_FRAME_FIN))
		return;
	if (sink->messages < 64)
		sink->ends[sink->messages] = sink->bytes;
	sink->messages++;
}

void rig_sink_pump(struct rig_sink *sink)
{
	struct ph_frame frame;

	while (!sink->hold &&
		ph_terminal_receive(sink->terminal, &frame, NULL)) {
		if ((frame.flags & PH_FRAME_END) && sink->hold_end) {
			sink->ended = true;
			return;
		}
		sink_take(sink, &frame);
		ph_terminal_release(sink->terminal);
	}
}

static void sink_readable(void *context, struct ph_terminal *terminal)
{
	rig_sink_pump(context);
}

static const struct ph_terminal_ops sink_ops = {.on_readable = sink_readable};

void rig_sink_open(struct rig_sink *sink, struct rig *rig)
{
	*sink = (struct rig_sink){.rig = rig, .keep = true};
	assert_int_equal(ph_terminal_create(&rig->kernel, PH_IN, &sink_ops,
				 sink, &sink->terminal),
		0);
}

void rig_sink_close(struct rig_sink *sink)
{
	ph_terminal_destroy(sink->terminal);
	free(sink->data);
}

int rig_sink_connect(
	struct rig_sink *sink, const char *server, const char *name)
{
	struct ph_pipe *pipe;

	return ph_terminal_connect(&sink->rig->kernel,
		rig_handle(sink->rig, server, name),
		ph_terminal_handle(sink->terminal), (struct ph_pipe_limits){0},
		(struct ph_pipe_watcher){0}, &pipe);
}

bool rig_sink_is_over(void *context)
{
	struct rig_sink *sink = context;

	return sink->ended || sink->cut;
}

/* Sources. */

void rig_source_pump(struct rig_source *source)
{
	while (source->sent < source->length) {
		size_t left = source->length - source->sent;
		size_t piece = source->piece ? source->piece : PH_FRAME_MAX;

		if (piece > left)
			piece = left;
		if (ph_terminal_send(source->terminal, PH_FRAME_FIN,
			    source->data + source->sent, (uint32_t)piece))
			return;
		source->sent += piece;
	}
	if (source->finish && !source->finished) {
		source->finished = true;
		ph_terminal_finish(source->terminal);
	}
}

static void source_event(void *context, struct ph_terminal *terminal)
{
	rig_source_pump(context);
}

static void source_closed(
	void *context, struct ph_terminal *terminal, int reason)
{
	struct rig_source *source = context;

	source->closed = true;
	source->reason = reason;
}

static const struct ph_terminal_ops source_ops = {
	.on_connected = source_event,
	.on_room = source_event,
	.on_closed = source_closed,
};

void rig_source_open(struct rig_source *source, struct rig *rig)
{
	*source = (struct rig_source){.rig = rig};
	assert_int_equal(ph_terminal_create(&rig->kernel, PH_OUT, &source_ops,
				 source, &source->terminal),
		0);
}

void rig_source_close(struct rig_source *source)
{
	ph_terminal_destroy(source->terminal);
}

int rig_source_connect(
	struct rig_source *source, const char *server, const char *name)
{
	struct ph_pipe *pipe;

	return ph_terminal_connect(&source->rig->kernel,
		ph_terminal_handle(source->terminal),
		rig_handle(source->rig, server, name),
		(struct ph_pipe_limits){0}, (struct ph_pipe_watcher){0}, &pipe);
}

bool rig_source_is_closed(void *context)
{
	struct rig_source *source = context;

	return source->closed;
}

int rig_wire(struct rig *rig, const char *from, const char *output,
	const char *to, const char *input)
{
	struct ph_pipe *pipe;

	return ph_terminal_connect(&rig->kernel, rig_handle(rig, from, output),
		rig_handle(rig, to, input), (struct ph_pipe_limits){0},
		(struct ph_pipe_watcher){0}, &pipe);
}
