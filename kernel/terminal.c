#include "kernel/terminal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct ph_terminal {
	struct ph_kernel *kernel;
	ph_handle handle;
	enum ph_direction direction;
	const struct ph_terminal_ops *ops;
	void *context;
	struct ph_pipe **pipes;
	unsigned count;
	unsigned size;
	unsigned turn;	  /* inputs: whose message is being taken */
	bool mid_message; /* the turn may not pass on yet */
	bool streamed;	  /* output: something was sent since its creation */
	bool finished;	  /* output: an empty stream ended before a pipe came */
	void (*tap)(void *context, const struct ph_frame *frame);
	void *tap_context;
	struct ph_task connected;
};

static bool is_output(const struct ph_terminal *terminal)
{
	return terminal->direction == PH_OUT || terminal->direction == PH_MUX;
}

static void run_connected(struct ph_task *task)
{
	struct ph_terminal *terminal =
		(struct ph_terminal *)((char *)task -
				       offsetof(struct ph_terminal, connected));

	if (terminal->count && terminal->ops->on_connected)
		terminal->ops->on_connected(terminal->context, terminal);
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
	terminal->kernel->hal.cancel(
		terminal->kernel->hal.context, &terminal->connected);
	ph_handle_close(terminal->kernel->handles, terminal->handle);
	free(terminal->pipes);
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
	return terminal->count;
}

struct ph_pipe *ph_terminal_pipe(struct ph_terminal *terminal, unsigned index)
{
	return index < terminal->count ? terminal->pipes[index] : NULL;
}

void ph_terminal_set_tap(struct ph_terminal *terminal,
	void (*tap)(void *context, const struct ph_frame *frame), void *context)
{
	terminal->tap = tap;
	terminal->tap_context = context;
}

static void forget_pipe(
	struct ph_terminal *terminal, const struct ph_pipe *pipe)
{
	unsigned index = 0;

	while (index < terminal->count && terminal->pipes[index] != pipe)
		index++;
	if (index == terminal->count)
		return;
	terminal->count--;
	for (unsigned i = index; i < terminal->count; i++)
		terminal->pipes[i] = terminal->pipes[i + 1];
	/* The turn stays with the pipe that had it, or ends with it. */
	if (index == terminal->turn)
		terminal->mid_message = false;
	else if (index < terminal->turn)
		terminal->turn--;
	if (terminal->turn >= terminal->count)
		terminal->turn = 0;
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
	if (terminal->ops->on_closed)
		terminal->ops->on_closed(terminal->context, terminal, reason);
}

static void input_readable(void *context, struct ph_pipe *pipe)
{
	struct ph_terminal *terminal = context;

	if (terminal->ops->on_readable)
		terminal->ops->on_readable(terminal->context, terminal);
}

static const struct ph_end_ops output_ops = {
	.on_room = output_room,
	.on_closed = output_closed,
};

static const struct ph_end_ops input_ops = {
	.on_readable = input_readable,
};

static int make_place(struct ph_terminal *terminal)
{
	struct ph_pipe **pipes;
	unsigned size;

	if (terminal->count &&
		(terminal->direction == PH_OUT || terminal->direction == PH_IN))
		return -EBUSY;
	if (terminal->count < terminal->size)
		return 0;
	size = terminal->size ? terminal->size * 2 : 1;
	pipes = realloc(terminal->pipes, size * sizeof(struct ph_pipe *));
	if (!pipes)
		return -ENOMEM;
	terminal->pipes = pipes;
	terminal->size = size;
	return 0;
}

static void take_pipe(struct ph_terminal *terminal, struct ph_pipe *pipe)
{
	terminal->pipes[terminal->count++] = pipe;
	terminal->kernel->hal.defer(
		terminal->kernel->hal.context, &terminal->connected);
}

/* A new pipe of an output starts with BEGIN; it also ends at once when the
 * stream had finished before anybody listened. */
static void begin_stream(struct ph_terminal *terminal, struct ph_pipe *pipe)
{
	ph_pipe_send(pipe, PH_FRAME_BEGIN | PH_FRAME_FIN, NULL, 0);
	if (terminal->finished)
		ph_pipe_finish(pipe);
	terminal->finished = false;
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
	for (unsigned i = 0; i < terminal->count; i++)
		room = ph_pipe_has_room(terminal->pipes[i], length) && room;
	return room ? 0 : -EAGAIN;
}

static int send_all(struct ph_terminal *terminal, const struct ph_frame *frame)
{
	int error = all_have_room(terminal, frame->length);

	for (unsigned i = 0; !error && i < terminal->count; i++) {
		error = ph_pipe_send_frame(terminal->pipes[i], frame);
		if (error == -EPIPE)
			error = 0; /* its on_closed is on the way */
	}
	return error;
}

int ph_terminal_send_frame(
	struct ph_terminal *terminal, const struct ph_frame *frame)
{
	int error;

	assert(is_output(terminal));
	if (!terminal->count)
		return -ENOTCONN;
	if (terminal->count == 1)
		error = ph_pipe_send_frame(terminal->pipes[0], frame);
	else
		error = send_all(terminal, frame);
	if (error)
		return error;
	terminal->streamed = true;
	if (terminal->tap)
		terminal->tap(terminal->tap_context, frame);
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
	terminal->finished = !terminal->count && !terminal->streamed;
	terminal->streamed = true;
	for (unsigned i = 0; i < terminal->count; i++)
		ph_pipe_finish(terminal->pipes[i]);
}

void ph_terminal_abort(struct ph_terminal *terminal, int reason)
{
	terminal->finished = false;
	while (terminal->count)
		ph_pipe_close_source(
			terminal->pipes[--terminal->count], reason);
}

/* The pipe whose turn it is: the one in mid-message, else the next that has
 * something. */
static struct ph_pipe *next_pipe(
	struct ph_terminal *terminal, struct ph_frame *frame)
{
	for (unsigned i = 0; i < terminal->count; i++) {
		struct ph_pipe *pipe = terminal->pipes[terminal->turn];

		if (ph_pipe_receive(pipe, frame))
			return pipe;
		if (terminal->mid_message)
			return NULL;
		terminal->turn = (terminal->turn + 1) % terminal->count;
	}
	return NULL;
}

bool ph_terminal_receive(
	struct ph_terminal *terminal, struct ph_frame *frame, ph_handle *source)
{
	struct ph_pipe *pipe = next_pipe(terminal, frame);

	if (pipe && source)
		*source = ph_pipe_handle(pipe);
	return pipe;
}

void ph_terminal_release(struct ph_terminal *terminal)
{
	struct ph_pipe *pipe = terminal->pipes[terminal->turn];
	struct ph_frame frame = {0};
	bool there = ph_pipe_receive(pipe, &frame);

	assert(there);
	ph_pipe_release(pipe);
	if (frame.flags & (PH_FRAME_END | PH_FRAME_CUT)) {
		forget_pipe(terminal, pipe);
		ph_pipe_close_sink(
			pipe, frame.flags & PH_FRAME_END ? 0 : -ECONNRESET);
		return;
	}
	terminal->mid_message = !(frame.flags & PH_FRAME_FIN);
	if (!terminal->mid_message && terminal->count > 1)
		terminal->turn = (terminal->turn + 1) % terminal->count;
}

void ph_terminal_refuse(struct ph_terminal *terminal, int reason)
{
	while (terminal->count)
		ph_pipe_close_sink(terminal->pipes[--terminal->count], reason);
	terminal->turn = 0;
	terminal->mid_message = false;
}
