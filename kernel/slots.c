#include "kernel/slots.h"

#include <errno.h>

#include "kernel/bytes.h"

#define SLOT_FIELDS 8u /* bytes between header and payload */

int ph_slot_put(struct ph_ring_writer *writer, uint32_t sender, uint32_t id,
	const void *payload, uint32_t length)
{
	uint8_t *place = ph_ring_place(&writer->end);

	if (length > PH_SLOT_PAYLOAD)
		return -EMSGSIZE;
	if (ph_ring_room(writer, PH_SLOT_STRIDE) < PH_SLOT_STRIDE)
		return ph_ring_refuse(&writer->end, PH_SLOT_STRIDE);
	ph_frame_header(place, SLOT_FIELDS + length, PH_FRAME_FIN);
	ph_store32(place + 4, sender);
	ph_store32(place + 8, id);
	if (length)
		memcpy(place + PH_FRAME_HEADER + SLOT_FIELDS, payload, length);
	writer->end.at += PH_SLOT_STRIDE;
	return 0;
}

int ph_slot_next(struct ph_ring_reader *reader, struct ph_slot *slot)
{
	struct ph_ring_end *end = &reader->end;
	uint64_t fill = ph_ring_fill(reader, PH_SLOT_STRIDE);
	uint32_t length;
	uint8_t *place;

	if (!fill)
		return ph_ring_refuse(end, 0);
	place = ph_ring_place(end);
	length = ph_load32(place);
	/* Read once: it may change under our hands. */
	__asm__ volatile("" : "+r"(length));
	length &= 0xffffff;
	if (fill < PH_SLOT_STRIDE || length < SLOT_FIELDS ||
		length > SLOT_FIELDS + PH_SLOT_PAYLOAD) {
		end->broken = true;
		return ph_ring_refuse(end, 0);
	}
	slot->sender = ph_load32(place + 4);
	slot->id = ph_load32(place + 8);
	slot->length = length - SLOT_FIELDS;
	slot->payload = place + PH_FRAME_HEADER + SLOT_FIELDS;
	end->at += PH_SLOT_STRIDE;
	return 1;
}
