#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "node/wire.h"

/*
 * Streams whose END was consumed here although the sender may not know: it was
 * killed before it heard. When it is back it sends all of it again, to a
 * program that has done its work and whose own output has ended; so the
 * repetition is taken, acknowledged and dropped. Connections are never reused
 * after their end: one that is kept here for nothing does no harm.
 */
struct wire_fate {
	struct ph_wires *wires;
	char connection[96];
	uint64_t frames; /* with END */
	struct wire_fate *prev;
	struct wire_fate *next;
};

void wire_done_add(struct ph_wires *wires, const char *connection)
{
	if (wire_is_done(wires, connection))
		return;
	snprintf(wires->done[wires->done_next++ % WIRES_DONE],
		sizeof(wires->done[0]), "%s", connection);
}

bool wire_is_done(const struct ph_wires *wires, const char *connection)
{
	for (unsigned i = 0; i < WIRES_DONE; i++)
		if (!strcmp(wires->done[i], connection))
			return true;
	return false;
}

bool wire_segment_ends(const struct ph_segment *segment)
{
	static const uint8_t nothing[3];
	const uint8_t *record = segment->buffer->data + segment->offset;
	const uint8_t *end = record + segment->length;

	/* END has no payload and nothing behind it: most are told apart by
	 * their last bytes alone. */
	if (segment->length < PH_FRAME_HEADER ||
		memcmp(end - PH_FRAME_HEADER, nothing, 3) != 0 ||
		!(end[-1] & PH_FRAME_END))
		return false;
	while (end - record > PH_FRAME_HEADER)
		record += PH_FRAME_HEADER + ph_frame_length(record);
	return end - record == PH_FRAME_HEADER;
}

static void pipe_gone(void *context, struct ph_pipe *pipe, int reason)
{
	struct wire_fate *fate = context;

	/* Not so when the input was refused while it held END. */
	if (ph_pipe_out(pipe)->frames >= fate->frames)
		wire_done_add(fate->wires, fate->connection);
	DL_DELETE(fate->wires->fates, fate);
	free(fate);
}

void wire_done_watch(struct wire *wire, struct ph_pipe *pipe)
{
	struct wire_fate *fate = calloc(1, sizeof(*fate));

	if (!fate)
		return;
	fate->wires = wire->wires;
	fate->frames = ph_pipe_in(pipe)->frames;
	memcpy(fate->connection, wire->connection, sizeof(fate->connection));
	DL_APPEND(wire->wires->fates, fate);
	ph_pipe_set_watcher(pipe, (struct ph_pipe_watcher){pipe_gone, fate});
}

void wire_done_fini(struct ph_wires *wires)
{
	struct wire_fate *fate;
	struct wire_fate *next;

	DL_FOREACH_SAFE(wires->fates, fate, next)
	free(fate);
	wires->fates = NULL;
}

static void drain(void *context, struct ph_pipe *pipe)
{
	struct ph_frame frame;

	while (ph_pipe_receive(pipe, &frame)) {
		bool end = frame.flags & PH_FRAME_END;
		bool cut = frame.flags & PH_FRAME_CUT;

		ph_pipe_release(pipe);
		if (end || cut) {
			ph_pipe_close_sink(pipe, end ? 0 : -ECONNRESET);
			return;
		}
	}
}

static const struct ph_end_ops drain_ops = {.on_readable = drain};

int wire_drain(
	struct wire *wire, struct ph_end source, struct ph_pipe_watcher watcher)
{
	struct ph_end sink = {&drain_ops, wire};
	struct ph_pipe_limits limits = {0};

	return ph_pipe_create(&wire->wires->node->kernel, source, sink, limits,
		watcher, &wire->pipe);
}
