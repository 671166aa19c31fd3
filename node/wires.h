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
 * An outgoing wire's stream is finished when the receiver acknowledged every
 * frame up to END; whatever else ends it is a cut.
 */
struct ph_wires;

int ph_wires_create(struct ph_wires **out, struct ph_node *node);
/* Cuts every wire. */
void ph_wires_close(struct ph_wires *wires);
void ph_wires_destroy(struct ph_wires *wires);
/* The Hostess takes a seat away: the carrier goes first. */
void ph_wires_evict(struct ph_wires *wires, const char *connection);
unsigned ph_wires_count(const struct ph_wires *wires);

#endif
