#include "proto/lldp.h"

#include <errno.h>
#include <string.h>

enum {
	TLV_HEADER = 2,
	ORGANISATION_HEADER = 4,
};

const uint8_t ph_lldp_nearest_bridge[6] = {0x01, 0x80, 0xc2, 0, 0, 0x0e};
const uint8_t ph_lldp_nearest_customer[6] = {0x01, 0x80, 0xc2, 0, 0, 0};

uint64_t ph_lldp_number(const uint8_t *data, unsigned bytes)
{
	uint64_t number = 0;

	while (bytes--)
		number = number << 8 | *data++;
	return number;
}

/* One function per type: false when its value is not what the standard
 * allows. */

static bool id_read(struct ph_lldp_id *id, struct ph_lldp_bytes value)
{
	if (value.length < 2 || value.length > 1 + PH_LLDP_ID)
		return false;
	id->subtype = value.data[0];
	id->value.data = value.data + 1;
	id->value.length = (uint16_t)(value.length - 1);
	return id->subtype >= 1 && id->subtype <= 7;
}

static bool chassis_read(struct ph_lldp *out, struct ph_lldp_bytes value)
{
	return id_read(&out->chassis, value);
}

static bool port_read(struct ph_lldp *out, struct ph_lldp_bytes value)
{
	return id_read(&out->port, value);
}

static bool ttl_read(struct ph_lldp *out, struct ph_lldp_bytes value)
{
	if (value.length != 2)
		return false;
	out->ttl = (uint16_t)ph_lldp_number(value.data, 2);
	return true;
}

static bool text_read(struct ph_lldp_bytes *text, struct ph_lldp_bytes value)
{
	*text = value;
	return value.length <= 255;
}

static bool port_description_read(
	struct ph_lldp *out, struct ph_lldp_bytes value)
{
	return text_read(&out->port_description, value);
}

static bool name_read(struct ph_lldp *out, struct ph_lldp_bytes value)
{
	return text_read(&out->name, value);
}

static bool description_read(struct ph_lldp *out, struct ph_lldp_bytes value)
{
	return text_read(&out->description, value);
}

static bool capabilities_read(struct ph_lldp *out, struct ph_lldp_bytes value)
{
	if (value.length != 4)
		return false;
	out->supported = (uint16_t)ph_lldp_number(value.data, 2);
	out->enabled = (uint16_t)ph_lldp_number(value.data + 2, 2);
	return true;
}

/* length(1): family(1) and address(1..31); numbering(1), number(4);
 * length(1), object identifier(0..128). */
static bool management_read(struct ph_lldp *out, struct ph_lldp_bytes value)
{
	struct ph_lldp_address address = {0};
	size_t oid_at;

	if (value.length < 9)
		return false;
	if (value.data[0] < 2 || value.data[0] > 32)
		return false;
	oid_at = 1u + value.data[0] + 5u;
	if (oid_at >= value.length || value.data[oid_at] > 128 ||
		value.length != oid_at + 1 + value.data[oid_at])
		return false;
	address.family = value.data[1];
	address.value.data = value.data + 2;
	address.value.length = (uint16_t)(value.data[0] - 1);
	if (out->managements < PH_LLDP_MANAGEMENT)
		out->management[out->managements] = address;
	out->managements++;
	return true;
}

static bool organisation_read(struct ph_lldp *out, struct ph_lldp_bytes value)
{
	out->organisations++;
	return value.length >= ORGANISATION_HEADER;
}

typedef bool tlv_reader(struct ph_lldp *out, struct ph_lldp_bytes value);

/* By type; those from `often` on may come more than once. */
static tlv_reader *const readers[] = {
	[PH_LLDP_CHASSIS] = chassis_read,
	[PH_LLDP_PORT] = port_read,
	[PH_LLDP_TTL] = ttl_read,
	[PH_LLDP_PORT_DESCRIPTION] = port_description_read,
	[PH_LLDP_SYSTEM_NAME] = name_read,
	[PH_LLDP_SYSTEM_DESCRIPTION] = description_read,
	[PH_LLDP_CAPABILITIES] = capabilities_read,
	[PH_LLDP_MANAGEMENT_ADDRESS] = management_read,
};

enum {
	KNOWN = sizeof(readers) / sizeof(readers[0]),
};

/* Type and value at *at, and *at behind it. */
static bool tlv_at(const uint8_t *data, size_t length, size_t *at,
	unsigned *type, struct ph_lldp_bytes *value)
{
	uint16_t header;

	if (length - *at < TLV_HEADER)
		return false;
	header = (uint16_t)ph_lldp_number(data + *at, 2);
	*type = header >> 9;
	value->length = header & PH_LLDP_VALUE;
	value->data = data + *at + TLV_HEADER;
	if (value->length > length - *at - TLV_HEADER)
		return false;
	*at += TLV_HEADER + (size_t)value->length;
	return true;
}

static bool tlv_read(struct ph_lldp *out, unsigned count, unsigned type,
	struct ph_lldp_bytes value, unsigned *seen)
{
	if (count < 3 ? type != PH_LLDP_CHASSIS + count : type <= PH_LLDP_TTL)
		return false; /* order, or a second one */
	if (type == PH_LLDP_ORGANISATION)
		return organisation_read(out, value);
	if (type >= KNOWN) {
		out->unknown++;
		return true;
	}
	if (type != PH_LLDP_MANAGEMENT_ADDRESS && *seen & 1u << type)
		return false;
	*seen |= 1u << type;
	return readers[type](out, value);
}

int ph_lldp_read(struct ph_lldp *out, const uint8_t *data, size_t length)
{
	struct ph_lldp_bytes value;
	unsigned count = 0, seen = 0, type;
	size_t at = 0;

	if (length > PH_LLDP_MOST)
		return -EBADMSG;
	*out = (struct ph_lldp){.data = data};
	while (at < length) {
		if (!tlv_at(data, length, &at, &type, &value))
			return -EBADMSG;
		if (type == PH_LLDP_END && count >= 3) {
			if (value.length)
				return -EBADMSG;
			break;
		}
		if (!tlv_read(out, count++, type, value, &seen))
			return -EBADMSG;
	}
	out->length = (uint16_t)at;
	return count >= 3 ? 0 : -EBADMSG;
}

bool ph_lldp_next(
	const struct ph_lldp *lldp, uint16_t *at, struct ph_lldp_tlv *out)
{
	size_t next = *at;
	unsigned type;

	if (next >= lldp->length)
		return false;
	*out = (struct ph_lldp_tlv){.at = *at};
	if (!tlv_at(lldp->data, lldp->length, &next, &type, &out->value))
		return false;
	out->type = (uint8_t)type;
	if (type == PH_LLDP_ORGANISATION) {
		out->organisation =
			(uint32_t)ph_lldp_number(out->value.data, 3);
		out->subtype = out->value.data[3];
		out->value.data += ORGANISATION_HEADER;
		out->value.length -= ORGANISATION_HEADER;
	}
	*at = (uint16_t)next;
	return true;
}

int ph_lldp_frame_read(const uint8_t *frame, size_t length, uint8_t source[6],
	struct ph_lldp_bytes *lldpdu)
{
	size_t at = 12;

	if (length < PH_LLDP_HEADER)
		return -EBADMSG;
	if (ph_lldp_number(frame + at, 2) == 0x8100)
		at += 4;
	if (length < at + 2 ||
		ph_lldp_number(frame + at, 2) != PH_LLDP_ETHERTYPE)
		return -EBADMSG;
	at += 2;
	if (length - at > PH_LLDP_MOST)
		return -EBADMSG;
	memcpy(source, frame + 6, 6);
	lldpdu->data = frame + at;
	lldpdu->length = (uint16_t)(length - at);
	return 0;
}
