#ifndef PH_BEACON_BEACON_H
#define PH_BEACON_BEACON_H

#include "beacon/session.h"
#include "kernel/buffer.h"
#include "kernel/loop.h"
#include "transport/tls.h"

/*
 * A beacon's sockets: binds every free port of its range on every address of
 * its instructions, skips those in use, and says which it has. For one session;
 * it lives on the loop it is given, the node's or its own process's.
 */
struct ph_beacon;

struct ph_beacon_order {
	const struct ph_instruct *instruct; /* copied, its lists too */
	const uint8_t *key;		    /* of the session, PH_PROBE_KEY */
	const uint8_t (*secret)[PH_MESH_SECRET];
	unsigned secrets;
	struct ph_tls *tls; /* NULL: no TLS here */
	const uint8_t *tls_key;
	/* The session is over, once, from the loop; the beacon may be destroyed
	 * in it. The matrix is what the probe reported, maybe nothing. */
	void (*on_over)(void *context, const struct ph_over *over,
		const struct ph_probe_matrix *matrix);
	void *context;
};

/* -ENOMEM, -EINVAL; -EADDRINUSE: not one port of the range is free; -EMFILE:
 * descriptors are too few to hold one. */
int ph_beacon_create(struct ph_beacon **out, struct ph_loop *loop,
	struct ph_pool *pool, const struct ph_beacon_order *order);
/* Closes everything; on_over does not follow. NULL is harmless. */
void ph_beacon_destroy(struct ph_beacon *beacon);
/* Where it is and what it had to skip; stands while the beacon does. */
void ph_beacon_ready(const struct ph_beacon *beacon, struct ph_ready *ready);

/* The beacon as a process of its own: as the probe (probe/process.h), its
 * orders on descriptor 3, its secrets on 4. The exit code is 0, or 2 for bad
 * instructions, or 1 when no port was free or
 * descriptors were too few. */
#define PH_BEACON_VERB "_beacon"
int ph_beacon_main(int argc, char **argv);

#endif
