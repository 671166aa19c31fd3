#ifndef PH_TRANSPORT_TLS_H
#define PH_TRANSPORT_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/identity.h"

/*
 * TLS 1.3 as a filter over any byte channel. Mutual, self-signed Ed25519
 * certificates; no CA, no tickets, no session cache, no 0-RTT: whom to trust
 * is decided above, by the key that TLS proved. Minimum and maximum are 1.3.
 */
struct ph_tls;

/* `seed`: the node's Ed25519 seed (32 bytes; copied into OpenSSL). The
 * certificate is made on the spot: subject CN = the node id. -ENOMEM,
 * -EINVAL. */
int ph_tls_create(struct ph_tls **out, const uint8_t seed[32]);
void ph_tls_destroy(struct ph_tls *tls);
/* Handshakes may use at most this many ns of each loop turn (0: no bound). */
#define PH_TLS_TURN_BUDGET (2 * 1000000)

#endif
