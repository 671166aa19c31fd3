#ifndef PH_TEST_ADVERSARY_H
#define PH_TEST_ADVERSARY_H

#include "node/node.h"
#include "proto/calls.h"
#include "proto/handshake.h"

/*
 * A whole node under attack, and the means of the attacker, who holds every
 * part of our own code: keys and TLS of his own, carriers, handshakes that he
 * may bend, lines. All of it turns on the node's own loop, on real sockets.
 */
struct prey {
	struct ph_node *node;
	char directory[64];
	char phrase[PH_PASSPHRASE];
	uint8_t secret[PH_MESH_SECRET];
	struct ph_address address;
	unsigned lines; /* that ever came up, as the log told */
	struct mask *masks;
};

void prey_open(struct prey *prey, const char *name);
/* A second node of the same mesh, with its own loop. */
void prey_open_beside(
	struct prey *prey, const char *name, const struct prey *other);
void prey_close(struct prey *prey);
/* For cmocka: one prey, which is the state. */
int prey_setup(void **state);
int prey_teardown(void **state);
void prey_turn(struct prey *prey);
/* No wrong passphrase was ever tried. No session may be pending. */
void prey_forgive(struct prey *prey);
/* Waits until nobody unproven is left. */
void prey_settle(struct prey *prey);
/* It serves, answers and has this many lines. */
void prey_assert_healthy(struct prey *prey, unsigned lines);

#define PREY_PATIENCE (20 * PH_SECOND)
#define prey_until(prey, condition)                                            \
	do {                                                                   \
		int64_t limit_ = adversary_now() + PREY_PATIENCE;              \
		while (!(condition)) {                                         \
			if (adversary_now() > limit_)                          \
				fail_msg("never: %s", #condition);             \
			prey_turn(prey);                                       \
		}                                                              \
	} while (0)

int64_t adversary_now(void);
/* Of that, what this thread ran or slept: without the time that it waited for a
 * processor which others had, so limits hold on a busy machine, too. */
int64_t adversary_given(void);
size_t adversary_heap(void);
size_t adversary_resident(void);
/* PH_DOSE=full: the second. */
unsigned adversary_dose(unsigned small, unsigned full);

struct dice {
	uint64_t state;
};
uint32_t dice_below(struct dice *dice, uint32_t bound);
void dice_fill(struct dice *dice, void *out, size_t length);

/* Somebody with a key. Closed with the prey. */
struct mask {
	char name[40];
	uint8_t key[PH_PUBLIC_KEY];
	uint8_t seed[32];
	struct ph_transport_host host;
	struct mask *next;
};

struct mask *mask_open(struct prey *prey, const char *name);

struct taken {
	uint8_t flags;
	uint32_t length;
	uint8_t *data;
};

#define END_TAKEN 512

/* The attacker's end of a carrier. */
struct end {
	struct prey *prey;
	struct mask *mask;
	struct ph_carrier *carrier;
	bool opened;
	bool closed;
	int reason;
	struct ph_carrier_info info;
	struct ph_queue out;
	struct taken taken[END_TAKEN]; /* frames that came, the first ones */
	unsigned count;
	unsigned read; /* of them looked at */
	/* A handshake. */
	struct ph_handshake handshake;
	uint8_t message[PH_HANDSHAKE_MAX]; /* to be sent next */
	size_t length;
};

/* From 127.0.0.`host`; returns before it is open. */
void end_dial(struct end *end, struct mask *mask, unsigned host);
/* The same, and waits for TLS. */
void end_open(struct end *end, struct mask *mask, unsigned host);
/* Listens at `at`, at first "127.0.0.1:0"; who dials becomes this end's
 * carrier. */
struct ph_listener *end_listen(
	struct end *end, struct mask *mask, struct ph_address *at);
/* The bytes as they are; what does not fit waits. */
void end_send(
	struct end *end, uint8_t flags, const void *data, uint32_t length);
void end_close(struct end *end);
/* The next frame, or NULL when the node closed instead. */
const struct taken *end_take(struct end *end);
/* The node says CLOSE or nothing, and closes. */
void end_assert_refused(struct end *end);

/* Makes HELLO in `message`. `secret` NULL: no passphrase. */
void end_begin(struct end *end, const uint8_t *secret, bool trusted);
/* Takes the node's next message; `message` is the next to send. */
enum ph_handshake_verdict end_step(struct end *end);
/* The whole handshake, honestly. */
enum ph_handshake_verdict end_shake(
	struct end *end, const uint8_t *secret, bool trusted);
/* Dials, enrols by the passphrase and waits for the line. */
void end_enrol(struct end *end, struct mask *mask, enum ph_role role);
/* The key that `bind` is made with, and `bind` made anew. */
struct seal {
	uint8_t key[32];
	uint8_t transcript[64];
};
void seal_init(struct seal *seal, const uint8_t exporter[32]);
void seal_make(struct seal *seal, uint8_t *message, size_t length);
void seal_note(struct seal *seal, const uint8_t *message, size_t length);

/* On a line. `body` NULL: empty. Returns the id. */
uint32_t end_call(struct end *end, uint16_t method, const char *destination,
	const uint8_t *body, size_t length);
/* A map that was begun, for an argument; and the call with it, which ends and
 * frees it. */
struct ph_writer *map_begin(void);
uint32_t end_call_map(struct end *end, uint16_t method, struct ph_writer *map);
/* Waits for that answer. -1: the node closed instead. */
int end_answer(struct end *end, uint32_t id, struct ph_packet *packet);

#endif
