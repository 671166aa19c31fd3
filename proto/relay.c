#include "proto/relay.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

void ph_relay_write(const struct ph_relay *relay, uint8_t out[PH_RELAY_HEADER])
{
	uint32_t reason = htole32((uint32_t)relay->reason);
	uint64_t id = htole64(relay->id);

	memset(out, 0, PH_RELAY_HEADER);
	out[0] = (uint8_t)relay->op;
	memcpy(out + 4, &reason, sizeof(reason));
	memcpy(out + 8, &id, sizeof(id));
}

int ph_relay_read(struct ph_relay *relay, const uint8_t *data, size_t length)
{
	uint32_t reason;
	uint64_t id;

	if (length < PH_RELAY_HEADER || data[0] < PH_RELAY_TURN ||
		data[0] > PH_RELAY_CLAIM || data[1] || data[2] || data[3])
		return -EBADMSG;
	memcpy(&reason, data + 4, sizeof(reason));
	memcpy(&id, data + 8, sizeof(id));
	relay->op = (enum ph_relay_op)data[0];
	relay->reason = (int32_t)le32toh(reason);
	relay->id = le64toh(id);
	relay->body = data + PH_RELAY_HEADER;
	relay->length = length - PH_RELAY_HEADER;
	return relay->reason > 0 ? -EBADMSG : 0;
}
