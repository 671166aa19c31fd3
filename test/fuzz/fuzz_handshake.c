/*
 * One message to a side of the handshake in each of its states. The first byte
 * chooses: bits 0 to 2 which message is due (1 HELLO ... 6 ACCEPT), bit 3 both
 * keys are pinned, bit 4 the sender holds the key of `bind`, so that what lies
 * behind that check is reached. Whatever comes, nobody is IN by other bytes
 * than the honest ones.
 */
#include <stdio.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	A,
	B
};

struct moment {
	struct ph_handshake receiver;
	uint8_t honest[PH_HANDSHAKE_MAX];
	size_t length;
};

/* Taken once: [pinned][message]. */
static struct moment moments[2][7];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void config_fill(
	struct ph_handshake_config *config, int side, bool pinned)
{
	memset(config, 0, sizeof(*config));
	config->role = side == A ? PH_DIALLER : PH_LISTENER;
	snprintf(config->name, sizeof(config->name), "%s",
		side == A ? "alpha" : "beta");
	snprintf(config->mesh, sizeof(config->mesh), "%s", "m0000000");
	snprintf(config->transport, sizeof(config->transport), "%s", "tcp");
	memset(config->exporter, 0x55, sizeof(config->exporter));
	memset(config->key, 0x10 + side, sizeof(config->key));
	memset(config->peer_key, 0x11 - side, sizeof(config->peer_key));
	memset(config->secret, 0x77, sizeof(config->secret));
	config->secret[1][0] = 0;
	config->secrets = side == A ? 1 : 2;
	config->trusted = pinned;
	memset(config->nonce, 0x20 + side, sizeof(config->nonce));
	memset(config->scalar, 0x03 + side, sizeof(config->scalar) - 1);
}

static void moments_take(bool pinned)
{
	struct ph_handshake_config config[2];
	struct ph_handshake side[2];
	struct moment *moment = moments[pinned];
	uint8_t send[PH_HANDSHAKE_MAX];
	size_t length = 0;

	for (int i = 0; i < 2; i++) {
		config_fill(&config[i], i, pinned);
		must(!ph_handshake_init(&side[i], &config[i], send, &length) ||
			i == B);
		if (i == A) {
			memcpy(moment[1].honest, send, length);
			moment[1].length = length;
		}
	}
	for (unsigned at = 1; at <= 6 && moment[at].length; at++) {
		struct ph_handshake *receiver = &side[at % 2 ? B : A];

		moment[at].receiver = *receiver;
		must(ph_handshake_step(receiver, moment[at].honest,
			     moment[at].length, send,
			     &length) != PH_HANDSHAKE_REFUSED);
		if (at < 6) {
			memcpy(moment[at + 1].honest, send, length);
			moment[at + 1].length = length;
		}
	}
}

static void rebind(
	const struct ph_handshake *receiver, uint8_t *message, size_t length)
{
	crypto_generichash_state state;

	if (length < 32)
		return;
	crypto_generichash_init(&state, receiver->bind_key, 32, 32);
	crypto_generichash_update(&state, receiver->transcript, 64);
	crypto_generichash_update(&state, message, length - 32);
	crypto_generichash_final(&state, message + length - 32, 32);
}

static void step_check(const struct moment *moment, const uint8_t *message,
	size_t length, bool may_enter)
{
	struct ph_handshake receiver = moment->receiver;
	uint8_t send[PH_HANDSHAKE_MAX];
	uint8_t close[PH_HANDSHAKE_MAX];
	size_t sent = 0;
	bool honest = length == moment->length &&
		      memcmp(message, moment->honest, length) == 0;
	enum ph_handshake_verdict verdict =
		ph_handshake_step(&receiver, message, length, send, &sent);

	must(sent <= PH_HANDSHAKE_MAX);
	must(verdict != PH_HANDSHAKE_IN || honest || may_enter);
	must(!honest || verdict != PH_HANDSHAKE_REFUSED);
	must(verdict != PH_HANDSHAKE_REFUSED || sent == 0 ||
		(sent == ph_handshake_close(close) &&
			memcmp(send, close, sent) == 0));
	ph_handshake_fini(&receiver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool pinned = size && data[0] & 8;
	bool bind = size && data[0] & 16;
	unsigned at = size ? data[0] & 7 : 0;
	uint8_t message[2 * PH_HANDSHAKE_MAX];
	const struct moment *moment = &moments[pinned][at % 7];

	if (!moments[0][1].length) {
		moments_take(false);
		moments_take(true);
	}
	if (at < 1 || at > 6 || !moment->length || size - 1 > sizeof(message))
		return 0;
	memcpy(message, data + 1, size - 1);
	if (bind)
		rebind(&moment->receiver, message, size - 1);
	/* With the key of `bind` a pinned peer may say any name; and of two
	 * tags one is noise. */
	step_check(moment, message, size - 1, bind && (pinned || at == 5));
	return 0;
}
