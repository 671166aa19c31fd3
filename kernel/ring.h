#ifndef PH_KERNEL_RING_H
#define PH_KERNEL_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/frame.h"
#include "kernel/hal.h"

/*
 * A lock-free byte ring between one writer and one reader, threads or
 * processes. What lies in it are records as kernel/frame.h draws them, one
 * right behind the other: a run of records is a run of frames, and moves by
 * one memcpy. The memory is mapped twice in a row, so a record never wraps.
 *
 *        tail (reader)                     head (writer)
 *         |                                 |
 *   ------+=======+====+=======+=====+======+-------------
 *    free | to be read                      | free
 *
 * Indices count bytes and run on for ever. Nothing is seen by the other side
 * before it is published (ph_ring_publish, ph_ring_release), once per batch.
 * Full and empty are returned and never waited for here; who wants to sleep
 * says from which index on he wants to be woken (ph_ring_expect_*), looks
 * again, and only then sleeps.
 *
 * Invariant: nothing read from the shared part is believed. The geometry is
 * private; the other side's index is loaded once a look and must lie between
 * its last value and what we published; a length is copied once and held
 * against what is there. Whoever breaks that gets -EPROTO, for ever.
 */
#define PH_RING_LINE 128 /* bytes; two cache lines are fetched at a time */

/* What both sides share. Zeroed memory is an empty ring. */
struct ph_ring_shared {
	_Alignas(PH_RING_LINE) _Atomic uint64_t head; /* the writer's */
	_Atomic uint32_t finished;		      /* nothing follows */
	_Alignas(PH_RING_LINE) _Atomic uint64_t tail; /* the reader's */
	/* "Wake me when your index passes this": written by the one who
	 * sleeps, so these lines stay quiet while both sides are busy. */
	_Alignas(PH_RING_LINE) _Atomic uint64_t data_at;
	_Atomic uint32_t data_bell; /* for ph_ring_hal: moves when rung */
	_Alignas(PH_RING_LINE) _Atomic uint64_t room_at;
	_Atomic uint32_t room_bell;
};

/* One end, private to its side. */
struct ph_ring_end {
	struct ph_ring_shared *shared;
	uint8_t *data; /* `size` bytes, and the same bytes again */
	uint64_t size; /* power of two */
	uint64_t at;   /* own index */
	uint64_t told; /* own index as the other side may know it */
	uint64_t peer; /* the other's index, last seen and found sound */
	bool broken;   /* the other side broke the rules */
	uint32_t spin; /* how long looking again has paid lately */
};

struct ph_ring_writer {
	struct ph_ring_end end;
};

struct ph_ring_reader {
	struct ph_ring_end end;
};

#define PH_RING_LEAST ((uint64_t)4096)

/* `size` a power of two from PH_RING_LEAST up: else -EINVAL. */
int ph_ring_writer_init(struct ph_ring_writer *writer,
	struct ph_ring_shared *shared, uint8_t *data, uint64_t size);
int ph_ring_reader_init(struct ph_ring_reader *reader,
	struct ph_ring_shared *shared, uint8_t *data, uint64_t size);

/* Loads the other side's index. False and `broken`: it is not sound. */
bool ph_ring_look(
	struct ph_ring_end *end, const _Atomic uint64_t *index, uint64_t most);

/* --- the writer --- */

/* Bytes free; asks the reader's index when the last known is not enough. 0
 * when broken. */
static inline uint64_t ph_ring_room(
	struct ph_ring_writer *writer, uint64_t need)
{
	struct ph_ring_end *end = &writer->end;

	if (end->size - (end->at - end->peer) < need &&
		!ph_ring_look(end, &end->shared->tail, end->told - end->peer))
		return 0;
	return end->size - (end->at - end->peer);
}

static inline uint8_t *ph_ring_place(const struct ph_ring_end *end)
{
	return end->data + (end->at & (end->size - 1));
}

/* What to answer when there was no room. */
int ph_ring_refuse(const struct ph_ring_end *end, uint64_t need);

/* One record. 0; -EAGAIN: full; -EMSGSIZE: over PH_FRAME_MAX or over the
 * ring; -EPROTO: broken. */
static inline int ph_ring_put(struct ph_ring_writer *writer, uint8_t flags,
	const void *data, uint32_t length)
{
	uint64_t record = (uint64_t)PH_FRAME_HEADER + length;
	uint8_t *place;

	if (ph_ring_room(writer, record) < record || length > PH_FRAME_MAX)
		return ph_ring_refuse(&writer->end, record);
	place = ph_ring_place(&writer->end);
	ph_frame_header(place, length, flags);
	if (length)
		memcpy(place + PH_FRAME_HEADER, data, length);
	writer->end.at += record;
	return 0;
}

/* As many bytes of a run of records as there is room for; a record may be cut
 * and go on in the next call. For readers that read the same way. */
uint64_t ph_ring_write(
	struct ph_ring_writer *writer, const void *data, uint64_t length);

/* Shows the reader what was written. True: he sleeps, wake him. */
bool ph_ring_publish(struct ph_ring_writer *writer);
/* Before sleeping: "wake me when `need` bytes, or better half of the ring, are
 * free". True: sleep. False: there is room already, or it is broken. What was
 * written must have been published. */
bool ph_ring_expect_room(struct ph_ring_writer *writer, uint64_t need);
/* The stream ends here. Publish and wake the reader whatever was said. */
void ph_ring_finish(struct ph_ring_writer *writer);

/* --- the reader --- */

/* Bytes there; asks the writer's index when the last known is not enough. 0
 * when broken. */
static inline uint64_t ph_ring_fill(
	struct ph_ring_reader *reader, uint64_t need)
{
	struct ph_ring_end *end = &reader->end;

	if (end->peer - end->at < need &&
		!ph_ring_look(end, &end->shared->head,
			end->told + end->size - end->peer))
		return 0;
	return end->peer - end->at;
}

/* 1: a record, which stands until ph_ring_release. 0: none. -EPROTO: the
 * writer published what is no record. */
static inline int ph_ring_next(
	struct ph_ring_reader *reader, struct ph_frame *frame)
{
	struct ph_ring_end *end = &reader->end;
	uint64_t fill = ph_ring_fill(reader, PH_FRAME_HEADER);
	uint32_t header;
	uint8_t *place;

	if (fill < PH_FRAME_HEADER)
		return ph_ring_refuse(end, 0);
	place = ph_ring_place(end);
	header = ph_load32(place);
	/* Read once: it may change under our hands. */
	__asm__ volatile("" : "+r"(header));
	frame->length = header & 0xffffff;
	frame->flags = (uint8_t)(header >> 24);
	frame->data = place + PH_FRAME_HEADER;
	frame->buffer = NULL;
	if (frame->length > fill - PH_FRAME_HEADER) {
		end->broken = true;
		return ph_ring_refuse(end, 0);
	}
	end->at += (uint64_t)PH_FRAME_HEADER + frame->length;
	return 1;
}

/* Copies out at most `most` bytes of a run of records. 0: none. */
uint64_t ph_ring_read(
	struct ph_ring_reader *reader, void *bytes, uint64_t most);

/* Gives back the room of what was read. True: the writer sleeps and now has
 * what he waits for, wake him. */
bool ph_ring_release(struct ph_ring_reader *reader);
/* Before sleeping: "wake me when there is more". True: sleep. False: there is
 * something already, or it is broken. What was read must have been released.
 */
bool ph_ring_expect_data(struct ph_ring_reader *reader);
/* The writer finished. What was published before is there to be read. */
bool ph_ring_is_finished(const struct ph_ring_reader *reader);

/* --- bare threads --- */

/* Wait, spinning first where a second CPU exists. 0: look again; -ETIMEDOUT
 * at `until` (absolute ns, 0: never); -EPROTO. */
int ph_ring_await_data(struct ph_ring_reader *reader,
	const struct ph_ring_hal *hal, int64_t until);
int ph_ring_await_room(struct ph_ring_writer *writer,
	const struct ph_ring_hal *hal, uint64_t need, int64_t until);
/* Wake the other end: after ph_ring_publish or ph_ring_release said so. */
void ph_ring_wake_reader(
	struct ph_ring_writer *writer, const struct ph_ring_hal *hal);
void ph_ring_wake_writer(
	struct ph_ring_reader *reader, const struct ph_ring_hal *hal);

#endif
