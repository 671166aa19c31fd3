#ifndef PH_TEST_ROOM_H
#define PH_TEST_ROOM_H

#include "kernel/door.h"
#include "kernel/loop.h"
#include "kernel/worker.h"
#include "proto/calls.h"

/*
 * What a server needs to live in a test: a loop (real or virtual clock), a
 * kernel, a door, a worker; and calls that wait for their answer.
 */
struct room {
	struct ph_virtual_clock clock;
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_door *door;
	struct ph_worker *worker;
	struct ph_writer *writer; /* free between calls */
};

/* One answer, kept. */
struct answer {
	bool come;
	int status;
	uint8_t *bytes;
	size_t length;
	struct ph_document *document;
	struct ph_value body;
	struct ph_error error; /* when status is not PH_CALL_OK */
};

/* `virtual`: time moves only by room_advance. */
void room_open(struct room *room, bool virtual);
void room_close(struct room *room);
void room_advance(struct room *room, int64_t ns);

/* A map to fill; give it to room_call or room_send. */
struct ph_writer *room_map(struct room *room);
/* Calls with the map of room_map, as this node. `answer` is filled later, and
 * must be let go with answer_free. */
void room_send(struct room *room, uint16_t method, struct answer *answer);
/* The same as a peer of that name, over its line. */
void room_send_as(struct room *room, const char *node, uint16_t method,
	struct answer *answer);
/* Turns the loop until the answer is there; fails after 20 s. */
void room_wait(struct room *room, struct answer *answer);
void room_call(struct room *room, uint16_t method, struct answer *answer);
void answer_free(struct answer *answer);
/* Fills it; for calls that a test sends itself. */
ph_answer_fn answer_take;
/* Calls and expects success, or that exit code; frees the answer. */
void room_call_ok(struct room *room, uint16_t method);
void room_call_exit(struct room *room, uint16_t method, int code);

#endif
