#include "proto/seal.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/announcement.h"

enum {
	PURPOSE_MOST = 32,
};

static void mac_compute(uint8_t mac[PH_SEAL_MAC],
	const uint8_t key[PH_SEAL_KEY], const char *purpose, const void *data,
	size_t length)
{
	crypto_generichash_state state;
	size_t words = strlen(purpose);
	uint8_t head = (uint8_t)words;

	assert(words <= PURPOSE_MOST);
	crypto_generichash_init(&state, key, PH_SEAL_KEY, PH_SEAL_MAC);
	crypto_generichash_update(&state, &head, 1);
	crypto_generichash_update(&state, (const uint8_t *)purpose, words);
	crypto_generichash_update(&state, data, length);
	crypto_generichash_final(&state, mac, PH_SEAL_MAC);
}

void ph_seal_mac(uint8_t mac[PH_SEAL_MAC], const uint8_t key[PH_SEAL_KEY],
	const char *purpose, const void *data, size_t length)
{
	mac_compute(mac, key, purpose, data, length);
}

bool ph_seal_mac_check(const uint8_t mac[PH_SEAL_MAC],
	const uint8_t key[PH_SEAL_KEY], const char *purpose, const void *data,
	size_t length)
{
	uint8_t right[PH_SEAL_MAC];

	mac_compute(right, key, purpose, data, length);
	return sodium_memcmp(mac, right, PH_SEAL_MAC) == 0;
}

void ph_signer_init(struct ph_signer *signer, const uint8_t seed[32])
{
	static_assert(sizeof(signer->secret) == crypto_sign_SECRETKEYBYTES &&
			      sizeof(signer->key) == crypto_sign_PUBLICKEYBYTES,
		"as libsodium has them");
	crypto_sign_seed_keypair(signer->key, signer->secret, seed);
}

void ph_signer_fini(struct ph_signer *signer)
{
	sodium_memzero(signer, sizeof(*signer));
}

/* Ed25519 wants its message in one piece. */
struct statement {
	uint8_t bytes[1 + PURPOSE_MOST + PH_SEAL_MOST];
	size_t length;
};

static void statement_make(struct statement *statement, const char *purpose,
	const void *data, size_t length)
{
	size_t words = strlen(purpose);

	assert(words <= PURPOSE_MOST && length <= PH_SEAL_MOST);
	statement->bytes[0] = (uint8_t)words;
	memcpy(statement->bytes + 1, purpose, words);
	if (length)
		memcpy(statement->bytes + 1 + words, data, length);
	statement->length = 1 + words + length;
}

void ph_seal_sign(uint8_t signature[PH_SEAL_SIGNATURE],
	const struct ph_signer *signer, const char *purpose, const void *data,
	size_t length)
{
	struct statement statement;

	statement_make(&statement, purpose, data, length);
	crypto_sign_detached(signature, NULL, statement.bytes, statement.length,
		signer->secret);
}

bool ph_seal_verify(const uint8_t signature[PH_SEAL_SIGNATURE],
	const uint8_t key[PH_PUBLIC_KEY], const char *purpose, const void *data,
	size_t length)
{
	struct statement statement;

	if (length > PH_SEAL_MOST)
		return false;
	statement_make(&statement, purpose, data, length);
	return crypto_sign_verify_detached(
		       signature, statement.bytes, statement.length, key) == 0;
}

/* The lower of the two keys first, so that both sides say the same. */
static void pair_hash(uint8_t out[PH_SEAL_KEY], const uint8_t shared[32],
	const uint8_t *one, const uint8_t *other)
{
	static const char purpose[] = "posthouse/pair/v1";
	bool ordered = memcmp(one, other, PH_PUBLIC_KEY) < 0;
	crypto_generichash_state state;

	crypto_generichash_init(&state, shared, 32, PH_SEAL_KEY);
	crypto_generichash_update(
		&state, (const uint8_t *)purpose, sizeof(purpose));
	crypto_generichash_update(&state, ordered ? one : other, PH_PUBLIC_KEY);
	crypto_generichash_update(&state, ordered ? other : one, PH_PUBLIC_KEY);
	crypto_generichash_final(&state, out, PH_SEAL_KEY);
}

int ph_seal_pair(uint8_t out[PH_SEAL_KEY], const struct ph_signer *signer,
	const uint8_t peer[PH_PUBLIC_KEY])
{
	uint8_t scalar[32], point[32], shared[32];
	int error = -EINVAL;

	if (memcmp(signer->key, peer, PH_PUBLIC_KEY) == 0)
		return -EINVAL;
	if (crypto_sign_ed25519_pk_to_curve25519(point, peer))
		return -EINVAL;
	crypto_sign_ed25519_sk_to_curve25519(scalar, signer->secret);
	if (crypto_scalarmult_curve25519(shared, scalar, point) == 0) {
		pair_hash(out, shared, signer->key, peer);
		error = 0;
	}
	sodium_memzero(scalar, sizeof(scalar));
	sodium_memzero(shared, sizeof(shared));
	return error;
}

void ph_seal_link(uint8_t out[PH_SEAL_KEY], const uint8_t pair[PH_SEAL_KEY],
	const uint8_t ring[PH_SEAL_KEY])
{
	static const char purpose[] = "posthouse/link/v1";
	crypto_generichash_state state;

	crypto_generichash_init(&state, pair, PH_SEAL_KEY, PH_SEAL_KEY);
	crypto_generichash_update(
		&state, (const uint8_t *)purpose, sizeof(purpose));
	crypto_generichash_update(&state, ring, PH_SEAL_KEY);
	crypto_generichash_final(&state, out, PH_SEAL_KEY);
}

void ph_seal_digest(uint8_t out[16], const void *data, size_t length)
{
	crypto_generichash(out, 16, data, length, NULL, 0);
}

void ph_seal_announcement(uint8_t *data, size_t length,
	const struct ph_signer *signer, const uint8_t ring[PH_SEAL_KEY])
{
	uint8_t *mac = data + length - PH_AUTH_MAC;

	assert(length > PH_AUTH_TAIL);
	ph_seal_sign(data + length - PH_AUTH_SIGNATURE, signer,
		PH_SEAL_ANNOUNCEMENT, data, length - PH_AUTH_TAIL);
	if (ring)
		mac_compute(mac, ring, PH_SEAL_ANNOUNCEMENT, data,
			length - PH_AUTH_MAC);
	else
		memset(mac, 0, PH_SEAL_MAC);
}

bool ph_seal_announcement_member(
	const uint8_t *data, size_t length, const uint8_t ring[PH_SEAL_KEY])
{
	return length > PH_AUTH_TAIL &&
	       ph_seal_mac_check(data + length - PH_AUTH_MAC, ring,
		       PH_SEAL_ANNOUNCEMENT, data, length - PH_AUTH_MAC);
}

bool ph_seal_announcement_verify(const uint8_t *data, size_t length,
	const uint8_t id[PH_NODE_ID_BYTES], const uint8_t key[PH_PUBLIC_KEY])
{
	uint8_t right[PH_NODE_ID_BYTES];

	ph_node_id(right, key);
	return length > PH_AUTH_TAIL &&
	       memcmp(right, id, PH_NODE_ID_BYTES) == 0 &&
	       ph_seal_verify(data + length - PH_AUTH_SIGNATURE, key,
		       PH_SEAL_ANNOUNCEMENT, data, length - PH_AUTH_TAIL);
}
