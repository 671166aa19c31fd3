#include "proto/secret.h"

#include <sodium.h>

void ph_wipe(void *memory, size_t length)
{
	sodium_memzero(memory, length);
}

void ph_random(void *out, size_t length)
{
	randombytes_buf(out, length);
}

void ph_random_scalar(uint8_t out[32])
{
	crypto_core_ristretto255_scalar_random(out);
}

void *ph_secret_alloc(size_t size)
{
	return sodium_malloc(size);
}

void ph_secret_free(void *memory)
{
	sodium_free(memory);
}

bool ph_secret_equal(const void *one, const void *other, size_t length)
{
	return sodium_memcmp(one, other, length) == 0;
}
