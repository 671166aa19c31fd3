#include "proto/handshake_pake.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define ARRAY(array) ((struct ph_bytes){(array), sizeof(array)})
#define TEXT(text)   ((struct ph_bytes){(const uint8_t *)(text), strlen(text)})

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
void ph_pake_begin(struct ph_handshake *handshake, unsigned slots)
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

static struct ph_bytes associated_data(const struct ph_handshake *handshake,
	bool of_dialler, struct ph_bytes shares, uint8_t out[PH_PAKE_AD])
{
	bool own = of_dialler == (handshake->config.role == PH_DIALLER);
	uint8_t id[PH_NODE_ID_BYTES];
	const struct ph_bytes parts[] = {
		TEXT(of_dialler ? "A" : "B"), ARRAY(id), shares};

	ph_node_id(
		id, own ? handshake->config.key : handshake->config.peer_key);
	return (struct ph_bytes){
		out, (size_t)ph_lv(out, PH_PAKE_AD, parts, of_dialler ? 2 : 3)};
}

void ph_pake_fill(struct ph_pake *pake, const struct ph_handshake *handshake,
	struct ph_bytes ya, struct ph_bytes yb)
{
	static const struct ph_bytes none;

	pake->ya = ya;
	pake->yb = yb;
	pake->ada = associated_data(handshake, true, none, pake->room[0]);
	pake->adb = associated_data(handshake, false, yb, pake->room[1]);
}

static struct ph_bytes pake_yb(const struct ph_pake *pake, unsigned slot)
{
	return (struct ph_bytes){
		pake->yb.data + slot * PH_CPACE_POINT, PH_CPACE_POINT};
}

int ph_pake_key(struct ph_handshake *handshake, const struct ph_pake *pake,
	unsigned slot)
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

void ph_pake_tag(const struct ph_handshake *handshake,
	const struct ph_pake *pake, unsigned slot, bool of_dialler,
	uint8_t tag[PH_CPACE_KEY])
{
	ph_cpace_tag(tag, handshake->isk[slot], ARRAY(handshake->sid),
		of_dialler ? pake->ya : pake_yb(pake, slot),
		of_dialler ? pake->ada : pake->adb);
}

void ph_pake_root(struct ph_handshake *handshake, unsigned slot)
{
	crypto_auth_hmacsha512_state state;
	uint8_t text[128];
	uint8_t full[crypto_auth_hmacsha512_BYTES];
	const struct ph_bytes parts[] = {
		TEXT("posthouse/root/v1"), ARRAY(handshake->transcript)};
	int length = ph_lv(text, sizeof(text), parts, 2);

	crypto_auth_hmacsha512_init(
		&state, handshake->isk[slot], sizeof(handshake->isk[slot]));
	crypto_auth_hmacsha512_update(&state, text, (size_t)length);
	crypto_auth_hmacsha512_final(&state, full);
	memcpy(handshake->root, full, sizeof(handshake->root));
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(full, sizeof(full));
}
