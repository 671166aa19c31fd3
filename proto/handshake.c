#include "proto/handshake.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/address.h"
#include "proto/handshake_bind.h"
#include "proto/handshake_pake.h"

enum state {
	WAIT_HELLO,
	WAIT_PAKE1,
	WAIT_CONFIRM,
	WAIT_HELLO_ACK,
	WAIT_PAKE2,
	WAIT_ACCEPT,
	OVER,
};

#define ARRAY(array) ((struct ph_bytes){(array), sizeof(array)})

/* {"t": 7} */
static const uint8_t close_message[] = {0x81, 0xa1, 't', PH_CLOSE};

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

/* The dialler's HELLO and the listener's answer differ in type and word. */
static int hello_send(struct ph_handshake *handshake, bool pinned,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
{
	const struct ph_handshake_config *config = &handshake->config;
	struct ph_handshake_message message = {
		.type = config->role == PH_DIALLER ? PH_HELLO : PH_HELLO_ACK,
		.version = PH_HANDSHAKE_VERSION,
		.nonce = config->nonce,
		.pinned = pinned,
	};

	memcpy(message.name, config->name, sizeof(message.name));
	memcpy(message.mesh, config->mesh, sizeof(message.mesh));
	return ph_handshake_bind_write(handshake, &message, send, send_length);
}

/* NULL, or why the peer's offer is refused. */
static const char *hello_take(struct ph_handshake *handshake,
	const struct ph_handshake_message *message)
{
	const struct ph_handshake_config *config = &handshake->config;

	if (message->version != PH_HANDSHAKE_VERSION)
		return "version of the handshake differs";
	if (strcmp(message->mesh, config->mesh) != 0)
		return "it is of another mesh: its passphrase is not ours, "
		       "it begins with another word";
	if (memcmp(message->nonce, config->nonce, 32) == 0)
		return "own nonce thrown back";
	memcpy(handshake->peer_nonce, message->nonce, 32);
	memcpy(handshake->peer_name, message->name,
		sizeof(handshake->peer_name));
	return NULL;
}

static enum ph_handshake_verdict on_hello(struct ph_handshake *handshake,
	const struct ph_handshake_message *message,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
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
	ph_pake_begin(handshake, config->secrets);
	return go_on(handshake, WAIT_PAKE1);
}

static enum ph_handshake_verdict on_hello_ack(struct ph_handshake *handshake,
	const struct ph_handshake_message *message,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
{
	const struct ph_handshake_config *config = &handshake->config;
	const char *reason = hello_take(handshake, message);
	struct ph_handshake_message pake1 = {.type = PH_PAKE1};

	if (reason)
		return refuse(handshake, reason);
	if (message->pinned && !config->trusted)
		return refuse(handshake, "pinned was never offered");
	if (message->pinned)
		return let_in(handshake, false);
	if (config->secrets == 0)
		return refuse(handshake,
			"the peer wants the passphrase, and there is none");
	ph_pake_begin(handshake, 1);
	if (ph_cpace_share(handshake->share[0], handshake->scalar[0],
		    handshake->generator[0]))
		return refuse(handshake, "scalar of zero");
	pake1.blob = ARRAY(handshake->share[0]);
	if (ph_handshake_bind_write(handshake, &pake1, send, send_length))
		return refuse(handshake, "out of memory");
	return go_on(handshake, WAIT_PAKE2);
}

/* Shares and keys of every slot. */
static int listener_keys(
	struct ph_handshake *handshake, struct ph_bytes ya, struct ph_bytes yb)
{
	struct ph_pake pake;
	int error = 0;

	for (unsigned i = 0; i < handshake->slots && !error; i++)
		error = ph_cpace_share(handshake->share[i],
			handshake->scalar[i], handshake->generator[i]);
	ph_pake_fill(&pake, handshake, ya, yb);
	for (unsigned i = 0; i < handshake->slots && !error; i++)
		error = ph_pake_key(handshake, &pake, i);
	return error;
}

static enum ph_handshake_verdict on_pake1(struct ph_handshake *handshake,
	const struct ph_handshake_message *message,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
{
	struct ph_handshake_message pake2 = {.type = PH_PAKE2};
	struct ph_pake pake;

	pake2.blob = (struct ph_bytes){
		handshake->share[0], handshake->slots * PH_CPACE_POINT};
	if (listener_keys(handshake, message->blob, pake2.blob))
		return refuse(handshake, "share is no point");
	/* Tags are computed now, while Ya stands. `accept` holds what the
	 * dialler must say; what we say follows from isk later. */
	ph_pake_fill(&pake, handshake, message->blob, pake2.blob);
	for (unsigned i = 0; i < handshake->slots; i++)
		ph_pake_tag(handshake, &pake, i, true, handshake->accept[i]);
	if (ph_handshake_bind_write(handshake, &pake2, send, send_length))
		return refuse(handshake, "out of memory");
	handshake->guesses = 1;
	return go_on(handshake, WAIT_CONFIRM);
}

static enum ph_handshake_verdict on_pake2(struct ph_handshake *handshake,
	const struct ph_handshake_message *message,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
{
	uint8_t tags[PH_HANDSHAKE_SLOTS][PH_CPACE_KEY];
	struct ph_handshake_message confirm = {.type = PH_CONFIRM};
	struct ph_pake pake;
	int error = 0;

	handshake->slots = (unsigned)(message->blob.length / PH_CPACE_POINT);
	handshake->guesses = handshake->slots;
	ph_pake_fill(
		&pake, handshake, ARRAY(handshake->share[0]), message->blob);
	for (unsigned i = 0; i < handshake->slots && !error; i++) {
		error = ph_pake_key(handshake, &pake, i);
		ph_pake_tag(handshake, &pake, i, true, tags[i]);
		ph_pake_tag(handshake, &pake, i, false, handshake->accept[i]);
	}
	if (error)
		return refuse(handshake, "share is no point");
	confirm.blob =
		(struct ph_bytes){tags[0], handshake->slots * PH_CPACE_KEY};
	if (ph_handshake_bind_write(handshake, &confirm, send, send_length))
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
	const struct ph_handshake_message *message,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
{
	struct ph_handshake_message accept = {.type = PH_ACCEPT};
	uint8_t tag[PH_CPACE_KEY];
	static const struct ph_bytes unused;
	struct ph_pake pake;
	int slot;

	if (message->blob.length != handshake->slots * PH_CPACE_KEY)
		return refuse(handshake, "wrong number of tags");
	slot = tag_match(handshake, message->blob, false);
	if (slot < 0)
		return refuse(handshake, "wrong passphrase, or a relay");
	ph_pake_fill(&pake, handshake, unused,
		(struct ph_bytes){handshake->share[0],
			handshake->slots * PH_CPACE_POINT});
	ph_pake_tag(handshake, &pake, (unsigned)slot, false, tag);
	accept.blob = ARRAY(tag);
	if (ph_handshake_bind_write(handshake, &accept, send, send_length))
		return refuse(handshake, "out of memory");
	ph_pake_root(handshake, (unsigned)slot);
	return let_in(handshake, true);
}

static enum ph_handshake_verdict on_accept(struct ph_handshake *handshake,
	const struct ph_handshake_message *message,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length)
{
	int slot = tag_match(handshake, message->blob, true);

	(void)send;
	(void)send_length;
	if (slot < 0)
		return refuse(handshake, "wrong passphrase, or a relay");
	ph_pake_root(handshake, (unsigned)slot);
	return let_in(handshake, true);
}

/* In each state one message may come. */
static const struct {
	enum ph_handshake_type type;
	enum ph_handshake_verdict (*take)(struct ph_handshake *handshake,
		const struct ph_handshake_message *message,
		uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length);
} table[] = {
	[WAIT_HELLO] = {PH_HELLO, on_hello},
	[WAIT_PAKE1] = {PH_PAKE1, on_pake1},
	[WAIT_CONFIRM] = {PH_CONFIRM, on_confirm},
	[WAIT_HELLO_ACK] = {PH_HELLO_ACK, on_hello_ack},
	[WAIT_PAKE2] = {PH_PAKE2, on_pake2},
	[WAIT_ACCEPT] = {PH_ACCEPT, on_accept},
};

static bool message_is_close(const uint8_t *message, size_t length)
{
	return length == sizeof(close_message) &&
	       memcmp(message, close_message, length) == 0;
}

static enum ph_handshake_verdict take(struct ph_handshake *handshake,
	const uint8_t *data, size_t length, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length)
{
	struct ph_handshake_message message;
	struct ph_document *document;
	enum ph_handshake_verdict verdict;
	int error =
		ph_handshake_bind_read(handshake, table[handshake->state].type,
			&message, &document, data, length);

	if (error)
		verdict = refuse(handshake,
			error == -ENOMEM ? "out of memory"
					 : "malformed or changed message");
	else
		verdict = table[handshake->state].take(
			handshake, &message, send, send_length);
	ph_document_free(document);
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
	if (config->secrets > PH_HANDSHAKE_SLOTS ||
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
	sodium_memzero(handshake->root, sizeof(handshake->root));
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

const uint8_t *ph_handshake_root(const struct ph_handshake *handshake)
{
	return handshake->by_passphrase ? handshake->root : NULL;
}

size_t ph_handshake_close(uint8_t send[PH_HANDSHAKE_MAX])
{
	memcpy(send, close_message, sizeof(close_message));
	return sizeof(close_message);
}
