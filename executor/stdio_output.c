#include "executor/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Below this much room at a buffer's end a fresh one is taken: what is kept
 * until it is acknowledged is kept with the empty end. */
#define OUTPUT_LEAST ((uint32_t)16 * 1024)
/* Moved in one go: all that a pipe of a program may hold. */
#define OUTPUT_MOVE ((size_t)1024 * 1024)
/* Bytes kept from the log in one go. */
#define OUTPUT_LOG 4096

static void output_event(struct ph_watch *watch, uint32_t events);

static void output_stop(struct ph_stdio_output *output)
{
	ph_watch_stop(&output->watch);
}

static void output_listen(struct ph_stdio_output *output)
{
	int error;

	if (output->fd < 0 || output->eof || output->watch.loop)
		return;
	error = ph_watch_start(
		output->loop, &output->watch, output->fd, EPOLLIN);
	if (error) {
		output->error = error;
		output->on_change(output->context);
	}
}

static bool is_connected(const struct ph_stdio_output *output)
{
	return output->terminal && !output->held &&
	       ph_terminal_pipes(output->terminal);
}

static uint32_t pending(const struct ph_stdio_output *output)
{
	return output->buffer ? output->buffer->used - output->start : 0;
}

static int send_piece(
	struct ph_stdio_output *output, uint32_t length, bool last)
{
	struct ph_frame frame = {
		.length = length,
		.flags = last ? PH_FRAME_FIN : 0,
		.buffer = output->buffer,
	};
	int error;

	if (output->buffer)
		frame.data = output->buffer->data + output->start;
	error = ph_terminal_send_frame(output->terminal, &frame);
	if (error)
		return error;
	output->start += length;
	if (output->scanned < output->start)
		output->scanned = output->start;
	output->inside = !last;
	return 0;
}

static int send_lines(struct ph_stdio_output *output)
{
	int error = 0;

	while (!error && pending(output)) {
		const uint8_t *data = output->buffer->data;
		const uint8_t *found = memchr(data + output->scanned, '\n',
			output->buffer->used - output->scanned);

		if (found) {
			error = send_piece(output,
				(uint32_t)(found - data) + 1 - output->start,
				true);
			continue;
		}
		output->scanned = output->buffer->used;
		/* A line longer than a frame travels as several. */
		if (pending(output) < PH_FRAME_MAX)
			break;
		error = send_piece(output, PH_FRAME_MAX, false);
	}
	return error;
}

static int send_lengths(struct ph_stdio_output *output)
{
	int error = 0;

	while (!error) {
		uint32_t piece = pending(output);

		if (!output->inside) {
			if (piece < 4)
				break;
			output->left =
				ph_load32(output->buffer->data + output->start);
			output->start += 4;
			output->inside = true;
			continue;
		}
		if (piece > output->left)
			piece = output->left;
		if (!piece && output->left)
			break;
		error = send_piece(output, piece, piece == output->left);
		/* send_piece knows the end by what we told it. */
		if (!error)
			output->left -= piece;
	}
	return error;
}

static int send_pending(struct ph_stdio_output *output)
{
	switch (output->framing) {
	case PH_FRAMING_LINES:
		return send_lines(output);
	case PH_FRAMING_LENGTH:
		return send_lengths(output);
	case PH_FRAMING_RAW:
		break;
	}
	return pending(output) ? send_piece(output, pending(output), true) : 0;
}

/* Sends what is there; false when it must wait. */
static bool output_flush(struct ph_stdio_output *output)
{
	int error = send_pending(output);

	if (!error)
		return true;
	output_stop(output);
	output->waits = true;
	if (error != -EAGAIN && error != -ENOTCONN && error != -EPIPE) {
		output->error = error;
		output->on_change(output->context);
	}
	return false;
}

/* Room behind the bytes that are there. Bytes that were shared never move. */
static int make_room(struct ph_stdio_output *output)
{
	struct ph_buffer *old = output->buffer;
	uint32_t rest = pending(output);
	struct ph_buffer *fresh;

	if (old && old->references == 1 && !rest) {
		old->used = 0;
		output->start = 0;
		output->scanned = 0;
	}
	if (old && old->used + (rest ? 1 : OUTPUT_LEAST) <= PH_FRAME_MAX)
		return 0;
	fresh = ph_buffer_get(output->pool, PH_BUFFER_LARGE);
	if (!fresh)
		return -ENOMEM;
	if (rest)
		memcpy(fresh->data, old->data + output->start, rest);
	fresh->used = rest;
	output->scanned = rest ? output->scanned - output->start : 0;
	output->start = 0;
	output->buffer = fresh;
	ph_buffer_unref(old);
	return 0;
}

static void drop_buffer(struct ph_stdio_output *output)
{
	ph_buffer_unref(output->buffer);
	output->buffer = NULL;
	output->start = 0;
	output->scanned = 0;
}

/* The last words before end of file. */
static void output_end(struct ph_stdio_output *output)
{
	int error = 0;

	output_stop(output);
	if (output->framing == PH_FRAMING_LINES &&
		(output->inside || pending(output))) {
		if (output->hold_last) {
			output->eof = true;
			output->waits = false;
			output->on_change(output->context);
			return;
		}
		error = send_piece(output, pending(output), true);
	} else if (output->framing == PH_FRAMING_LENGTH &&
		   (output->inside || pending(output)))
		output->error = -EBADMSG; /* broken off inside a message */
	if (error == -EAGAIN || error == -ENOTCONN) {
		output->waits = true;
		return;
	}
	if (error && !output->error)
		output->error = error;
	output->eof = true;
	output->waits = false;
	drop_buffer(output);
	output->on_change(output->context);
}

int ph_stdio_output_last(struct ph_stdio_output *output)
{
	int error = 0;

	if (!output->eof || output->error ||
		(!output->inside && !pending(output)))
		return 0;
	error = send_piece(output, pending(output), true);
	if (error == -EAGAIN)
		return error;
	/* Nobody is there to take it, or not whole. */
	if (error && error != -ENOTCONN && error != -EPIPE)
		output->error = error;
	output->inside = false;
	drop_buffer(output);
	return 0;
}

static void output_read(struct ph_stdio_output *output)
{
	struct ph_buffer *buffer;
	ssize_t count;
	int error = make_room(output);

	if (error) {
		output_stop(output);
		output->error = error;
		output->on_change(output->context);
		return;
	}
	buffer = output->buffer;
	do
		count = read(output->fd, buffer->data + buffer->used,
			PH_FRAME_MAX - buffer->used);
	while (count < 0 && errno == EINTR);
	if (count < 0 && errno == EAGAIN)
		return;
	if (count <= 0) {
		output_end(output);
		return;
	}
	buffer->used += (uint32_t)count;
	/* An idle program holds no buffer. */
	if (output_flush(output) && !pending(output) && buffer->references == 1)
		drop_buffer(output);
}

static bool is_filled(const struct ph_stdio_output *output)
{
	int waiting = 0;

	return !ioctl(output->fd, FIONREAD, &waiting) && waiting > 0;
}

/* Pages move from the program's pipe into the reader's, in one call. False:
 * it is to be read as ever, which also finds out what the end of file is, and
 * lets the reader's side find out that it is gone. */
static bool output_move(struct ph_stdio_output *output)
{
	struct ph_conduit *conduit = NULL;
	ssize_t moved;

	if (output->framing == PH_FRAMING_RAW && !output->copies &&
		!pending(output))
		conduit = ph_terminal_conduit(output->terminal);
	if (!conduit)
		return false;
	moved = splice(output->fd, NULL, conduit->descriptor, NULL, OUTPUT_MOVE,
		SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (moved > 0) {
		ph_terminal_moved(output->terminal, (uint64_t)moved);
		drop_buffer(output);
		return true;
	}
	if (moved < 0 && errno == EAGAIN && is_filled(output)) {
		output_stop(output);
		output->waits = true;
		ph_terminal_conduit_full(output->terminal);
		return true;
	}
	output->copies = moved < 0 && errno == EINVAL;
	return false;
}

/* Reads into the log, or nowhere. */
static bool output_log(struct ph_stdio_output *output)
{
	char text[OUTPUT_LOG];
	ssize_t count;

	do
		count = read(output->fd, text, sizeof(text));
	while (count < 0 && errno == EINTR);
	if (count > 0 && output->log)
		output->log(output->context, text, (size_t)count);
	if (count > 0)
		return true;
	if (count < 0 && errno == EAGAIN)
		return false;
	output_stop(output);
	output->eof = true;
	output->on_change(output->context);
	return false;
}

static void output_event(struct ph_watch *watch, uint32_t events)
{
	struct ph_stdio_output *output =
		(struct ph_stdio_output *)((char *)watch -
					   offsetof(struct ph_stdio_output,
						   watch));

	if (is_connected(output) && !output->discard) {
		if (!output_move(output))
			output_read(output);
	} else if (output->log || output->discard)
		output_log(output);
	else {
		output_stop(output); /* nobody listens: the program waits */
	}
}

int ph_stdio_output_open(struct ph_stdio_output *output, int fd)
{
	output->fd = fd;
	output->watch.on_event = output_event;
	if (output->log || is_connected(output))
		output_listen(output);
	return output->error;
}

void ph_stdio_output_close(struct ph_stdio_output *output)
{
	output_stop(output);
	drop_buffer(output);
	if (output->fd >= 0)
		close(output->fd);
	output->fd = -1;
}

void ph_stdio_output_pump(struct ph_stdio_output *output)
{
	if (output->fd < 0 || output->eof || output->error)
		return;
	if (output->waits && !output->discard) {
		output->waits = false;
		if (!is_connected(output)) {
			output->waits = true;
			return;
		}
		if (!output_flush(output))
			return;
	}
	output_listen(output);
}

void ph_stdio_output_begin(struct ph_stdio_output *output)
{
	output->held = false;
	ph_stdio_output_pump(output);
}

bool ph_stdio_output_is_whole(const struct ph_stdio_output *output)
{
	return !output->inside;
}

void ph_stdio_output_discard(struct ph_stdio_output *output)
{
	output->discard = true;
	output->waits = false;
	drop_buffer(output);
	output_listen(output);
}

bool ph_stdio_output_holds(const struct ph_stdio_output *output)
{
	if (output->fd < 0 || output->eof)
		return false;
	return pending(output) || output->inside || is_filled(output);
}

void ph_stdio_output_drain(struct ph_stdio_output *output)
{
	/* At most what a pipe can hold: a grandchild may go on writing. */
	for (int i = 0; i < 256 && output->fd >= 0 && !output->eof; i++)
		if (!output_log(output))
			break;
}
