#include "proto/lldp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	DONE = 4, /* the first three stand */
};

void ph_lldp_write(struct ph_lldp_writer *writer, uint8_t *out, size_t size)
{
	*writer = (struct ph_lldp_writer){
		.out = out,
		.size = size,
		.next = PH_LLDP_CHASSIS,
	};
}

static bool in_order(struct ph_lldp_writer *writer, enum ph_lldp_type type)
{
	if (writer->next < DONE)
		return type == writer->next++;
	return type == PH_LLDP_END || type > PH_LLDP_TTL;
}

void ph_lldp_begin(struct ph_lldp_writer *writer, enum ph_lldp_type type)
{
	uint8_t header[2] = {(uint8_t)(type << 1), 0};

	assert(!writer->open);
	if (!in_order(writer, type))
		writer->failed = true;
	writer->begin = writer->at;
	writer->open = true;
	ph_lldp_put(writer, header, sizeof(header));
}

void ph_lldp_begin_organisation(
	struct ph_lldp_writer *writer, uint32_t organisation, uint8_t subtype)
{
	ph_lldp_begin(writer, PH_LLDP_ORGANISATION);
	ph_lldp_put_number(writer, organisation, 3);
	ph_lldp_put_number(writer, subtype, 1);
}

void ph_lldp_put(struct ph_lldp_writer *writer, const void *data, size_t length)
{
	assert(writer->open);
	if (length > writer->size - writer->at)
		writer->failed = true;
	if (writer->failed || length == 0)
		return;
	memcpy(writer->out + writer->at, data, length);
	writer->at += length;
}

void ph_lldp_put_number(
	struct ph_lldp_writer *writer, uint64_t number, unsigned bytes)
{
	uint8_t data[8];

	assert(bytes >= 1 && bytes <= sizeof(data));
	for (unsigned i = bytes; i--; number >>= 8)
		data[i] = (uint8_t)number;
	ph_lldp_put(writer, data, bytes);
}

void ph_lldp_finish(struct ph_lldp_writer *writer)
{
	size_t length = writer->at - writer->begin - 2;

	assert(writer->open);
	writer->open = false;
	if (writer->failed)
		return;
	if (length > PH_LLDP_VALUE) {
		writer->failed = true;
		return;
	}
	writer->out[writer->begin] |= (uint8_t)(length >> 8);
	writer->out[writer->begin + 1] = (uint8_t)length;
}

void ph_lldp_put_tlv(struct ph_lldp_writer *writer, enum ph_lldp_type type,
	const void *data, size_t length)
{
	ph_lldp_begin(writer, type);
	ph_lldp_put(writer, data, length);
	ph_lldp_finish(writer);
}

void ph_lldp_put_management(struct ph_lldp_writer *writer, uint8_t family,
	const void *address, size_t length)
{
	assert(length >= 1 && length <= 31);
	ph_lldp_begin(writer, PH_LLDP_MANAGEMENT_ADDRESS);
	ph_lldp_put_number(writer, length + 1, 1);
	ph_lldp_put_number(writer, family, 1);
	ph_lldp_put(writer, address, length);
	ph_lldp_put_number(writer, 1, 1); /* numbering: unknown */
	ph_lldp_put_number(writer, 0, 4);
	ph_lldp_put_number(writer, 0, 1); /* no object identifier */
	ph_lldp_finish(writer);
}

int ph_lldp_end(struct ph_lldp_writer *writer)
{
	ph_lldp_put_tlv(writer, PH_LLDP_END, NULL, 0);
	if (writer->failed || writer->at > PH_LLDP_MOST)
		return -EMSGSIZE;
	return (int)writer->at;
}

void ph_lldp_frame_write(uint8_t out[PH_LLDP_HEADER],
	const uint8_t destination[6], const uint8_t source[6])
{
	memcpy(out, destination, 6);
	memcpy(out + 6, source, 6);
	out[12] = (uint8_t)(PH_LLDP_ETHERTYPE >> 8);
	out[13] = (uint8_t)PH_LLDP_ETHERTYPE;
}
