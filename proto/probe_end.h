#ifndef PH_PROTO_PROBE_END_H
#define PH_PROTO_PROBE_END_H

#include "proto/handshake.h"
#include "proto/probe_key.h"
#include "proto/probe_order.h"

/*
 * What a probe and its beacon have alike: an end of their session (its keys,
 * and the proof of the passphrase), and what that end says and hears on one
 * connection. Whose turn it is, and what a frame means, is theirs
 * (probe/session.h, beacon/session.h). Pure: randomness is handed in.
 */
struct ph_probe_random {
	void (*bytes)(void *context, void *out, size_t length);
	void (*scalar)(void *context, uint8_t out[PH_CPACE_SCALAR]);
	void *context;
};

struct ph_probe_config {
	const struct ph_instruct *instruct; /* stays while the session does */
	uint8_t key[PH_PROBE_KEY];	    /* of the session */
	uint8_t secret[2][PH_MESH_SECRET];
	unsigned secrets;
	struct ph_probe_random random;
};

/* As a process has it: the system's randomness. `secrets` beyond 2 are refused
 * by ph_probe_end_init. Wipe it afterwards. */
void ph_probe_config_init(struct ph_probe_config *config,
	const struct ph_instruct *instruct, const uint8_t key[PH_PROBE_KEY],
	const uint8_t secret[2][PH_MESH_SECRET], unsigned secrets);

struct ph_probe_end {
	struct ph_probe_config config;
	enum ph_handshake_role role; /* PH_DIALLER: the probe */
	struct ph_probe_keys keys;
	bool proven; /* the keys are of the proof */
	struct ph_handshake *handshake;
};

/* -ENOMEM, -EINVAL; ph_probe_end_fini follows either way. */
int ph_probe_end_init(struct ph_probe_end *end,
	const struct ph_probe_config *config, enum ph_handshake_role role);
/* Harmless on one that is zeroed, or was ended. */
void ph_probe_end_fini(struct ph_probe_end *end);

/* One connection. Embed it as the last of a struct. */
struct ph_probe_talk {
	struct ph_point where;	       /* the beacon's own end */
	uint8_t nonce[PH_PROBE_NONCE]; /* of the banner */
	uint32_t said;		       /* frames since the keys are these */
	uint32_t heard;
	size_t in_length;
	size_t out_length;
	uint8_t in[PH_PROBE_FRAME];
	uint8_t out[PH_PROBE_FRAME];
};

/* A new one: nothing said, nothing heard. */
void ph_probe_talk_init(struct ph_probe_talk *talk);
/* Takes of the bytes that came what there is room for; says how many. */
size_t ph_probe_talk_take(
	struct ph_probe_talk *talk, const uint8_t *data, size_t length);
/* The frame that has come: as ph_probe_frame_read. Points into `in`, until it
 * is dropped. */
int ph_probe_talk_frame(
	const struct ph_probe_talk *talk, struct ph_probe_frame *frame);
void ph_probe_talk_drop(
	struct ph_probe_talk *talk, const struct ph_probe_frame *frame);
/* What is to be sent, once; false: nothing. It stands until more is said. */
bool ph_probe_talk_next(
	struct ph_probe_talk *talk, const uint8_t **data, size_t *length);

/* The beacon's banner, of a new nonce; `where` is set. */
void ph_probe_greet(struct ph_probe_end *end, struct ph_probe_talk *talk);
/* A frame with its MAC into `out`. -ENOBUFS: there is no room. */
int ph_probe_say(struct ph_probe_end *end, struct ph_probe_talk *talk,
	enum ph_probe_type type, const uint8_t *body, size_t length);
/* True: its MAC is right, and it counts. */
bool ph_probe_heard(struct ph_probe_end *end, struct ph_probe_talk *talk,
	const struct ph_probe_frame *frame);

/* Begins the proof; the probe says its HELLO. Negative: as ph_handshake_init.
 */
int ph_probe_prove(struct ph_probe_end *end, struct ph_probe_talk *talk);
/* Its next frame. 0: more follows; 1: proven, the keys are others now and
 * frames count from 0; -EACCES: refused, `handshake->reason` says why. */
int ph_probe_prove_step(struct ph_probe_end *end, struct ph_probe_talk *talk,
	const struct ph_probe_frame *frame);

#endif
