#include "proto/probe_end.h"

#include <errno.h>
#include <string.h>

#include "proto/secret.h"

static void fill_random(void *context, void *out, size_t length)
{
	(void)context;
	ph_random(out, length);
}

static void fill_scalar(void *context, uint8_t out[PH_CPACE_SCALAR])
{
	(void)context;
	ph_random_scalar(out);
}

void ph_probe_config_init(struct ph_probe_config *config,
	const struct ph_instruct *instruct, const uint8_t key[PH_PROBE_KEY],
	const uint8_t secret[2][PH_MESH_SECRET], unsigned secrets)
{
	memset(config, 0, sizeof(*config));
	config->instruct = instruct;
	config->secrets = secrets;
	config->random.bytes = fill_random;
	config->random.scalar = fill_scalar;
	memcpy(config->key, key, sizeof(config->key));
	memcpy(config->secret, secret, sizeof(config->secret));
}

int ph_probe_end_init(struct ph_probe_end *end,
	const struct ph_probe_config *config, enum ph_handshake_role role)
{
	memset(end, 0, sizeof(*end));
	end->config = *config;
	end->role = role;
	if (!config->secrets || config->secrets > 2)
		return -EINVAL;
	ph_probe_keys_first(&end->keys, config->key);
	end->handshake = ph_secret_alloc(sizeof(*end->handshake));
	if (!end->handshake)
		return -ENOMEM;
	memset(end->handshake, 0, sizeof(*end->handshake));
	return 0;
}

void ph_probe_end_fini(struct ph_probe_end *end)
{
	if (end->handshake)
		ph_handshake_fini(end->handshake);
	ph_secret_free(end->handshake);
	end->handshake = NULL;
	ph_wipe(&end->keys, sizeof(end->keys));
	ph_wipe(&end->config, sizeof(end->config));
}

/* Each direction has its own key, so that nothing can be thrown back. */
static const uint8_t *key_says(const struct ph_probe_end *end)
{
	return end->role == PH_DIALLER ? end->keys.probe : end->keys.beacon;
}

static const uint8_t *key_hears(const struct ph_probe_end *end)
{
	return end->role == PH_DIALLER ? end->keys.beacon : end->keys.probe;
}

static struct ph_probe_claim claim_of(const struct ph_probe_end *end,
	const struct ph_probe_talk *talk, uint8_t type, uint32_t sequence)
{
	return (struct ph_probe_claim){end->config.instruct->session,
		talk->nonce, &talk->where, sequence, type};
}

void ph_probe_talk_init(struct ph_probe_talk *talk)
{
	memset(talk, 0, offsetof(struct ph_probe_talk, in));
}

size_t ph_probe_talk_take(
	struct ph_probe_talk *talk, const uint8_t *data, size_t length)
{
	size_t room = sizeof(talk->in) - talk->in_length;
	size_t take = length < room ? length : room;

	memcpy(talk->in + talk->in_length, data, take);
	talk->in_length += take;
	return take;
}

int ph_probe_talk_frame(
	const struct ph_probe_talk *talk, struct ph_probe_frame *frame)
{
	return ph_probe_frame_read(frame, talk->in, talk->in_length);
}

void ph_probe_talk_drop(
	struct ph_probe_talk *talk, const struct ph_probe_frame *frame)
{
	talk->in_length -= frame->size;
	memmove(talk->in, talk->in + frame->size, talk->in_length);
}

bool ph_probe_talk_next(
	struct ph_probe_talk *talk, const uint8_t **data, size_t *length)
{
	*data = talk->out;
	*length = talk->out_length;
	talk->out_length = 0;
	return *length > 0;
}

void ph_probe_greet(struct ph_probe_end *end, struct ph_probe_talk *talk)
{
	const struct ph_probe_random *random = &end->config.random;
	struct ph_probe_claim claim = claim_of(end, talk, PH_PROBE_GREETING, 0);
	uint8_t mac[PH_PROBE_MAC];

	random->bytes(random->context, talk->nonce, PH_PROBE_NONCE);
	ph_probe_mac(mac, key_says(end), &claim, NULL, 0);
	ph_banner_write(talk->out, talk->nonce, mac);
	talk->out_length = PH_PROBE_BANNER;
}

int ph_probe_say(struct ph_probe_end *end, struct ph_probe_talk *talk,
	enum ph_probe_type type, const uint8_t *body, size_t length)
{
	struct ph_probe_claim claim =
		claim_of(end, talk, (uint8_t)type, talk->said++);
	uint8_t *out = talk->out + talk->out_length;
	size_t size = PH_PROBE_HEADER + length + PH_PROBE_MAC;

	if (talk->out_length + size > sizeof(talk->out))
		return -ENOBUFS;
	ph_probe_frame_header(out, (uint8_t)type, length);
	memcpy(out + PH_PROBE_HEADER, body, length);
	ph_probe_mac(out + PH_PROBE_HEADER + length, key_says(end), &claim,
		body, length);
	talk->out_length += size;
	return 0;
}

bool ph_probe_heard(struct ph_probe_end *end, struct ph_probe_talk *talk,
	const struct ph_probe_frame *frame)
{
	struct ph_probe_claim claim =
		claim_of(end, talk, frame->type, talk->heard);

	if (!ph_probe_mac_check(frame->mac, key_hears(end), &claim, frame->body,
		    frame->length))
		return false;
	talk->heard++;
	return true;
}

/* The proof. */

static void handshake_config(struct ph_probe_end *end,
	const struct ph_probe_talk *talk, struct ph_handshake_config *config)
{
	const struct ph_instruct *instruct = end->config.instruct;
	const struct ph_probe_random *random = &end->config.random;

	memset(config, 0, sizeof(*config));
	config->role = end->role;
	memcpy(config->name, instruct->name, sizeof(config->name));
	memcpy(config->mesh, instruct->mesh, sizeof(config->mesh));
	memcpy(config->key, instruct->key, PH_PUBLIC_KEY);
	memcpy(config->peer_key, instruct->peer, PH_PUBLIC_KEY);
	ph_probe_channel(config->exporter, end->config.key, instruct->session,
		talk->nonce, &talk->where);
	memcpy(config->transport, "probe", 6);
	memcpy(config->secret, end->config.secret, sizeof(config->secret));
	config->secrets = end->config.secrets;
	random->bytes(random->context, config->nonce, sizeof(config->nonce));
	random->scalar(random->context, config->scalar);
}

int ph_probe_prove(struct ph_probe_end *end, struct ph_probe_talk *talk)
{
	bool speaks = end->role == PH_DIALLER;
	struct ph_handshake_config config;
	uint8_t hello[PH_HANDSHAKE_MAX];
	size_t length = 0;
	int error;

	handshake_config(end, talk, &config);
	error = ph_handshake_init(end->handshake, &config,
		speaks ? hello : NULL, speaks ? &length : NULL);
	ph_wipe(&config, sizeof(config));
	if (!error && speaks)
		error = ph_probe_say(
			end, talk, PH_PROBE_HANDSHAKE, hello, length);
	return error;
}

static int refused(struct ph_probe_end *end, const char *why)
{
	if (why)
		end->handshake->reason = why;
	return -EACCES;
}

int ph_probe_prove_step(struct ph_probe_end *end, struct ph_probe_talk *talk,
	const struct ph_probe_frame *frame)
{
	uint8_t send[PH_HANDSHAKE_MAX];
	size_t length = 0;
	enum ph_handshake_verdict verdict = ph_handshake_step(
		end->handshake, frame->body, frame->length, send, &length);
	const uint8_t *root = ph_handshake_root(end->handshake);

	if (length && ph_probe_say(end, talk, PH_PROBE_HANDSHAKE, send, length))
		return refused(end, "it does not take what it asked for");
	if (verdict == PH_HANDSHAKE_REFUSED ||
		(verdict == PH_HANDSHAKE_IN && !root))
		return refused(end, NULL);
	if (verdict != PH_HANDSHAKE_IN)
		return 0;
	ph_probe_keys_proven(&end->keys, root);
	ph_handshake_fini(end->handshake);
	end->proven = true;
	talk->said = 0;
	talk->heard = 0;
	return 1;
}
