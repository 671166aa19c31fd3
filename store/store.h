#ifndef PH_STORE_STORE_H
#define PH_STORE_STORE_H

#include "kernel/door.h"
#include "kernel/loop.h"
#include "kernel/worker.h"

/*
 * The durable side: SQLite (WAL, synchronous=FULL) on the worker thread,
 * reached by the calls store.*. A write is answered after its transaction is
 * on the disk; what waits is committed together.
 */
struct ph_store;

struct ph_store_config {
	struct ph_loop *loop;
	struct ph_worker *worker;
	struct ph_door *door;
	const char *path; /* of the database file; made 0600 */
};

/* Opens (blocking: at boot only), takes the next epoch. Errors are told:
 * -1 with `error`. */
struct ph_error;
int ph_store_create(struct ph_store **out, const struct ph_store_config *config,
	uint64_t *epoch, struct ph_error *error);
/* After the worker was drained. */
void ph_store_destroy(struct ph_store *store);

#endif
