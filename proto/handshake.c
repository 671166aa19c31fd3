#include "proto/handshake.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/address.h"
#include "proto/value.h"

enum message_type {
	HELLO = 1,
	HELLO_ACK,
	PAKE1,
	PAKE2,
	CONFIRM,
	ACCEPT,
	CLOSE,
};

enum state {
	WAIT_HELLO,
	WAIT_PAKE1,
	WAIT_CONFIRM,
	WAIT_HELLO_ACK,
	WAIT_PAKE2,
	WAIT_ACCEPT,
	OVER,
};

#define BIND_BYTES 32u
#define SLOTS	   2u

#define ARRAY(array) ((struct ph_bytes){(array), sizeof(array)})
#define TEXT(text)   ((struct ph_bytes){(const uint8_t *)(text), strlen(text)})

/* {"t": 7} */
static const uint8_t close_message[] = {0x81, 0xa1, 't', CLOSE};

/* One message, as written or read. */
struct message {
	enum message_type type;
	uint64_t version;
	const uint8_t *nonce;
	char name[40];
	char mesh[PH_MESH_ID];
	bool pinned;	      /* want or how */
	struct ph_bytes blob; /* shares or tags */
};

/* What was received, as long as its document stands. */
struct incoming {
	struct ph_document *document;
	struct message message;
};

static bool type_is_hello(enum message_type type)
{
	return type == HELLO || type == HELLO_ACK;
}

static const char *blob_name(enum message_type type)
{
	return type == PAKE1 || type == PAKE2 ? "share" : "tag";
}

static void hello_write(struct ph_writer *writer, const struct message *message)
{
	ph_put_u64(writer, "v", message->version);
	ph_put_bytes(writer, "nonce", message->nonce, 32);
	ph_put_text(writer, "name", message->name);
	ph_put_text(writer, "mesh", message->mesh);
	ph_put_text(writer, message->type == HELLO ? "want" : "how",
		message->pinned ? "pinned" : "pake");
}

/* The message's one encoding, `bind` last and zero. Returns its length. */
static int message_encode(
	const struct message *message, uint8_t out[PH_HANDSHAKE_MAX])
{
	static const uint8_t zeros[BIND_BYTES];
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

/* MAC of everything so far and this message without its last field's value. */
static void bind_make(const struct ph_handshake *handshake,
	const uint8_t *message, size_t length, uint8_t bind[BIND_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, handshake->bind_key,
		sizeof(handshake->bind_key), BIND_BYTES);
	crypto_generichash_update(
		&state, handshake->transcript, sizeof(handshake->transcript));
	crypto_generichash_update(&state, message, length - BIND_BYTES);
	crypto_generichash_final(&state, bind, BIND_BYTES);
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

static int message_send(struct ph_handshake *handshake,
	const struct message *message, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	int length = message_encode(message, send);

	if (length < 0)
		return length;
	bind_make(handshake, send, (size_t)length,
		send + (size_t)length - BIND_BYTES);
	transcript_add(handshake, send, (size_t)length);
	*send_length = (size_t)length;
	return 0;
}

static int hello_read(struct message *message, struct ph_value map)
{
	struct ph_value choice =
		ph_value_get(map, message->type == HELLO ? "want" : "how");
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

static int blob_read(struct message *message, struct ph_value map)
{
	size_t unit = message->type == PAKE1 || message->type == PAKE2
			      ? PH_CPACE_POINT
			      : PH_CPACE_KEY;
	size_t most =
		message->type == PAKE2 || message->type == CONFIRM ? SLOTS : 1;
	struct ph_bytes *blob = &message->blob;

	blob->data = ph_value_bytes(
		ph_value_get(map, blob_name(message->type)), &blob->length);
	if (!blob->data || blob->length == 0 || blob->length % unit ||
		blob->length > most * unit)
		return -EBADMSG;
	return 0;
}

/* Only the one encoding is taken: what was understood, written again, must be
 * what came. So no two byte strings mean the same. */
static int message_check(const struct ph_handshake *handshake,
	const struct message *message, const uint8_t *data, size_t length)
{
	uint8_t again[PH_HANDSHAKE_MAX];
	uint8_t bind[BIND_BYTES];
	int written = message_encode(message, again);

	if (written == -ENOMEM)
		return written;
	if (written < 0 || (size_t)written != length)
		return -EBADMSG;
	if (memcmp(again, data, length - BIND_BYTES) != 0)
		return -EBADMSG;
	bind_make(handshake, data, length, bind);
	return sodium_memcmp(bind, data + length - BIND_BYTES, BIND_BYTES)
		       ? -EBADMSG
		       : 0;
}

/* Reads the message of the one type that may come now. */
static int message_read(struct incoming *in,
	const struct ph_handshake *handshake, enum message_type type,
	const uint8_t *data, size_t length)
{
	struct ph_value map;
	int error;

	if (length < BIND_BYTES || length > PH_HANDSHAKE_MAX)
		return -EBADMSG;
	error = ph_document_read(&in->document, data, length, PH_SKIM_STRANGER);
	if (error)
		return error;
	map = ph_document_root(in->document);
	in->message.type = type;
	if (ph_get_u64(map, "t") != type)
		error = -EBADMSG;
	else if (type_is_hello(type))
		error = hello_read(&in->message, map);
	else
		error = blob_read(&in->message, map);
	if (!error)
		error = message_check(handshake, &in->message, data, length);
	return error;
}

static void secrets_wipe(struct ph_handshake *handshake)
{
	sodium_memzero(
		handshake->config.secret, sizeof(handshake->config.secret));
	sodium_memzero(
		handshake->config.scalar, sizeof(handshake->config.scalar));
	sodium_memzero(
		handshake->config.exporter, sizeof(handshake->config.exporter));
	sodium_memzero(handshake->bind_key, sizeof(handshake->bind_key));
	sodium_memzero(handshake->scalar, sizeof(handshake->scalar));
	sodium_memzero(handshake->generator, sizeof(handshake->generator));
	sodium_memzero(handshake->isk, sizeof(handshake->isk));
	sodium_memzero(handshake->accept, sizeof(handshake->accept));
}

static enum ph_handshake_verdict refuse(
	struct ph_handshake *handshake, const char *reason)
{
	handshake->state = OVER;
	handshake->reason = reason;
	secrets_wipe(handshake);
	return PH_HANDSHAKE_REFUSED;
}

static enum ph_handshake_verdict let_in(
	struct ph_handshake *handshake, bool by_passphrase)
{
	handshake->state = OVER;
	handshake->by_passphrase = by_passphrase;
	handshake->guesses = 0;
	secrets_wipe(handshake);
	return PH_HANDSHAKE_IN;
}

static enum ph_handshake_verdict go_on(
	struct ph_handshake *handshake, enum state next)
{
	handshake->state = next;
	return PH_HANDSHAKE_GOES_ON;
}

/*
 * What the passphrase is tied to. Roles decide the order, so both ends build
 * the same bytes.
 */
#define CI_MAX 512u

static size_t channel_identity(
	const struct ph_handshake *handshake, uint8_t ci[CI_MAX])
{
	const struct ph_handshake_config *config = &handshake->config;
	bool dialler = config->role == PH_DIALLER;
	const uint8_t *a = dialler ? config->key : config->peer_key;
	const uint8_t *b = dialler ? config->peer_key : config->key;
	uint8_t id_a[PH_NODE_ID_BYTES];
	uint8_t id_b[PH_NODE_ID_BYTES];
	const struct ph_bytes parts[] = {
		TEXT("posthouse/ci/v1"),
		TEXT(config->transport),
		TEXT(config->mesh),
		ARRAY(id_a),
		ARRAY(id_b),
		{a, PH_PUBLIC_KEY},
		{b, PH_PUBLIC_KEY},
		ARRAY(config->exporter),
		ARRAY(handshake->transcript),
	};

	ph_node_id(id_a, a);
	ph_node_id(id_b, b);
	/* Every part is of bounded size: it fits. */
	return (size_t)ph_lv(
		ci, CI_MAX, parts, sizeof(parts) / sizeof(parts[0]));
}

static void session_id(struct ph_handshake *handshake)
{
	bool dialler = handshake->config.role == PH_DIALLER;
	const uint8_t *own = handshake->config.nonce;
	const struct ph_bytes parts[] = {
		TEXT("posthouse/sid/v1"),
		{dialler ? own : handshake->peer_nonce, 32},
		{dialler ? handshake->peer_nonce : own, 32},
	};
	uint8_t text[128];
	uint8_t hash[crypto_hash_sha512_BYTES];
	int length = ph_lv(text, sizeof(text), parts, 3);

	crypto_hash_sha512(hash, text, (size_t)length);
	memcpy(handshake->sid, hash, sizeof(handshake->sid));
}

/* Two shares of one run never rest on one scalar: their ratio would be the
 * ratio of two generators, which are guesses. */
static void scalar_of_slot(uint8_t out[PH_CPACE_SCALAR],
	const uint8_t scalar[PH_CPACE_SCALAR], unsigned slot)
{
	uint8_t wide[crypto_core_ristretto255_NONREDUCEDSCALARBYTES];
	uint8_t number = (uint8_t)slot;

	if (slot == 0) {
		memcpy(out, scalar, PH_CPACE_SCALAR);
		return;
	}
	crypto_generichash(
		wide, sizeof(wide), &number, 1, scalar, PH_CPACE_SCALAR);
	crypto_core_ristretto255_scalar_reduce(out, wide);
	sodium_memzero(wide, sizeof(wide));
}

/* After HELLO and HELLO_ACK: generators of `slots` secrets. */
static void pake_begin(struct ph_handshake *handshake, unsigned slots)
{
	uint8_t ci[CI_MAX];
	size_t length = channel_identity(handshake, ci);

	session_id(handshake);
	handshake->slots = slots;
	for (unsigned i = 0; i < slots; i++) {
		scalar_of_slot(
			handshake->scalar[i], handshake->config.scalar, i);
		ph_cpace_generator(handshake->generator[i],
			ARRAY(handshake->config.secret[i]),
			(struct ph_bytes){ci, length}, ARRAY(handshake->sid));
	}
	sodium_memzero(ci, sizeof(ci));
}

/* AD of either side: its letter and id; of the listener all its shares too, so
 * that a share no one used cannot be changed unseen. */
#define AD_MAX 128u

static struct ph_bytes associated_data(const struct ph_handshake *handshake,
	bool of_dialler, struct ph_bytes shares, uint8_t out[AD_MAX])
{
	bool own = of_dialler == (handshake->config.role == PH_DIALLER);
	uint8_t id[PH_NODE_ID_BYTES];
	const struct ph_bytes parts[] = {
		TEXT(of_dialler ? "A" : "B"), ARRAY(id), shares};

	ph_node_id(
		id, own ? handshake->config.key : handshake->config.peer_key);
	return (struct ph_bytes){
		out, (size_t)ph_lv(out, AD_MAX, parts, of_dialler ? 2 : 3)};
}

/* What both sides compute alike once both shares are known. */
struct pake {
	struct ph_bytes ya;
	struct ph_bytes yb; /* all of them */
	struct ph_bytes ada;
	struct ph_bytes adb;
	uint8_t room[2][AD_MAX];
};

static void pake_fill(struct pake *pake, const struct ph_handshake *handshake,
	struct ph_bytes ya, struct ph_bytes yb)
{
	static const struct ph_bytes none;

	pake->ya = ya;
	pake->yb = yb;
	pake->ada = associated_data(handshake, true, none, pake->room[0]);
	pake->adb = associated_data(handshake, false, yb, pake->room[1]);
}

static struct ph_bytes pake_yb(const struct pake *pake, unsigned slot)
{
	return (struct ph_bytes){
		pake->yb.data + slot * PH_CPACE_POINT, PH_CPACE_POINT};
}

static int pake_key(
	struct ph_handshake *handshake, const struct pake *pake, unsigned slot)
{
	bool dialler = handshake->config.role == PH_DIALLER;
	struct ph_bytes yb = pake_yb(pake, slot);

	if (memcmp(pake->ya.data, yb.data, PH_CPACE_POINT) == 0)
		return -EINVAL; /* our own share thrown back */
	return ph_cpace_key(handshake->isk[slot],
		handshake->scalar[dialler ? 0 : slot],
		dialler ? yb.data : pake->ya.data, ARRAY(handshake->sid),
		pake->ya, pake->ada, yb, pake->adb);
}

static void pake_tag(const struct ph_handshake *handshake,
	const struct pake *pake, unsigned slot, bool of_dialler,
	uint8_t tag[PH_CPACE_KEY])
{
	ph_cpace_tag(tag, handshake->isk[slot], ARRAY(handshake->sid),
		of_dialler ? pake->ya : pake_yb(pake, slot),
		of_dialler ? pake->ada : pake->adb);
}

/* The dialler's HELLO and the listener's answer differ in type and word. */
static int hello_send(struct ph_handshake *handshake, bool pinned,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
{
	const struct ph_handshake_config *config = &handshake->config;
	struct message message = {
		.type = config->role == PH_DIALLER ? HELLO : HELLO_ACK,
		.version = PH_HANDSHAKE_VERSION,
		.nonce = config->nonce,
		.pinned = pinned,
	};

	memcpy(message.name, config->name, sizeof(message.name));
	memcpy(message.mesh, config->mesh, sizeof(message.mesh));
	return message_send(handshake, &message, send, send_length);
}

/* NULL, or why the peer's offer is refused. */
static const char *hello_take(
	struct ph_handshake *handshake, const struct message *message)
{
	const struct ph_handshake_config *config = &handshake->config;

	if (message->version != PH_HANDSHAKE_VERSION)
		return "version of the handshake differs";
	if (strcmp(message->mesh, config->mesh) != 0)
		return "another mesh";
	if (memcmp(message->nonce, config->nonce, 32) == 0)
		return "own nonce thrown back";
	memcpy(handshake->peer_nonce, message->nonce, 32);
	memcpy(handshake->peer_name, message->name,
		sizeof(handshake->peer_name));
	return NULL;
}

static enum ph_handshake_verdict on_hello(struct ph_handshake *handshake,
	const struct message *message, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	const struct ph_handshake_config *config = &handshake->config;
	bool pinned = config->trusted && message->pinned;
	const char *reason = hello_take(handshake, message);

	if (reason)
		return refuse(handshake, reason);
	if (!pinned && config->secrets == 0)
		return refuse(handshake, "unknown key, and no passphrase here");
	if (hello_send(handshake, pinned, send, send_length))
		return refuse(handshake, "out of memory");
	if (pinned)
		return let_in(handshake, false);
	pake_begin(handshake, config->secrets);
	return go_on(handshake, WAIT_PAKE1);
}

static enum ph_handshake_verdict on_hello_ack(struct ph_handshake *handshake,
	const struct message *message, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	const struct ph_handshake_config *config = &handshake->config;
	const char *reason = hello_take(handshake, message);
	struct message pake1 = {.type = PAKE1};

	if (reason)
		return refuse(handshake, reason);
	if (message->pinned && !config->trusted)
		return refuse(handshake, "pinned was never offered");
	if (message->pinned)
		return let_in(handshake, false);
	if (config->secrets == 0)
		return refuse(handshake,
			"the peer wants the passphrase, and there is none");
	pake_begin(handshake, 1);
	if (ph_cpace_share(handshake->share[0], handshake->scalar[0],
		    handshake->generator[0]))
		return refuse(handshake, "scalar of zero");
	pake1.blob = ARRAY(handshake->share[0]);
	if (message_send(handshake, &pake1, send, send_length))
		return refuse(handshake, "out of memory");
	return go_on(handshake, WAIT_PAKE2);
}

/* Shares and keys of every slot. */
static int listener_keys(
	struct ph_handshake *handshake, struct ph_bytes ya, struct ph_bytes yb)
{
	struct pake pake;
	int error = 0;

	for (unsigned i = 0; i < handshake->slots && !error; i++)
		error = ph_cpace_share(handshake->share[i],
			handshake->scalar[i], handshake->generator[i]);
	pake_fill(&pake, handshake, ya, yb);
	for (unsigned i = 0; i < handshake->slots && !error; i++)
		error = pake_key(handshake, &pake, i);
	return error;
}

static enum ph_handshake_verdict on_pake1(struct ph_handshake *handshake,
	const struct message *message, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	struct message pake2 = {.type = PAKE2};
	struct pake pake;

	pake2.blob = (struct ph_bytes){
		handshake->share[0], handshake->slots * PH_CPACE_POINT};
	if (listener_keys(handshake, message->blob, pake2.blob))
		return refuse(handshake, "share is no point");
	/* Tags are computed now, while Ya stands. `accept` holds what the
	 * dialler must say; what we say follows from isk later. */
	pake_fill(&pake, handshake, message->blob, pake2.blob);
	for (unsigned i = 0; i < handshake->slots; i++)
		pake_tag(handshake, &pake, i, true, handshake->accept[i]);
	if (message_send(handshake, &pake2, send, send_length))
		return refuse(handshake, "out of memory");
	handshake->guesses = 1;
	return go_on(handshake, WAIT_CONFIRM);
}

static enum ph_handshake_verdict on_pake2(struct ph_handshake *handshake,
	const struct message *message, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	uint8_t tags[SLOTS][PH_CPACE_KEY];
	struct message confirm = {.type = CONFIRM};
	struct pake pake;
	int error = 0;

	handshake->slots = (unsigned)(message->blob.length / PH_CPACE_POINT);
	handshake->guesses = handshake->slots;
	pake_fill(&pake, handshake, ARRAY(handshake->share[0]), message->blob);
	for (unsigned i = 0; i < handshake->slots && !error; i++) {
		error = pake_key(handshake, &pake, i);
		pake_tag(handshake, &pake, i, true, tags[i]);
		pake_tag(handshake, &pake, i, false, handshake->accept[i]);
	}
	if (error)
		return refuse(handshake, "share is no point");
	confirm.blob =
		(struct ph_bytes){tags[0], handshake->slots * PH_CPACE_KEY};
	if (message_send(handshake, &confirm, send, send_length))
		return refuse(handshake, "out of memory");
	return go_on(handshake, WAIT_ACCEPT);
}

/* The slot whose tag is right, or -1. Looks at all of them. */
static int tag_match(const struct ph_handshake *handshake, struct ph_bytes tags,
	bool one_tag)
{
	int found = -1;

	for (unsigned i = 0; i < handshake->slots; i++) {
		const uint8_t *tag =
			tags.data + (one_tag ? 0 : i * PH_CPACE_KEY);

		if (sodium_memcmp(tag, handshake->accept[i], PH_CPACE_KEY) == 0)
			found = (int)i;
	}
	return found;
}

static enum ph_handshake_verdict on_confirm(struct ph_handshake *handshake,
	const struct message *message, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	struct message accept = {.type = ACCEPT};
	uint8_t tag[PH_CPACE_KEY];
	static const struct ph_bytes unused;
	struct pake pake;
	int slot;

	if (message->blob.length != handshake->slots * PH_CPACE_KEY)
		return refuse(handshake, "wrong number of tags");
	slot = tag_match(handshake, message->blob, false);
	if (slot < 0)
		return refuse(handshake, "wrong passphrase, or a relay");
	pake_fill(&pake, handshake, unused,
		(struct ph_bytes){handshake->share[0],
			handshake->slots * PH_CPACE_POINT});
	pake_tag(handshake, &pake, (unsigned)slot, false, tag);
	accept.blob = ARRAY(tag);
	if (message_send(handshake, &accept, send, send_length))
		return refuse(handshake, "out of memory");
	return let_in(handshake, true);
}

static enum ph_handshake_verdict on_accept(struct ph_handshake *handshake,
	const struct message *message, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	(void)send;
	(void)send_length;
	if (tag_match(handshake, message->blob, true) < 0)
		return refuse(handshake, "wrong passphrase, or a relay");
	return let_in(handshake, true);
}

/* In each state one message may come. */
static const struct {
	enum message_type type;
	enum ph_handshake_verdict (*take)(struct ph_handshake *handshake,
		const struct message *message, uint8_t send[PH_HANDSHAKE_MAX],
		size_t *send_length);
} table[] = {
	[WAIT_HELLO] = {HELLO, on_hello},
	[WAIT_PAKE1] = {PAKE1, on_pake1},
	[WAIT_CONFIRM] = {CONFIRM, on_confirm},
	[WAIT_HELLO_ACK] = {HELLO_ACK, on_hello_ack},
	[WAIT_PAKE2] = {PAKE2, on_pake2},
	[WAIT_ACCEPT] = {ACCEPT, on_accept},
};

static bool message_is_close(const uint8_t *message, size_t length)
{
	return length == sizeof(close_message) &&
	       memcmp(message, close_message, length) == 0;
}

static enum ph_handshake_verdict take(struct ph_handshake *handshake,
	const uint8_t *message, size_t length, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	struct incoming in = {0};
	enum ph_handshake_verdict verdict;
	int error = message_read(
		&in, handshake, table[handshake->state].type, message, length);

	if (error == -ENOMEM) {
		verdict = refuse(handshake, "out of memory");
	} else if (error) {
		verdict = refuse(handshake, "malformed or changed message");
	} else {
		transcript_add(handshake, message, length);
		verdict = table[handshake->state].take(
			handshake, &in.message, send, send_length);
	}
	ph_document_free(in.document);
	return verdict;
}

enum ph_handshake_verdict ph_handshake_step(struct ph_handshake *handshake,
	const uint8_t *message, size_t length, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	enum ph_handshake_verdict verdict;

	*send_length = 0;
	if (handshake->state >= OVER)
		return refuse(handshake, "message after the handshake");
	if (message_is_close(message, length))
		return refuse(handshake, "the peer closed");
	verdict = take(handshake, message, length, send, send_length);
	if (verdict == PH_HANDSHAKE_REFUSED)
		*send_length = ph_handshake_close(send);
	return verdict;
}

static int config_check(const struct ph_handshake_config *config)
{
	if (memcmp(config->key, config->peer_key, PH_PUBLIC_KEY) == 0)
		return -EINVAL;
	if (config->secrets > SLOTS ||
		!memchr(config->transport, '\0', sizeof(config->transport)) ||
		!memchr(config->mesh, '\0', sizeof(config->mesh)) ||
		!memchr(config->name, '\0', sizeof(config->name)) ||
		!ph_name_is_valid(config->name, strlen(config->name)))
		return -EINVAL;
	if (config->role == PH_DIALLER && !config->trusted && !config->secrets)
		return -EACCES;
	return 0;
}

int ph_handshake_init(struct ph_handshake *handshake,
	const struct ph_handshake_config *config,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
{
	static const uint8_t label[] = "posthouse/bind/v1";
	int error = config_check(config);

	if (error)
		return error;
	memset(handshake, 0, sizeof(*handshake));
	handshake->config = *config;
	handshake->reason = "";
	crypto_generichash(handshake->bind_key, sizeof(handshake->bind_key),
		label, sizeof(label) - 1, config->exporter,
		sizeof(config->exporter));
	handshake->state = WAIT_HELLO;
	if (config->role == PH_LISTENER)
		return 0;
	handshake->state = WAIT_HELLO_ACK;
	error = hello_send(handshake, config->trusted, send, send_length);
	if (error)
		ph_handshake_fini(handshake);
	return error;
}

void ph_handshake_fini(struct ph_handshake *handshake)
{
	handshake->state = OVER;
	secrets_wipe(handshake);
}

unsigned ph_handshake_guesses(const struct ph_handshake *handshake)
{
	return handshake->guesses;
}

const char *ph_handshake_peer(const struct ph_handshake *handshake)
{
	return handshake->peer_name;
}

bool ph_handshake_by_passphrase(const struct ph_handshake *handshake)
{
	return handshake->by_passphrase;
}

size_t ph_handshake_close(uint8_t send[PH_HANDSHAKE_MAX])
{
	memcpy(send, close_message, sizeof(close_message));
	return sizeof(close_message);
}
