#include "proto/cpace.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

/*
 * Everything is hashed piece by piece, so no string of secrets is ever put
 * together in memory. Names in quotes are the draft's.
 */
static const char dsi[] = "CPaceRistretto255";
static const char dsi_isk[] = "CPaceRistretto255_ISK";
static const char dsi_mac[] = "CPaceMac";

#define HASH_BLOCK     128u /* s_in_bytes of SHA-512 */
#define LEB128_LONGEST 10u

#define TEXT(literal)                                                          \
	((struct ph_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static size_t leb128_write(uint8_t out[LEB128_LONGEST], size_t value)
{
	size_t length = 0;

	do {
		out[length] = value & 0x7f;
		value >>= 7;
		if (value)
			out[length] |= 0x80;
		length++;
	} while (value);
	return length;
}

int ph_lv(uint8_t *out, size_t size, const struct ph_bytes *parts, size_t count)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		uint8_t prefix[LEB128_LONGEST];
		size_t length = leb128_write(prefix, parts[i].length);

		if (length > size - used ||
			parts[i].length > size - used - length)
			return -ENOSPC;
		memcpy(out + used, prefix, length);
		used += length;
		if (parts[i].length)
			memcpy(out + used, parts[i].data, parts[i].length);
		used += parts[i].length;
	}
	return (int)used;
}

/* "lv_cat" of one part, straight into the hash. */
static void hash_part(crypto_hash_sha512_state *state, struct ph_bytes part)
{
	uint8_t prefix[LEB128_LONGEST];

	crypto_hash_sha512_update(
		state, prefix, leb128_write(prefix, part.length));
	if (part.length)
		crypto_hash_sha512_update(state, part.data, part.length);
}

static size_t part_length(struct ph_bytes part)
{
	uint8_t prefix[LEB128_LONGEST];

	return leb128_write(prefix, part.length) + part.length;
}

void ph_cpace_generator(uint8_t point[PH_CPACE_POINT], struct ph_bytes prs,
	struct ph_bytes ci, struct ph_bytes sid)
{
	static const uint8_t zeros[HASH_BLOCK];
	crypto_hash_sha512_state state;
	uint8_t hash[crypto_hash_sha512_BYTES];
	size_t used = 1 + part_length(TEXT(dsi)) + part_length(prs);
	struct ph_bytes pad = {
		zeros, used < HASH_BLOCK ? HASH_BLOCK - used : 0};

	crypto_hash_sha512_init(&state);
	hash_part(&state, TEXT(dsi));
	hash_part(&state, prs);
	/* The pad fills the first block: the secret is hashed alone in it. */
	hash_part(&state, pad);
	hash_part(&state, ci);
	hash_part(&state, sid);
	crypto_hash_sha512_final(&state, hash);
	crypto_core_ristretto255_from_hash(point, hash);
	sodium_memzero(hash, sizeof(hash));
	sodium_memzero(&state, sizeof(state));
}

int ph_cpace_share(uint8_t share[PH_CPACE_POINT],
	const uint8_t scalar[PH_CPACE_SCALAR],
	const uint8_t generator[PH_CPACE_POINT])
{
	/* It refuses bad encodings and the identity. */
	if (crypto_scalarmult_ristretto255(share, scalar, generator) != 0)
		return -EINVAL;
	return 0;
}

/* A side's contribution to the transcript: "lv_cat(Y, AD)". */
struct contribution {
	struct ph_bytes share;
	struct ph_bytes ad;
};

static void hash_contribution(
	crypto_hash_sha512_state *state, const struct contribution *side)
{
	hash_part(state, side->share);
	hash_part(state, side->ad);
}

static int key_hash(uint8_t isk[PH_CPACE_KEY],
	const uint8_t scalar[PH_CPACE_SCALAR],
	const uint8_t peer_share[PH_CPACE_POINT], struct ph_bytes sid,
	const struct contribution *first, const struct contribution *second,
	bool ordered)
{
	crypto_hash_sha512_state state;
	uint8_t k[PH_CPACE_POINT];

	if (ph_cpace_share(k, scalar, peer_share) != 0) {
		sodium_memzero(k, sizeof(k));
		return -EINVAL;
	}
	crypto_hash_sha512_init(&state);
	hash_part(&state, TEXT(dsi_isk));
	hash_part(&state, sid);
	hash_part(&state, (struct ph_bytes){k, sizeof(k)});
	if (ordered)
		crypto_hash_sha512_update(&state, (const uint8_t *)"oc", 2);
	hash_contribution(&state, first);
	hash_contribution(&state, second);
	crypto_hash_sha512_final(&state, isk);
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(k, sizeof(k));
	return 0;
}

int ph_cpace_key(uint8_t isk[PH_CPACE_KEY],
	const uint8_t scalar[PH_CPACE_SCALAR],
	const uint8_t peer_share[PH_CPACE_POINT], struct ph_bytes sid,
	struct ph_bytes ya, struct ph_bytes ada, struct ph_bytes yb,
	struct ph_bytes adb)
{
	const struct contribution a = {ya, ada};
	const struct contribution b = {yb, adb};

	return key_hash(isk, scalar, peer_share, sid, &a, &b, false);
}

static int bytes_compare(struct ph_bytes left, struct ph_bytes right)
{
	size_t common = left.length < right.length ? left.length : right.length;
	int order = common ? memcmp(left.data, right.data, common) : 0;

	if (order)
		return order;
	return (left.length > right.length) - (left.length < right.length);
}

/* As if "lv_cat(Y, AD)" were compared as strings: the length prefixes come
 * before what they measure. Shares are public, so memcmp is no leak. */
static int contribution_compare(
	const struct contribution *left, const struct contribution *right)
{
	const struct ph_bytes pairs[2][2] = {
		{left->share, right->share}, {left->ad, right->ad}};

	for (int i = 0; i < 2; i++) {
		uint8_t l[LEB128_LONGEST];
		uint8_t r[LEB128_LONGEST];
		struct ph_bytes lp = {l, leb128_write(l, pairs[i][0].length)};
		struct ph_bytes rp = {r, leb128_write(r, pairs[i][1].length)};
		int order = bytes_compare(lp, rp);

		if (!order)
			order = bytes_compare(pairs[i][0], pairs[i][1]);
		if (order)
			return order;
	}
	return 0;
}

int ph_cpace_key_symmetric(uint8_t isk[PH_CPACE_KEY],
	const uint8_t scalar[PH_CPACE_SCALAR],
	const uint8_t peer_share[PH_CPACE_POINT], struct ph_bytes sid,
	struct ph_bytes ya, struct ph_bytes ada, struct ph_bytes yb,
	struct ph_bytes adb)
{
	const struct contribution a = {ya, ada};
	const struct contribution b = {yb, adb};
	bool a_first = contribution_compare(&a, &b) > 0;

	return key_hash(isk, scalar, peer_share, sid, a_first ? &a : &b,
		a_first ? &b : &a, true);
}

void ph_cpace_tag(uint8_t tag[PH_CPACE_KEY], const uint8_t isk[PH_CPACE_KEY],
	struct ph_bytes sid, struct ph_bytes share, struct ph_bytes ad)
{
	const struct ph_bytes parts[] = {share, ad};
	crypto_hash_sha512_state hash;
	crypto_auth_hmacsha512_state mac;
	uint8_t key[crypto_hash_sha512_BYTES];
	uint8_t prefix[LEB128_LONGEST];

	crypto_hash_sha512_init(&hash);
	crypto_hash_sha512_update(
		&hash, (const uint8_t *)dsi_mac, sizeof(dsi_mac) - 1);
	crypto_hash_sha512_update(&hash, sid.data, sid.length);
	crypto_hash_sha512_update(&hash, isk, PH_CPACE_KEY);
	crypto_hash_sha512_final(&hash, key);
	crypto_auth_hmacsha512_init(&mac, key, sizeof(key));
	for (int i = 0; i < 2; i++) {
		crypto_auth_hmacsha512_update(
			&mac, prefix, leb128_write(prefix, parts[i].length));
		crypto_auth_hmacsha512_update(
			&mac, parts[i].data, parts[i].length);
	}
	crypto_auth_hmacsha512_final(&mac, tag);
	sodium_memzero(&mac, sizeof(mac));
	sodium_memzero(&hash, sizeof(hash));
	sodium_memzero(key, sizeof(key));
}
