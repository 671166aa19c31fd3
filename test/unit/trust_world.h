#ifndef PH_TEST_TRUST_WORLD_H
#define PH_TEST_TRUST_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/trust.h"

/* What node 0, "self", trusts; others are numbers, whose keys follow from them.
 */
#define HOUR (INT64_C(3600) * 1000000000)
#define MESH "m0000000"

/* Node i: its seed is made of i. */
static inline const uint8_t *seed_of(unsigned i)
{
	static uint8_t seed[32];

	memset(seed, 0, sizeof(seed));
	memcpy(seed, &i, sizeof(i));
	return seed;
}

static inline const uint8_t *key_of(unsigned i)
{
	static uint8_t keys[8][32];
	static unsigned next;
	uint8_t *key = keys[next++ % 8];
	uint8_t secret[64];

	crypto_sign_seed_keypair(key, secret, seed_of(i));
	return key;
}

static inline int setup(void **state)
{
	return ph_trust_create((struct ph_trust **)state, key_of(0), "self");
}

static inline int teardown(void **state)
{
	ph_trust_destroy(*state);
	return 0;
}

static inline int pin(struct ph_trust *trust, unsigned i, const char *name)
{
	return ph_trust_pin(
		trust, key_of(i), name, PH_ROLE_EXEC, 100 + i, NULL);
}
static inline struct ph_vouch vouch(unsigned by, unsigned key, const char *name)
{
	struct ph_vouch vouch = {.issued = 7};

	memcpy(vouch.key, key_of(key), PH_PUBLIC_KEY);
	snprintf(vouch.name, sizeof(vouch.name), "%s", name);
	assert_int_equal(ph_vouch_sign(&vouch, seed_of(by), MESH), 0);
	return vouch;
}

static inline int accept_vouch(struct ph_trust *trust, unsigned by,
	unsigned key, const char *name, struct ph_error *error)
{
	struct ph_vouch said = vouch(by, key, name);

	return ph_trust_vouch_accept(
		trust, &said, MESH, PH_ROLE_WIRE, 50, error);
}

#define WITH_TRUST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
