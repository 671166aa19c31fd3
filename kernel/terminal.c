#include "kernel/terminal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/terminal_inner.h"

#define terminal_of(task, member)                                              \
	((struct ph_terminal *)((char *)(task)-offsetof(                       \
		struct ph_terminal, member)))

static void cancel(struct ph_terminal *terminal, struct ph_task *task)
{
	terminal->kernel->hal.cancel(terminal->kernel->hal.context, task);
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
	if (ph_terminal_is_output(terminal))
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

	terminal->gathers = ph_terminal_is_output(terminal) ? count : 0;
	if (waited && !terminal->gathers && terminal->turns.count)
		ph_terminal_defer(terminal, &terminal->connected);
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
	terminal->watched = terminal->tap || terminal->boundaries;
}

void ph_terminal_await(
	struct ph_terminal *terminal, struct ph_boundary *boundary)
{
	struct ph_boundary **end = &terminal->boundaries;

	while (*end)
		end = &(*end)->next;
	boundary->next = NULL;
	*end = boundary;
	terminal->watched = true;
}

void ph_terminal_await_no_more(
	struct ph_terminal *terminal, struct ph_boundary *boundary)
{
	struct ph_boundary **at = &terminal->boundaries;

	while (*at && *at != boundary)
		at = &(*at)->next;
	if (*at)
		*at = boundary->next;
	terminal->watched = terminal->tap || terminal->boundaries;
}

bool ph_terminal_is_inside(const struct ph_terminal *terminal)
{
	return terminal->inside;
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
		ph_terminal_defer(terminal, &terminal->rest);
	return 0;
}

static void tell_watchers(
	struct ph_terminal *terminal, const struct ph_frame *frame)
{
	struct ph_boundary *boundary;

	if (terminal->tap)
		terminal->tap(terminal->tap_context, frame);
	while ((boundary = terminal->boundaries) && !terminal->inside) {
		ph_terminal_await_no_more(terminal, boundary);
		boundary->reached(boundary->context);
	}
}

int ph_terminal_send_frame(
	struct ph_terminal *terminal, const struct ph_frame *frame)
{
	int error;

	assert(ph_terminal_is_output(terminal));
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

	terminal->finished = turns->count || !terminal->streamed;
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
		ph_terminal_defer(terminal, &terminal->readable);
	ph_turns_took(turns, frame.flags, frame.length);
	ph_pipe_release_seen(pipe, &frame);
	if (!(frame.flags & (PH_FRAME_END | PH_FRAME_CUT)))
		return;
	ph_terminal_forget(terminal, pipe);
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
