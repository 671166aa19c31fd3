#ifndef PH_STORE_STORE_H
#define PH_STORE_EVENTS_MOST 1000 /* lines of the journal at once */
#define PH_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

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
	uint64_t most;	  /* bytes the file may grow to; 0: PH_STORE_MOST */
};

#define PH_STORE_MOST ((uint64_t)1 << 30)
/* Longest value that store.put takes. */
#define PH_STORE_VALUE ((size_t)1 << 20)
/* Longest key, in bytes. */
#define PH_STORE_KEY 255u
/* Calls, and bytes of their values, that may wait for the disk; more are
 * refused at once. */
#define PH_STORE_WAITING       4096u
#define PH_STORE_WAITING_BYTES ((size_t)64 << 20)

struct ph_error;

/* Opens (blocking: at boot only), takes the next epoch. Holds `lock` beside
 * the file, so one node uses a state directory. Errors are told: -1 with
 * `error` (exit 5: another node, or a newer posthouse's file). */
int ph_store_create(struct ph_store **out, const struct ph_store_config *config,
	uint64_t *epoch, struct ph_error *error);
/* What the last write failed with, until one succeeds; else NULL. Whoever asks
 * has it tried again. */
const char *ph_store_trouble(struct ph_store *store);
/* After the worker was drained and the door takes no more calls. */
void ph_store_destroy(struct ph_store *store);

#endif
