#ifndef PH_NODE_WIRES_H
#define PH_NODE_WIRES_H

#include "node/gate.h"

/*
 * The switchboard: lays the pipe of a booked connection, over a carrier of its
 * own when the other end is elsewhere. Serves wire.open, wire.close and
 * wire.flows; takes ATTACH from the gate; tells control.carrier what became of
 * the connections this node owns, and hostess.detach what became of those it
 * received.
 *
 * A stream outlives its carriers (proto/resume.h). It is finished when the
 * receiver acknowledged every frame up to END; whatever else ends it is a cut.
 */
struct ph_wires;

int ph_wires_create(struct ph_wires **out, struct ph_node *node);
/* The node stops: nothing more comes from elsewhere. What came is for the
 * inputs, CUT behind it. */
void ph_wires_quiesce(struct ph_wires *wires);
/* Its servers have stopped: calls `left` when what they said has been taken
 * elsewhere, or after `most` ns. */
void ph_wires_leave(struct ph_wires *wires, int64_t most,
	void (*left)(void *context), void *context);
/* Cuts every wire. */
void ph_wires_close(struct ph_wires *wires);
void ph_wires_destroy(struct ph_wires *wires);
/* The Hostess takes a seat away: the carrier goes first. */
void ph_wires_evict(struct ph_wires *wires, const char *connection);
/* What the lines hear of a peer: it is there, nobody listens where it was, or
 * it is there anew (streams of its earlier life are over). */
void ph_wires_peer_there(struct ph_wires *wires, const char *peer);
void ph_wires_peer_absent(struct ph_wires *wires, const char *peer);
void ph_wires_peer_anew(struct ph_wires *wires, const char *peer);
/* A wire runs to or from that peer. */
bool ph_wires_touch(const struct ph_wires *wires, const char *peer);
/* Every carrier that `is_lost` says leads nowhere any more (this host, or the
 * peer, left its address) goes at once; streams go on over the next. */
void ph_wires_abandon(struct ph_wires *wires,
	bool (*is_lost)(void *context, const struct ph_carrier *carrier),
	void *context);
/* Live carriers. */
unsigned ph_wires_count(const struct ph_wires *wires);

#endif
