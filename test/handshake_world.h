#ifndef PH_TEST_HANDSHAKE_WORLD_H
#define PH_TEST_HANDSHAKE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/handshake.h"

/*
 * Two sides in one process and an attacker between them, who sees and may
 * change every message. `rebind` gives the attacker what TLS never would: the
 * key of `bind`. Then only the passphrase is left to refuse a change.
 */
struct rng {
	uint64_t state;
};

struct wire {
	uint8_t data[PH_HANDSHAKE_MAX];
	size_t length;
};

enum {
	A,
	B
};

struct world {
	struct ph_handshake_config config[2];
	struct ph_handshake side[2];
	enum ph_handshake_verdict verdict[2];
	struct wire log[8];
	unsigned messages;
	bool altered[2]; /* this side was given a changed message */
	/* Changes message number `at` (1 HELLO ... 6 ACCEPT). */
	void (*attack)(struct world *world, struct wire *wire, unsigned at);
	bool rebind;
	unsigned attack_at;
	unsigned attack_bit;
	struct rng rng;
};

uint64_t rng_next(struct rng *rng);
void rng_fill(struct rng *rng, void *out, size_t length);
void world_init(struct world *world, uint64_t seed);
void world_trust(struct world *world, bool a, bool b);
void world_rebind(const struct ph_handshake *receiver, struct wire *wire);
bool world_is_close(const struct wire *wire);
void world_deliver(
	struct world *world, int to, struct wire *wire, struct wire *answer);
void world_run(struct world *world);
void world_fini(struct world *world);
void world_expect(struct world *world, enum ph_handshake_verdict a,
	enum ph_handshake_verdict b, unsigned messages);

#endif
