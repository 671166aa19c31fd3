#ifndef PH_HOSTESS_RESERVATION_H
#define PH_HOSTESS_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "kernel/hal.h"
#include "proto/attach.h"

/*
 * One reservation of a terminal, or of a whole server, as a state machine.
 *
 *   held    --book-->    booked --attach--> seated --detach--> seated
 *   any     --release, evict, its time ran out-->   expired
 *
 * A hold belongs to a node and runs out by itself; it becomes a booking when a
 * control surface brings a connection id. A booked one is a lease; a seated
 * one with a carrier stays; without one it is kept for PH_SEAT_KEPT since the
 * last renewal, so that a partition does not fight resume.
 *
 * Two fences: `fence` grows with each reservation of a node, over restarts
 * too, so whoever holds an older one is known to be late. Generations fence
 * the carriers of one booking: a carrier is let in only when its generation is
 * higher than every earlier one, and only the newest may say that it left.
 *
 * Pure: the time is handed in, and so is the token.
 */
#define PH_RESERVATION_STATES(X)                                               \
	X(HELD, "held")                                                        \
	X(BOOKED, "booked")                                                    \
	X(SEATED, "seated")                                                    \
	X(EXPIRED, "expired")

enum ph_reservation_state {
#define X(ident, name) PH_RESERVATION_##ident,
	PH_RESERVATION_STATES(X)
#undef X
};

#define PH_HOLD_LASTS  (10 * PH_SECOND)
#define PH_HOLD_MOST   (3600 * PH_SECOND) /* --for */
#define PH_LEASE_LASTS (30 * PH_SECOND)
#define PH_SEAT_KEPT   (600 * PH_SECOND)

#define PH_RESERVATION_ID 88 /* NODE~EPOCH.SEQ */

struct ph_guest;
struct ph_guest_terminal;

struct ph_reservation {
	char id[PH_RESERVATION_ID];
	char connection[96]; /* "" while it is held */
	char node[40];	     /* who holds it */
	char from[128];	     /* the output, for the record */
	char media[64];	     /* agreed */
	uint8_t token[PH_ATTACH_TOKEN];
	uint64_t fence;
	enum ph_reservation_state state;
	bool attached;
	uint64_t generation; /* the highest that attached */
	int64_t expires;     /* ns; INT64_MAX: not by time */
	uint64_t round;	     /* of renewals, the last that named it */

	/* The ledger's. What it is for: a terminal of a guest, a whole guest
	 * (no terminal), or a guest that is not back since the restart. */
	char server[40];
	char name[40]; /* of the terminal; "" for the server */
	struct ph_guest *guest;
	struct ph_guest_terminal *terminal;
	struct ph_reservation *prev, *next; /* of its terminal or guest */
	UT_hash_handle hh;		    /* by id */
	UT_hash_handle by_connection;
};

enum ph_reservation_kind {
	PH_RESERVE_BOOK,   /* connection */
	PH_RESERVE_ATTACH, /* node token generation */
	PH_RESERVE_DETACH, /* generation finished */
	PH_RESERVE_RENEW,
	PH_RESERVE_RELEASE,
	PH_RESERVE_EVICT, /* its server left */
	PH_RESERVE_TICK,
};

struct ph_reservation_event {
	enum ph_reservation_kind kind;
	const char *connection;
	const char *node;
	const uint8_t *token;
	uint64_t generation;
	bool finished;
	const char *because; /* of a release; NULL: released */
};

enum ph_reservation_outcome {
	PH_RESERVED_OK,
	PH_RESERVED_DENIED, /* one refusal for every reason */
	PH_RESERVED_STALE,  /* of an older carrier: nothing changed */
};

struct ph_reservation_output {
	enum ph_reservation_outcome outcome;
	bool evict;	     /* take its carrier away, then free it */
	bool free;	     /* it is expired now */
	const char *because; /* of a refusal or an end */
};

/* Begins held, for `lasts` ns (INT64_MAX: until it is said otherwise). */
void ph_reservation_init(struct ph_reservation *reservation, int64_t now,
	int64_t lasts, const char *node, const uint8_t token[PH_ATTACH_TOKEN]);
struct ph_reservation_output ph_reservation_step(
	struct ph_reservation *reservation, int64_t now,
	const struct ph_reservation_event *event);
const char *ph_reservation_state_name(enum ph_reservation_state state);
/* In constant time. */
bool ph_reservation_token_is(
	const struct ph_reservation *reservation, const uint8_t *token);
/* Whether that node may use it: by its token, or, without one (NULL), because
 * it holds it. */
bool ph_reservation_is_of(const struct ph_reservation *reservation,
	const char *node, const uint8_t *token);

#endif
