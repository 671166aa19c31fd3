#include "proto/relay.h"

#include <errno.h>
#include <string.h>

#include "kernel/bytes.h"

void ph_relay_write(const struct ph_relay *relay, uint8_t out[PH_RELAY_HEADER])
{
	memset(out, 0, PH_RELAY_HEADER);
	out[0] = (uint8_t)relay->op;
	ph_store32(out + 4, (uint32_t)relay->reason);
	ph_store64(out + 8, relay->id);
}

int ph_relay_read(struct ph_relay *relay, const uint8_t *data, size_t length)
{
	if (length < PH_RELAY_HEADER || data[0] < PH_RELAY_TURN ||
		data[0] > PH_RELAY_CLAIM || data[1] || data[2] || data[3])
		return -EBADMSG;
	relay->op = (enum ph_relay_op)data[0];
	relay->reason = (int32_t)ph_load32(data + 4);
	relay->id = ph_load64(data + 8);
	relay->body = data + PH_RELAY_HEADER;
	relay->length = length - PH_RELAY_HEADER;
	return relay->reason > 0 ? -EBADMSG : 0;
}
