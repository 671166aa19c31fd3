#ifndef PH_PROTO_SECRET_H
#define PH_PROTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What everybody who handles secrets or nonces needs of libsodium, so that the
 * library itself enters few files.
 */

/* Wipes; never optimised away. */
void ph_wipe(void *memory, size_t length);
/* Takes as long wherever they differ. */
bool ph_secret_equal(const void *one, const void *other, size_t length);
/* Fresh random bytes, for keys and nonces. */
void ph_random(void *out, size_t length);
/* A fresh ristretto255 scalar. */
void ph_random_scalar(uint8_t out[32]);
/* Locked memory between guard pages, never in a core file; NULL when there is
 * none. */
void *ph_secret_alloc(size_t size);
/* Wipes and frees; NULL is harmless. */
void ph_secret_free(void *memory);

#endif
