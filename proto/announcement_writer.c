#include "proto/announcement.h"

#include <errno.h>
#include <string.h>

enum {
	LOCATOR_FIXED = 7, /* behind its length */
	PROVEN = 0x01,
};

static void text_write(
	struct ph_lldp_writer *writer, enum ph_lldp_type type, const char *text)
{
	if (*text)
		ph_lldp_put_tlv(writer, type, text, strlen(text));
}

static void standard_write(struct ph_lldp_writer *writer,
	const struct ph_announcement *announcement)
{
	ph_lldp_begin(writer, PH_LLDP_CHASSIS);
	ph_lldp_put_number(writer, PH_LLDP_CHASSIS_LOCAL, 1);
	ph_lldp_put(writer, announcement->id, sizeof(announcement->id));
	ph_lldp_finish(writer);
	ph_lldp_begin(writer, PH_LLDP_PORT);
	ph_lldp_put_number(writer, PH_LLDP_PORT_LOCAL, 1);
	ph_lldp_put(writer, announcement->port, strlen(announcement->port));
	ph_lldp_finish(writer);
	ph_lldp_begin(writer, PH_LLDP_TTL);
	ph_lldp_put_number(writer, announcement->ttl, 2);
	ph_lldp_finish(writer);
	text_write(writer, PH_LLDP_PORT_DESCRIPTION,
		announcement->port_description);
	text_write(writer, PH_LLDP_SYSTEM_NAME, announcement->name);
	text_write(
		writer, PH_LLDP_SYSTEM_DESCRIPTION, announcement->description);
	ph_lldp_begin(writer, PH_LLDP_CAPABILITIES);
	ph_lldp_put_number(writer, announcement->can, 2);
	ph_lldp_put_number(writer, announcement->can, 2);
	ph_lldp_finish(writer);
	for (unsigned i = 0; i < 2; i++)
		if (announcement->management[i].length)
			ph_lldp_put_management(writer,
				announcement->management[i].length == 4
					? PH_LLDP_IPV4
					: PH_LLDP_IPV6,
				announcement->management[i].bytes,
				announcement->management[i].length);
}

static void ours_begin(
	struct ph_lldp_writer *writer, enum ph_announcement_tlv subtype)
{
	ph_lldp_begin_organisation(writer, PH_ORGANISATION, (uint8_t)subtype);
}

static void core_write(struct ph_lldp_writer *writer,
	const struct ph_announcement *announcement)
{
	ours_begin(writer, PH_TLV_CORE);
	ph_lldp_put_number(writer, PH_ANNOUNCEMENT_VERSION, 1);
	ph_lldp_put_number(writer, announcement->flags, 1);
	ph_lldp_put_number(writer, announcement->epoch, 8);
	ph_lldp_put_number(writer, announcement->seq, 4);
	ph_lldp_put_number(writer, announcement->content, 4);
	ph_lldp_put(writer, announcement->mesh, PH_MESH_BYTES);
	ph_lldp_finish(writer);
}

static void locators_write(struct ph_lldp_writer *writer,
	const struct ph_announcement *announcement)
{
	ours_begin(writer, PH_TLV_LOCATORS);
	for (unsigned i = 0; i < announcement->locators; i++) {
		const struct ph_locator *locator = &announcement->locator[i];

		ph_lldp_put_number(writer, LOCATOR_FIXED + locator->length, 1);
		ph_lldp_put_number(writer, locator->transport, 1);
		ph_lldp_put_number(writer, locator->proven ? PROVEN : 0, 1);
		ph_lldp_put_number(writer, locator->age, 2);
		ph_lldp_put_number(writer, locator->port, 2);
		ph_lldp_put_number(writer, locator->kind, 1);
		ph_lldp_put(writer, locator->host, locator->length);
	}
	ph_lldp_finish(writer);
}

static void caps_write(struct ph_lldp_writer *writer,
	const struct ph_announcement *announcement)
{
	const char *text;
	uint16_t at = 0;

	ours_begin(writer, PH_TLV_CAPS);
	ph_lldp_put_number(writer, announcement->supported, 4);
	ph_lldp_put_number(writer, announcement->enabled, 4);
	while ((text = ph_announcement_cap_next(announcement, &at))) {
		ph_lldp_put_number(writer, strlen(text), 1);
		ph_lldp_put(writer, text, strlen(text));
	}
	ph_lldp_finish(writer);
}

static void digest_write(struct ph_lldp_writer *writer,
	enum ph_announcement_tlv subtype, const struct ph_digest *digest)
{
	if (!digest->version)
		return;
	ours_begin(writer, subtype);
	ph_lldp_put_number(writer, digest->version, 8);
	ph_lldp_put_number(writer, digest->count, 4);
	ph_lldp_put(writer, digest->hash, sizeof(digest->hash));
	ph_lldp_finish(writer);
}

static void auth_write(struct ph_lldp_writer *writer,
	const struct ph_announcement *announcement)
{
	ours_begin(writer, PH_TLV_AUTH);
	ph_lldp_put_number(writer, announcement->ring, 8);
	ph_lldp_put(writer, announcement->key, sizeof(announcement->key));
	ph_lldp_put(writer, announcement->signature,
		sizeof(announcement->signature));
	ph_lldp_put(writer, announcement->mac, sizeof(announcement->mac));
	ph_lldp_finish(writer);
}

/* Terminated within its field. */
#define IS_TEXT(field) (memchr(field, '\0', sizeof(field)) != NULL)

static bool texts_are_valid(const struct ph_announcement *announcement)
{
	const char *caps = announcement->caps;
	uint16_t at = 0;

	if (!IS_TEXT(announcement->port) || !announcement->port[0] ||
		!IS_TEXT(announcement->port_description) ||
		!IS_TEXT(announcement->name) ||
		!IS_TEXT(announcement->description) ||
		!ph_name_is_valid(
			announcement->name, strlen(announcement->name)))
		return false;
	if (announcement->caps_length > sizeof(announcement->caps) ||
		(announcement->caps_length &&
			caps[announcement->caps_length - 1]))
		return false;
	while ((caps = ph_announcement_cap_next(announcement, &at)))
		if (!ph_cap_is_valid(caps, strlen(caps)))
			return false;
	return true;
}

static bool fields_are_valid(const struct ph_announcement *announcement)
{
	size_t bytes = 0;

	if (announcement->locators > PH_LOCATORS)
		return false;
	for (unsigned i = 0; i < announcement->locators; i++) {
		const struct ph_locator *locator = &announcement->locator[i];

		bytes += 1 + LOCATOR_FIXED + (size_t)locator->length;
		if (!ph_locator_is_valid(locator))
			return false;
	}
	for (unsigned i = 0; i < 2; i++) {
		uint8_t length = announcement->management[i].length;

		if (length && length != 4 && length != 16)
			return false;
	}
	return bytes <= PH_LOCATOR_BYTES && texts_are_valid(announcement);
}

int ph_announcement_write(const struct ph_announcement *announcement,
	uint8_t out[PH_ANNOUNCEMENT_MAX])
{
	struct ph_lldp_writer writer;
	int length;

	if (!fields_are_valid(announcement))
		return -EINVAL;
	ph_lldp_write(&writer, out, PH_ANNOUNCEMENT_MAX);
	standard_write(&writer, announcement);
	core_write(&writer, announcement);
	if (announcement->locators)
		locators_write(&writer, announcement);
	caps_write(&writer, announcement);
	digest_write(&writer, PH_TLV_MENU, &announcement->menu);
	digest_write(&writer, PH_TLV_CONNECTOME, &announcement->connectome);
	auth_write(&writer, announcement);
	length = ph_lldp_end(&writer);
	return length < 0 ? -EINVAL : length;
}
