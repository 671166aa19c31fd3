#ifndef PH_CONTROLSURFACE_WIRING_REACH_H
#define PH_CONTROLSURFACE_WIRING_REACH_H

#include "controlsurface/wiring_model.h"

/*
 * What leads where, over the wires of a file: what comes into a server may
 * leave it at any of its outputs. A search goes breadth first, so the path
 * that it finds is a shortest one. All memory is the wiring's arena.
 */
struct ph_reach {
	struct ph_wiring *wiring;
	struct ph_wiring_wire **wires; /* by the server they leave */
	size_t *first;		       /* of each server, in `wires` */
	struct ph_wiring_wire **came;  /* how a server was reached */
	unsigned char *state;	       /* enum of wiring_reach.c */
	size_t *queue;
	size_t queued;
	size_t taken;
	/* Is this where the search goes? NULL: everywhere. */
	bool (*arrived)(void *context, const struct ph_wiring_wire *wire);
	void *context;
};

/* false: no memory. */
bool ph_reach_begin(struct ph_reach *reach, struct ph_wiring *wiring);
/* Forgets what was found. */
void ph_reach_reset(struct ph_reach *reach);
/* No path leads through this server. */
void ph_reach_block(struct ph_reach *reach, size_t server);
/* A server, or a wire, that it begins with. The wire when it has arrived. */
void ph_reach_from(struct ph_reach *reach, size_t server);
struct ph_wiring_wire *ph_reach_along(
	struct ph_reach *reach, struct ph_wiring_wire *wire);
/* The wire that arrived, or NULL. */
struct ph_wiring_wire *ph_reach_run(struct ph_reach *reach);
bool ph_reach_found(const struct ph_reach *reach, size_t server);
/* "a:x -> b -> c:y", in the arena. */
const char *ph_reach_path(
	struct ph_reach *reach, const struct ph_wiring_wire *arrived);

/* `*` stands for any characters. */
bool ph_wiring_glob(const char *pattern, const char *text);

#endif
