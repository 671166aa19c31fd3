#include "placement/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"

/* Which kinds a stream may hold; notes have a flag of their own. */
#define CHANNEL_STREAM                                                         \
	(PH_FRAME_FIN | PH_FRAME_BEGIN | PH_FRAME_END | PH_FRAME_GAP |         \
		PH_FRAME_CUT)

static void let_go(struct channel *channel)
{
	if (channel->held.buffer)
		ph_buffer_unref(channel->held.buffer);
	channel->held = (struct ph_segment){0};
}

static void malformed(struct channel *channel)
{
	ph_log_error("placement", "frame.malformed");
	channel_close(channel);
}

/* The first frame of what is held; false when it was not taken. */
static bool take_first(struct channel *channel)
{
	struct ph_segment *held = &channel->held;
	const uint8_t *record = held->buffer->data + held->offset;
	uint32_t length = ph_frame_length(record);
	struct ph_frame frame = {.data = record + PH_FRAME_HEADER,
		.length = length,
		.flags = record[3],
		.buffer = held->buffer};
	struct ph_relay relay;
	bool note = frame.flags == (PH_FRAME_ATTACH | PH_FRAME_FIN);

	if ((!note && (frame.flags & ~CHANNEL_STREAM)) ||
		(note && ph_relay_read(&relay, frame.data, length))) {
		malformed(channel);
		return true;
	}
	if (!channel->ops->on_frame(channel, &frame, note ? &relay : NULL))
		return false;
	held->offset += PH_FRAME_HEADER + length;
	held->length -= PH_FRAME_HEADER + length;
	return true;
}

/* True when all of what is held was taken. */
static bool take_held(struct channel *channel)
{
	while (channel->held.length && !channel->closing)
		if (!take_first(channel))
			return false;
	let_go(channel);
	return true;
}

static void on_open(void *context, struct ph_carrier *carrier)
{
	struct channel *channel = context;

	ph_carrier_admit(carrier, PH_FRAME_MAX);
	channel_flush(channel);
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct channel *channel = context;

	if (channel->closing)
		return;
	channel->held = *segment;
	ph_buffer_ref(segment->buffer);
	if (!take_held(channel))
		ph_carrier_pause(carrier, true);
}

static void on_room(void *context, struct ph_carrier *carrier)
{
	channel_flush(context);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct channel *channel = context;

	channel->carrier = NULL;
	channel->closing = true;
	let_go(channel);
	ph_queue_clear(&channel->queue);
	channel->ops->on_closed(channel, reason);
}

const struct ph_carrier_events channel_events = {
	.on_open = on_open,
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

int channel_open(struct channel *channel, struct ph_transport_host *host,
	int fd, const char *scheme, bool server)
{
	int error;

	ph_queue_init(&channel->queue, host->pool);
	channel->pool = host->pool;
	error = ph_carrier_adopt(host, fd, scheme, server, &channel_events,
		channel, &channel->carrier);
	return error;
}

void channel_take(struct channel *channel, struct ph_carrier *carrier,
	struct ph_pool *pool)
{
	ph_queue_init(&channel->queue, pool);
	channel->pool = pool;
	channel->carrier = carrier;
	ph_carrier_admit(carrier, PH_FRAME_MAX);
}

int channel_put(struct channel *channel, const struct ph_frame *frame)
{
	if (!channel->carrier || channel->closing)
		return -EPIPE;
	if (frame->buffer && frame->length >= PH_QUEUE_GATHER)
		return ph_queue_gather(&channel->queue, frame->flags,
			frame->buffer, frame->data, frame->length);
	return ph_queue_copy(
		&channel->queue, frame->flags, frame->data, frame->length);
}

void channel_tell(struct channel *channel, const struct ph_relay *relay)
{
	uint8_t *bytes;
	int error;

	if (!channel->carrier || channel->closing)
		return;
	bytes = malloc(PH_RELAY_HEADER + relay->length);
	error = bytes ? 0 : -ENOMEM;
	if (!error) {
		ph_relay_write(relay, bytes);
		if (relay->length)
			memcpy(bytes + PH_RELAY_HEADER, relay->body,
				relay->length);
		error = ph_queue_copy(&channel->queue,
			PH_FRAME_ATTACH | PH_FRAME_FIN, bytes,
			(uint32_t)(PH_RELAY_HEADER + relay->length));
	}
	free(bytes);
	if (error)
		channel_close(channel);
	else
		channel_flush(channel);
}

void channel_say(
	struct channel *channel, enum ph_relay_op op, uint64_t id, int reason)
{
	struct ph_relay relay = {.op = op, .id = id, .reason = reason};

	channel_tell(channel, &relay);
}

bool channel_is_full(struct channel *channel)
{
	if (channel->queue.bytes < CHANNEL_FULL)
		return false;
	channel->full = true;
	return true;
}

void channel_flush(struct channel *channel)
{
	if (!channel->carrier || channel->closing)
		return;
	if (channel->queue.count)
		ph_carrier_send(channel->carrier, &channel->queue);
	if (!channel->full || channel->queue.bytes > CHANNEL_FULL / 2)
		return;
	channel->full = false;
	channel->ops->on_room(channel);
}

void channel_resume(struct channel *channel)
{
	if (!channel->carrier || channel->closing || !channel->held.length)
		return;
	if (take_held(channel) && channel->carrier && !channel->closing)
		ph_carrier_pause(channel->carrier, false);
}

void channel_close(struct channel *channel)
{
	if (channel->closing)
		return;
	channel->closing = true;
	if (channel->carrier)
		ph_carrier_close(channel->carrier);
}

void channel_fini(struct channel *channel)
{
	let_go(channel);
	ph_queue_fini(&channel->queue);
}
