#include "proto/handshake_message.h"

#include <errno.h>
#include <string.h>

#include "proto/address.h"

static bool type_is_hello(enum ph_handshake_type type)
{
	return type == PH_HELLO || type == PH_HELLO_ACK;
}

static const char *blob_name(enum ph_handshake_type type)
{
	return type == PH_PAKE1 || type == PH_PAKE2 ? "share" : "tag";
}

static void hello_write(
	struct ph_writer *writer, const struct ph_handshake_message *message)
{
	ph_put_u64(writer, "v", message->version);
	ph_put_bytes(writer, "nonce", message->nonce, 32);
	ph_put_text(writer, "name", message->name);
	ph_put_text(writer, "mesh", message->mesh);
	ph_put_text(writer, message->type == PH_HELLO ? "want" : "how",
		message->pinned ? "pinned" : "pake");
}

/* The message's one encoding, `bind` last and zero. Returns its length. */
int ph_handshake_message_write(const struct ph_handshake_message *message,
	uint8_t out[PH_HANDSHAKE_MAX])
{
	static const uint8_t zeros[PH_HANDSHAKE_BIND];
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;
	int error = ph_writer_create(&writer);

	if (error)
		return error;
	ph_write_map(writer);
	ph_put_u64(writer, "t", message->type);
	if (type_is_hello(message->type))
		hello_write(writer, message);
	else
		ph_put_bytes(writer, blob_name(message->type),
			message->blob.data, message->blob.length);
	ph_put_bytes(writer, "bind", zeros, sizeof(zeros));
	ph_write_end(writer);
	error = ph_writer_finish(writer, &data, &length);
	if (!error && length > PH_HANDSHAKE_MAX)
		error = -EMSGSIZE;
	if (!error) {
		memcpy(out, data, length);
		error = (int)length;
	}
	ph_writer_free(writer);
	return error;
}

static int hello_read(struct ph_handshake_message *message, struct ph_value map)
{
	struct ph_value choice =
		ph_value_get(map, message->type == PH_HELLO ? "want" : "how");
	size_t length;

	message->version = ph_get_u64(map, "v");
	message->nonce = ph_value_bytes(ph_value_get(map, "nonce"), &length);
	if (!message->nonce || length != 32)
		return -EBADMSG;
	ph_get_copy(map, "name", message->name, sizeof(message->name));
	ph_get_copy(map, "mesh", message->mesh, sizeof(message->mesh));
	message->pinned = ph_value_is(choice, "pinned");
	if (!ph_name_is_valid(message->name, strlen(message->name)))
		return -EBADMSG;
	return 0;
}

static int blob_read(struct ph_handshake_message *message, struct ph_value map)
{
	size_t unit = message->type == PH_PAKE1 || message->type == PH_PAKE2
			      ? PH_CPACE_POINT
			      : PH_CPACE_KEY;
	size_t most = message->type == PH_PAKE2 || message->type == PH_CONFIRM
			      ? PH_HANDSHAKE_SLOTS
			      : 1;
	struct ph_bytes *blob = &message->blob;

	blob->data = ph_value_bytes(
		ph_value_get(map, blob_name(message->type)), &blob->length);
	if (!blob->data || blob->length == 0 || blob->length % unit ||
		blob->length > most * unit)
		return -EBADMSG;
	return 0;
}

static int again_check(const struct ph_handshake_message *message,
	const uint8_t *data, size_t length)
{
	uint8_t again[PH_HANDSHAKE_MAX];
	int written = ph_handshake_message_write(message, again);

	if (written == -ENOMEM)
		return written;
	if (written < 0 || (size_t)written != length ||
		memcmp(again, data, length - PH_HANDSHAKE_BIND) != 0)
		return -EBADMSG;
	return 0;
}

int ph_handshake_message_read(struct ph_handshake_message *message,
	struct ph_document **document, enum ph_handshake_type type,
	const uint8_t *data, size_t length)
{
	struct ph_value map;
	int error;

	*document = NULL;
	if (length < PH_HANDSHAKE_BIND || length > PH_HANDSHAKE_MAX)
		return -EBADMSG;
	error = ph_document_read(document, data, length, PH_SKIM_STRANGER);
	if (error)
		return error;
	map = ph_document_root(*document);
	memset(message, 0, sizeof(*message));
	message->type = type;
	if (ph_get_u64(map, "t") != type)
		error = -EBADMSG;
	else if (type_is_hello(type))
		error = hello_read(message, map);
	else
		error = blob_read(message, map);
	return error ? error : again_check(message, data, length);
}
