#ifndef PH_STORE_BATCH_H
#define PH_STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/handle.h"
#include "proto/error.h"
#include "proto/value.h"

/*
 * One call that waits for the disk. It owns a copy of everything it needs, so
 * that the lane's thread touches nothing that the loop may touch.
 */
struct ph_database;

enum ph_request_kind {
	PH_REQUEST_PUT,
	PH_REQUEST_GET,
	PH_REQUEST_DELETE,
	PH_REQUEST_LIST,
	PH_REQUEST_NOTE,
	PH_REQUEST_EVENTS,
};

struct ph_store_request {
	struct ph_store_request *next;
	ph_handle ticket;
	enum ph_request_kind kind;
	bool failed; /* then `error` tells */
	struct ph_error error;
	struct ph_writer *answer; /* of reads */
	size_t answered;	  /* bytes of values in it */
	int64_t ts;
	int64_t since;	     /* of events: after this number, */
	unsigned count;	     /* at most so many */
	const char *text[3]; /* space, key; or actor, what, why */
	const uint8_t *value;
	size_t length;
	size_t size; /* of `memory` */
	char memory[];
};

/* Copies up to three texts and a value; NULL when out of memory. */
struct ph_store_request *ph_store_request_make(enum ph_request_kind kind,
	ph_handle ticket, const struct ph_value text[3], struct ph_value value);
/* Frees it and those behind it. NULL is harmless. */
void ph_store_requests_free(struct ph_store_request *first);

/* Blocks: carries out the list in one transaction. If that fails, each again
 * in its own, so that a value that does not fit fails alone. Every request
 * then says how it went, and what says it went well is on the disk. */
void ph_store_requests_commit(
	struct ph_store_request *first, struct ph_database *database);

#endif
