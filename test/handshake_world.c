#include "test/handshake_world.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void rng_fill(struct rng *rng, void *out, size_t length)
{
	uint8_t *byte = out;

	for (size_t i = 0; i < length; i++)
		byte[i] = (uint8_t)(rng_next(rng) >> 32);
}

void world_init(struct world *world, uint64_t seed)
{
	static const char *const names[] = {"alpha", "beta"};

	memset(world, 0, sizeof(*world));
	world->rng.state = seed;
	for (int i = 0; i < 2; i++) {
		struct ph_handshake_config *config = &world->config[i];
		uint8_t wide[64];

		config->role = i == A ? PH_DIALLER : PH_LISTENER;
		snprintf(config->name, sizeof(config->name), "%s", names[i]);
		snprintf(config->mesh, sizeof(config->mesh), "%s", "m0000000");
		snprintf(config->transport, sizeof(config->transport), "%s",
			"tcp");
		memset(config->exporter, 0x55, sizeof(config->exporter));
		memset(config->key, 0x10 + i, sizeof(config->key));
		memset(config->peer_key, 0x11 - i, sizeof(config->peer_key));
		memset(config->secret[0], 0x77, PH_MESH_SECRET);
		config->secrets = 1;
		rng_fill(&world->rng, config->nonce, sizeof(config->nonce));
		rng_fill(&world->rng, wide, sizeof(wide));
		crypto_core_ristretto255_scalar_reduce(config->scalar, wide);
	}
}

void world_trust(struct world *world, bool a, bool b)
{
	world->config[A].trusted = a;
	world->config[B].trusted = b;
}

void world_rebind(const struct ph_handshake *receiver, struct wire *wire)
{
	crypto_generichash_state state;

	if (wire->length < 32)
		return;
	crypto_generichash_init(&state, receiver->bind_key, 32, 32);
	crypto_generichash_update(&state, receiver->transcript, 64);
	crypto_generichash_update(&state, wire->data, wire->length - 32);
	crypto_generichash_final(&state, wire->data + wire->length - 32, 32);
}

bool world_is_close(const struct wire *wire)
{
	struct wire close;

	close.length = ph_handshake_close(close.data);
	return wire->length == close.length &&
	       memcmp(wire->data, close.data, close.length) == 0;
}

/* Hands a message to a side through the attacker. */
void world_deliver(
	struct world *world, int to, struct wire *wire, struct wire *answer)
{
	struct wire before = *wire;
	unsigned number = ++world->messages;

	if (number < 8)
		world->log[number] = *wire;
	if (world->attack)
		world->attack(world, wire, number);
	if (world->rebind && !world_is_close(wire))
		world_rebind(&world->side[to], wire);
	if (before.length != wire->length ||
		memcmp(before.data, wire->data, wire->length) != 0)
		world->altered[to] = true;
	world->verdict[to] = ph_handshake_step(&world->side[to], wire->data,
		wire->length, answer->data, &answer->length);
	if (world->verdict[to] == PH_HANDSHAKE_REFUSED && answer->length)
		assert_true(world_is_close(answer));
}

/* Runs until nobody has anything to say. */
void world_run(struct world *world)
{
	struct wire wire;
	int to = B;

	assert_int_equal(ph_handshake_init(&world->side[A], &world->config[A],
				 wire.data, &wire.length),
		0);
	assert_int_equal(ph_handshake_init(&world->side[B], &world->config[B],
				 NULL, NULL),
		0);
	while (wire.length) {
		struct wire answer = {.length = 0};

		world_deliver(world, to, &wire, &answer);
		wire = answer;
		to = !to;
	}
}

void world_fini(struct world *world)
{
	ph_handshake_fini(&world->side[A]);
	ph_handshake_fini(&world->side[B]);
}

void world_expect(struct world *world, enum ph_handshake_verdict a,
	enum ph_handshake_verdict b, unsigned messages)
{
	assert_int_equal(world->verdict[A], a);
	assert_int_equal(world->verdict[B], b);
	assert_int_equal(world->messages, messages);
}

/* Honest runs. */
