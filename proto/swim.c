#include "proto/swim.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "kernel/bytes.h"

enum {
	MAGIC = 'S',
	VERSION = 1,
	RING_AT = 4,
	SENDER_AT = 8,
	EPOCH_AT = 24,
	INCARNATION_AT = 32,
	SEQUENCE_AT = 36,
	KNOWN_AT = 40,
	HEADER = 44,
	TARGET = PH_NODE_ID_BYTES + 4, /* and finding */
	RECORD = PH_SWIM_SIGNED + PH_SWIM_SIGNATURE,
};

static_assert(HEADER + PH_SWIM_MAC == PH_SWIM_IDLE, "as drawn");
static_assert(
	HEADER + TARGET + PH_SWIM_RECORDS * RECORD + PH_SWIM_MAC <= PH_SWIM_MAX,
	"the fullest fits");

static bool has_target(uint8_t type)
{
	return type == PH_SWIM_ASK || type == PH_SWIM_REPORT;
}

static size_t records_at(uint8_t type)
{
	return HEADER + (has_target(type) ? TARGET : 0);
}

static size_t length_of(uint8_t type, uint8_t count)
{
	return records_at(type) + (size_t)count * RECORD + PH_SWIM_MAC;
}

/* --- records --- */

void ph_swim_record_text(
	const struct ph_swim_record *record, uint8_t out[PH_SWIM_SIGNED])
{
	memcpy(out, record->subject, PH_NODE_ID_BYTES);
	memcpy(out + 16, record->accuser, PH_NODE_ID_BYTES);
	ph_store64(out + 32, record->epoch);
	ph_store32(out + 40, record->incarnation);
	out[44] = record->state;
	out[45] = record->cause;
	out[46] = 0;
	out[47] = 0;
}

static void record_write(const struct ph_swim_record *record, uint8_t *out)
{
	ph_swim_record_text(record, out);
	memcpy(out + PH_SWIM_SIGNED, record->signature, PH_SWIM_SIGNATURE);
}

/* ALIVE and LEFT are one's own word and have no cause. */
static bool record_is_sound(const struct ph_swim_record *record)
{
	bool own =
		memcmp(record->subject, record->accuser, PH_NODE_ID_BYTES) == 0;

	switch (record->state) {
	case PH_SWIM_ALIVE:
	case PH_SWIM_LEFT:
		return own && record->cause == 0;
	case PH_SWIM_SUSPECT:
	case PH_SWIM_DEAD:
		return !own && record->cause <= PH_SWIM_BY_REFUSAL;
	default:
		return false;
	}
}

static bool record_read(struct ph_swim_record *record, const uint8_t *data)
{
	memcpy(record->subject, data, PH_NODE_ID_BYTES);
	memcpy(record->accuser, data + 16, PH_NODE_ID_BYTES);
	record->epoch = ph_load64(data + 32);
	record->incarnation = ph_load32(data + 40);
	record->state = data[44];
	record->cause = data[45];
	memcpy(record->signature, data + PH_SWIM_SIGNED, PH_SWIM_SIGNATURE);
	return !data[46] && !data[47] && record_is_sound(record);
}

/* --- datagrams --- */

size_t ph_swim_write(const struct ph_swim *swim, uint8_t out[PH_SWIM_MAX])
{
	size_t at = records_at(swim->type);

	assert(swim->count <= PH_SWIM_RECORDS);
	out[0] = MAGIC;
	out[1] = VERSION;
	out[2] = (uint8_t)(swim->held << 4 | swim->type);
	out[3] = swim->count;
	ph_store32(out + RING_AT, swim->ring);
	memcpy(out + SENDER_AT, swim->sender, PH_NODE_ID_BYTES);
	ph_store64(out + EPOCH_AT, swim->epoch);
	ph_store32(out + INCARNATION_AT, swim->incarnation);
	ph_store32(out + SEQUENCE_AT, swim->sequence);
	ph_store32(out + KNOWN_AT, swim->known);
	if (has_target(swim->type)) {
		memcpy(out + HEADER, swim->target, PH_NODE_ID_BYTES);
		ph_store32(out + HEADER + PH_NODE_ID_BYTES, swim->finding);
	}
	for (unsigned i = 0; i < swim->count; i++, at += RECORD)
		record_write(&swim->records[i], out + at);
	memset(out + at, 0, PH_SWIM_MAC);
	return at + PH_SWIM_MAC;
}

/* Magic, version, known type and state, and exactly the length they ask for. */
static int frame_check(const uint8_t *data, size_t length)
{
	uint8_t type, held;

	if (length < PH_SWIM_IDLE || length > PH_SWIM_MAX || data[0] != MAGIC ||
		data[1] != VERSION)
		return -EBADMSG;
	type = data[2] & 0x0f;
	held = data[2] >> 4;
	if (type < PH_SWIM_PING || type > PH_SWIM_NEWS ||
		held < PH_SWIM_ALIVE || held > PH_SWIM_LEFT ||
		data[3] > PH_SWIM_RECORDS || length != length_of(type, data[3]))
		return -EBADMSG;
	return 0;
}

int ph_swim_peek(uint8_t sender[PH_NODE_ID_BYTES], uint32_t *ring,
	const uint8_t *data, size_t length)
{
	if (frame_check(data, length))
		return -EBADMSG;
	memcpy(sender, data + SENDER_AT, PH_NODE_ID_BYTES);
	*ring = ph_load32(data + RING_AT);
	return 0;
}

static bool target_read(struct ph_swim *swim, const uint8_t *data)
{
	uint32_t finding = ph_load32(data + PH_NODE_ID_BYTES);

	memcpy(swim->target, data, PH_NODE_ID_BYTES);
	swim->finding = (uint8_t)finding;
	if (swim->type == PH_SWIM_ASK)
		return finding == 0;
	return finding >= PH_SWIM_ANSWERED && finding <= PH_SWIM_REFUSED;
}

int ph_swim_read(struct ph_swim *swim, const uint8_t *data, size_t length)
{
	struct ph_swim read = {0};
	size_t at;

	if (ph_swim_peek(read.sender, &read.ring, data, length))
		return -EBADMSG;
	read.type = data[2] & 0x0f;
	read.held = data[2] >> 4;
	read.count = data[3];
	read.epoch = ph_load64(data + EPOCH_AT);
	read.incarnation = ph_load32(data + INCARNATION_AT);
	read.sequence = ph_load32(data + SEQUENCE_AT);
	read.known = ph_load32(data + KNOWN_AT);
	if (has_target(read.type) && !target_read(&read, data + HEADER))
		return -EBADMSG;
	at = records_at(read.type);
	for (unsigned i = 0; i < read.count; i++, at += RECORD)
		if (!record_read(&read.records[i], data + at))
			return -EBADMSG;
	*swim = read;
	return 0;
}
