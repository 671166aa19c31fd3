#include "kernel/terminal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/filler.h"
#include "kernel/turns.h"

struct ph_terminal {
	struct ph_kernel *kernel;
	ph_handle handle;
	enum ph_direction direction;
	const struct ph_terminal_ops *ops;
	void *context;
	struct ph_turns turns;
	struct ph_filler filler; /* mux: frames its pipes share */
	bool streamed;	  /* output: something was sent since its creation */
	bool finished;	  /* output: an empty stream ended before a pipe came */
	bool inside;	  /* output: in the middle of a message */
	bool watched;	  /* output: by a tap, or for a message's end */
	unsigned gathers; /* output: pipes it waits for; 0: for none */
	void (*boundary)(void *context);
	void *boundary_context;
	void (*tap)(void *context, const struct ph_frame *frame);
	void *tap_context;
	struct ph_conduit *conduit; /* input: NULL, or borrowed */
	struct ph_task connected;
	struct ph_task readable; /* combine */
	struct ph_task room;	 /* mux */
	struct ph_task rest;	 /* mux */
};

#define terminal_of(task, member)                                              \
	((struct ph_terminal *)((char *)(task)-offsetof(                       \
		struct ph_terminal, member)))

static void defer(struct ph_terminal *terminal, struct ph_task *task)
{
	terminal->kernel->hal.defer(terminal->kernel->hal.context, task);
}

static void cancel(struct ph_terminal *terminal, struct ph_task *task)
{
	terminal->kernel->hal.cancel(terminal->kernel->hal.context, task);
}

static bool is_output(const struct ph_terminal *terminal)
{
	return terminal->direction == PH_OUT || terminal->direction == PH_MUX;
}

static void run_connected(struct ph_task *task)
{
	struct ph_terminal *terminal = terminal_of(task, connected);

	if (terminal->turns.count < terminal->gathers)
		return;
	terminal->gathers = 0;
	if (terminal->turns.count && terminal->ops->on_connected)
		terminal->ops->on_connected(terminal->context, terminal);
}

/* A pipe that was not asked may have something, after one that was. */
static void run_readable(struct ph_task *task)
{
	struct ph_terminal *terminal = terminal_of(task, readable);
	bool waits = false;

	for (unsigned i = 0; i < terminal->turns.count && !waits; i++)
		waits = ph_pipe_has_message(terminal->turns.feeds[i].pipe);
	if (waits && terminal->ops->on_readable)
		terminal->ops->on_readable(terminal->context, terminal);
}

/* The pipe that refused may be the one that left. */
static void run_room(struct ph_task *task)
{
	struct ph_terminal *terminal = terminal_of(task, room);

	if (terminal->turns.count && terminal->ops->on_room)
		terminal->ops->on_room(terminal->context, terminal);
}

/* At the end of the turn: nothing is held for what may never come. */
static void run_rest(struct ph_task *task)
{
	struct ph_terminal *terminal = terminal_of(task, rest);

	if (ph_filler_is_alone(&terminal->filler))
		ph_filler_fini(&terminal->filler);
}

int ph_terminal_create(struct ph_kernel *kernel, enum ph_direction direction,
	const struct ph_terminal_ops *ops, void *context,
	struct ph_terminal **out)
{
	struct ph_terminal *terminal = calloc(1, sizeof(*terminal));
	int error;

	if (!terminal)
		return -ENOMEM;
	terminal->kernel = kernel;
	terminal->direction = direction;
	terminal->ops = ops;
	terminal->context = context;
	terminal->connected.run = run_connected;
	terminal->readable.run = run_readable;
	terminal->room.run = run_room;
	terminal->rest.run = run_rest;
	ph_filler_init(&terminal->filler, kernel->pool);
	error = ph_handle_open(
		kernel->handles, PH_KIND_TERMINAL, terminal, &terminal->handle);
	if (error) {
		free(terminal);
		return error;
	}
	*out = terminal;
	return 0;
}

void ph_terminal_destroy(struct ph_terminal *terminal)
{
	if (!terminal)
		return;
	if (is_output(terminal))
		ph_terminal_abort(terminal, -EPIPE);
	else
		ph_terminal_refuse(terminal, -EPIPE);
	cancel(terminal, &terminal->connected);
	cancel(terminal, &terminal->readable);
	cancel(terminal, &terminal->room);
	cancel(terminal, &terminal->rest);
	ph_handle_close(terminal->kernel->handles, terminal->handle);
	ph_turns_fini(&terminal->turns);
	ph_filler_fini(&terminal->filler);
	free(terminal);
}

ph_handle ph_terminal_handle(const struct ph_terminal *terminal)
{
	return terminal->handle;
}

struct ph_terminal *ph_terminal_find(struct ph_kernel *kernel, ph_handle handle)
{
	return ph_handle_find(kernel->handles, PH_KIND_TERMINAL, handle);
}

enum ph_direction ph_terminal_direction(const struct ph_terminal *terminal)
{
	return terminal->direction;
}

unsigned ph_terminal_pipes(const struct ph_terminal *terminal)
{
	return terminal->gathers ? 0 : terminal->turns.count;
}

void ph_terminal_gather(struct ph_terminal *terminal, unsigned count)
{
	bool waited = terminal->gathers;

	terminal->gathers = is_output(terminal) ? count : 0;
	if (waited && !terminal->gathers && terminal->turns.count)
		defer(terminal, &terminal->connected);
}

struct ph_pipe *ph_terminal_pipe(struct ph_terminal *terminal, unsigned index)
{
	return index < terminal->turns.count ? terminal->turns.feeds[index].pipe
					     : NULL;
}

void ph_terminal_set_tap(struct ph_terminal *terminal,
	void (*tap)(void *context, const struct ph_frame *frame), void *context)
{
	terminal->tap = tap;
	terminal->tap_context = context;
	terminal->watched = terminal->tap || terminal->boundary;
}

int ph_terminal_await(struct ph_terminal *terminal,
	void (*boundary)(void *context), void *context)
{
	if (boundary && terminal->boundary)
		return -EBUSY;
	terminal->boundary = boundary;
	terminal->boundary_context = context;
	terminal->watched = terminal->tap || terminal->boundary;
	return 0;
}

bool ph_terminal_is_inside(const struct ph_terminal *terminal)
{
	return terminal->inside;
}

static void forget_pipe(
	struct ph_terminal *terminal, const struct ph_pipe *pipe)
{
	ph_turns_remove(&terminal->turns, pipe);
	if (!terminal->turns.count)
		ph_filler_fini(&terminal->filler);
}

static void output_room(void *context, struct ph_pipe *pipe)
{
	struct ph_terminal *terminal = context;

	if (terminal->ops->on_room)
		terminal->ops->on_room(terminal->context, terminal);
}

static void output_closed(void *context, struct ph_pipe *pipe, int reason)
{
	struct ph_terminal *terminal = context;

	forget_pipe(terminal, pipe);
	if (terminal->turns.count)
		defer(terminal, &terminal->room);
	if (terminal->ops->on_closed)
		terminal->ops->on_closed(terminal->context, terminal, reason);
}

static void input_readable(void *context, struct ph_pipe *pipe)
{
	struct ph_terminal *terminal = context;

	if (terminal->ops->on_readable)
		terminal->ops->on_readable(terminal->context, terminal);
}

/* Messages of several sources take turns: there the frames are needed. */
static struct ph_conduit *input_conduit(void *context, struct ph_pipe *pipe)
{
	struct ph_terminal *terminal = context;

	return terminal->turns.count == 1 ? terminal->conduit : NULL;
}

static const struct ph_end_ops output_ops = {
	.on_room = output_room,
	.on_closed = output_closed,
};

static const struct ph_end_ops input_ops = {
	.on_readable = input_readable,
	.conduit = input_conduit,
};

static int make_place(struct ph_terminal *terminal)
{
	if (terminal->turns.count &&
		(terminal->direction == PH_OUT || terminal->direction == PH_IN))
		return -EBUSY;
	return ph_turns_make_place(&terminal->turns);
}

static void take_pipe(struct ph_terminal *terminal, struct ph_pipe *pipe)
{
	ph_turns_add(&terminal->turns, pipe);
	defer(terminal, &terminal->connected);
}

/* A new pipe of an output starts with BEGIN; it also ends at once when the
 * stream had finished before anybody listened. */
static void begin_stream(struct ph_terminal *terminal, struct ph_pipe *pipe)
{
	ph_pipe_send(pipe, PH_FRAME_BEGIN | PH_FRAME_FIN, NULL, 0);
	if (terminal->finished)
		ph_pipe_finish(pipe);
	terminal->finished = false;
	if (terminal->inside)
		ph_pipe_join_late(pipe);
}

struct ph_terminal *ph_terminal_feeding(const struct ph_pipe *pipe)
{
	struct ph_end source = ph_pipe_source(pipe);

	return source.ops == &output_ops ? source.context : NULL;
}

struct ph_end ph_terminal_end(struct ph_terminal *terminal)
{
	return (struct ph_end){
		is_output(terminal) ? &output_ops : &input_ops, terminal};
}

void ph_terminal_exchange(
	struct ph_terminal *terminal, struct ph_pipe *from, struct ph_pipe *to)
{
	for (unsigned i = 0; i < terminal->turns.count; i++)
		if (terminal->turns.feeds[i].pipe == from)
			terminal->turns.feeds[i].pipe = to;
	ph_pipe_set_source(to, ph_terminal_end(terminal));
	defer(terminal, &terminal->room);
}

int ph_terminal_may_adopt(struct ph_terminal *terminal, bool output)
{
	if (terminal->direction != (output ? PH_OUT : PH_IN))
		return -EINVAL;
	return make_place(terminal);
}

void ph_terminal_adopt(struct ph_terminal *terminal, struct ph_pipe *pipe)
{
	if (is_output(terminal))
		ph_pipe_set_source(pipe, ph_terminal_end(terminal));
	take_pipe(terminal, pipe);
}

void ph_terminal_lose(
	struct ph_terminal *terminal, struct ph_pipe *pipe, int reason)
{
	output_closed(terminal, pipe, reason);
}

/* Finds a terminal of the wanted side that can take one more pipe. */
static int find_free(struct ph_kernel *kernel, ph_handle handle, bool output,
	struct ph_terminal **out)
{
	struct ph_terminal *terminal = ph_terminal_find(kernel, handle);

	if (!terminal)
		return -ESTALE;
	if (is_output(terminal) != output)
		return -EINVAL;
	*out = terminal;
	return make_place(terminal);
}

int ph_terminal_connect(struct ph_kernel *kernel, ph_handle output,
	ph_handle input, struct ph_pipe_limits limits,
	struct ph_pipe_watcher watcher, struct ph_pipe **out)
{
	struct ph_terminal *to;
	struct ph_end sink = {.ops = &input_ops};
	int error = find_free(kernel, input, false, &to);

	if (error)
		return error;
	sink.context = to;
	error = ph_terminal_connect_sink(
		kernel, output, sink, limits, watcher, out);
	if (error)
		return error;
	take_pipe(to, *out);
	return 0;
}

int ph_terminal_connect_sink(struct ph_kernel *kernel, ph_handle output,
	struct ph_end sink, struct ph_pipe_limits limits,
	struct ph_pipe_watcher watcher, struct ph_pipe **out)
{
	struct ph_terminal *from;
	struct ph_end source = {.ops = &output_ops};
	int error = find_free(kernel, output, true, &from);

	if (error)
		return error;
	source.context = from;
	error = ph_pipe_create(kernel, source, sink, limits, watcher, out);
	if (error)
		return error;
	take_pipe(from, *out);
	begin_stream(from, *out);
	return 0;
}

int ph_terminal_connect_source(struct ph_kernel *kernel, struct ph_end source,
	ph_handle input, struct ph_pipe_limits limits,
	struct ph_pipe_watcher watcher, struct ph_pipe **out)
{
	struct ph_terminal *to;
	struct ph_end sink = {.ops = &input_ops};
	int error = find_free(kernel, input, false, &to);

	if (error)
		return error;
	sink.context = to;
	/* What is here was sent: a policy is for the sender's end. */
	limits.full = NULL;
	error = ph_pipe_create(kernel, source, sink, limits, watcher, out);
	if (error)
		return error;
	take_pipe(to, *out);
	return 0;
}

/* A message goes to every pipe of a mux or to none. */
static int all_have_room(struct ph_terminal *terminal, uint32_t length)
{
	bool room = true;

	if (length > PH_FRAME_MAX)
		return -EMSGSIZE;
	for (unsigned i = 0; i < terminal->turns.count; i++)
		room = ph_pipe_has_room(
			       terminal->turns.feeds[i].pipe, length) &&
		       room;
	return room ? 0 : -EAGAIN;
}

/* Small frames are copied once and large ones never: the pipes share. */
static int send_all(struct ph_terminal *terminal, const struct ph_frame *frame)
{
	struct ph_segment segment;
	int error = all_have_room(terminal, frame->length);

	if (!error)
		error = ph_filler_put(&terminal->filler, frame, &segment);
	if (error)
		return error;
	for (unsigned i = 0; i < terminal->turns.count; i++) {
		struct ph_pipe *pipe = terminal->turns.feeds[i].pipe;

		/* -EPIPE: its on_closed is on the way. */
		error = ph_pipe_send_segment(pipe, &segment);
		if (error && error != -EPIPE)
			ph_pipe_break(pipe, error);
	}
	if (!terminal->rest.queued)
		defer(terminal, &terminal->rest);
	return 0;
}

static void tell_watchers(
	struct ph_terminal *terminal, const struct ph_frame *frame)
{
	void (*boundary)(void *context) = terminal->boundary;
	void *context = terminal->boundary_context;

	if (terminal->tap)
		terminal->tap(terminal->tap_context, frame);
	if (!boundary || terminal->inside)
		return;
	ph_terminal_await(terminal, NULL, NULL);
	boundary(context);
}

int ph_terminal_send_frame(
	struct ph_terminal *terminal, const struct ph_frame *frame)
{
	int error;

	assert(is_output(terminal));
	if (!terminal->turns.count || terminal->gathers)
		return -ENOTCONN;
	if (terminal->turns.count == 1)
		error = ph_pipe_send_frame(
			terminal->turns.feeds[0].pipe, frame);
	else
		error = send_all(terminal, frame);
	if (error)
		return error;
	terminal->streamed = true;
	terminal->inside = !(frame->flags & PH_FRAME_FIN);
	if (terminal->watched)
		tell_watchers(terminal, frame);
	return 0;
}

int ph_terminal_send(struct ph_terminal *terminal, uint8_t flags,
	const void *data, uint32_t length)
{
	struct ph_frame frame = {
		.data = data, .length = length, .flags = flags};

	return ph_terminal_send_frame(terminal, &frame);
}

/* Without a pipe only an empty stream can be finished: the end of one whose
 * beginning was lost must never look like a whole one. */
void ph_terminal_finish(struct ph_terminal *terminal)
{
	struct ph_turns *turns = &terminal->turns;

	terminal->finished =
		(!turns->count || terminal->gathers) && !terminal->streamed;
	terminal->streamed = true;
	terminal->inside = false;
	for (unsigned i = 0; i < turns->count; i++)
		ph_pipe_finish(turns->feeds[i].pipe);
}

void ph_terminal_abort(struct ph_terminal *terminal, int reason)
{
	struct ph_turns *turns = &terminal->turns;

	terminal->finished = false;
	while (turns->count)
		ph_pipe_close_source(turns->feeds[--turns->count].pipe, reason);
	terminal->inside = false;
}

struct ph_conduit *ph_terminal_conduit(struct ph_terminal *terminal)
{
	if (terminal->turns.count != 1 || terminal->inside || terminal->tap ||
		terminal->gathers)
		return NULL;
	return ph_pipe_conduit(terminal->turns.feeds[0].pipe);
}

void ph_terminal_moved(struct ph_terminal *terminal, uint64_t bytes)
{
	terminal->streamed = true;
	ph_pipe_moved(terminal->turns.feeds[0].pipe, bytes);
}

void ph_terminal_conduit_full(struct ph_terminal *terminal)
{
	ph_pipe_conduit_full(terminal->turns.feeds[0].pipe);
}

void ph_terminal_set_conduit(
	struct ph_terminal *terminal, struct ph_conduit *conduit)
{
	terminal->conduit = conduit;
}

void ph_terminal_conduit_ready(struct ph_terminal *terminal)
{
	for (unsigned i = 0; i < terminal->turns.count; i++)
		ph_pipe_conduit_ready(terminal->turns.feeds[i].pipe);
}

bool ph_terminal_receive(
	struct ph_terminal *terminal, struct ph_frame *frame, ph_handle *source)
{
	struct ph_pipe *pipe = ph_turns_next(&terminal->turns, frame);

	if (pipe && source)
		*source = ph_pipe_handle(pipe);
	return pipe;
}

void ph_terminal_release(struct ph_terminal *terminal)
{
	struct ph_turns *turns = &terminal->turns;
	struct ph_pipe *pipe = turns->feeds[turns->now].pipe;
	struct ph_frame frame = {0};
	bool there = ph_pipe_receive(pipe, &frame);

	assert(there);
	if (turns->count > 1 && !terminal->readable.queued)
		defer(terminal, &terminal->readable);
	ph_turns_took(turns, frame.flags, frame.length);
	ph_pipe_release_seen(pipe, &frame);
	if (!(frame.flags & (PH_FRAME_END | PH_FRAME_CUT)))
		return;
	forget_pipe(terminal, pipe);
	ph_pipe_close_sink(pipe, frame.flags & PH_FRAME_END ? 0 : -ECONNRESET);
}

void ph_terminal_refuse(struct ph_terminal *terminal, int reason)
{
	struct ph_turns *turns = &terminal->turns;

	while (turns->count)
		ph_pipe_close_sink(turns->feeds[--turns->count].pipe, reason);
	turns->now = 0;
	turns->inside = turns->shown = false;
}
