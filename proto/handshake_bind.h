#ifndef PH_PROTO_HANDSHAKE_BIND_H
#define PH_PROTO_HANDSHAKE_BIND_H

#include "proto/handshake_message.h"

/*
 * Messages of the handshake tied to the channel and to all before them: `bind`,
 * and the transcript that it goes over. For proto/handshake.c alone.
 */

/* Encodes what is said, binds it, and adds it to the transcript. -ENOMEM,
 * -EMSGSIZE. */
int ph_handshake_bind_write(struct ph_handshake *handshake,
	const struct ph_handshake_message *message,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length);
/* 0: it is whole, canonical, of this type, and what the peer sent; it is in the
 * transcript. Else as ph_handshake_message_read; -EBADMSG: `bind` is wrong. */
int ph_handshake_bind_read(struct ph_handshake *handshake,
	enum ph_handshake_type type, struct ph_handshake_message *message,
	struct ph_document **document, const uint8_t *data, size_t length);

#endif
