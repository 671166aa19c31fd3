#ifndef PH_CONTROLSURFACE_CONNECTOME_H
#define PH_CONTROLSURFACE_CONNECTOME_H

#include <uthash.h>

#include "controlsurface/connection.h"
#include "controlsurface/part.h"
#include "kernel/loop.h"
#include "proto/rate.h"

/*
 * The connections this node owns. For each of them three columns that never
 * mix: `declared` (the wiring file), `override` (what somebody did by hand),
 * and `actual` (the state machine).
 *
 * Ids are node#epoch.sequence: the epoch is durable and grows with each start,
 * the sequence lives in memory, so no id is ever used twice.
 */
struct ph_flow {
	bool present; /* in the newest look */
	char transport[24];
	char peer[PH_NAME_MAX + 1];
	uint64_t sent_bytes;
	uint64_t sent_messages;
	uint64_t received_bytes;
	uint64_t received_messages;
	struct ph_rates rates;
	uint64_t dropped_bytes;
	uint64_t dropped_messages;
	uint64_t queue_bytes;
	uint64_t queue_there; /* at the other end, by its last word */
	uint64_t queue_limit;
	int64_t blocked_ns; /* in all */
	bool blocked;	    /* now */
};

/* Of `override`: a filter, put in by hand. */
struct ph_override {
	char server[PH_NAME_MAX + 1]; /* "": none */
	char who[PH_NAME_MAX + 1];
	int64_t since; /* wall clock, ns */
	bool bypass;
	bool leaving; /* asked to go, not seen gone */
	/* As last looked at: */
	char state[16];
	char reason[PH_CONNECTION_REASON];
	uint64_t waiting; /* bytes in front of it */
	uint64_t lost_messages;
	uint64_t lost_bytes;
};

struct ph_edge {
	struct ph_wire declared;
	struct ph_override override;
	struct ph_connection actual;

	/* The shell's: */
	struct ph_control *control;
	struct ph_timer timer;
	bool ready; /* its servers were taken or refused */
	bool begun;
	bool withdrawn;
	bool source_leaves; /* withdrawn, and its source is taken away, too */
	bool declared_now;  /* while wires are compared */
	int64_t opened;	    /* ns, when its newest carrier came */
	struct ph_flow flow;
	char key[256]; /* scope and both ends */
	UT_hash_handle by_id;
	UT_hash_handle by_wire; /* not while withdrawn */
};

struct ph_connectome {
	char node[PH_NAME_MAX + 1];
	uint64_t epoch;
	uint64_t sequence;
	struct ph_edge *ids;
	struct ph_edge *wires;
};

void ph_connectome_init(
	struct ph_connectome *connectome, const char *node, uint64_t epoch);
/* Every timer must have been stopped. */
void ph_connectome_fini(struct ph_connectome *connectome);

/* A declared wire becomes a connection with an id of its own. NULL: no
 * memory. The wire must not be there yet. */
struct ph_edge *ph_connectome_add(struct ph_connectome *connectome,
	const struct ph_wire *wire, int64_t now);
/* Reads a record back: 0, -EBADMSG, -EEXIST (its id), -ENOMEM. Of two records
 * of one wire the older comes back withdrawn. */
int ph_connectome_restore(struct ph_connectome *connectome,
	const uint8_t *record, size_t length, int64_t now);
/* Its record: what must be durable of it. */
void ph_edge_record(const struct ph_edge *edge, struct ph_writer *writer);

struct ph_edge *ph_connectome_find(
	const struct ph_connectome *connectome, const char *id);
/* The connection of a wire: same scope, same ends. NULL. */
struct ph_edge *ph_connectome_wire(
	const struct ph_connectome *connectome, const struct ph_wire *wire);
/* Its wire may be declared anew from here on, under another id. */
void ph_connectome_withdraw(
	struct ph_connectome *connectome, struct ph_edge *edge);
/* Frees it. */
void ph_connectome_remove(
	struct ph_connectome *connectome, struct ph_edge *edge);

/* "node/server:terminal" of its output and input. Return out. */
char *ph_edge_from(const struct ph_connectome *connectome,
	const struct ph_edge *edge, char *out, size_t size);
char *ph_edge_to(const struct ph_edge *edge, char *out, size_t size);

#endif
