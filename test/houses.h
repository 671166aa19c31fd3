#ifndef PH_TEST_HOUSES_H
#define PH_TEST_HOUSES_H

#include "hostess/hostess.h"
#include "test/room.h"

/*
 * A few nodes in one process (each can site=NAME, gamma gpu=nvenc, too), each
 * a door with a Hostess behind it, a store
 * that outlives her, and roads to the others that can be cut. One virtual
 * clock.
 */
#define HOUSES	     3
#define HOUSE_RECORD 64u /* entries of a store */

struct house_record {
	char space[16], key[128];
	uint8_t *value;
	size_t length;
};

struct house {
	struct houses *all;
	const char *name;
	struct ph_door *door;
	struct ph_hostess *hostess;
	uint64_t epoch;
	bool away; /* nothing reaches it, and nothing comes from it */
	struct house_record store[HOUSE_RECORD];
	unsigned records;
	unsigned loses; /* answers to holds that are not heard */
	bool broken;	/* its disk takes nothing */
	unsigned notes;
	unsigned holds_asked; /* by others */
	char evicted[96];
	struct trip *trips; /* calls of others that it has not answered */
};

/* house[0] is alpha, then beta and gamma; the room's door is alpha's. */
struct houses {
	struct room room;
	struct house house[HOUSES];
	unsigned asked; /* holds of any house so far, in order */
	char order[16];
};

int houses_setup(void **state);
int houses_teardown(void **state);
/* Its lines break: who waits for an answer of it is told so. */
void house_lose(struct house *house);
void houses_advance(struct houses *houses, int64_t ns);
/* The Hostess dies and another begins, with the store as it is. */
void house_restart(struct house *house);
void house_start(struct house *house);

/* A server with inputs `in` (one connection) and `merge` (many), an output
 * `out` and a capability; `auth` may be NULL. */
void house_register(struct house *house, const char *server, const char *cap,
	const char *auth);
/* As its executor tells it. */
void house_state(struct house *house, const char *server, const char *state);
void house_unregister(struct house *house, const char *server);
/* With the map of room_map, as `from`, or as the house itself (NULL). */
void house_send(struct house *house, const char *from, uint16_t method,
	struct answer *answer);
/* Turns everything until it has come. */
void house_wait(struct house *house, struct answer *answer);
void house_call(struct house *house, const char *from, uint16_t method,
	struct answer *answer);
/* The same; its exit code, 0 for success. */
int house_exit(struct house *house, const char *from, uint16_t method);

/* {server terminal} or {mask count} to fill further. */
struct ph_writer *house_ask(
	struct houses *houses, const char *server, const char *terminal);
struct ph_writer *house_ask_mask(
	struct houses *houses, const char *mask, int count);
/* One of the items of an answer. */
struct ph_value house_item(const struct answer *answer, unsigned index);
/* How many of what the mask asks for its guest book shows. */
size_t house_count(struct house *house, const char *mask);

#endif
