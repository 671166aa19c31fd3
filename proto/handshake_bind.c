#include "proto/handshake_bind.h"

#include <errno.h>
#include <sodium.h>

/* MAC of everything so far and this message without its last field's value. */
static void bind_make(const struct ph_handshake *handshake,
	const uint8_t *message, size_t length, uint8_t bind[PH_HANDSHAKE_BIND])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, handshake->bind_key,
		sizeof(handshake->bind_key), PH_HANDSHAKE_BIND);
	crypto_generichash_update(
		&state, handshake->transcript, sizeof(handshake->transcript));
	crypto_generichash_update(&state, message, length - PH_HANDSHAKE_BIND);
	crypto_generichash_final(&state, bind, PH_HANDSHAKE_BIND);
}

static void transcript_add(
	struct ph_handshake *handshake, const uint8_t *message, size_t length)
{
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(
		&state, handshake->transcript, sizeof(handshake->transcript));
	crypto_hash_sha512_update(&state, message, length);
	crypto_hash_sha512_final(&state, handshake->transcript);
}

int ph_handshake_bind_write(struct ph_handshake *handshake,
	const struct ph_handshake_message *message,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
{
	int length = ph_handshake_message_write(message, send);

	if (length < 0)
		return length;
	bind_make(handshake, send, (size_t)length,
		send + (size_t)length - PH_HANDSHAKE_BIND);
	transcript_add(handshake, send, (size_t)length);
	*send_length = (size_t)length;
	return 0;
}

int ph_handshake_bind_read(struct ph_handshake *handshake,
	enum ph_handshake_type type, struct ph_handshake_message *message,
	struct ph_document **document, const uint8_t *data, size_t length)
{
	uint8_t bind[PH_HANDSHAKE_BIND];
	int error = ph_handshake_message_read(
		message, document, type, data, length);

	if (error)
		return error;
	bind_make(handshake, data, length, bind);
	if (sodium_memcmp(
		    bind, data + length - PH_HANDSHAKE_BIND, PH_HANDSHAKE_BIND))
		return -EBADMSG;
	transcript_add(handshake, data, length);
	return 0;
}
