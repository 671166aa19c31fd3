#include "kernel/terminal_inner.h"

#include <errno.h>

void ph_terminal_forget(
	struct ph_terminal *terminal, const struct ph_pipe *pipe)
{
	ph_turns_remove(&terminal->turns, pipe);
	if (terminal->turns.count)
		return;
	ph_filler_fini(&terminal->filler);
	/* Who is still waited for has missed nothing. */
	if (!terminal->gathers)
		terminal->finished = false;
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

	ph_terminal_forget(terminal, pipe);
	if (terminal->turns.count)
		ph_terminal_defer(terminal, &terminal->room);
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
	ph_terminal_defer(terminal, &terminal->connected);
}

/* A new pipe of an output starts with BEGIN; it also ends at once when the
 * stream had finished before anybody listened, or while others have not
 * consumed the end: nothing more will come of it, and its server waits until
 * nobody is left. */
static void begin_stream(struct ph_terminal *terminal, struct ph_pipe *pipe)
{
	ph_pipe_send(pipe, PH_FRAME_BEGIN | PH_FRAME_FIN, NULL, 0);
	if (terminal->finished)
		ph_pipe_finish(pipe);
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
		ph_terminal_is_output(terminal) ? &output_ops : &input_ops,
		terminal};
}

void ph_terminal_exchange(
	struct ph_terminal *terminal, struct ph_pipe *from, struct ph_pipe *to)
{
	for (unsigned i = 0; i < terminal->turns.count; i++)
		if (terminal->turns.feeds[i].pipe == from)
			terminal->turns.feeds[i].pipe = to;
	ph_pipe_set_source(to, ph_terminal_end(terminal));
	ph_terminal_defer(terminal, &terminal->room);
}

int ph_terminal_may_adopt(struct ph_terminal *terminal, bool output)
{
	if (terminal->direction != (output ? PH_OUT : PH_IN))
		return -EINVAL;
	return make_place(terminal);
}

void ph_terminal_adopt(struct ph_terminal *terminal, struct ph_pipe *pipe)
{
	if (ph_terminal_is_output(terminal))
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
	if (ph_terminal_is_output(terminal) != output)
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
