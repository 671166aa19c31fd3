#include <stdlib.h>
#include <string.h>

#include "discovery/membership.h"
#include "kernel/bytes.h"

/*
 * The highest (epoch, seq) heard of everybody, so that after a restart nobody
 * is alive for what he said before it. One record, written once a minute and at
 * the end: after a crash, what was said in the last minute could be played back
 * once more. (Datagrams could not: those are of an epoch of ours.)
 *
 *   node id, 16 bytes | epoch u64 | seq u32    each, little-endian
 */
#define FLOOR	    28u
#define FLOORS_MOST 6144u
#define EVERY	    (60 * PH_SECOND)

struct written {
	uint8_t *data;
	size_t length;
};

static void write_one(void *context, const uint8_t id[PH_NODE_ID_BYTES],
	struct ph_floor floor)
{
	struct written *written = context;
	uint8_t *at = written->data + written->length;

	if (written->length + FLOOR > (size_t)FLOORS_MOST * FLOOR)
		return;
	memcpy(at, id, PH_NODE_ID_BYTES);
	ph_store64(at + PH_NODE_ID_BYTES, floor.epoch);
	ph_store32(at + PH_NODE_ID_BYTES + 8, floor.seq);
	written->length += FLOOR;
}

void floors_now(struct membership *membership)
{
	struct ph_discovery *discovery = membership->discovery;
	struct written written = {0};

	/* What is not loaded yet would be written over. */
	if (!membership->loaded)
		return;
	written.data = malloc((size_t)FLOORS_MOST * FLOOR);
	if (!written.data)
		return;
	ph_neighbours_floors(discovery->neighbours,
		ph_loop_now(discovery->loop), write_one, &written);
	if (written.length)
		keep_put(membership, KEEP_FLOORS, written.data, written.length);
	free(written.data);
}

static void floors_are_due(struct ph_timer *timer)
{
	struct membership *membership =
		(struct membership *)((char *)timer -
				      offsetof(struct membership, floors_due));
	struct ph_loop *loop = membership->discovery->loop;

	floors_now(membership);
	ph_timer_start(loop, timer, ph_loop_now(loop) + EVERY);
}

void floors_take(
	struct membership *membership, const uint8_t *data, size_t length)
{
	free(membership->floors);
	membership->floors = malloc(length + 1);
	membership->floors_length = membership->floors ? length : 0;
	if (membership->floors)
		memcpy(membership->floors, data, length);
}

void floors_start(struct membership *membership)
{
	struct ph_discovery *discovery = membership->discovery;
	struct ph_loop *loop = discovery->loop;
	const uint8_t *at = membership->floors;

	for (size_t left = membership->floors_length; left >= FLOOR;
		left -= FLOOR, at += FLOOR)
		ph_neighbours_floor(discovery->neighbours, at,
			ph_load64(at + PH_NODE_ID_BYTES),
			ph_load32(at + PH_NODE_ID_BYTES + 8),
			ph_loop_now(loop));
	floors_close(membership);
	membership->loaded = true;
	membership->floors_due.on_due = floors_are_due;
	ph_timer_start(
		loop, &membership->floors_due, ph_loop_now(loop) + EVERY);
}

void floors_close(struct membership *membership)
{
	ph_timer_stop(membership->discovery->loop, &membership->floors_due);
	free(membership->floors);
	membership->floors = NULL;
	membership->floors_length = 0;
}
