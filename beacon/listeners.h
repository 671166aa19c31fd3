#ifndef PH_BEACON_LISTENERS_H
#define PH_BEACON_LISTENERS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/loop.h"
#include "proto/point.h"
#include "proto/probe_order.h"

/*
 * The listening sockets of a beacon: one a point, and with the points that got
 * none an errno of why. Embed it; zeroed is closed.
 *
 * Descriptors run out in two ways. A range may be larger than the process's
 * limit: binding stops PH_LISTENERS_SPARE below it, and the points left out are
 * noted with EMFILE. And others may take them later: a listener that cannot
 * accept is not watched for 100 ms, since who waits there would wake the loop
 * at once again.
 */
/* The guests (PH_BEACON_SLOTS), and what a node opens meanwhile. */
#define PH_LISTENERS_SPARE 200
struct ph_listener;

struct ph_listeners {
	struct ph_loop *loop;
	struct ph_listener *all;
	uint32_t count;
	uint8_t *bound; /* points, as READY has them */
	uint8_t *skips; /* with errno */
	uint32_t skipped;
	bool full; /* no more descriptors for points */
	struct ph_timer breath;
	bool rests; /* a listener does, until `breath` */
	/* Takes the descriptor of who connected to the point. */
	void (*on_guest)(void *context, const struct ph_point *point, int fd);
	/* All who had come in this turn were told. */
	void (*on_turn)(void *context);
	void *context;
};

/* Room for so many points; loop and callbacks are set. -ENOMEM. */
int ph_listeners_init(struct ph_listeners *listeners, size_t points);
/* Closes everything. Idempotent. */
void ph_listeners_fini(struct ph_listeners *listeners);
/* Binds the point, or notes why not: what bind(2) says, EMFILE. */
void ph_listeners_bind(
	struct ph_listeners *listeners, const struct ph_point *point);
/* The point gets no socket: a positive errno. */
void ph_listeners_skip(struct ph_listeners *listeners,
	const struct ph_point *point, int error);

#endif
