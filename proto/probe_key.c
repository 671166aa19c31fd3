#include "proto/probe_key.h"

#include <sodium.h>
#include <string.h>

#include "kernel/bytes.h"
#include "proto/cpace.h"

#define TEXT(text) ((struct ph_bytes){(const uint8_t *)(text), strlen(text)})

enum {
	OF_PROBE = 1,
	OF_BEACON = 2,
	HEAD_MOST = 192,
};

static void derive(struct ph_probe_keys *keys, const uint8_t root[PH_PROBE_KEY],
	const char context[8])
{
	crypto_kdf_derive_from_key(
		keys->probe, PH_PROBE_KEY, OF_PROBE, context, root);
	crypto_kdf_derive_from_key(
		keys->beacon, PH_PROBE_KEY, OF_BEACON, context, root);
}

void ph_probe_keys_first(
	struct ph_probe_keys *keys, const uint8_t session_key[PH_PROBE_KEY])
{
	derive(keys, session_key, "probesn1");
}

void ph_probe_keys_proven(
	struct ph_probe_keys *keys, const uint8_t root[PH_PROBE_KEY])
{
	derive(keys, root, "meshprob");
}

/* Everything here is of bounded size: it fits. */
static size_t claim_write(uint8_t out[HEAD_MOST],
	const struct ph_probe_claim *claim, size_t length)
{
	uint8_t where[PH_POINT];
	uint8_t sequence[4];
	uint8_t size[4];
	const struct ph_bytes parts[] = {
		TEXT("posthouse/probe/v1"),
		{&claim->type, 1},
		{claim->session, PH_PROBE_SESSION},
		{claim->nonce, PH_PROBE_NONCE},
		{where, sizeof(where)},
		{sequence, sizeof(sequence)},
		{size, sizeof(size)},
	};

	ph_point_write(claim->where, where);
	ph_store32(sequence, claim->sequence);
	ph_store32(size, (uint32_t)length);
	return (size_t)ph_lv(
		out, HEAD_MOST, parts, sizeof(parts) / sizeof(parts[0]));
}

void ph_probe_mac(uint8_t mac[PH_PROBE_MAC], const uint8_t key[PH_PROBE_KEY],
	const struct ph_probe_claim *claim, const uint8_t *body, size_t length)
{
	crypto_auth_hmacsha512256_state state;
	uint8_t head[HEAD_MOST];
	uint8_t full[crypto_auth_hmacsha512256_BYTES];

	crypto_auth_hmacsha512256_init(&state, key, PH_PROBE_KEY);
	crypto_auth_hmacsha512256_update(
		&state, head, claim_write(head, claim, length));
	if (length)
		crypto_auth_hmacsha512256_update(&state, body, length);
	crypto_auth_hmacsha512256_final(&state, full);
	memcpy(mac, full, PH_PROBE_MAC);
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(full, sizeof(full));
}

bool ph_probe_mac_check(const uint8_t mac[PH_PROBE_MAC],
	const uint8_t key[PH_PROBE_KEY], const struct ph_probe_claim *claim,
	const uint8_t *body, size_t length)
{
	uint8_t right[PH_PROBE_MAC];

	ph_probe_mac(right, key, claim, body, length);
	return sodium_memcmp(mac, right, PH_PROBE_MAC) == 0;
}

void ph_probe_channel(uint8_t out[32], const uint8_t session_key[PH_PROBE_KEY],
	const uint8_t session[PH_PROBE_SESSION],
	const uint8_t nonce[PH_PROBE_NONCE], const struct ph_point *where)
{
	uint8_t text[HEAD_MOST];
	uint8_t place[PH_POINT];
	const struct ph_bytes parts[] = {
		TEXT("posthouse/probe/channel/v1"),
		{session, PH_PROBE_SESSION},
		{nonce, PH_PROBE_NONCE},
		{place, sizeof(place)},
	};
	int length;

	ph_point_write(where, place);
	length = ph_lv(text, sizeof(text), parts, 4);
	crypto_generichash(
		out, 32, text, (size_t)length, session_key, PH_PROBE_KEY);
}

void ph_probe_identity(uint8_t out[PH_PUBLIC_KEY], const char *side,
	const uint8_t session[PH_PROBE_SESSION],
	const uint8_t key[PH_PUBLIC_KEY])
{
	uint8_t text[HEAD_MOST];
	const struct ph_bytes parts[] = {
		TEXT("posthouse/probe/identity/v1"),
		TEXT(side),
		{session, PH_PROBE_SESSION},
		{key, PH_PUBLIC_KEY},
	};
	int length = ph_lv(text, sizeof(text), parts, 4);

	crypto_generichash(out, PH_PUBLIC_KEY, text, (size_t)length, NULL, 0);
}

void ph_probe_digest(
	uint8_t digest[PH_PROBE_DIGEST], const uint8_t row[PH_PROBE_ROW])
{
	uint8_t text[PH_PROBE_DIGEST + PH_PROBE_ROW];

	memcpy(text, digest, PH_PROBE_DIGEST);
	memcpy(text + PH_PROBE_DIGEST, row, PH_PROBE_ROW);
	crypto_generichash(
		digest, PH_PROBE_DIGEST, text, sizeof(text), NULL, 0);
}
