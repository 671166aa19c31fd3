#include "node/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/line_inner.h"

/* Bytes that may wait for a slow peer before it is hung up on. */
#define LINE_BACKLOG (2 * PH_PACKET_MAX)

/* A packet whose first frame came must be whole by then. */
#define LINE_PACKET_TIME (30 * PH_SECOND)

static void patience_over(struct ph_timer *timer)
{
	struct ph_line *line =
		(struct ph_line *)((char *)timer -
				   offsetof(struct ph_line, patience));

	ph_log_warn("line", "packet.refused peer=%s error=\"never whole\"",
		line->config.caller.node);
	line->broken = true;
	ph_carrier_close(line->config.carrier);
}

int ph_line_create(struct ph_line **out, const struct ph_line_config *config)
{
	struct ph_line *line = calloc(1, sizeof(*line));

	if (!line)
		return -ENOMEM;
	line->config = *config;
	line->patience.on_due = patience_over;
	if (ph_writer_create(&line->writer)) {
		free(line);
		return -ENOMEM;
	}
	ph_queue_init(&line->queue, config->kernel->pool);
	ph_carrier_admit(config->carrier, PH_FRAME_MAX);
	*out = line;
	return 0;
}

void ph_line_destroy(struct ph_line *line)
{
	if (!line)
		return;
	ph_line_fail_calls(line);
	ph_line_forget_calls(line);
	ph_timer_stop(line->config.loop, &line->patience);
	ph_queue_fini(&line->queue);
	ph_writer_free(line->writer);
	free(line->packet);
	free(line);
}

bool ph_line_busy(const struct ph_line *line)
{
	return line->outgoing || line->incoming;
}

int64_t ph_line_used(const struct ph_line *line)
{
	return line->used;
}

uint64_t ph_line_id(const struct ph_line *line)
{
	return line->config.caller.line;
}

struct ph_caller *ph_line_caller(struct ph_line *line)
{
	return &line->config.caller;
}

void ph_line_room(struct ph_line *line)
{
	if (!line->broken && line->queue.count)
		ph_carrier_send(line->config.carrier, &line->queue);
}

/* Cuts a packet into frames and sends what fits. */
int ph_line_send_packet(
	struct ph_line *line, const uint8_t *data, size_t length)
{
	if (length > PH_PACKET_MAX)
		return -EMSGSIZE;
	if (line->broken || line->queue.bytes + length > LINE_BACKLOG)
		return -ENOBUFS;
	do {
		uint32_t part =
			length > PH_FRAME_MAX ? PH_FRAME_MAX : (uint32_t)length;
		uint8_t flags = PH_FRAME_CALL;

		if (part == length)
			flags |= PH_FRAME_FIN;
		if (ph_queue_copy(&line->queue, flags, data, part)) {
			line->broken = true;
			ph_carrier_close(line->config.carrier);
			return -ENOMEM;
		}
		data += part;
		length -= part;
	} while (length);
	ph_line_room(line);
	return 0;
}

/* Part of a packet longer than a frame. */
static int keep_part(struct ph_line *line, const uint8_t *data, uint32_t length)
{
	uint8_t *grown;

	if (line->packet_length + length > PH_PACKET_MAX)
		return -EPROTO;
	grown = realloc(line->packet, line->packet_length + length + 1);
	if (!grown)
		return -EPROTO;
	if (!line->packet)
		ph_timer_start(line->config.loop, &line->patience,
			ph_line_now(line) + LINE_PACKET_TIME);
	memcpy(grown + line->packet_length, data, length);
	line->packet = grown;
	line->packet_length += length;
	return 0;
}

static int take_frame(struct ph_line *line, const uint8_t *record)
{
	uint32_t length = ph_frame_length(record);
	uint8_t flags = record[3];
	const uint8_t *data = record + PH_FRAME_HEADER;
	int error;

	if ((flags & ~PH_FRAME_FIN) != PH_FRAME_CALL)
		return -EPROTO;
	if ((flags & PH_FRAME_FIN) && !line->packet_length)
		return ph_line_packet(line, data, length);
	error = keep_part(line, data, length);
	if (error || !(flags & PH_FRAME_FIN))
		return error;
	ph_timer_stop(line->config.loop, &line->patience);
	error = ph_line_packet(line, line->packet, line->packet_length);
	free(line->packet);
	line->packet = NULL;
	line->packet_length = 0;
	return error;
}

int ph_line_frames(struct ph_line *line, const struct ph_segment *segment)
{
	const uint8_t *record = segment->buffer->data + segment->offset;
	const uint8_t *end = record + segment->length;
	int error = 0;

	while (!error && !line->broken && record < end) {
		error = take_frame(line, record);
		record += PH_FRAME_HEADER + ph_frame_length(record);
	}
	return error;
}
