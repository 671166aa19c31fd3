#ifndef PH_TRANSPORT_CERTIFICATE_H
#define PH_TRANSPORT_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/identity.h"

/*
 * A node's certificate: self-signed Ed25519, subject CN = the node id, valid
 * for ever, because a key is trusted or not and no authority's calendar has a
 * say in it. It is made anew at each start and never stored.
 */
struct evp_pkey_st;
struct x509_st;

/* Gives both. -ENOMEM. */
int ph_certificate_create(const uint8_t seed[32], struct evp_pkey_st **key,
	struct x509_st **certificate);
/* True when it is Ed25519 and signed by its own key. */
bool ph_certificate_is_sound(struct x509_st *certificate);
/* Its public key, if that is Ed25519. */
bool ph_certificate_key(
	struct x509_st *certificate, uint8_t key[PH_PUBLIC_KEY]);

/* A fresh P-256 key and a certificate of its own for it, as DER, for browsers:
 * Chromium refuses Ed25519. It proves nothing. Gives both (free them). -ENOMEM.
 */
int ph_certificate_outer(uint8_t **certificate, size_t *certificate_length,
	uint8_t **key, size_t *key_length);

#endif
