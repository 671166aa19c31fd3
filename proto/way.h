#ifndef PH_PROTO_WAY_H
#define PH_PROTO_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/hal.h"

/*
 * Either side may dial. The node that owns an output wants a carrier to the
 * input's node: it dials, or, where only the other direction can be dialled,
 * asks over the line to be dialled. Pure: an attempt tries both, one after the
 * other, the one that worked last first; what worked is kept for each peer.
 *
 *   idle -> dialing -> asking -> idle        the first failed: the second
 *        -> asking -> dialing -> idle        asking worked last
 *
 * An attempt ends with a carrier, or with FAIL when both failed or cannot be
 * tried. Who dialled changes nothing in what a carrier must prove.
 */
/* A dial that is not through by then is overtaken by a question; it has all of
 * the transport's patience when nobody can be asked. */
#define PH_WAY_DIAL (2 * PH_SECOND)
/* From the question to the carrier that was asked for. */
#define PH_WAY_ASK (10 * PH_SECOND)
/* So long asking comes first, after it worked. */
#define PH_WAY_KEPT (600 * PH_SECOND)

enum ph_way_state {
	PH_WAY_IDLE,
	PH_WAY_DIALING,
	PH_WAY_ASKING,
};

enum ph_way_kind {
	PH_WAY_WANTED,	/* a carrier is */
	PH_WAY_OPENED,	/* the dialled one is open */
	PH_WAY_CAME,	/* the one asked for is here */
	PH_WAY_FAILED,	/* the dial; refused */
	PH_WAY_DENIED,	/* the peer said no: it cannot dial either */
	PH_WAY_UNHEARD, /* the question, or what was to come of it, got lost */
	PH_WAY_THERE,	/* a line to the peer came up, or still stands */
	PH_WAY_LEFT,	/* nothing is wanted any more */
};

struct ph_way_event {
	enum ph_way_kind kind;
	bool can_dial; /* an address is known */
	bool can_ask;  /* a line is up */
	bool refused;  /* FAILED: nobody listens there */
};

enum ph_way_action {
	PH_WAY_DO_NOTHING, /* and THERE at `due`, or 0: never */
	PH_WAY_DO_DIAL, /* until `due`, or 0: as long as the transport will */
	PH_WAY_DO_ASK,	/* until `due` */
	PH_WAY_DO_FAIL,
};

struct ph_way_outputs {
	enum ph_way_action action;
	int64_t due;
	/* FAIL: where its carriers were dialled before nobody listens now. */
	bool absent;
};

/* What is known of a peer. */
struct ph_way {
	bool dialled;	/* a dial got through, ever */
	bool turned;	/* asking worked last... */
	int64_t worked; /* ...then */
};

/* One attempt, of one connection. */
struct ph_way_attempt {
	enum ph_way_state state;
	int64_t dialled; /* since then, while dialing */
	bool has_dialled;
	bool has_asked;
	bool refused;
	bool denied;
};

void ph_way_step(struct ph_way *way, struct ph_way_attempt *attempt,
	int64_t now, const struct ph_way_event *event,
	struct ph_way_outputs *outputs);

#endif
