#ifndef PH_TEST_CONTROL_WORLD_H
#define PH_TEST_CONTROL_WORLD_H

#include "controlsurface/control.h"
#include "proto/calls.h"

/*
 * The control surface of one node "alpha" on a virtual clock. Everything it
 * calls is played here: a store that outlives restarts, a Hostess, an
 * executor, the wires, and the road to a second node "beta".
 */
#define EVENTS 4096
#define KEPT   64

struct kept {
	char space[40];
	char key[96];
	uint8_t *value;
	size_t length;
};

struct world {
	struct ph_virtual_clock clock;
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_worker *worker;
	struct ph_door *door;
	struct ph_timer alarm;
	struct ph_control *control;
	uint64_t epoch;

	char *events[EVENTS];
	unsigned event_count;
	struct kept kept[KEPT];
	unsigned kept_count;

	const char *refused;   /* a server that the executor refuses */
	const char *held_here; /* control.commit of beta fails */
	unsigned beta_away;    /* calls that do not reach it */
	bool beta_forgotten;   /* nobody is called so any more */
	unsigned reserve_fails;
	unsigned store_fails;
	bool hold_open; /* wire.open is not answered */
	char connection[96];
	uint64_t generation;
	uint64_t news_generation; /* 0: the news does not say */
	uint64_t sent;
	uint64_t rate; /* of its last second, bytes */
	bool blocked;
	bool beta_knows;
	ph_handle output;
};

struct answer {
	bool done;
	int status;
	struct ph_error error;
	uint8_t *bytes;
	struct ph_document *document;
	struct ph_value body;
};

void world_note(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
unsigned world_count(const struct world *world, const char *start);
void world_forget(struct world *world);
unsigned world_kept(const struct world *world, const char *space);
void kept_drop(struct world *world, struct kept *kept);
/* control_plays.c: all whom it calls are played from now on. */
void world_serve(struct world *world);
void world_refuse(struct world *world, ph_handle ticket, enum ph_exit code,
	const char *what);
/* control_kept.c */
ph_call_fn world_play_store;
void world_turn(struct world *world);
void world_settle(struct world *world, int64_t time);
void world_up(struct world *world);
void world_down(struct world *world);
int world_set_up(void **state);
int world_tear_down(void **state);
void world_answer_free(struct answer *answer);
void world_send(struct world *world, const struct ph_caller *caller,
	uint16_t method, struct ph_writer *writer, struct answer *answer);
void world_await(struct world *world, struct answer *answer);
struct ph_writer *world_arguments(const char *key, const char *text);
void world_call(struct world *world, uint16_t method, const char *key,
	const char *text, struct answer *answer);
int world_apply(struct world *world, const char *text, struct ph_error *error);
void world_news(struct world *world, const char *state, const char *reason);
char *world_field(struct world *world, const char *field);

extern const struct ph_caller world_self;
/* Wiring files: on one node; the source changed; the sink another one; over
 * two nodes. */
extern const char world_here[];
extern const char world_changed[];
extern const char world_renamed[];
extern const char world_across[];

#endif
