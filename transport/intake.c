#include "transport/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A nearly full buffer is not worth another system call. */
#define ROOM_LEAST ((uint32_t)16 * 1024)

void ph_intake_init(
	struct ph_intake *intake, struct ph_pool *pool, uint32_t admitted)
{
	*intake = (struct ph_intake){
		.pool = pool,
		.admitted = admitted,
		.want = PH_BUFFER_SMALL,
	};
}

void ph_intake_fini(struct ph_intake *intake)
{
	ph_buffer_unref(intake->buffer);
	free(intake->stash);
	intake->buffer = NULL;
	intake->stash = NULL;
	intake->stashed = 0;
	intake->start = 0;
}

static uint32_t intake_left(const struct ph_intake *intake)
{
	return intake->buffer ? intake->buffer->used - intake->start : 0;
}

bool ph_intake_holds(const struct ph_intake *intake)
{
	return intake->stashed || intake_left(intake);
}

/* Bytes of the record that begins here, as far as they tell. A length that is
 * not admitted never gets so far: ph_intake_next has refused it. */
static uint32_t record_size(const uint8_t *record, uint32_t have)
{
	if (have < PH_FRAME_HEADER)
		return PH_FRAME_HEADER;
	return PH_FRAME_HEADER + ph_frame_length(record);
}

/* Begins a new buffer with `have` bytes of an unfinished record. */
static int intake_begin(
	struct ph_intake *intake, const uint8_t *bytes, uint32_t have)
{
	uint32_t size = record_size(bytes, have);
	uint32_t capacity = intake->want;
	struct ph_buffer *buffer;

	if (size > capacity)
		capacity = size <= PH_BUFFER_LARGE ? PH_BUFFER_LARGE : size;
	buffer = ph_buffer_get(intake->pool, capacity);
	if (!buffer)
		return -ENOMEM;
	if (have)
		memcpy(buffer->data, bytes, have);
	buffer->used = have;
	ph_buffer_unref(intake->buffer);
	intake->buffer = buffer;
	intake->start = 0;
	return 0;
}

static int intake_unstash(struct ph_intake *intake)
{
	int error = intake_begin(intake, intake->stash, intake->stashed);

	if (error)
		return error;
	free(intake->stash);
	intake->stash = NULL;
	intake->stashed = 0;
	return 0;
}

/* Makes sure that the record under way ends inside the buffer. */
static int intake_fit(struct ph_intake *intake)
{
	struct ph_buffer *buffer = intake->buffer;
	uint32_t left = intake_left(intake);
	const uint8_t *record = buffer->data + intake->start;
	uint32_t size = record_size(record, left);

	if (!left && buffer->references == 1) {
		buffer->used = intake->start = 0;
		/* Outgrown: the last read filled it. */
		if (intake->want > buffer->capacity)
			return intake_begin(intake, NULL, 0);
		return 0;
	}
	if (left && intake->start + size <= buffer->capacity)
		return 0;
	if (!left && buffer->capacity - buffer->used >= ROOM_LEAST)
		return 0;
	return intake_begin(intake, record, left);
}

int ph_intake_room(struct ph_intake *intake, uint8_t **bytes, size_t *room)
{
	struct ph_buffer *buffer;
	int error;

	error = intake->buffer ? intake_fit(intake) : intake_unstash(intake);
	if (error)
		return error;
	buffer = intake->buffer;
	*bytes = buffer->data + buffer->used;
	*room = buffer->capacity - buffer->used;
	return 0;
}

void ph_intake_filled(struct ph_intake *intake, size_t bytes)
{
	struct ph_buffer *buffer = intake->buffer;

	buffer->used += (uint32_t)bytes;
	intake->passed += (uint32_t)bytes;
	if (buffer->used == buffer->capacity &&
		intake->admitted >= PH_BUFFER_SMALL)
		intake->want = PH_BUFFER_LARGE;
}

/* Counts the whole frames at the front. -EPROTO when there is none and the
 * first is too large. */
static int intake_parse(
	const struct ph_intake *intake, struct ph_segment *segment)
{
	const uint8_t *bytes = intake->buffer->data;
	uint32_t at = intake->start;
	uint32_t end = intake->buffer->used;
	uint32_t frames = 0, messages = 0;
	int error = 0;

	while (end - at >= PH_FRAME_HEADER) {
		uint32_t length = ph_frame_length(bytes + at);
		uint8_t flags = bytes[at + 3];

		if (length > intake->admitted) {
			error = -EPROTO;
			break;
		}
		if (length > end - at - PH_FRAME_HEADER)
			break;
		at += PH_FRAME_HEADER + length;
		frames++;
		messages +=
			(flags & PH_FRAME_FIN) && !ph_frame_is_control(flags);
	}
	if (!frames)
		return error;
	*segment = (struct ph_segment){
		.offset = intake->start,
		.length = at - intake->start,
		.frames = frames,
		.messages = messages,
	};
	return 1;
}

/* Who queues a few bytes should not keep a whole buffer alive by them: small
 * runs get memory of their own size. */
static void segment_settle(struct ph_intake *intake, struct ph_segment *segment)
{
	struct ph_buffer *small = NULL;

	if (segment->length < PH_QUEUE_GATHER)
		small = ph_buffer_get(intake->pool, segment->length);
	if (!small) {
		segment->buffer = ph_buffer_ref(intake->buffer);
		return;
	}
	memcpy(small->data, intake->buffer->data + segment->offset,
		segment->length);
	small->used = segment->length;
	segment->buffer = small;
	segment->offset = 0;
}

int ph_intake_next(struct ph_intake *intake, struct ph_segment *segment)
{
	int found;

	if (!intake->buffer && !intake->stashed)
		return 0;
	if (!intake->buffer && intake_unstash(intake))
		return -ENOMEM;
	found = intake_parse(intake, segment);
	if (found <= 0)
		return found;
	intake->start += segment->length;
	segment_settle(intake, segment);
	return 1;
}

void ph_intake_rest(struct ph_intake *intake)
{
	uint32_t left = intake_left(intake);

	if (!intake->buffer)
		return;
	if (intake->passed < PH_BUFFER_SMALL)
		intake->want = PH_BUFFER_SMALL;
	intake->passed = 0;
	if (left > PH_INTAKE_STASH)
		return;
	if (left) {
		intake->stash = malloc(left);
		if (!intake->stash)
			return;
		memcpy(intake->stash, intake->buffer->data + intake->start,
			left);
		intake->stashed = left;
	}
	ph_buffer_unref(intake->buffer);
	intake->buffer = NULL;
	intake->start = 0;
}
