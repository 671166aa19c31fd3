#include "executor/stdio_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel/log.h"

/* The reader's turn: whoever waited for the conduit asks again. */
static void conduit_over(struct ph_stdio_input *input)
{
	ph_watch_stop(&input->watch);
	input->wanted = false;
	ph_terminal_conduit_ready(input->terminal);
}

static void input_event(struct ph_watch *watch, uint32_t events)
{
	struct ph_stdio_input *input =
		(struct ph_stdio_input *)((char *)watch -
					  offsetof(struct ph_stdio_input,
						  watch));

	ph_watch_stop(watch);
	if (input->wanted)
		conduit_over(input);
	ph_stdio_input_pump(input);
}

static void close_fd(struct ph_stdio_input *input)
{
	ph_watch_stop(&input->watch);
	/* The terminal may be another's by now. */
	if (input->offered)
		ph_terminal_set_conduit(input->terminal, NULL);
	input->offered = false;
	input->wanted = false;
	if (input->fd >= 0)
		close(input->fd);
	input->fd = -1;
}

void ph_stdio_input_close(struct ph_stdio_input *input)
{
	close_fd(input);
	if (input->rest > 0)
		close(input->rest);
	input->rest = 0;
	free(input->stage);
	input->stage = NULL;
	input->size = 0;
	input->filled = 0;
	input->written = 0;
	input->ready = false;
	input->gap = false;
}

static void input_fail(struct ph_stdio_input *input, int error)
{
	input->error = error;
	close_fd(input);
	input->on_change(input->context);
}

static void conduit_full(struct ph_conduit *conduit)
{
	struct ph_stdio_input *input =
		(struct ph_stdio_input *)((char *)conduit -
					  offsetof(struct ph_stdio_input,
						  conduit));
	int error;

	if (input->watch.loop)
		return;
	error = ph_watch_start(input->loop, &input->watch, input->fd, EPOLLOUT);
	input->wanted = !error;
	if (error)
		input_fail(input, error);
}

/* Only while nothing is here that would be overtaken: then we watch. */
static void offer_conduit(struct ph_stdio_input *input)
{
	bool idle = input->framing != PH_FRAMING_LENGTH &&
		    (!input->watch.loop || input->wanted) && !input->cut &&
		    !input->yields;

	if (input->fd < 0)
		return;
	input->offered = idle;
	ph_terminal_set_conduit(input->terminal, idle ? &input->conduit : NULL);
}

int ph_stdio_input_open(struct ph_stdio_input *input, int fd)
{
	input->fd = fd;
	input->watch.on_event = input_event;
	input->conduit.descriptor = fd;
	input->conduit.on_full = conduit_full;
	return 0;
}

/* Bytes taken, or -EAGAIN with the watch started, or another negative errno
 * after which the input has failed. */
static ssize_t input_write(
	struct ph_stdio_input *input, const void *data, size_t length)
{
	ssize_t count;
	int error;

	do
		count = write(input->fd, data, length);
	while (count < 0 && errno == EINTR);
	if (count >= 0)
		return count;
	error = -errno;
	if (error == -EAGAIN) {
		int trouble = ph_watch_start(
			input->loop, &input->watch, input->fd, EPOLLOUT);

		if (!trouble)
			return -EAGAIN;
		error = trouble;
	}
	input_fail(input, error);
	return error;
}

static bool write_stage(struct ph_stdio_input *input)
{
	while (input->written < input->filled) {
		ssize_t count =
			input_write(input, input->stage + input->written,
				input->filled - input->written);

		if (count < 0)
			return false;
		input->written += (uint32_t)count;
	}
	input->filled = 0;
	input->written = 0;
	input->ready = false;
	if (input->size > PH_STDIO_STAGE) {
		free(input->stage);
		input->stage = NULL;
		input->size = 0;
	}
	return true;
}

/* Straight from its frame, which stands until all of it was taken. */
static bool write_large(
	struct ph_stdio_input *input, const struct ph_frame *frame)
{
	while (input->offset < frame->length) {
		ssize_t count = input_write(input, frame->data + input->offset,
			frame->length - input->offset);

		if (count < 0)
			return false;
		input->offset += (uint32_t)count;
	}
	input->offset = 0;
	input->inside = !(frame->flags & PH_FRAME_FIN);
	ph_terminal_release(input->terminal);
	return true;
}

static bool take_end(struct ph_stdio_input *input)
{
	/* One of several sources ended: the others go on. */
	if (ph_terminal_pipes(input->terminal) > 1) {
		ph_terminal_release(input->terminal);
		return true;
	}
	input->ended = true;
	close_fd(input);
	input->on_change(input->context);
	return false;
}

/* A reader that reads nothing: what is left is there to be counted. */
static void watch_rest(struct ph_stdio_input *input)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", input->fd);
	input->rest = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* Who fed it has left before it, and said all. Half a message is none. */
static bool take_last_cut(struct ph_stdio_input *input)
{
	if (input->framing == PH_FRAMING_LENGTH && !input->ready)
		input->filled = 0;
	input->inside = false;
	if (ph_terminal_pipes(input->terminal) > 0)
		return true;
	watch_rest(input);
	input->left = true;
	input->yields = true;
	return true;
}

/* CUT: the program must not see an end of file. */
static bool take_cut(struct ph_stdio_input *input)
{
	ph_terminal_release(input->terminal);
	if (input->leaves)
		return take_last_cut(input);
	input->cut = true;
	input->on_change(input->context);
	return false;
}

static bool take_data(
	struct ph_stdio_input *input, const struct ph_frame *frame)
{
	bool length = input->framing == PH_FRAMING_LENGTH;
	int error;

	if (input->skips) {
		input->skips = !(frame->flags & PH_FRAME_FIN);
		ph_terminal_release(input->terminal);
		return true;
	}
	if (!length && frame->length >= PH_QUEUE_GATHER)
		return write_large(input, frame);
	error = length ? ph_stdio_stage_length(input, frame)
		       : ph_stdio_stage(input, frame->data, frame->length);
	if (error) {
		input_fail(input, error);
		return false;
	}
	input->inside = !(frame->flags & PH_FRAME_FIN);
	ph_terminal_release(input->terminal);
	return true;
}

/* A program has no way to hear of what was dropped: the log tells, once. */
static void note_gap(struct ph_stdio_input *input, const struct ph_frame *frame)
{
	struct ph_gap gap;

	if (input->gap || !ph_gap_read(&gap, frame->data, frame->length))
		return;
	input->gap = true;
	ph_log_warn("executor", "stdio.gap fd=%d messages=%llu bytes=%llu",
		input->fd, (unsigned long long)gap.messages,
		(unsigned long long)gap.bytes);
}

/* May the next frame join what is staged? Else the stage goes first. */
static bool stage_takes(
	const struct ph_stdio_input *input, const struct ph_frame *frame)
{
	if (!input->filled)
		return true;
	if (frame->flags & (PH_FRAME_END | PH_FRAME_CUT))
		return false;
	if (input->framing == PH_FRAMING_LENGTH)
		return !input->ready;
	return frame->length < PH_QUEUE_GATHER &&
	       input->filled + frame->length <= PH_STDIO_STAGE;
}

/* Between two messages, all that was taken is with the program. */
static bool give_up(struct ph_stdio_input *input)
{
	if (input->filled && !write_stage(input))
		return false;
	input->yielded = true;
	close_fd(input);
	input->on_change(input->context);
	return false;
}

/* What was taken counts as consumed: it is the program's before it hears of the
 * cut, as far as it goes in. False: the input has failed. */
static bool write_before_cut(struct ph_stdio_input *input)
{
	if (input->filled && !input->leaves)
		write_stage(input);
	return input->fd >= 0;
}

static bool step(struct ph_stdio_input *input)
{
	struct ph_frame frame;
	bool more;
	bool whole;

	if (input->yields && !input->inside && !input->offset)
		return give_up(input);
	more = ph_terminal_receive(input->terminal, &frame, NULL);
	whole = input->framing != PH_FRAMING_LENGTH || input->ready;
	if (more && (frame.flags & PH_FRAME_CUT)) {
		if (!input->holds || input->leaves) {
			if (whole && !write_before_cut(input))
				return false;
			return take_cut(input);
		}
		more = false;
	}
	if (!more || !stage_takes(input, &frame)) {
		/* Half a message that the source ended: not a stream to
		 * take for a finished one. */
		if (more && !whole) {
			input_fail(input, -EBADMSG);
			return false;
		}
		return input->filled && whole && write_stage(input) && more;
	}
	if (frame.flags & PH_FRAME_END)
		return take_end(input);
	if (!ph_frame_is_control(frame.flags))
		return take_data(input, &frame);
	if (frame.flags & PH_FRAME_GAP)
		note_gap(input, &frame);
	ph_terminal_release(input->terminal);
	return true;
}

void ph_stdio_input_pump(struct ph_stdio_input *input)
{
	struct ph_frame frame;

	/* What comes now is an END or a CUT, or another source's. */
	if (input->wanted && ph_terminal_receive(input->terminal, &frame, NULL))
		conduit_over(input);
	while (input->fd >= 0 && !input->watch.loop && !input->cut &&
		step(input))
		;
	offer_conduit(input);
}

void ph_stdio_input_yield(struct ph_stdio_input *input)
{
	if (input->yields)
		return;
	input->yields = true;
	if (input->fd < 0) {
		input->yielded = true;
		input->on_change(input->context);
		return;
	}
	watch_rest(input);
	if (input->wanted)
		conduit_over(input);
	ph_stdio_input_pump(input);
}

void ph_stdio_input_leave(struct ph_stdio_input *input)
{
	input->leaves = true;
	if (input->holds)
		ph_stdio_input_pump(input);
}

void ph_stdio_input_hold(struct ph_stdio_input *input, bool holds)
{
	bool held = input->holds;

	input->holds = holds;
	if (held && !holds)
		ph_stdio_input_pump(input);
}

uint64_t ph_stdio_input_unread(const struct ph_stdio_input *input)
{
	int waiting = 0;

	if (input->rest > 0 && ioctl(input->rest, FIONREAD, &waiting))
		waiting = 0;
	return (uint64_t)waiting + input->filled - input->written;
}

void ph_stdio_input_accept(struct ph_stdio_input *input)
{
	struct ph_frame frame;

	if (!input->ended)
		return;
	input->ended = false;
	if (ph_terminal_receive(input->terminal, &frame, NULL) &&
		(frame.flags & PH_FRAME_END))
		ph_terminal_release(input->terminal);
}
