#include "kernel/ring.h"

#include <assert.h>
#include <errno.h>

/*
 * Why no wake-up is lost. The sleeper writes its event index and then reads
 * the other's index; the other writes its index and then reads the event
 * index. All four are sequentially consistent, so at least one of the two
 * sees what the other wrote: the sleeper does not sleep, or it is woken.
 */

/* Looks of a spinning thread: as often as has paid lately, within these. */
#define SPIN_LEAST 16u

static int end_init(struct ph_ring_end *end, struct ph_ring_shared *shared,
	uint8_t *data, uint64_t size)
{
	if (size < PH_RING_LEAST || size & (size - 1))
		return -EINVAL;
	*end = (struct ph_ring_end){
		.shared = shared,
		.data = data,
		.size = size,
		.spin = SPIN_LEAST,
	};
	return 0;
}

int ph_ring_writer_init(struct ph_ring_writer *writer,
	struct ph_ring_shared *shared, uint8_t *data, uint64_t size)
{
	return end_init(&writer->end, shared, data, size);
}

int ph_ring_reader_init(struct ph_ring_reader *reader,
	struct ph_ring_shared *shared, uint8_t *data, uint64_t size)
{
	return end_init(&reader->end, shared, data, size);
}

/* The other's index may have moved on by at most `most`. */
static bool end_learn(struct ph_ring_end *end, uint64_t index, uint64_t most)
{
	if (end->broken || index - end->peer > most) {
		end->broken = true;
		return false;
	}
	end->peer = index;
	return true;
}

bool ph_ring_look(
	struct ph_ring_end *end, const _Atomic uint64_t *index, uint64_t most)
{
	return end_learn(
		end, atomic_load_explicit(index, memory_order_acquire), most);
}

int ph_ring_refuse(const struct ph_ring_end *end, uint64_t need)
{
	if (end->broken)
		return -EPROTO;
	if (need > (uint64_t)PH_FRAME_HEADER + PH_FRAME_MAX || need > end->size)
		return -EMSGSIZE;
	return need ? -EAGAIN : 0;
}

/* The other side sleeps until `event` is passed, and we went from `old` to
 * `now`. Right for any value of `event`, wrong ones only wake in vain. */
static bool passes(uint64_t event, uint64_t old, uint64_t now)
{
	return now - event - 1 < now - old;
}

/* --- the writer --- */

uint64_t ph_ring_write(
	struct ph_ring_writer *writer, const void *data, uint64_t length)
{
	uint64_t room = ph_ring_room(writer, length);
	uint64_t part = length < room ? length : room;

	if (part)
		memcpy(ph_ring_place(&writer->end), data, part);
	writer->end.at += part;
	return part;
}

bool ph_ring_publish(struct ph_ring_writer *writer)
{
	struct ph_ring_end *end = &writer->end;
	uint64_t old = end->told;

	if (old == end->at)
		return false;
	end->told = end->at;
	atomic_store(&end->shared->head, end->at);
	return passes(atomic_load(&end->shared->data_at), old, end->at);
}

bool ph_ring_expect_room(struct ph_ring_writer *writer, uint64_t need)
{
	struct ph_ring_end *end = &writer->end;
	uint64_t least = end->at + need - end->size;
	uint64_t half = end->at - end->size / 2;

	assert(end->told == end->at && need <= end->size);
	if (end->size - (end->at - end->peer) >= need)
		return false;
	/* Woken once for half a ring, not for every record taken. */
	if (need < end->size / 2)
		least = half;
	atomic_store(&end->shared->room_at, least - 1);
	if (!end_learn(end, atomic_load(&end->shared->tail),
		    end->told - end->peer))
		return false;
	return end->size - (end->at - end->peer) < need;
}

void ph_ring_finish(struct ph_ring_writer *writer)
{
	atomic_store(&writer->end.shared->finished, 1);
}

/* --- the reader --- */

uint64_t ph_ring_read(struct ph_ring_reader *reader, void *bytes, uint64_t most)
{
	uint64_t fill = ph_ring_fill(reader, most);
	uint64_t part = most < fill ? most : fill;

	if (part)
		memcpy(bytes, ph_ring_place(&reader->end), part);
	reader->end.at += part;
	return part;
}

bool ph_ring_release(struct ph_ring_reader *reader)
{
	struct ph_ring_end *end = &reader->end;
	uint64_t old = end->told;

	if (old == end->at)
		return false;
	end->told = end->at;
	atomic_store(&end->shared->tail, end->at);
	return passes(atomic_load(&end->shared->room_at), old, end->at);
}

bool ph_ring_expect_data(struct ph_ring_reader *reader)
{
	struct ph_ring_end *end = &reader->end;
	uint64_t seen = end->peer;

	/* Who sleeps on what he has not given back may sleep for ever. */
	assert(end->told == end->at);
	atomic_store(&end->shared->data_at, seen);
	if (!end_learn(end, atomic_load(&end->shared->head),
		    end->told + end->size - end->peer))
		return false;
	return end->peer == seen;
}

bool ph_ring_is_finished(const struct ph_ring_reader *reader)
{
	return atomic_load(&reader->end.shared->finished) != 0;
}

/* --- bare threads --- */

/* Looks for a while; learns whether that pays. */
static bool end_spin(struct ph_ring_end *end, const _Atomic uint64_t *index,
	uint64_t until, const struct ph_ring_hal *hal)
{
	uint32_t most = end->spin < hal->spin ? end->spin : hal->spin;

	for (uint32_t i = 0; i < most; i++) {
		if (atomic_load_explicit(index, memory_order_relaxed) -
				end->peer >=
			until) {
			if (end->spin < hal->spin)
				end->spin *= 2;
			return true;
		}
		ph_relax();
	}
	if (end->spin > SPIN_LEAST)
		end->spin /= 2;
	return false;
}

/* Called after the end said that it sleeps, `seen` from before that. */
static int end_sleep(struct ph_ring_end *end, _Atomic uint32_t *bell,
	uint32_t seen, const struct ph_ring_hal *hal, int64_t until)
{
	if (hal->sleep(hal->context, bell, seen, until))
		return 0;
	return -ETIMEDOUT;
}

int ph_ring_await_data(struct ph_ring_reader *reader,
	const struct ph_ring_hal *hal, int64_t until)
{
	struct ph_ring_end *end = &reader->end;
	struct ph_ring_shared *shared = end->shared;
	uint32_t seen;

	if (end->broken)
		return -EPROTO;
	if (end->peer != end->at || end_spin(end, &shared->head, 1, hal))
		return 0;
	seen = atomic_load(&shared->data_bell);
	/* Finishing rings the bell, so it must be looked at behind `seen`. */
	if (!ph_ring_expect_data(reader) || ph_ring_is_finished(reader))
		return end->broken ? -EPROTO : 0;
	return end_sleep(end, &shared->data_bell, seen, hal, until);
}

int ph_ring_await_room(struct ph_ring_writer *writer,
	const struct ph_ring_hal *hal, uint64_t need, int64_t until)
{
	struct ph_ring_end *end = &writer->end;
	struct ph_ring_shared *shared = end->shared;
	uint64_t missing = need - (end->size - (end->at - end->peer));
	uint32_t seen;

	if (end->broken)
		return -EPROTO;
	if ((int64_t)missing <= 0 || end_spin(end, &shared->tail, missing, hal))
		return 0;
	seen = atomic_load(&shared->room_bell);
	if (!ph_ring_expect_room(writer, need))
		return end->broken ? -EPROTO : 0;
	return end_sleep(end, &shared->room_bell, seen, hal, until);
}

static void bell_ring(_Atomic uint32_t *bell, const struct ph_ring_hal *hal)
{
	atomic_fetch_add(bell, 1);
	hal->wake(hal->context, bell);
}

void ph_ring_wake_reader(
	struct ph_ring_writer *writer, const struct ph_ring_hal *hal)
{
	bell_ring(&writer->end.shared->data_bell, hal);
}

void ph_ring_wake_writer(
	struct ph_ring_reader *reader, const struct ph_ring_hal *hal)
{
	bell_ring(&reader->end.shared->room_bell, hal);
}
