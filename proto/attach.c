#include "proto/attach.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "kernel/bytes.h"
#include "proto/address.h"

enum {
	VERSION = 2,
	OFFER = 2, /* where ATTACH says 0 or 1 */
	ATTACH_FIXED = 40
};

static bool all_zero(const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (data[i])
			return false;
	return true;
}

size_t ph_attach_write(
	const struct ph_attach *attach, uint8_t out[PH_ATTACH_MAX])
{
	size_t id = strnlen(attach->connection, sizeof(attach->connection));

	assert(id > 0 && id < sizeof(attach->connection));
	memset(out, 0, ATTACH_FIXED);
	out[0] = VERSION;
	out[1] = (uint8_t)id;
	out[2] = attach->offer ? OFFER : attach->resume;
	ph_store64(out + 8, attach->generation);
	memcpy(out + 16, attach->token, PH_ATTACH_TOKEN);
	ph_store64(out + 32, attach->next);
	memcpy(out + ATTACH_FIXED, attach->connection, id);
	return ATTACH_FIXED + id;
}

int ph_attach_read(struct ph_attach *attach, const uint8_t *data, size_t length)
{
	struct ph_attach read = {0};
	struct ph_connection_id id;

	if (length < ATTACH_FIXED || data[0] != VERSION || data[2] > OFFER ||
		!all_zero(data + 3, 5))
		return -EBADMSG;
	if (data[1] >= sizeof(read.connection) ||
		length != ATTACH_FIXED + (size_t)data[1])
		return -EBADMSG;
	if (memchr(data + ATTACH_FIXED, 0, data[1]))
		return -EBADMSG;
	memcpy(read.connection, data + ATTACH_FIXED, data[1]);
	if (ph_connection_id_parse(&id, read.connection))
		return -EBADMSG;
	read.resume = data[2] == 1;
	read.offer = data[2] == OFFER;
	read.generation = ph_load64(data + 8);
	memcpy(read.token, data + 16, PH_ATTACH_TOKEN);
	read.next = ph_load64(data + 32);
	*attach = read;
	return 0;
}

size_t ph_attached_write(
	const struct ph_attached *attached, uint8_t out[PH_ATTACHED_LENGTH])
{
	memset(out, 0, PH_ATTACHED_LENGTH);
	out[0] = VERSION;
	out[1] = attached->status;
	ph_store64(out + 8, attached->generation);
	ph_store64(out + 16, attached->next);
	return PH_ATTACHED_LENGTH;
}

int ph_attached_read(
	struct ph_attached *attached, const uint8_t *data, size_t length)
{
	if (length != PH_ATTACHED_LENGTH || data[0] != VERSION || data[1] > 1 ||
		!all_zero(data + 2, 6))
		return -EBADMSG;
	attached->status = data[1];
	attached->generation = ph_load64(data + 8);
	attached->next = ph_load64(data + 16);
	return 0;
}

size_t ph_ack_write(const struct ph_ack *ack, uint8_t out[PH_ACK_LENGTH])
{
	ph_store64(out, ack->frames);
	ph_store64(out + 8, ack->bytes);
	ph_store64(out + 16, ack->messages);
	ph_store64(out + 24, ack->queued);
	return PH_ACK_LENGTH;
}

int ph_ack_read(struct ph_ack *ack, const uint8_t *data, size_t length)
{
	if (length != PH_ACK_LENGTH)
		return -EBADMSG;
	ack->frames = ph_load64(data);
	ack->bytes = ph_load64(data + 8);
	ack->messages = ph_load64(data + 16);
	ack->queued = ph_load64(data + 24);
	return 0;
}
