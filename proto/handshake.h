#ifndef PH_PROTO_HANDSHAKE_H
#define PH_PROTO_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/cpace.h"
#include "proto/identity.h"
#include "proto/passphrase.h"

/*
 * How two nodes let each other in, on a fresh TLS 1.3 channel with mutual
 * certificates. Each message is one frame of at most PH_HANDSHAKE_MAX bytes,
 * one MessagePack map in one canonical form, its fields in this order:
 *
 *   1 HELLO      t v nonce name mesh want bind   dialler -> listener
 *   2 HELLO_ACK  t v nonce name mesh how  bind   listener -> dialler
 *     want = "pinned": the dialler trusts the listener's key; else "pake".
 *     how = "pinned": both trust each other's key: both are in.
 *     how = "pake": messages 3 to 6 follow.
 *   3 PAKE1      t share bind                    Ya
 *   4 PAKE2      t share bind                    Yb, one per passphrase slot
 *   5 CONFIRM    t tag bind                      Ta, one per Yb
 *   6 ACCEPT     t tag bind                      Tb: both are in
 *   or, from either side at any time, CLOSE: always the same bytes.
 *
 * The dialler proves itself first. Channel binding: RFC 9266 exporter, both
 * public keys, both ids and the hash of HELLO and HELLO_ACK go into CI, so a
 * relay or a changed offer makes the tags differ. `bind` is a MAC over the
 * message and all before it, keyed by the exporter: any flipped bit is refused,
 * in pinned runs too. It holds no secret of the mesh, so nothing can be guessed
 * from it.
 *
 * While a passphrase is rotated a listener has two secrets and cannot know
 * which one the dialler means: PAKE2 then carries a share for each. The price:
 * a false listener tests two guesses in one run, and both are counted.
 *
 * Pure: no socket, clock or own randomness.
 */
#define PH_HANDSHAKE_MAX     1024u
#define PH_HANDSHAKE_VERSION 1

enum ph_handshake_role {
	PH_DIALLER,
	PH_LISTENER
};

enum ph_handshake_verdict {
	PH_HANDSHAKE_GOES_ON,
	PH_HANDSHAKE_IN,      /* the peer is proven; send what is in `send` */
	PH_HANDSHAKE_REFUSED, /* send what is in `send`, then close */
};

struct ph_handshake_config {
	enum ph_handshake_role role;
	char name[40]; /* own label */
	char mesh[PH_MESH_ID];
	uint8_t key[PH_PUBLIC_KEY];	 /* own, as in the certificate */
	uint8_t peer_key[PH_PUBLIC_KEY]; /* as in the peer's certificate */
	uint8_t exporter[32];		 /* RFC 9266 */
	char transport[8];		 /* "tcp", "unix" */
	bool trusted; /* the peer's key is pinned or vouched for here */
	/* Secrets derived from the passphrase, newest first; the listener
	 * tries each, the dialler uses the first. None: pinned only. */
	uint8_t secret[2][PH_MESH_SECRET];
	unsigned secrets;
	uint8_t nonce[32];		 /* fresh */
	uint8_t scalar[PH_CPACE_SCALAR]; /* fresh ristretto255 scalar */
};

struct ph_handshake {
	struct ph_handshake_config config;
	unsigned state; /* private from here */
	uint8_t peer_nonce[32];
	uint8_t bind_key[32];	/* from the exporter */
	uint8_t transcript[64]; /* chained SHA-512 of the messages so far */
	uint8_t sid[32];
	uint8_t scalar[2][PH_CPACE_SCALAR];
	uint8_t generator[2][PH_CPACE_POINT];
	uint8_t share[2][PH_CPACE_POINT]; /* Ya (one), or Yb of each slot */
	uint8_t isk[2][PH_CPACE_KEY];
	uint8_t accept[2][PH_CPACE_KEY]; /* Tb as the dialler expects it */
	unsigned slots;			 /* how many of them */
	char peer_name[40];
	bool by_passphrase;
	uint8_t root[32]; /* see ph_handshake_root */
	/* Public: may be read at any time. */
	unsigned guesses;   /* what the peer could test if it ended now */
	const char *reason; /* for the log, never for the wire */
};

/* Starts; the dialler's HELLO is put into `send` (NULL for listeners).
 * -EINVAL: the config is no run (own key equal to the peer's, bad name, too
 * many secrets); -EACCES: a dialler that neither trusts the peer nor has a
 * passphrase; -ENOMEM. */
int ph_handshake_init(struct ph_handshake *handshake,
	const struct ph_handshake_config *config,
	uint8_t send[PH_HANDSHAKE_MAX], size_t *send_length);
/* Wipes the secrets. */
void ph_handshake_fini(struct ph_handshake *handshake);

/* One received message. `*send_length` 0: nothing to send. */
enum ph_handshake_verdict ph_handshake_step(struct ph_handshake *handshake,
	const uint8_t *message, size_t length, uint8_t send[PH_HANDSHAKE_MAX],
	size_t *send_length);

/* How many guesses at the passphrase the peer had, should the run end here, by
 * refusal, deadline or a lost channel alike: 0 before PAKE2 and after success.
 * Read it when the channel closes and tell node/limits. */
unsigned ph_handshake_guesses(const struct ph_handshake *handshake);
/* After PH_HANDSHAKE_IN: how the peer calls itself; whether the passphrase
 * proved it (then its key is to be pinned). */
const char *ph_handshake_peer(const struct ph_handshake *handshake);
bool ph_handshake_by_passphrase(const struct ph_handshake *handshake);
/* A secret that only these two have, for keys of what follows: HMAC-SHA512(ISK,
 * lv("posthouse/root/v1", SHA-512 chain of the messages)), its first 32 bytes.
 * NULL unless the passphrase was proven; stands until ph_handshake_fini. */
const uint8_t *ph_handshake_root(const struct ph_handshake *handshake);
/* The uniform CLOSE. Returns its length. */
size_t ph_handshake_close(uint8_t send[PH_HANDSHAKE_MAX]);

#endif
