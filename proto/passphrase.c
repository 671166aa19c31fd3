#include "proto/passphrase.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

/* Crockford's base 32: no i, l, o, u, so nothing is misread. */
static const char mesh_alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
/* Proquints: consonant vowel consonant vowel consonant, 4 2 4 2 4 bits. */
static const char consonants[] = "bdfghjklmnprstvz";
static const char vowels[] = "aiou";

#define WORDS	     6u
#define WORD_LETTERS 5u
#define MESH_LETTERS (PH_MESH_ID - 1u)
#define MADE_LENGTH  (MESH_LETTERS + WORDS * (1u + WORD_LETTERS))
#define NO_MESH	     "default0"

#define ARGON_PASSES 3u
#define ARGON_MEMORY ((size_t)64 * 1024 * 1024)

static void word_write(char *out, uint16_t bits)
{
	out[0] = consonants[bits >> 12];
	out[1] = vowels[(bits >> 10) & 3];
	out[2] = consonants[(bits >> 6) & 15];
	out[3] = vowels[(bits >> 4) & 3];
	out[4] = consonants[bits & 15];
}

static void mesh_make(char mesh[PH_MESH_ID])
{
	uint8_t bits[MESH_LETTERS];

	randombytes_buf(bits, sizeof(bits));
	for (unsigned i = 0; i < MESH_LETTERS; i++)
		mesh[i] = mesh_alphabet[bits[i] & 31];
	mesh[MESH_LETTERS] = '\0';
}

void ph_passphrase_renew(char out[PH_PASSPHRASE], const char mesh[PH_MESH_ID])
{
	uint16_t bits[WORDS];
	char *end = out + MESH_LETTERS;

	memcpy(out, mesh, MESH_LETTERS);
	randombytes_buf(bits, sizeof(bits));
	for (unsigned i = 0; i < WORDS; i++) {
		*end++ = '-';
		word_write(end, bits[i]);
		end += WORD_LETTERS;
	}
	*end = '\0';
	sodium_memzero(bits, sizeof(bits));
}

void ph_passphrase_make(char out[PH_PASSPHRASE])
{
	char mesh[PH_MESH_ID];

	mesh_make(mesh);
	ph_passphrase_renew(out, mesh);
}

static bool letter_of(char letter, const char *alphabet)
{
	return letter && strchr(alphabet, letter);
}

static bool word_is_valid(const char *word)
{
	for (unsigned i = 0; i < WORD_LETTERS; i++)
		if (!letter_of(word[i], i & 1 ? vowels : consonants))
			return false;
	return true;
}

static bool mesh_is_valid(const char *mesh)
{
	for (unsigned i = 0; i < MESH_LETTERS; i++)
		if (!letter_of(mesh[i], mesh_alphabet))
			return false;
	return true;
}

/* Whether it has the form that ph_passphrase_make gives. */
static bool phrase_is_made(const char *phrase, size_t length)
{
	if (length != MADE_LENGTH || !mesh_is_valid(phrase))
		return false;
	for (const char *at = phrase + MESH_LETTERS; at < phrase + MADE_LENGTH;
		at += 1 + WORD_LETTERS)
		if (*at != '-' || !word_is_valid(at + 1))
			return false;
	return true;
}

/* Bytes of the UTF-8 character at the front, 0 when it is none. Surrogates
 * and overlong forms are none; neither is the zero byte, which would let two
 * phrases look the same. */
static size_t character_length(const uint8_t *at, size_t left)
{
	uint32_t code = at[0];
	size_t length = code < 0x80   ? 1
			: code < 0xc2 ? 0
			: code < 0xe0 ? 2
			: code < 0xf0 ? 3
			: code < 0xf5 ? 4
				      : 0;
	static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};

	if (length > left || length == 0)
		return 0;
	if (length > 1)
		code &= 0x7fu >> length;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff ||
		(code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

/* Characters of UTF-8 text, or -EINVAL. */
static int phrase_characters(const char *phrase, size_t length)
{
	int count = 0;

	for (size_t at = 0; at < length; count++) {
		size_t step = character_length(
			(const uint8_t *)phrase + at, length - at);

		if (step == 0)
			return -EINVAL;
		at += step;
	}
	return count;
}

int ph_passphrase_mesh(char mesh[PH_MESH_ID], const char *phrase, size_t length)
{
	if (length > PH_PASSPHRASE_MOST ||
		phrase_characters(phrase, length) < PH_PASSPHRASE_LEAST)
		return -EINVAL;
	memcpy(mesh, phrase_is_made(phrase, length) ? phrase : NO_MESH,
		MESH_LETTERS);
	mesh[MESH_LETTERS] = '\0';
	return 0;
}

int ph_passphrase_secret(uint8_t secret[PH_MESH_SECRET],
	const char mesh[PH_MESH_ID], const char *phrase, size_t length)
{
	static const char label[] = "mesh/prs/v1";
	uint8_t salt[crypto_pwhash_SALTBYTES];
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(salt));
	crypto_generichash_update(
		&state, (const uint8_t *)label, sizeof(label) - 1);
	crypto_generichash_update(&state, (const uint8_t *)mesh, strlen(mesh));
	crypto_generichash_final(&state, salt, sizeof(salt));
	if (crypto_pwhash(secret, PH_MESH_SECRET, phrase, length, salt,
		    ARGON_PASSES, ARGON_MEMORY,
		    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return -ENOMEM;
	return 0;
}
