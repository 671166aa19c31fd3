#ifndef PH_PROTO_HANDSHAKE_MESSAGE_H
#define PH_PROTO_HANDSHAKE_MESSAGE_H

#include "proto/handshake.h"
#include "proto/value.h"

/*
 * The handshake's messages as bytes. Each has one encoding and no other is
 * taken: what was understood, written again, must be what came. For
 * proto/handshake.c and proto/handshake_bind.c alone.
 */
enum ph_handshake_type {
	PH_HELLO = 1,
	PH_HELLO_ACK,
	PH_PAKE1,
	PH_PAKE2,
	PH_CONFIRM,
	PH_ACCEPT,
	PH_CLOSE,
};

/* `bind` is the last field: its value is the message's last bytes. */
#define PH_HANDSHAKE_BIND 32u
/* Passphrases that a listener may have at once. */
#define PH_HANDSHAKE_SLOTS 2u

/* One message, as written or read. */
struct ph_handshake_message {
	enum ph_handshake_type type;
	uint64_t version;
	const uint8_t *nonce;
	char name[40];
	char mesh[PH_MESH_ID];
	bool pinned;	      /* want or how */
	struct ph_bytes blob; /* shares or tags */
};

/* `bind` is left zero. Returns the length; -ENOMEM, -EMSGSIZE. */
int ph_handshake_message_write(const struct ph_handshake_message *message,
	uint8_t out[PH_HANDSHAKE_MAX]);
/* Reads a message of the one type that may come now; `bind` is the caller's to
 * check. Fields point into the document, which points into `data`; free it
 * whatever is returned. -EBADMSG, -ENOMEM. */
int ph_handshake_message_read(struct ph_handshake_message *message,
	struct ph_document **document, enum ph_handshake_type type,
	const uint8_t *data, size_t length);

#endif
