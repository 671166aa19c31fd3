#include "proto/announcement.h"

#include <errno.h>
#include <string.h>

enum {
	CORE_LENGTH = 26,
	CAPS_LENGTH = 8,
	DIGEST_LENGTH = 28,
	LOCATOR_FIXED = 7, /* behind its length */
	PROVEN = 0x01,
};

/* Standard TLVs: of our own announcements more is demanded than of LLDP. */

static int standard_read(
	struct ph_announcement *out, const struct ph_lldp *lldp)
{
	if (lldp->chassis.subtype != PH_LLDP_CHASSIS_LOCAL ||
		lldp->chassis.value.length != PH_NODE_ID_BYTES)
		return -EBADMSG;
	memcpy(out->id, lldp->chassis.value.data, PH_NODE_ID_BYTES);
	if (lldp->name.length > PH_NAME_MAX ||
		!ph_name_is_valid(
			(const char *)lldp->name.data, lldp->name.length))
		return -EBADMSG;
	memcpy(out->name, lldp->name.data, lldp->name.length);
	out->ttl = lldp->ttl;
	out->can = lldp->supported;
	ph_lldp_bytes_text(lldp->port.value, out->port, sizeof(out->port));
	ph_lldp_bytes_text(lldp->port_description, out->port_description,
		sizeof(out->port_description));
	ph_lldp_bytes_text(
		lldp->description, out->description, sizeof(out->description));
	return 0;
}

static void management_read(
	struct ph_announcement *out, const struct ph_lldp *lldp)
{
	unsigned kept = lldp->managements < PH_LLDP_MANAGEMENT
				? lldp->managements
				: PH_LLDP_MANAGEMENT;
	unsigned count = 0;

	for (unsigned i = 0; i < kept && count < 2; i++) {
		const struct ph_lldp_address *address = &lldp->management[i];
		uint16_t length = address->family == PH_LLDP_IPV4   ? 4
				  : address->family == PH_LLDP_IPV6 ? 16
								    : 0;

		if (!length || address->value.length != length)
			continue;
		out->management[count].length = (uint8_t)length;
		memcpy(out->management[count++].bytes, address->value.data,
			length);
	}
}

/* One function per TLV of ours. */

static int core_read(struct ph_announcement *out, struct ph_lldp_bytes value)
{
	const uint8_t *data = value.data;

	if (value.length < CORE_LENGTH || data[0] == 0)
		return -EBADMSG;
	out->version = data[0];
	out->flags = data[1];
	out->epoch = ph_lldp_number(data + 2, 8);
	out->seq = (uint32_t)ph_lldp_number(data + 10, 4);
	out->content = (uint32_t)ph_lldp_number(data + 14, 4);
	memcpy(out->mesh, data + 18, PH_MESH_BYTES);
	return 0;
}

/* `data` is what stands behind the length. */
static int locator_read(
	struct ph_announcement *out, const uint8_t *data, unsigned length)
{
	struct ph_locator locator = {0};

	if (length <= LOCATOR_FIXED)
		return -EBADMSG;
	if (data[0] < PH_LOCATOR_TCP || data[0] > PH_LOCATOR_WSS ||
		data[6] < PH_LOCATOR_IPV4 || data[6] > PH_LOCATOR_NAME ||
		out->locators == PH_LOCATORS) {
		out->unknown++;
		return 0;
	}
	locator.transport = data[0];
	locator.proven = data[1] & PROVEN;
	locator.age = (uint16_t)ph_lldp_number(data + 2, 2);
	locator.port = (uint16_t)ph_lldp_number(data + 4, 2);
	locator.kind = data[6];
	if (length - LOCATOR_FIXED >= sizeof(locator.host))
		return -EBADMSG;
	locator.length = (uint8_t)(length - LOCATOR_FIXED);
	memcpy(locator.host, data + LOCATOR_FIXED, locator.length);
	if (!ph_locator_is_valid(&locator))
		return -EBADMSG;
	out->locator[out->locators++] = locator;
	return 0;
}

static int locators_read(
	struct ph_announcement *out, struct ph_lldp_bytes value)
{
	unsigned at = 0;

	while (at < value.length && value.data[at]) {
		unsigned length = value.data[at++];

		if (length > value.length - at ||
			locator_read(out, value.data + at, length))
			return -EBADMSG;
		at += length;
	}
	return 0;
}

bool ph_cap_is_valid(const char *text, size_t length)
{
	size_t key = 0;

	while (key < length && text[key] != '=') {
		char c = text[key++];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
			c != '.' && c != '_' && c != '-')
			return false;
	}
	for (size_t i = key; i < length; i++)
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return key >= 1 && key <= 32;
}

/* What is past our room only makes the list incomplete. */
static int caps_read(struct ph_announcement *out, struct ph_lldp_bytes value)
{
	unsigned at = CAPS_LENGTH;

	if (value.length < CAPS_LENGTH)
		return -EBADMSG;
	out->supported = (uint32_t)ph_lldp_number(value.data, 4);
	out->enabled = (uint32_t)ph_lldp_number(value.data + 4, 4);
	while (at < value.length && value.data[at]) {
		unsigned length = value.data[at++];
		const char *text = (const char *)value.data + at;

		if (length > value.length - at ||
			!ph_cap_is_valid(text, length))
			return -EBADMSG;
		at += length;
		if (length + 1 > sizeof(out->caps) - out->caps_length) {
			out->flags |= PH_CAPS_INCOMPLETE;
			continue;
		}
		memcpy(out->caps + out->caps_length, text, length);
		out->caps_length = (uint16_t)(out->caps_length + length + 1);
	}
	return 0;
}

static int digest_read(struct ph_digest *out, struct ph_lldp_bytes value)
{
	if (value.length < DIGEST_LENGTH)
		return -EBADMSG;
	out->version = ph_lldp_number(value.data, 8);
	out->count = (uint32_t)ph_lldp_number(value.data + 8, 4);
	memcpy(out->hash, value.data + 12, sizeof(out->hash));
	return 0;
}

static int menu_read(struct ph_announcement *out, struct ph_lldp_bytes value)
{
	return digest_read(&out->menu, value);
}

static int connectome_read(
	struct ph_announcement *out, struct ph_lldp_bytes value)
{
	return digest_read(&out->connectome, value);
}

static int auth_read(struct ph_announcement *out, struct ph_lldp_bytes value)
{
	if (value.length != PH_AUTH_VALUE)
		return -EBADMSG;
	out->ring = ph_lldp_number(value.data, 8);
	memcpy(out->key, value.data + 8, sizeof(out->key));
	memcpy(out->signature, value.data + 40, sizeof(out->signature));
	memcpy(out->mac, value.data + 104, sizeof(out->mac));
	return 0;
}

typedef int tlv_reader(struct ph_announcement *out, struct ph_lldp_bytes value);

static tlv_reader *const readers[] = {
	[PH_TLV_CORE] = core_read,
	[PH_TLV_LOCATORS] = locators_read,
	[PH_TLV_CAPS] = caps_read,
	[PH_TLV_MENU] = menu_read,
	[PH_TLV_CONNECTOME] = connectome_read,
	[PH_TLV_AUTH] = auth_read,
};

static bool is_ours(const struct ph_lldp_tlv *tlv)
{
	return tlv->type == PH_LLDP_ORGANISATION &&
	       tlv->organisation == PH_ORGANISATION &&
	       tlv->subtype >= PH_TLV_CORE && tlv->subtype <= PH_TLV_AUTH;
}

static bool is_foreign(const struct ph_lldp *lldp)
{
	struct ph_lldp_tlv tlv;
	uint16_t at = 0;

	while (ph_lldp_next(lldp, &at, &tlv))
		if (is_ours(&tlv) && tlv.subtype == PH_TLV_CORE)
			return false;
	return true;
}

static int ours_read(struct ph_announcement *out, const struct ph_lldp *lldp)
{
	struct ph_lldp_tlv tlv;
	unsigned seen = 0;
	uint16_t at = 0;

	out->unknown = lldp->unknown;
	while (ph_lldp_next(lldp, &at, &tlv)) {
		if (!is_ours(&tlv)) {
			out->unknown += tlv.type == PH_LLDP_ORGANISATION;
			continue;
		}
		if (seen & 1u << tlv.subtype)
			return -EBADMSG; /* a second one */
		seen |= 1u << tlv.subtype;
		if (readers[tlv.subtype](out, tlv.value))
			return -EBADMSG;
		if (tlv.subtype == PH_TLV_AUTH &&
			tlv.at + PH_AUTH_TAIL != lldp->length)
			return -EBADMSG; /* what follows is not signed */
	}
	return seen & 1u << PH_TLV_AUTH ? 0 : -EBADMSG;
}

int ph_announcement_read(struct ph_announcement *out, struct ph_lldp *lldp,
	const uint8_t *data, size_t length)
{
	struct ph_lldp own;

	if (!lldp)
		lldp = &own;
	if (ph_lldp_read(lldp, data, length))
		return -EBADMSG;
	if (is_foreign(lldp))
		return -ENOMSG;
	memset(out, 0, sizeof(*out));
	if (lldp->length > PH_ANNOUNCEMENT_MAX || standard_read(out, lldp) ||
		ours_read(out, lldp))
		return -EBADMSG;
	/* AUTH's place is counted from End, which so may not be missing. */
	if (data[lldp->length - 2] || data[lldp->length - 1])
		return -EBADMSG;
	management_read(out, lldp);
	out->length = lldp->length;
	return 0;
}

/* Texts. */

int ph_announcement_cap_add(
	struct ph_announcement *announcement, const char *text)
{
	size_t length = strlen(text);
	size_t room = sizeof(announcement->caps) - announcement->caps_length;

	if (!ph_cap_is_valid(text, length))
		return -EINVAL;
	if (length >= room || length > UINT8_MAX) {
		announcement->flags |= PH_CAPS_INCOMPLETE;
		return -ENOSPC;
	}
	memcpy(announcement->caps + announcement->caps_length, text,
		length + 1);
	announcement->caps_length =
		(uint16_t)(announcement->caps_length + length + 1);
	return 0;
}

const char *ph_announcement_cap_next(
	const struct ph_announcement *announcement, uint16_t *at)
{
	const char *text = announcement->caps + *at;

	if (*at >= announcement->caps_length)
		return NULL;
	*at = (uint16_t)(*at + strlen(text) + 1);
	return text;
}
